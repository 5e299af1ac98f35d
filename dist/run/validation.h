/* Validation while training goes on: the ranks that read the data set score the
 * network of the moment on a split that is not trained on; those that are
 * streamed to wait. Training's bits do not depend on it. */
#ifndef HARMONIA_VALIDATION_H
#define HARMONIA_VALIDATION_H

#include "dist/ranks/cluster.h"
#include "dist/feed/data_access.h"
#include "dist/use/harmonizer.h"
#include "dist/state/snapshot.h"

typedef struct validation validation;

typedef struct validation_options {
  const cluster *cluster;
  const train_options *train;
  const nn_layout *layout;
  const nn_real *state; /* of training: the same on all ranks, read at rest */
  int threads;
  const data_access *data;
  const char *folder; /* of the run */
  uint64_t step;      /* steps done: rows of RUN/validation.csv after it go */
  best_score best;    /* rank 0: as the checkpoint knows it, or zeros */
} validation_options;

/* Collective. The split is that of --validate-split; `auto` is `validation`
 * where the data set has it, else `test`, which rank 0 says. A best score over
 * other samples is forgotten. */
status validation_create(const validation_options *options, validation **out);
void validation_destroy(validation **validation);

/* Collective. Scores the state after `step` steps, adds a row to
 * RUN/validation.csv, and tells all ranks whether the MSE is the least so
 * far. */
status validation_run(validation *v, uint64_t step, bool *improved);

/* Rank 0: the best score so far. */
best_score validation_best(const validation *v);

#endif
