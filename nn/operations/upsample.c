/* Bilinear resampling to any size, and its adjoint. */
#include <string.h>

#include "nn/operation.h"

/* Where result coordinate i takes its two values from. */
typedef struct taps {
  int low, high;
  nn_real low_weight, high_weight;
} taps;

static taps taps_at(int i, int from, int to, bool align_corners) {
  double position;
  if (align_corners)
    position = to > 1 ? (double)i * (from - 1) / (to - 1) : 0;
  else
    position = (i + 0.5) * from / to - 0.5;
  if (position < 0) position = 0;
  taps t;
  t.low = (int)position;
  if (t.low > from - 1) t.low = from - 1;
  t.high = t.low + 1 < from ? t.low + 1 : t.low;
  t.high_weight = (nn_real)(position - t.low);
  t.low_weight = 1 - t.high_weight;
  return t;
}

typedef struct upsample_job {
  nn_shape small, large;
  bool align_corners;
  const nn_real *from;
  nn_real *to;
  /* of the tuned kernels, in scratch memory */
  taps *columns;        /* of the large image */
  nn_real *rows;        /* a row of the small image for each thread */
  size_t width, blocks; /* channels that are computed at once; how many times */
  size_t row;           /* values of such a row */
} upsample_job;

static upsample_job job_of(const nn_call *call, bool adjoint) {
  return (upsample_job){.small = adjoint ? call->shape : call->in_shape[0],
                        .large = adjoint ? call->in_shape[0] : call->shape,
                        .align_corners = call->node->flag,
                        .from = call->in[0],
                        .to = call->out};
}

/* Where a pixel begins. */
static size_t pixel(nn_shape s, size_t n, int h, int w) {
  size_t row = n * (size_t)s.h + (size_t)h;
  return (row * (size_t)s.w + (size_t)w) * (size_t)s.c;
}

/* ---- plain loops ---- */

/* One value of the large image from its four of the small one, or onto them. */
static void reference_value(const upsample_job *job, bool adjoint, size_t n,
                            int h, int w, int c) {
  nn_shape s = job->small, l = job->large;
  taps y = taps_at(h, s.h, l.h, job->align_corners);
  taps x = taps_at(w, s.w, l.w, job->align_corners);
  nn_real sum = 0;
  for (int k = 0; k < 4; k++) {
    int row = k / 2 ? y.high : y.low, column = k % 2 ? x.high : x.low;
    nn_real weight = (k / 2 ? y.high_weight : y.low_weight) *
                     (k % 2 ? x.high_weight : x.low_weight);
    if (adjoint)
      job->to[pixel(s, n, row, column) + (size_t)c] +=
          weight * job->from[pixel(l, n, h, w) + (size_t)c];
    else
      sum += weight * job->from[pixel(s, n, row, column) + (size_t)c];
  }
  if (!adjoint) job->to[pixel(l, n, h, w) + (size_t)c] = sum;
}

static void reference(const nn_call *call, bool adjoint) {
  upsample_job job = job_of(call, adjoint);
  nn_shape l = job.large;
  if (adjoint)
    memset(call->out, 0, nn_shape_count(call->shape) * sizeof(nn_real));
  for (int n = 0; n < l.n; n++)
    for (int h = 0; h < l.h; h++)
      for (int w = 0; w < l.w; w++)
        for (int c = 0; c < l.c; c++)
          reference_value(&job, adjoint, (size_t)n, h, w, c);
}

static void upsample_reference(const nn_call *call) { reference(call, false); }
static void adjoint_reference(const nn_call *call) { reference(call, true); }

/* ---- row by row: first the rows are blended, then the columns ---- */

NN_CLONES static void blend(size_t count, nn_real a_weight, const nn_real *a,
                            nn_real b_weight, const nn_real *b, nn_real *to) {
  for (size_t i = 0; i < count; i++) to[i] = a_weight * a[i] + b_weight * b[i];
}

