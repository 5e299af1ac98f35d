/* Adam, the policies of its learning rate, and averages of weights. */
#include <math.h>
#include <stdlib.h>

#include "nn/operation.h"

#define PI 3.14159265358979323846

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

/* ---- the learning rate ---- */

/* The next of a list of milestones; false at its end or at what is none. */
static bool next_milestone(const char **text, double *out) {
  char *end;
  *out = strtod(*text, &end);
  if (end == *text || !(*out > 0)) return false;
  *text = *end == ',' ? end + 1 : end;
  return *end == '\0' || *end == ',';
}

status nn_lr_check(const nn_lr_schedule *s) {
  const char *text = s->milestones;
  double last = 0, milestone;
  do {
    if (!next_milestone(&text, &milestone) || milestone <= last)
      return status_error(STATUS_USAGE,
                          "option --lr-milestones: '%s': expected shares of "
                          "the run, as 0.875,0.958, or epochs, in ascending "
                          "order",
                          s->milestones);
    last = milestone;
  } while (*text != '\0' || text[-1] == ',');
  return STATUS_OK;
}

static double multistep(const nn_lr_schedule *s, const nn_lr_moment *at) {
  const char *text = s->milestones;
  double factor = 1, milestone;
  while (*text != '\0' && next_milestone(&text, &milestone))
    if ((milestone < 1 ? at->progress : at->epoch) >= milestone) factor *= 0.1;
  return factor;
}

static double policy_factor(const nn_lr_schedule *s, const nn_lr_moment *at) {
  switch (s->policy) {
  case NN_LR_LINEAR: {
    double over = at->epoch + 1 - s->constant_epochs;
    double factor = 1 - (over > 0 ? over : 0) / (s->decay_epochs + 1);
    return factor > 0 ? factor : 0;
  }
  case NN_LR_STEP: return pow(0.1, floor(at->epoch / s->step_epochs));
  case NN_LR_CONSTANT: return 1;
  case NN_LR_MULTISTEP: return multistep(s, at);
  case NN_LR_COSINE: return (1 + cos(PI * at->progress)) / 2;
  }
  return 1;
}

double nn_lr_factor(const nn_lr_schedule *s, const nn_lr_moment *at) {
  double factor = policy_factor(s, at);
  if (at->step + 1 < (uint64_t)s->warmup_steps)
    factor *= (double)(at->step + 1) / (double)s->warmup_steps;
  return factor;
}
