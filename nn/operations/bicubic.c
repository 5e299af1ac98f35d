/* Bicubic resampling to any size (Keys 1981, a = -0.75, pixels by their
 * centres, the border repeated outwards; nothing is smoothed beforehand where
 * an image shrinks), and its adjoint. Both blend rows first, then columns. */
#include <math.h>
#include <string.h>

#include "nn/operation.h"
#include "nn/operations/cubic.h"

enum { TAPS = NN_CUBIC_TAPS };

typedef struct bicubic_job {
  nn_shape small, large; /* before, after */
  const nn_real *from;
  nn_real *to;
  nn_cubic_taps *columns; /* of the large image */
  nn_real *rows;          /* one for each thread */
  size_t row;
} bicubic_job;

static size_t taps_bytes(nn_shape large) {
  size_t line = 16 * sizeof(nn_real);
  return ((size_t)large.w * sizeof(nn_cubic_taps) + line - 1) / line * line;
}

/* `blended`: the image whose rows are blended into one. */
static size_t scratch_of(nn_shape blended, nn_shape large, int threads) {
  return taps_bytes(large) + nn_aligned((size_t)blended.w * (size_t)blended.c) *
                                 sizeof(nn_real) * (size_t)threads;
}

static bicubic_job job_of(const nn_call *call, nn_shape small, nn_shape large) {
  nn_shape blended = call->in_shape[0];
  bicubic_job job = {.small = small,
                     .large = large,
                     .from = call->in[0],
                     .to = call->out,
                     .columns = call->scratch};
  job.rows = (nn_real *)(void *)((char *)call->scratch + taps_bytes(large));
  job.row = nn_aligned((size_t)blended.w * (size_t)blended.c);
  for (int w = 0; w < large.w; w++)
    job.columns[w] = nn_cubic_taps_at(w, small.w, large.w);
  return job;
}

static size_t row_values(nn_shape s) { return (size_t)s.w * (size_t)s.c; }

NN_CLONES static void blend(size_t count, const nn_real weight[TAPS],
                            const nn_real *a, const nn_real *b,
                            const nn_real *c, const nn_real *d,
                            nn_real *restrict to) {
  for (size_t i = 0; i < count; i++)
    to[i] = weight[0] * a[i] + weight[1] * b[i] + weight[2] * c[i] +
            weight[3] * d[i];
}

void nn_cubic_blend(size_t count, const nn_real weight[TAPS],
                    const nn_real *const from[TAPS], nn_real *to) {
  blend(count, weight, from[0], from[1], from[2], from[3], to);
}

/* ---- resampling; items: rows of the result ---- */

static void bicubic_rows(void *context, size_t begin, size_t end, int thread) {
  const bicubic_job *job = context;
  nn_shape s = job->small, l = job->large;
  size_t channels = (size_t)s.c;
  nn_real *row = job->rows + (size_t)thread * job->row;
  for (size_t i = begin; i < end; i++) {
    nn_cubic_taps y = nn_cubic_taps_at((int)(i % (size_t)l.h), s.h, l.h);
    const nn_real *image =
        job->from + i / (size_t)l.h * (size_t)s.h * row_values(s);
    const nn_real *from[TAPS];
    for (int k = 0; k < TAPS; k++)
      from[k] = image + (size_t)y.at[k] * row_values(s);
    nn_cubic_blend(row_values(s), y.weight, from, row);
    nn_real *to = job->to + i * row_values(l);
    for (int w = 0; w < l.w; w++, to += channels) {
      const nn_cubic_taps *x = &job->columns[w];
      for (int k = 0; k < TAPS; k++)
        from[k] = row + (size_t)x->at[k] * channels;
      nn_cubic_blend(channels, x->weight, from, to);
    }
  }
}

static void bicubic_kernel(const nn_call *call) {
  bicubic_job job = job_of(call, call->in_shape[0], call->shape);
  nn_parallel_ranked(call->threads, (size_t)job.large.n * (size_t)job.large.h,
                     1, bicubic_rows, &job);
}

static size_t bicubic_scratch(const nn_node *node, const nn_shape *in,
                              int threads) {
  return scratch_of(in[0], node->shape, threads);
}

