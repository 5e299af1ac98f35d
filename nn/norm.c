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

#include "nn/internal.h"

/* Pixels of one group (sample or batch) are contiguous. */
typedef struct norm_job {
  const nn_call *call;
  size_t groups, pixels, channels, chunks;
  double *partial; /* [groups * chunks][2 * channels] */
  const nn_real *moments;
} norm_job;

enum { CHUNK = 256, BLOCK = 64, RUN = 16 };

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

/* sum += a, dot += a b over a run of channels, in nn_real. */
NN_CLONES static void add_sum_dot(size_t count, const nn_real *a,
                                  const nn_real *b, nn_real *sum,
                                  nn_real *dot) {
  for (size_t i = 0; i < count; i++) {
    sum[i] += a[i];
    dot[i] += a[i] * b[i];
  }
}

NN_CLONES static void add_centred(size_t count, const nn_real *x,
                                  const nn_real *mean, nn_real *sum,
                                  nn_real *square) {
  for (size_t i = 0; i < count; i++) {
    nn_real d = x[i] - mean[i];
    sum[i] += d;
    square[i] += d * d;
  }
}

/* For pixels of one chunk: sums of a and of a*b (b != NULL), or of x - mean and
 * its square, in short runs of nn_real that are added up in double. */
static void chunk_sums(const norm_job *job, size_t chunk, const nn_real *a,
                       const nn_real *b, const nn_real *mean) {
  size_t channels = job->channels, group = chunk / job->chunks;
  size_t first = chunk % job->chunks * CHUNK, last = first + CHUNK;
  if (last > job->pixels) last = job->pixels;
  size_t base = group * job->pixels;
  double *sums = job->partial + chunk * 2 * channels;
  memset(sums, 0, 2 * channels * sizeof *sums);
  nn_real sum[BLOCK], product[BLOCK];
  for (size_t c0 = 0; c0 < channels; c0 += BLOCK) {
    size_t width = channels - c0 < BLOCK ? channels - c0 : BLOCK;
    for (size_t p0 = first; p0 < last; p0 += RUN) {
      memset(sum, 0, sizeof sum);
      memset(product, 0, sizeof product);
      for (size_t p = p0; p < last && p < p0 + RUN; p++) {
        size_t at = (base + p) * channels + c0;
        if (mean != NULL)
          add_centred(width, a + at, mean + group * 2 * channels + c0, sum,
                      product);
        else
          add_sum_dot(width, a + at, b + at, sum, product);
      }
      for (size_t c = 0; c < width; c++) {
        sums[c0 + c] += (double)sum[c];
        sums[channels + c0 + c] += (double)product[c];
      }
    }
  }
}

/* Combines the chunks of each group in order, into its first chunk. */
static double *combine(const norm_job *job, size_t group) {
  size_t width = 2 * job->channels;
  double *sums = job->partial + group * job->chunks * width;
  for (size_t chunk = 1; chunk < job->chunks; chunk++)
    for (size_t c = 0; c < width; c++) sums[c] += sums[chunk * width + c];
  return sums;
}

/* ---- moments ---- */

static void moments_pass(void *context, size_t begin, size_t end) {
  const norm_job *job = context;
  for (size_t chunk = begin; chunk < end; chunk++)
    chunk_sums(job, chunk, job->call->in[0], NULL, job->moments);
}

/* Two passes: the second takes deviations from the mean of the first, so that a
 * small variance beside a large mean keeps its digits. */
static void moments_kernel(const nn_call *call) {
  nn_shape x = call->in_shape[0];
  norm_job job = norm_job_make(call, x, call->shape.n);
  size_t channels = job.channels;
  nn_real *out = call->out;
  memset(out, 0, nn_shape_count(call->shape) * sizeof *out);
  for (int pass = 0; pass < 2; pass++) {
    job.moments = out;
    nn_parallel(call->threads, job.groups * job.chunks, 1, moments_pass, &job);
    for (size_t group = 0; group < job.groups; group++) {
      const double *sums = combine(&job, group);
      nn_real *mean = out + group * 2 * channels;
      for (size_t c = 0; c < channels; c++) {
        double shift = sums[c] / (double)job.pixels;
        double square = sums[channels + c] / (double)job.pixels;
        mean[c] = (nn_real)((double)mean[c] + shift);
        if (pass == 1)
          mean[channels + c] = (nn_real)fmax(0, square - shift * shift);
      }
    }
  }
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

/* 1/sqrt(variance + eps) of every group, in scratch. */
static nn_real *reciprocal_deviations(const nn_call *call, nn_shape moments,
                                      const nn_real *values, nn_real *r) {
  size_t channels = (size_t)moments.c / 2;
  for (size_t group = 0; group < (size_t)moments.n; group++)
    for (size_t c = 0; c < channels; c++)
      r[group * channels + c] =
          (nn_real)(1 / sqrt((double)values[(2 * group + 1) * channels + c] +
                             call->node->alpha));
  return r;
}

typedef struct scale_job {
  const nn_call *call;
  size_t channels, group_pixels;
  const nn_real *r;
} scale_job;

static void scale_pixels(void *context, size_t begin, size_t end) {
  const scale_job *job = context;
  size_t channels = job->channels;
  for (size_t p = begin; p < end; p++) {
    size_t group = p / job->group_pixels;
    scale_run(channels, job->call->in[0] + p * channels,
              job->call->in[1] + group * 2 * channels,
              job->r + group * channels, job->call->out + p * channels);
  }
}

static void normalise_kernel(const nn_call *call) {
  nn_shape moments = call->in_shape[1];
  scale_job job = {.call = call, .channels = (size_t)call->shape.c};
  size_t pixels = nn_shape_count(call->shape) / job.channels;
  job.group_pixels = pixels / (size_t)moments.n;
  job.r = reciprocal_deviations(call, moments, call->in[1], call->scratch);
  nn_parallel(call->threads, pixels, (size_t)(1 << 15) / job.channels + 1,
              scale_pixels, &job);
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
                               .kernel = normalise_kernel,
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

static void grad_pass(void *context, size_t begin, size_t end) {
  const norm_job *job = context;
  for (size_t chunk = begin; chunk < end; chunk++)
    chunk_sums(job, chunk, job->call->in[2], job->call->in[0], NULL);
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
