/* Which micro-batch a run has: the given one or, with --micro-batch auto, one
 * that is found; and whether its ranks' memory keeps to --memory. */
#ifndef HARMONIA_MICRO_BATCH_H
#define HARMONIA_MICRO_BATCH_H

#include "dist/foretell/rank_memory.h"

/* STATUS_USAGE unless a given micro-batch divides the batch. */
status micro_batch_check(const train_options *options);

/* Replaces `auto` by a divisor of the batch that gives every rank work: without
 * --memory the largest up to 4, with it the largest up to 16 whose need keeps
 * to it. *out tells what the ranks will need. Same arguments, same result; not
 * collective. STATUS_USAGE where a micro-batch does not divide the batch, where
 * ranks are without work, and where nothing keeps to --memory. */
status micro_batch_settle(train_options *options, const memory_places *where,
                          run_memory *out);

#endif