/* ---- the adjoint; items: rows of its result ---- */

NN_CLONES static void add_scaled(size_t count, nn_real weight,
                                 const nn_real *from, nn_real *to) {
  for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

/* The rows of the large image that take something from row h. */
static void rows_from(int h, int from, int to, int *first, int *last) {
  double scale = (double)to / from;
  *first = h == 0 ? 0 : (int)floor((h - 1.5) * scale - 0.5) - 1;
  *last = h == from - 1 ? to - 1 : (int)ceil((h + 2.5) * scale - 0.5) + 1;
  if (*first < 0) *first = 0;
  if (*last > to - 1) *last = to - 1;
}

NN_CLONES static void spread(const nn_cubic_taps *x, size_t channels,
                             const nn_real *restrict from,
                             nn_real *restrict to) {
  for (int k = 0; k < TAPS; k++)
    for (size_t c = 0; c < channels; c++)
      to[(size_t)x->at[k] * channels + c] += x->weight[k] * from[c];
}

static void adjoint_rows(void *context, size_t begin, size_t end, int thread) {
  const bicubic_job *job = context;
  nn_shape s = job->small, l = job->large;
  size_t channels = (size_t)s.c;
  nn_real *row = job->rows + (size_t)thread * job->row;
  for (size_t i = begin; i < end; i++) {
    int h = (int)(i % (size_t)s.h), first, last;
    const nn_real *image =
        job->from + i / (size_t)s.h * (size_t)l.h * row_values(l);
    memset(row, 0, row_values(l) * sizeof *row);
    rows_from(h, s.h, l.h, &first, &last);
    for (int r = first; r <= last; r++) {
      nn_cubic_taps y = nn_cubic_taps_at(r, s.h, l.h);
      for (int k = 0; k < TAPS; k++)
        if (y.at[k] == h)
          add_scaled(row_values(l), y.weight[k],
                     image + (size_t)r * row_values(l), row);
    }
    nn_real *to = job->to + i * row_values(s);
    memset(to, 0, row_values(s) * sizeof *to);
    for (int w = 0; w < l.w; w++)
      spread(&job->columns[w], channels, row + (size_t)w * channels, to);
  }
}

static void adjoint_kernel(const nn_call *call) {
  bicubic_job job = job_of(call, call->shape, call->in_shape[0]);
  nn_parallel_ranked(call->threads, (size_t)job.small.n * (size_t)job.small.h,
                     1, adjoint_rows, &job);
}

static size_t adjoint_scratch(const nn_node *node, const nn_shape *in,
                              int threads) {
  (void)node;
  return scratch_of(in[0], in[0], threads);
}

/* ---- nodes ---- */

static nn_id emit(nn_graph *g, const nn_op *op, nn_id x, int height,
                  int width) {
  nn_shape s = nn_shape_of(g, x);
  return nn_emit(g, (nn_node){.op = op,
                              .in = {x},
                              .shape = NN_SHAPE(s.n, height, width, s.c)});
}

static void bicubic_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_shape x = nn_shape_of(g, nn_get(g, y).in[0]);
  gx[0] = emit(g, &nn_op_upsample_bicubic_adjoint, gy, x.h, x.w);
}

static void adjoint_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_shape x = nn_shape_of(g, nn_get(g, y).in[0]);
  gx[0] = emit(g, &nn_op_upsample_bicubic, gy, x.h, x.w);
}

const nn_op nn_op_upsample_bicubic = {.name = "upsample_bicubic",
                                      .arity = 1,
                                      .kernel = bicubic_kernel,
                                      .scratch = bicubic_scratch,
                                      .gradient = bicubic_gradient};
const nn_op nn_op_upsample_bicubic_adjoint = {.name =
                                                  "upsample_bicubic_adjoint",
                                              .arity = 1,
                                              .kernel = adjoint_kernel,
                                              .scratch = adjoint_scratch,
                                              .gradient = adjoint_gradient};

nn_id nn_upsample_bicubic(nn_graph *g, nn_id x, int height, int width) {
  return emit(g, &nn_op_upsample_bicubic, x, height, width);
}
