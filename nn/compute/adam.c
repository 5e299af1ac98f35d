/* Adam, the policies of its learning rate, and averages of weights. */
#include <math.h>
#include <string.h>

#include "nn/operation.h"

typedef struct adam_job {
  nn_real scale, step_size, beta1, beta2, root_correction, eps;
  nn_real kept;         /* of a parameter, after weight decay */
  nn_real rest1, rest2; /* 1 - beta, rounded once: 1 - 0.999f is off by 1e-5 */
  const nn_real *gradient;
  nn_real *parameter, *mean, *variance;
} adam_job;

/* One pass over four arrays. */
NN_CLONES static void adam_run(const adam_job *job, size_t begin, size_t end) {
  const nn_real *restrict gradient = job->gradient;
  nn_real *restrict p = job->parameter, *restrict m = job->mean,
                    *restrict v = job->variance;
  const nn_real scale = job->scale, rate = job->step_size, b1 = job->beta1,
                b2 = job->beta2, root = job->root_correction, eps = job->eps,
                rest1 = job->rest1, rest2 = job->rest2;
  for (size_t i = begin; i < end; i++) {
    nn_real g = scale * gradient[i];
    m[i] = b1 * m[i] + rest1 * g;
    v[i] = b2 * v[i] + rest2 * g * g;
#ifdef NN_DOUBLE
    p[i] -= rate * m[i] / (sqrt(v[i]) * root + eps);
#else
    p[i] -= rate * m[i] / (sqrtf(v[i]) * root + eps);
#endif
  }
}

NN_CLONES static void decay_run(const adam_job *job, size_t begin, size_t end) {
  nn_real *restrict p = job->parameter;
  const nn_real kept = job->kept;
  for (size_t i = begin; i < end; i++) p[i] *= kept;
}

static void adam_chunk(void *context, size_t begin, size_t end) {
  const adam_job *job = context;
  if (job->kept != 1) decay_run(job, begin, end);
  adam_run(job, begin, end);
}

void nn_adam(const nn_adam_options *o, size_t count, double scale,
             const nn_real *gradient, nn_real *parameter, nn_real *mean,
             nn_real *variance, int threads) {
  double correction1 = 1 - pow(o->beta1, (double)o->step);
  double correction2 = 1 - pow(o->beta2, (double)o->step);
  adam_job job = {.scale = (nn_real)scale,
                  .step_size = (nn_real)(o->lr / correction1),
                  .beta1 = (nn_real)o->beta1,
                  .beta2 = (nn_real)o->beta2,
                  .rest1 = (nn_real)(1 - o->beta1),
                  .rest2 = (nn_real)(1 - o->beta2),
                  .root_correction = (nn_real)(1 / sqrt(correction2)),
                  .eps = (nn_real)o->eps,
                  .kept = (nn_real)(1 - o->lr * o->weight_decay),
                  .gradient = gradient,
                  .parameter = parameter,
                  .mean = mean,
                  .variance = variance};
  nn_parallel(threads, count, 1 << 15, adam_chunk, &job);
}

<<<<<<< HEAD
double nn_lr_factor(const nn_lr_schedule *s, double epoch) {
  switch (s->policy) {
  case NN_LR_LINEAR: {
    double over = epoch + 1 - s->constant_epochs;
    double factor = 1 - (over > 0 ? over : 0) / (s->decay_epochs + 1);
=======
typedef struct average_job {
  nn_real rest;
  const nn_real *values;
  nn_real *average;
} average_job;

NN_CLONES static void average_run(const average_job *job, size_t begin,
                                  size_t end) {
  const nn_real *restrict values = job->values;
  nn_real *restrict average = job->average;
  const nn_real rest = job->rest;
  for (size_t i = begin; i < end; i++)
    average[i] += rest * (values[i] - average[i]);
}

static void average_chunk(void *context, size_t begin, size_t end) {
  average_run(context, begin, end);
}

void nn_average(double decay, size_t count, const nn_real *values,
                nn_real *average, int threads) {
  average_job job = {(nn_real)(1 - decay), values, average};
  nn_parallel(threads, count, 1 << 15, average_chunk, &job);
}

double nn_lr_factor(const char *policy, double epoch, double constant_epochs,
                    double decay_epochs, double step_epochs) {
  if (strcmp(policy, "linear") == 0) {
    double over = epoch + 1 - constant_epochs;
    double factor = 1 - (over > 0 ? over : 0) / (decay_epochs + 1);
>>>>>>> 933bdea (Samples composed anew, soft crops and changed masks; weight decay, clipping by a norm of fixed bits, averaged weights (parts))
    return factor > 0 ? factor : 0;
  }
  case NN_LR_STEP: return pow(0.1, floor(epoch / s->step_epochs));
  case NN_LR_CONSTANT: return 1;
  }
  return 1;
}
