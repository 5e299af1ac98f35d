/* What a step will take on a cluster that is not here: a model of update.h's
 * traffic, from times measured here.
 *
 * Computing: the micro-batches of the rank that has most of them. Summing:
 * bytes that the ranks of a node read and write over its memory bandwidth.
 * Between nodes: buckets leave in order as their gradients become final; each
 * takes its bytes over the bandwidth of the node's link, (nodes - 1) / nodes of
 * it in each direction, and the link carries one after the other. What is not
 * done when the backward pass ends, is waited for. New values go the same way
 * back after Adam, with nothing to hide behind.
 *
 * One rank with one micro-batch a step has nothing to sum: it updates each
 * parameter when its gradient is whole, and keeps no vector of gradients. */
#ifndef HARMONIA_FORECAST_H
#define HARMONIA_FORECAST_H

#include <stdbool.h>
#include <stddef.h>

typedef struct forecast_cluster {
  int nodes, ranks_per_node;
  double bandwidth; /* of a node's link, bytes/s in each direction */
  double latency;   /* seconds from node to node */
  double message;   /* seconds that a rank spends on each message */
  double memory; /* bytes/s that all ranks of a node read and write at once */
  bool overlap;  /* sums begin during the last micro-batch */
  bool rounded;  /* gradients travel as bfloat16 */
} forecast_cluster;

/* At `seconds` from the beginning of a micro-batch results [0, done) are
 * final. */
typedef struct forecast_point {
  double seconds;
  size_t done;
} forecast_point;

typedef struct forecast_phase {
  double seconds;                /* of one micro-batch */
  size_t learned, count;         /* values: gradients, and in all */
  const forecast_point *results; /* growing */
  int result_count;
} forecast_phase;

/* Seconds of a step, by what a rank does meanwhile; their sum is the step. */
typedef struct forecast_step {
  double computing, summing, waiting, updating, step;
  double sent; /* bytes that leave a node */
} forecast_step;

/* micro_batches: of the step, at least one for each rank. */
forecast_step forecast(const forecast_cluster *cluster,
                       const forecast_phase *phases, int phase_count,
                       int micro_batches);

#endif
