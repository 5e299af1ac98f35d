/* The ranks of a run, and how they agree. */
#ifndef HARMONIA_CLUSTER_H
#define HARMONIA_CLUSTER_H

#include <stdbool.h>

#include "base/status.h"

typedef struct cluster {
  int rank, ranks;
  int node_rank, node_ranks; /* among the ranks of this node */
} cluster;

/* Starts MPI (funnelled threads) and learns the places. Not to be called
 * twice. */
status cluster_start(int *argc, char ***argv, cluster *out);
/* Ends MPI, if it was started; collective. */
void cluster_stop(void);

/* Collective. STATUS_OK if every rank brought STATUS_OK; else every rank gets
 * the failure of the lowest rank that failed, with its message. */
status cluster_agree(const cluster *c, status own);
/* The same; besides, *stop becomes true everywhere if it is on any rank. */
status cluster_agree_or_stop(const cluster *c, status own, bool *stop);

/* Cores a rank of this node may use for its threads. */
int cluster_threads(const cluster *c);

#endif
