/* The ranks of a run, and how they agree. */
#ifndef HARMONIA_CLUSTER_H
#define HARMONIA_CLUSTER_H

#include <mpi.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/* Ranks are numbered node by node, so that the ranks of a node are neighbours,
 * whatever order the launcher placed them in; rank 0 is the launcher's. */
typedef struct cluster {
  int rank, ranks;
  int node_rank, node_ranks; /* among the ranks of this node */
  int node, nodes;           /* in the order of their ranks */
  int threads;               /* of each rank, unless --threads is given */
  int *first_ranks;          /* node n has the ranks from first_ranks[n] to
                                first_ranks[n + 1] - 1; nodes + 1 entries */
  MPI_Comm world;            /* all ranks: for collectives and messages */
  MPI_Comm local;            /* the ranks of this node, which share memory */
} cluster;

/* Fails where a launcher's processes have not found each other (launcher.h).
 * Starts MPI (any thread may call it) and learns the places. Not to be called
 * twice. Every communication goes over the two communicators, which live until
 * cluster_stop. */
status cluster_start(int *argc, char ***argv, cluster *out);
/* Which MPI it is: "Open MPI v4.1.4". Before cluster_start, too. */
void cluster_mpi_version(char *text, size_t size);
/* In the place of cluster_start: a process alone, without MPI. */
void cluster_alone(cluster *out);
/* Ends MPI, if it was started; collective. */
void cluster_stop(cluster *c);

/* Collective. The same ranks with communicators of their own, and every node
 * divided into nodes of at most `node_ranks` neighbours (0: left whole): an
 * arrangement of several nodes on one machine. */
status cluster_divide(const cluster *whole, int node_ranks, cluster *out);
/* Collective. Ends what cluster_divide made; nothing if it made nothing. */
void cluster_free(cluster *c);

/* Collective. STATUS_OK if every rank brought STATUS_OK; else every rank gets
 * the failure of the lowest rank that failed, with its message. */
status cluster_agree(const cluster *c, status own);
/* The same; besides, *stop becomes true everywhere if it is on any rank. */
status cluster_agree_or_stop(const cluster *c, status own, bool *stop);

/* Collective. Numbers become their sums over all ranks. */
void cluster_sum(const cluster *c, uint64_t *numbers, int count);

/* Threads of a rank: as many as were asked for (--threads), or with 0 its share
 * of the CPUs that its node's ranks may use (base/cpus.h). */
int cluster_threads(const cluster *c, int64_t asked);

#endif
