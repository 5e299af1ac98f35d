/* Normalisation by the mean and variance of each channel, over one sample
 * (instance norm) or the whole batch (batch norm).
 *
 *   moments(x)               [G,1,1,2C]: means, then biased variances
 *   normalise(x, moments)    (x - mean) r,  r = 1/sqrt(variance + eps)
 *   normalise_grad(y, moments, gy) = r (gy - mean(gy) - y mean(y gy))
 *
 * By convention the moments given to normalise are those of x, and the gradient
 * rule of normalise gives the whole derivative by x, through the moments too;
 * it gives none to the moments. normalise_grad is a function of its three
 * inputs, so that its own derivatives flow back through moments. */
#include <math.h>
#include <string.h>

#include "nn/operation.h"

/* Pixels of one group (sample or batch) are contiguous. */
typedef struct norm_job {
  const nn_call *call;
  size_t groups, pixels, channels, chunks;
  double *partial; /* [groups * chunks][2 * channels] */
} norm_job;

/* Pixels of a chunk and of a run; channels whose sums stay in registers. */
enum { CHUNK = 256, RUN = 16, LANES = 32 };

static norm_job norm_job_make(const nn_call *call, nn_shape x, int groups) {
  norm_job job = {.call = call, .partial = call->scratch};
  job.groups = (size_t)groups;
  job.channels = (size_t)x.c;
  job.pixels = nn_shape_count(x) / job.channels / job.groups;
  job.chunks = (job.pixels + CHUNK - 1) / CHUNK;
  return job;
}

static size_t norm_scratch(nn_shape x, size_t groups) {
  size_t pixels = nn_shape_count(x) / (size_t)x.c / groups;
  size_t chunks = (pixels + CHUNK - 1) / CHUNK;
  return groups * (chunks + 1) * 2 * (size_t)x.c * sizeof(double);
}

/* A chunk's pixels in runs: short ones are summed in nn_real, and runs in
 * double. */
typedef void add_run(const norm_job *job, size_t at, size_t before,
                     size_t pixels, size_t width, double *sums);

static void add_runs(const norm_job *job, size_t chunk, add_run *add) {
  size_t channels = job->channels, group = chunk / job->chunks;
  size_t first = chunk % job->chunks * CHUNK, left = job->pixels - first;
  size_t pixels = left < CHUNK ? left : CHUNK;
  double *sums = job->partial + chunk * 2 * channels;
  memset(sums, 0, 2 * channels * sizeof *sums);
  for (size_t p = 0; p < pixels; p += RUN)
    for (size_t c = 0; c < channels; c += LANES)
      add(job, (group * job->pixels + first + p) * channels + c, p,
          pixels - p < RUN ? pixels - p : RUN,
          channels - c < LANES ? channels - c : LANES, sums + c);
}

/* ---- moments ---- */

/* Combines the mean and the squared deviations of `count` values, `share` of
 * all so far, with those of others (Chan, Golub and LeVeque 1983). */
static inline __attribute__((always_inline)) void
combine_moments(double mean, double square, double count, double share,
                double *all_mean, double *all_square) {
  double delta = mean - *all_mean;
  *all_mean += delta * share;
  *all_square += square + delta * delta * count * (1 - share);
}

/* Deviations first from the run's first pixel, then from its mean, so that a
 * small variance beside a large mean keeps its digits. `width`, a constant
 * where this is inlined for full lanes, keeps the sums in registers. */
static inline __attribute__((always_inline)) void
run_moments(size_t pixels, size_t channels, size_t width, double share,
            const nn_real *x, double *mean, double *square) {
  nn_real shift[LANES] = {0}, sum[LANES] = {0};
  for (size_t p = 1; p < pixels; p++)
    for (size_t c = 0; c < width; c++) shift[c] += x[p * channels + c] - x[c];
  for (size_t c = 0; c < width; c++) shift[c] /= (nn_real)pixels;
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < width; c++) {
      nn_real d = x[p * channels + c] - x[c] - shift[c];
      sum[c] += d * d;
    }
  for (size_t c = 0; c < width; c++)
    combine_moments((double)x[c] + (double)shift[c], (double)sum[c],
                    (double)pixels, share, mean + c, square + c);
}

