/* A step's end: every rank holds sums of some micro-batches' results; this sums
 * them over all ranks in the fixed tree, updates the parameters by Adam, and
 * gives every rank the new state.
 *
 * The state is there once a node, in memory that its ranks share, and so are
 * the buffers that each rank computes its results into. The vector of results
 * is cut into buckets and these into a piece for every rank (pieces.h), who
 * sums it over all ranks (exchange.h) and runs Adam on it: moments exist for
 * its pieces alone. Summing begins when a bucket is whole on the ranks of the
 * node, while they compute the next one.
 *
 * A step may have several phases, each with its own part of the state vector
 * (nn_system): only that part is sent, summed and updated.
 *
 * Where one rank computes one micro-batch a step there is nothing to sum: plans
 * made with hand_over let each parameter be updated during the backward pass,
 * and no vector of gradients exists (update_parameter). The state has the same
 * bits as by the other way. */
#ifndef HARMONIA_UPDATE_H
#define HARMONIA_UPDATE_H

#include "dist/ranks/cluster.h"
#include "dist/sum/tree.h"
#include "nn/nn.h"

typedef struct update update;

typedef struct update_options {
  const cluster *cluster;  /* its nodes are those that share */
  const nn_layout *layout; /* of the state vector */
  /* What each phase computes of it. Gradients that are no results are handed
   * over: to one rank with one micro-batch. */
  const nn_layout *phases[NN_MAX_PHASES];
  int phase_count;
  int micro_batches; /* of a step, over all ranks */
  int threads;
  bool overlap;     /* sums begin while the last micro-batch is computed */
  bool rounded;     /* gradients travel between nodes as bfloat16 */
  double clip_norm; /* of a phase's gradient, at most; 0: any */
  double average;   /* decay of the averaged state; 0: there is none */
} update_options;

/* Collective, and agreed upon by all ranks. */
status update_create(const update_options *options, update **out);
/* Collective over the ranks of a node. */
void update_destroy(update **update);

/* The state vector, layout->vector_size values: parameters, buffers, and behind
 * them the reports of the last step. The same on all ranks; one copy a node. */
nn_real *update_state(update *u);

/* Begins a phase, on every rank. Weight decay is of parameters with two and
 * more dimensions: not of biases and norms. */
void update_begin(update *u, int phase, const nn_adam_options *adam);
/* Where the results of this rank's next micro-batch of the phase are to be
 * written (result_size values of its layout); update_add takes them in.
 * Micro-batches come in the order of order_share's range. */
nn_real *update_target(update *u);
/* For nn_run_options.completed, with the update as context: takes the gradients
 * [0, done) in as they become final, and goes on with sums and messages. */
void update_advance(void *update, size_t done);
/* For nn_run_options.hand_over, with the update as context: Adam on a
 * parameter, unless this gradient or one before it is not finite. */
void update_parameter(void *update, const nn_entry *entry,
                      const nn_real *gradient);
void update_add(update *u);

/* Collective. Ends the phase: its parameters by Adam, buffers and reports by
 * the mean over micro-batches. `own` is how this rank's computing went: a
 * failure of any rank becomes everybody's. A NaN or an infinity in a sum is
 * STATUS_NUMERIC on every rank, naming the tensor. After a failure the state is
 * that of the phase's beginning; where gradients are handed over, some
 * parameters are new and others are not: it is not to be saved. `*stop` becomes
 * true if it is on any rank. */
status update_finish(update *u, status own, bool *stop);

/* An exponential moving average of the state (parameters and buffers; counters
 * are copied), one copy a node; NULL where none is asked for. Waits until all
 * ranks of the node have averaged what they were told to; valid until the next
 * update_finish. */
nn_real *update_averaged(update *u);
/* After each step, on every rank: the average follows the new state, with
 * min(decay, (1 + step) / (10 + step)) of its own kept, so that a short run's
 * is not that of its first weights. The same bits on any number of ranks. */
void update_average(update *u, uint64_t step);

/* Seconds since the beginning that this rank spent adding gradients, in Adam,
 * and waiting for others and for messages. */
typedef struct update_times {
  double summing, updating, waiting;
} update_times;
update_times update_spent(const update *u);

/* Collective. Adam's moments of the whole vector (layout->parameter_size
 * values) to rank 0, or from it; `values` is used on rank 0 only. which: 0
 * mean, 1 variance. */
void update_gather_moments(update *u, int which, nn_real *values);
void update_scatter_moments(update *u, int which, const nn_real *values);
/* Collective. Rank 0's state to all, and its averaged state, where there is
 * one. */
void update_broadcast_state(update *u);

#endif
