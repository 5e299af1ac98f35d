/* What the ranks spend their time on, and which of them is the slowest. */
#ifndef HARMONIA_TIMES_H
#define HARMONIA_TIMES_H

#include "dist/ranks/cluster.h"

/* Seconds of a rank. */
typedef struct times {
  double computing; /* forward and backward passes */
  double summing;   /* adding gradients */
  double updating;  /* Adam */
  double waiting;   /* for other ranks and for messages */
  double data;      /* waiting for the data set */
} times;

typedef struct times_board times_board;

/* Means over the ranks. The slowest is the one that computed and waited for
 * data the longest: the one the others wait for. */
typedef struct times_summary {
  times mean;
  int slowest;
  double slowest_seconds;
  const char *slowest_host;
} times_summary;

/* Collective, and agreed upon: rank 0 learns the names of all hosts. */
status times_create(const cluster *c, times_board **out);
void times_destroy(times_board **board);

/* Collective. `total`: since the start of the run; the summary, on rank 0 only,
 * is of what was spent since the last call. Names live as long as the board. */
void times_gather(times_board *board, const times *total, times_summary *out);

#endif