NN_CLONES static void add_moments(const norm_job *job, size_t at, size_t before,
                                  size_t pixels, size_t width, double *sums) {
  const nn_real *x = job->call->in[0] + at;
  double share = (double)pixels / (double)(before + pixels);
  if (width == LANES)
    run_moments(pixels, job->channels, LANES, share, x, sums,
                sums + job->channels);
  else
    run_moments(pixels, job->channels, width, share, x, sums,
                sums + job->channels);
}

static void moments_pass(void *context, size_t begin, size_t end) {
  for (size_t chunk = begin; chunk < end; chunk++)
    add_runs(context, chunk, add_moments);
}

/* The chunks of a group in order. */
static void finish_moments(const norm_job *job, size_t group, nn_real *out) {
  size_t channels = job->channels;
  double *mean = job->partial + group * job->chunks * 2 * channels;
  double *square = mean + channels;
  for (size_t chunk = 1; chunk < job->chunks; chunk++) {
    const double *other = mean + chunk * 2 * channels;
    size_t before = chunk * CHUNK, count = job->pixels - before;
    if (count > CHUNK) count = CHUNK;
    double share = (double)count / (double)(before + count);
    for (size_t c = 0; c < channels; c++)
      combine_moments(other[c], other[channels + c], (double)count, share,
                      mean + c, square + c);
  }
  for (size_t c = 0; c < channels; c++) {
    out[c] = (nn_real)mean[c];
    out[channels + c] = (nn_real)(square[c] / (double)job->pixels);
  }
}

static void moments_kernel(const nn_call *call) {
  norm_job job = norm_job_make(call, call->in_shape[0], call->shape.n);
  nn_parallel(call->threads, job.groups * job.chunks, 1, moments_pass, &job);
  for (size_t group = 0; group < job.groups; group++)
    finish_moments(&job, group, call->out + group * 2 * job.channels);
}

static size_t moments_scratch(const nn_node *node, const nn_shape *in,
                              int threads) {
  (void)threads;
  return norm_scratch(in[0], (size_t)node->shape.n);
}

static void moments_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  node->shape = NN_SHAPE(node->flag ? x.n : 1, 1, 1, 2 * x.c);
}

/* dmean/dx = 1/n; dvariance/dx = 2 (x - mean)/n */
static void moments_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_id x = nn_get(g, y).in[0];
  nn_shape s = nn_shape_of(g, x), m = nn_shape_of(g, y);
  double n = (double)nn_shape_count(s) / s.c / m.n;
  nn_id mean = nn_slice(g, y, 0, s.c);
  nn_id by_mean = nn_affine(g, nn_slice(g, gy, 0, s.c), 1 / n, 0);
  nn_id by_variance = nn_affine(g, nn_slice(g, gy, s.c, s.c), 2 / n, 0);
  gx[0] = nn_add(g, nn_mul(g, nn_sub(g, x, mean), by_variance), by_mean);
}

const nn_op nn_op_moments = {.name = "moments",
                             .arity = 1,
                             .shape = moments_shape,
                             .kernel = moments_kernel,
                             .gradient = moments_gradient,
                             .scratch = moments_scratch};

/* ---- normalise ---- */

NN_CLONES static void scale_run(size_t count, const nn_real *x,
                                const nn_real *mean, const nn_real *r,
                                nn_real *y) {
  for (size_t i = 0; i < count; i++) y[i] = (x[i] - mean[i]) * r[i];
}

/* r = 1/sqrt(variance + eps) of every group. */
static void reciprocal_deviations(const nn_call *call, nn_shape moments,
                                  const nn_real *values, nn_real *r) {
  size_t channels = (size_t)moments.c / 2;
  for (size_t group = 0; group < (size_t)moments.n; group++)
    for (size_t c = 0; c < channels; c++)
      r[group * channels + c] =
          (nn_real)(1 / sqrt((double)values[(2 * group + 1) * channels + c] +
                             call->node->alpha));
}

static void normalise_prepare(const nn_call *call) {
  reciprocal_deviations(call, call->in_shape[1], call->in[1], call->scratch);
}