/* Items: rows of the large image. */
static void upsample_rows(void *context, size_t begin, size_t end, int thread) {
  const upsample_job *job = context;
  nn_shape s = job->small, l = job->large;
  size_t channels = (size_t)s.c;
  nn_real *row = job->rows + (size_t)thread * job->row;
  for (size_t i = begin; i < end; i++) {
    size_t n = i / (size_t)l.h;
    int h = (int)(i % (size_t)l.h);
    taps y = taps_at(h, s.h, l.h, job->align_corners);
    blend((size_t)s.w * channels, y.low_weight,
          job->from + pixel(s, n, y.low, 0), y.high_weight,
          job->from + pixel(s, n, y.high, 0), row);
    nn_real *to = job->to + pixel(l, n, h, 0);
    for (int w = 0; w < l.w; w++, to += channels) {
      taps x = job->columns[w];
      blend(channels, x.low_weight, row + (size_t)x.low * channels,
            x.high_weight, row + (size_t)x.high * channels, to);
    }
  }
}

/* ---- the adjoint: first the columns, then the rows ---- */

enum { LANES = 32 };

/* Pixels that share their columns of the small row: `count`, `stride` values
 * apart, added onto these. Sums of full lanes stay in registers. */
static inline __attribute__((always_inline)) void
gather_lanes(const taps *x, size_t count, size_t width, size_t stride,
             const nn_real *from, nn_real *low, nn_real *high) {
  nn_real a[LANES] = {0}, b[LANES] = {0};
  for (size_t p = 0; p < count; p++)
    for (size_t i = 0; i < width; i++) {
      a[i] += x[p].low_weight * from[p * stride + i];
      b[i] += x[p].high_weight * from[p * stride + i];
    }
  for (size_t i = 0; i < width; i++) low[i] += a[i];
  for (size_t i = 0; i < width; i++) high[i] += b[i]; /* may be the same */
}

NN_CLONES static void gather(const taps *x, size_t count, size_t channels,
                             size_t stride, const nn_real *from, nn_real *row) {
  nn_real *low = row + (size_t)x->low * channels;
  nn_real *high = row + (size_t)x->high * channels;
  size_t c = 0;
  for (; c + LANES <= channels; c += LANES)
    gather_lanes(x, count, LANES, stride, from + c, low + c, high + c);
  if (c < channels)
    gather_lanes(x, count, channels - c, stride, from + c, low + c, high + c);
}

