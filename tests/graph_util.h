/* Small graphs under test: inputs that carry their values, a plan, a run, and
 * values as doubles. Built in both precisions. */
#ifndef HARMONIA_GRAPH_UTIL_H
#define HARMONIA_GRAPH_UTIL_H

#include "base/random.h"
#include "nn/operation.h"
#include "tests/golden.h"

#ifdef NN_DOUBLE
#define BY_PRECISION(if_float, if_double) (if_double)
#else
#define BY_PRECISION(if_float, if_double) (if_float)
#endif

enum { TRIAL_INPUTS = 64 };

typedef struct trial {
  nn_graph *g;
  nn_plan *plan;
  nn_real *values[TRIAL_INPUTS]; /* of the inputs */
  nn_real *state, *results;
  uint64_t seed, first_sample;
} trial;

trial trial_make(void);
void trial_free(trial *t);

/* Inputs: with values given in channels-last order, constant, or uniform in
 * [low, high). */
nn_id trial_values(trial *t, nn_shape shape, const double *values);
nn_id trial_uniform(trial *t, nn_shape shape, random_stream *stream, double low,
                    double high);
/* The values of an input node, to be changed between runs. */
nn_real *trial_input(const trial *t, nn_id input);

/* Keeps a copy of a node's value under a name, whatever the node is. */
void trial_keep(trial *t, const char *name, nn_id id);

/* Plans (threads, tuned or reference kernels), allocates a zero state and
 * results; may be called again after more has been built. */
void trial_plan(trial *t, int threads, bool reference);
/* Fills arena and results with NaN, then runs. */
void trial_run(trial *t);
/* A kept value as doubles, in channels-last order; free it. */
double *trial_value(const trial *t, const char *name, size_t *count);
double trial_report(const trial *t, const char *name);

/* Order of a golden array's axes: an image NCHW, a weight [b,a,kh,kw] (see
 * nn.h), or a vector over channels. A 2-d array [N,C] is an image of 1x1. */
typedef enum axes { AXES_IMAGE, AXES_WEIGHT, AXES_VECTOR } axes;
nn_shape shape_of_golden(const golden *array, axes form);
/* Into the library's order, and back; `to` holds array->count values. */
void from_golden(const golden *array, axes form, double *to);
nn_id trial_golden(trial *t, const golden *array, axes form);
/* ||got - want|| / max(||want||, floor) of a kept value against a golden one;
 * NaN where the numbers of values differ. */
double trial_residual(const trial *t, const char *name, const golden *want,
                      axes form);

/* A small U-Net trained by its L1 loss: what systems under test begin from. */
nn_model_options small_unet(void);
/* The same of a head on a trunk, by squares over the mask's area. */
nn_model_options small_colours(nn_generator generator, nn_head head);
/* One of both phases, second derivatives, several losses' gradients of a
 * parameter. */
nn_model_options small_mix(void);

/* An error that is a bug of the test. */
_Noreturn void test_failed(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* Zeros; free() them. No memory is a failure of the test. */
void *test_array(size_t count, size_t size);

#endif