static void normalise_pixels(const nn_call *call, size_t first, size_t count) {
  nn_shape s = call->shape, moments = call->in_shape[1];
  size_t channels = (size_t)s.c;
  size_t group_pixels = nn_pixels(s) / (size_t)moments.n;
  /* of single pixels each has its own */
  size_t given = nn_same_pixels(moments, s) ? first : 0;
  const nn_real *r = call->scratch;
  for (size_t i = 0; i < count; i++) {
    size_t group = (first + i) / group_pixels;
    scale_run(channels, call->in[0] + i * channels,
              call->in[1] + (group - given) * 2 * channels,
              r + group * channels, call->out + i * channels);
  }
}

static size_t normalise_scratch(const nn_node *node, const nn_shape *in,
                                int threads) {
  (void)node, (void)threads;
  return nn_shape_count(in[1]) / 2 * sizeof(nn_real);
}

static void normalise_shape(const nn_graph *graph, nn_node *node) {
  node->shape = nn_shape_of(graph, node->in[0]);
}

static nn_id normalise_grad(nn_graph *g, nn_id y, nn_id moments, nn_id gy,
                            double eps) {
  return nn_emit(g, (nn_node){.op = &nn_op_normalise_grad,
                              .in = {y, moments, gy},
                              .alpha = eps});
}

static void normalise_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = normalise_grad(g, y, node.in[1], gy, node.alpha);
}

const nn_op nn_op_normalise = {.name = "normalise",
                               .arity = 2,
                               .shape = normalise_shape,
                               .pixels = normalise_pixels,
                               .prepare = normalise_prepare,
                               .gradient = normalise_gradient,
                               .scratch = normalise_scratch,
                               .inplace = 1};

nn_id nn_normalise(nn_graph *g, nn_id x, bool per_sample, double eps,
                   nn_id *moments) {
  nn_id m = nn_emit(
      g, (nn_node){.op = &nn_op_moments, .in = {x}, .flag = per_sample});
  if (moments != NULL) *moments = m;
  return nn_emit(g,
                 (nn_node){.op = &nn_op_normalise, .in = {x, m}, .alpha = eps});
}

/* ---- normalise_grad ---- */

static inline __attribute__((always_inline)) void
run_products(size_t pixels, size_t channels, size_t width, const nn_real *y,
             const nn_real *gy, double *sum, double *dot) {
  nn_real of_gy[LANES] = {0}, of_both[LANES] = {0};
  for (size_t p = 0; p < pixels; p++)
    for (size_t c = 0; c < width; c++) {
      nn_real g = gy[p * channels + c];
      of_gy[c] += g;
      of_both[c] += g * y[p * channels + c];
    }
  for (size_t c = 0; c < width; c++) {
    sum[c] += (double)of_gy[c];
    dot[c] += (double)of_both[c];
  }
}

/* Sums of gy and of y gy. */
NN_CLONES static void add_products(const norm_job *job, size_t at,
                                   size_t before, size_t pixels, size_t width,
                                   double *sums) {
  (void)before;
  const nn_real *y = job->call->in[0] + at, *gy = job->call->in[2] + at;
  if (width == LANES)
    run_products(pixels, job->channels, LANES, y, gy, sums,
                 sums + job->channels);
  else
    run_products(pixels, job->channels, width, y, gy, sums,
                 sums + job->channels);
}

static void grad_pass(void *context, size_t begin, size_t end) {
  for (size_t chunk = begin; chunk < end; chunk++)
    add_runs(context, chunk, add_products);
}

/* Combines the chunks of each group in order, into its first chunk. */
static double *combine(const norm_job *job, size_t group) {
  size_t width = 2 * job->channels;
  double *sums = job->partial + group * job->chunks * width;
  for (size_t chunk = 1; chunk < job->chunks; chunk++)
    for (size_t c = 0; c < width; c++) sums[c] += sums[chunk * width + c];
  return sums;
}

NN_CLONES static void grad_run(size_t count, const nn_real *y,
                               const nn_real *gy, const nn_real *r,
                               const nn_real *mean, const nn_real *dot,
                               nn_real *gx) {
  for (size_t i = 0; i < count; i++)
    gx[i] = r[i] * (gy[i] - mean[i] - y[i] * dot[i]);
}

