/* What a step costs on this machine, measured: for `harmonia plan`. */
#ifndef HARMONIA_MEASURE_H
#define HARMONIA_MEASURE_H

#include "dist/ranks/cluster.h"
#include "dist/foretell/forecast.h"
#include "dist/state/train_options.h"

typedef struct measured_phase {
  forecast_phase forecast;
  forecast_point *points;
  char network; /* 'D' or 'G' */
} measured_phase;

typedef struct measured {
  measured_phase phases[NN_MAX_PHASES];
  int phase_count;
  double memory; /* bytes/s that a rank reads and writes, all ranks at once */
} measured;

/* Collective. Runs micro-batches of the system on made-up pictures, `repeats`
 * times in all ranks at once; times are those of the slowest rank, medians.
 * `continued`: of ranks with one micro-batch a step, as in nn_plan_options.
 * options->size and micro_batch are set. */
status measure_system(const cluster *c, const train_options *options,
                      int threads, int repeats, bool continued, measured *out);
void measured_free(measured *m);

#endif
