/* The micro-batch of a run and the memory of its ranks, agreed upon by them. */
#ifndef HARMONIA_BUDGET_H
#define HARMONIA_BUDGET_H

#include "dist/ranks/cluster.h"
#include "dist/foretell/micro_batch.h"

typedef struct budget {
  run_memory memory;
  bool automatic; /* the micro-batch was found, not given */
} budget;

/* Collective, and agreed upon. Rank 0 settles the micro-batch of its options
 * for all (micro_batch_settle); of the others' options only that is changed.
 * c: its nodes are those that share memory. threads: of this rank; streamed:
 * whether samples are sent, as rank 0 knows it. */
status budget_settle(const cluster *c, int threads, bool streamed,
                     train_options *options, budget *out);

#endif