NN_CLONES static void add(size_t count, nn_real weight, const nn_real *from,
                          nn_real *to) {
  for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

/* `width` channels from `first` on of a row of the large image. */
static void gather_row(const upsample_job *job, size_t n, int h, size_t first,
                       size_t width, nn_real *row) {
  nn_shape s = job->small, l = job->large;
  const nn_real *from = job->from + pixel(l, n, h, 0) + first;
  memset(row, 0, (size_t)s.w * width * sizeof *row);
  for (int w = 0, end; w < l.w; w = end) {
    end = w + 1;
    while (end < l.w && job->columns[end].low == job->columns[w].low) end++;
    gather(job->columns + w, (size_t)(end - w), width, (size_t)l.c,
           from + (size_t)w * (size_t)l.c, row);
  }
  taps y = taps_at(h, s.h, l.h, job->align_corners);
  for (int w = 0; w < s.w; w++, row += width) {
    add(width, y.low_weight, row, job->to + pixel(s, n, y.low, w) + first);
    add(width, y.high_weight, row, job->to + pixel(s, n, y.high, w) + first);
  }
}

/* Items: blocks of channels of samples. */
static void gather_blocks(void *context, size_t begin, size_t end, int thread) {
  const upsample_job *job = context;
  size_t channels = (size_t)job->small.c;
  for (size_t i = begin; i < end; i++) {
    size_t first = i % job->blocks * job->width, width = channels - first;
    if (width > job->width) width = job->width;
    for (int h = 0; h < job->large.h; h++)
      gather_row(job, i / job->blocks, h, first, width,
                 job->rows + (size_t)thread * job->row);
  }
}

/* ---- calls ---- */

/* Each thread has some of the adjoint's channels. */
static void divide(upsample_job *job, int threads, bool adjoint) {
  size_t channels = (size_t)job->small.c, parts = adjoint ? (size_t)threads : 1;
  job->width = ((channels + parts - 1) / parts + LANES - 1) / LANES * LANES;
  if (job->width > channels) job->width = channels;
  job->blocks = (channels + job->width - 1) / job->width;
  job->row = nn_aligned((size_t)job->small.w * job->width);
}

static size_t taps_bytes(nn_shape large) {
  size_t line = 16 * sizeof(nn_real);
  return ((size_t)large.w * sizeof(taps) + line - 1) / line * line;
}

static upsample_job prepare(const nn_call *call, bool adjoint) {
  upsample_job job = job_of(call, adjoint);
  divide(&job, call->threads, adjoint);
  job.columns = call->scratch;
  job.rows = (nn_real *)(void *)((char *)call->scratch + taps_bytes(job.large));
  for (int w = 0; w < job.large.w; w++)
    job.columns[w] = taps_at(w, job.small.w, job.large.w, job.align_corners);
  return job;
}

static size_t scratch_of(nn_shape small, nn_shape large, int threads,
                         bool adjoint) {
  upsample_job job = {.small = small};
  divide(&job, threads, adjoint);
  return taps_bytes(large) + (size_t)threads * job.row * sizeof(nn_real);
}

static size_t upsample_scratch(const nn_node *node, const nn_shape *in,
                               int threads) {
  return scratch_of(in[0], node->shape, threads, false);
}

static size_t adjoint_scratch(const nn_node *node, const nn_shape *in,
                              int threads) {
  return scratch_of(node->shape, in[0], threads, true);
}

static void upsample_kernel(const nn_call *call) {
  upsample_job job = prepare(call, false);
  size_t rows = (size_t)job.large.n * (size_t)job.large.h;
  nn_parallel_ranked(call->threads, rows, 1, upsample_rows, &job);
}

static void adjoint_kernel(const nn_call *call) {
  upsample_job job = prepare(call, true);
  memset(call->out, 0, nn_shape_count(call->shape) * sizeof(nn_real));
  nn_parallel_ranked(call->threads, (size_t)job.small.n * job.blocks, 1,
                     gather_blocks, &job);
}

static nn_id emit(nn_graph *g, const nn_op *op, nn_id x, int height, int width,
                  bool align_corners) {
  nn_shape s = nn_shape_of(g, x);
  return nn_emit(g, (nn_node){.op = op,
                              .in = {x},
                              .shape = NN_SHAPE(s.n, height, width, s.c),
                              .flag = align_corners});
}

static void upsample_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_shape x = nn_shape_of(g, node.in[0]);
  gx[0] = emit(g, &nn_op_upsample_bilinear_adjoint, gy, x.h, x.w, node.flag);
}

static void adjoint_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_shape x = nn_shape_of(g, node.in[0]);
  gx[0] = emit(g, &nn_op_upsample_bilinear, gy, x.h, x.w, node.flag);
}

const nn_op nn_op_upsample_bilinear = {.name = "upsample_bilinear",
                                       .arity = 1,
                                       .kernel = upsample_kernel,
                                       .reference = upsample_reference,
                                       .scratch = upsample_scratch,
                                       .gradient = upsample_gradient};
const nn_op nn_op_upsample_bilinear_adjoint = {.name =
                                                   "upsample_bilinear_adjoint",
                                               .arity = 1,
                                               .kernel = adjoint_kernel,
                                               .reference = adjoint_reference,
                                               .scratch = adjoint_scratch,
                                               .gradient = adjoint_gradient};

nn_id nn_upsample_bilinear(nn_graph *g, nn_id x, int factor,
                           bool align_corners) {
  nn_shape s = nn_shape_of(g, x);
  return nn_resize_bilinear(g, x, s.h * factor, s.w * factor, align_corners);
}

nn_id nn_resize_bilinear(nn_graph *g, nn_id x, int height, int width,
                         bool align_corners) {
  return emit(g, &nn_op_upsample_bilinear, x, height, width, align_corners);
}