typedef struct grad_scale_job {
  const nn_call *call;
  size_t channels, group_pixels;
  const nn_real *r, *means; /* means: [groups][2 channels] of gy and y gy */
} grad_scale_job;

static void grad_pixels(void *context, size_t begin, size_t end) {
  const grad_scale_job *job = context;
  size_t channels = job->channels;
  for (size_t p = begin; p < end; p++) {
    size_t group = p / job->group_pixels;
    const nn_real *mean = job->means + group * 2 * channels;
    grad_run(channels, job->call->in[0] + p * channels,
             job->call->in[2] + p * channels, job->r + group * channels, mean,
             mean + channels, job->call->out + p * channels);
  }
}

static void normalise_grad_kernel(const nn_call *call) {
  nn_shape x = call->in_shape[0], moments = call->in_shape[1];
  norm_job sums = norm_job_make(call, x, moments.n);
  nn_parallel(call->threads, sums.groups * sums.chunks, 1, grad_pass, &sums);
  /* behind the partial sums: means (2C a group) and r (C a group) */
  nn_real *means =
      (nn_real *)(void *)(sums.partial +
                          sums.groups * sums.chunks * 2 * sums.channels);
  nn_real *r = means + sums.groups * 2 * sums.channels;
  for (size_t group = 0; group < sums.groups; group++) {
    const double *total = combine(&sums, group);
    for (size_t c = 0; c < 2 * sums.channels; c++)
      means[group * 2 * sums.channels + c] =
          (nn_real)(total[c] / (double)sums.pixels);
  }
  reciprocal_deviations(call, moments, call->in[1], r);
  grad_scale_job job = {call, sums.channels, sums.pixels, r, means};
  nn_parallel(call->threads, sums.groups * sums.pixels,
              (size_t)(1 << 15) / sums.channels + 1, grad_pixels, &job);
}

static size_t normalise_grad_scratch(const nn_node *node, const nn_shape *in,
                                     int threads) {
  (void)node, (void)threads;
  size_t groups = (size_t)in[1].n;
  return norm_scratch(in[0], groups) +
         groups * 3 * (size_t)in[0].c * sizeof(nn_real);
}

/* z = r (g - mean(g) - y mean(y g)), upstream u:
 *   dz/dg: r (u - mean(u) - y mean(y u)), the operation itself
 *   dz/dy: -r (u mean(y g) + g mean(y u))
 *   dz/dr: sum(u z)/r, and r = (v + eps)^-1/2, so dz/dv = -sum(u z) r^2 / 2 */
static void normalise_grad_gradient(nn_graph *g, nn_id z, nn_id u, nn_id gx[]) {
  nn_node node = nn_get(g, z);
  nn_id y = node.in[0], moments = node.in[1], gy = node.in[2];
  nn_shape s = nn_shape_of(g, y), m = nn_shape_of(g, moments);
  nn_shape group = NN_SHAPE(m.n, 1, 1, s.c);
  double n = (double)nn_shape_count(s) / s.c / m.n;
  nn_id variance = nn_affine(g, nn_slice(g, moments, s.c, s.c), 1, node.alpha);
  nn_id deviation = nn_sqrt(g, variance);
  nn_id dot_g = nn_affine(g, nn_dot_to(g, y, gy, group), -1 / n, 0);
  nn_id dot_u = nn_affine(g, nn_dot_to(g, y, u, group), -1 / n, 0);
  nn_id by_y = nn_add(g, nn_mul(g, u, dot_g), nn_mul(g, gy, dot_u));
  gx[0] = nn_div(g, by_y, deviation);
  nn_id by_variance =
      nn_affine(g, nn_div(g, nn_dot_to(g, u, z, group), variance), -0.5, 0);
  gx[1] = nn_emit(g, (nn_node){.op = &nn_op_pad_channels,
                               .in = {by_variance},
                               .shape = m,
                               .begin = s.c});
  gx[2] = normalise_grad(g, y, moments, u, node.alpha);
}

const nn_op nn_op_normalise_grad = {.name = "normalise_grad",
                                    .arity = 3,
                                    .shape = normalise_shape,
                                    .kernel = normalise_grad_kernel,
                                    .gradient = normalise_grad_gradient,
                                    .scratch = normalise_grad_scratch,
                                    .inplace = 5};
