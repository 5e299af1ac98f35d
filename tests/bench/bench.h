/* What the files of the benchmark share. */
#ifndef HARMONIA_BENCH_H
#define HARMONIA_BENCH_H

#include <stdio.h>

#include "dist/state/train_options.h"
#include "nn/plan/plan.h"

enum { BENCH_REPEATS = 64 };

/* By the wall's clock, or this process's CPU seconds, which do not count what
 * other programs take; those are of all threads. */
extern double (*bench_clock)(void);
double bench_cpu_clock(void);
/* The middle one; sorts. */
double bench_median(double *values, int count);

/* ---- the machine (machine.c) ---- */

typedef struct bench_machine {
  int threads, samples;
  float *memory; /* matrices, then the streams */
  double gemm[BENCH_REPEATS], stream[BENCH_REPEATS]; /* seconds a unit */
} bench_machine;

/* What a computation is held against, FLOP/s and bytes/s. */
typedef struct bench_limits {
  double gemm, gemm_best, stream;
} bench_limits;

/* Measures the rate of sgemm (1024^3) and of memory (a = b + s c, three streams
 * of 64 MiB) on so many cores once. The memory is there only meanwhile: a case
 * that is forked later must not count it as its own. */
status bench_machine_sample(bench_machine *m);
bench_limits bench_machine_limits(bench_machine *m);

/* ---- a training step (stepper.c) ---- */

typedef struct bench_case {
  const char *model; /* as `harmonia train --model` */
  int size, batch, threads;
  int ngf; /* 0: the system's own */
} bench_case;

/* The system's options as `harmonia train` has them. */
status bench_case_options(const bench_case *what, train_options *out);

#define BENCH_WORKS(X)                                                         \
  X(BENCH_FORWARD, "forward")                                                  \
  X(BENCH_GRADIENTS, "gradients")                                              \
  X(BENCH_STEP, "step")
CHOICE(bench_work, BENCH_WORKS);

typedef struct bench_stepper {
  bench_work work;
  nn_system *system;
  nn_vgg_weights *vgg;
  nn_real *state, *mean, *variance;
  nn_real *results[NN_MAX_PHASES];
  nn_real *images[3]; /* composite, mask, real */
  const nn_real *inputs[NN_MAX_PHASES][3 + NN_VGG_INPUTS];
  nn_adam_options adam;
  int threads;
  double adam_seconds; /* of the last step */
} bench_stepper;

/* The system as `harmonia train` makes it, on fixed random images. */
status bench_stepper_create(const bench_case *what, bench_work work,
                            bench_stepper **out);
void bench_stepper_destroy(bench_stepper **stepper);
/* All phases, each with Adam's update if the work is a step. */
void bench_stepper_run(bench_stepper *s);
double bench_stepper_multiply_adds(const bench_stepper *s);

/* ---- one case in a process of its own (case.c) ---- */

typedef struct bench_output {
  FILE *csv; /* NULL: none */
  int nodes; /* lines of the list of nodes far from the limit */
} bench_output;

/* Repeats the step and the machine's sample in turn, prints where the step's
 * time goes. */
status bench_case_run(const bench_case *what, int repeats,
                      const bench_output *output);

/* ---- where the time goes (breakdown.c) ---- */

/* Times of each plan step, over the repeats. */
typedef struct bench_times {
  double *seconds[NN_MAX_PHASES]; /* [plan step][BENCH_REPEATS] */
  double step[BENCH_REPEATS], adam[BENCH_REPEATS];
  int count;
} bench_times;

void bench_breakdown(const bench_case *what, const bench_stepper *s,
                     bench_times *times, bench_limits limits,
                     const bench_output *output);

/* ---- commanded through pipes (serve.c) ---- */

/* Announces itself, then runs the work once a line of standard input; answers
 * with seconds by the wall's clock, seconds of CPU, peak resident bytes. */
status bench_serve(const bench_case *what, const char *work);

#endif
