/* Sums over extents, of values or of products, and broadcasting, the adjoint.
 * Sums are kept in double. */
#include <string.h>

#include "nn/operation.h"

/* ---- sum_to and dot_to ---- */

/* Values are summed in short float runs, those in double; partial results of
 * fixed chunks are combined in order. */
enum { BLOCK = 64, FEW = 16, RUN = 32, CHUNK_VALUES = 1 << 14 };

typedef struct reduction {
  const nn_real *x, *y; /* y: factors of x, or NULL */
  size_t groups, count; /* values a group */
  size_t lanes;         /* sums side by side: channels, or BLOCK for a total */
  size_t
      run; /* 1 for single positions: gradients of scores may cancel exactly */
  size_t chunk, chunks; /* values of a chunk; chunks of a group */
  double *partial;      /* [groups * chunks][lanes] */
} reduction;

/* `width` neighbouring sums over runs `stride` values apart; where this is
 * inlined for a whole block, a constant: they stay in registers. */
static inline __attribute__((always_inline)) void
add_runs(size_t runs, size_t stride, size_t width, const nn_real *x,
         const nn_real *y, double *sum) {
  nn_real local[BLOCK] = {0};
  if (y == NULL)
    for (size_t r = 0; r < runs; r++, x += stride)
      for (size_t i = 0; i < width; i++) local[i] += x[i];
  else
    for (size_t r = 0; r < runs; r++, x += stride, y += stride)
      for (size_t i = 0; i < width; i++) local[i] += x[i] * y[i];
  for (size_t i = 0; i < width; i++) sum[i] += (double)local[i];
}

NN_CLONES static void add_block(const reduction *job, size_t at, size_t runs,
                                size_t width, double *sum) {
  const nn_real *x = job->x + at, *y = job->y == NULL ? NULL : job->y + at;
  if (width == BLOCK)
    add_runs(runs, job->lanes, BLOCK, x, y, sum);
  else
    add_runs(runs, job->lanes, width, x, y, sum);
}

static void reduce_chunk(void *context, size_t begin, size_t end) {
  const reduction *job = context;
  size_t lanes = job->lanes;
  for (size_t chunk = begin; chunk < end; chunk++) {
    double *sum = job->partial + chunk * lanes;
    memset(sum, 0, lanes * sizeof *sum);
    size_t first = chunk % job->chunks * job->chunk;
    size_t count = job->count - first;
    if (count > job->chunk) count = job->chunk;
    size_t at = chunk / job->chunks * job->count + first, rows = count / lanes;
    for (size_t r = 0; r < rows; r += job->run)
      for (size_t c = 0; c < lanes; c += BLOCK)
        add_block(job, at + r * lanes + c,
                  rows - r < job->run ? rows - r : job->run,
                  lanes - c < BLOCK ? lanes - c : BLOCK, sum + c);
    /* a total's last values */
    add_block(job, at + rows * lanes, 1, count - rows * lanes, sum);
  }
}

static reduction reduction_make(nn_shape x, nn_shape y) {
  reduction job = {.groups = (size_t)y.n};
  job.count = nn_shape_count(x) / job.groups;
  job.lanes = y.c == 1 ? BLOCK : (size_t)x.c;
  job.run = x.h * x.w == 1 ? 1 : RUN;
  job.chunk = (CHUNK_VALUES / job.lanes + 1) * job.lanes;
  job.chunks = (job.count + job.chunk - 1) / job.chunk;
  return job;
}

/* [N,H,W,C] to [N or 1,1,1,C or 1]. */
static void reduce_pixels(const nn_call *call, const nn_real *y) {
  reduction job = reduction_make(call->in_shape[0], call->shape);
  job.x = call->in[0];
  job.y = y;
  job.partial = call->scratch;
  nn_parallel(call->threads, job.groups * job.chunks, 1, reduce_chunk, &job);
  for (size_t group = 0; group < job.groups; group++) {
    double *sum = job.partial + group * job.chunks * job.lanes;
    for (size_t chunk = 1; chunk < job.chunks; chunk++)
      for (size_t c = 0; c < job.lanes; c++)
        sum[c] += sum[chunk * job.lanes + c];
    if (call->shape.c == 1) {
      double total = 0;
      for (size_t c = 0; c < job.lanes; c++) total += sum[c];
      call->out[group] = (nn_real)total;
    } else {
      for (size_t c = 0; c < job.lanes; c++)
        call->out[group * job.lanes + c] = (nn_real)sum[c];
    }
  }
}

typedef struct channel_sums {
  const nn_call *call;
  const nn_real *y;
} channel_sums;

/* The sums that a block would give, where most of it would lie idle. */
NN_CLONES static void sum_few(size_t pixels, size_t channels, const nn_real *x,
                              const nn_real *y, nn_real *to) {
  for (size_t p = 0; p < pixels; p++, x += channels) {
    double total = 0;
    for (size_t c = 0; c < channels; c++)
      total += (double)(y == NULL ? x[c] : x[c] * y[c]);
    if (y != NULL) y += channels;
    to[p] = (nn_real)total;
  }
}

/* [N,H,W,C] to [N,H,W,1]: item: a pixel. */
static void sum_channels(void *context, size_t begin, size_t end) {
  const channel_sums *job = context;
  size_t channels = (size_t)job->call->in_shape[0].c;
  if (channels <= FEW) {
    sum_few(end - begin, channels, job->call->in[0] + begin * channels,
            job->y == NULL ? NULL : job->y + begin * channels,
            job->call->out + begin);
    return;
  }
  reduction pixel = {.x = job->call->in[0], .y = job->y, .lanes = BLOCK};
  for (size_t p = begin; p < end; p++) {
    double sum[BLOCK] = {0}, total = 0;
    size_t rows = channels / BLOCK, rest = channels - rows * BLOCK;
    add_block(&pixel, p * channels, rows, BLOCK, sum);
    add_block(&pixel, p * channels + rows * BLOCK, 1, rest, sum);
    for (size_t i = 0; i < BLOCK; i++) total += sum[i];
    job->call->out[p] = (nn_real)total;
  }
}

/* Any other pattern, one value after the other. */
static void reduce_any(const nn_call *call, const nn_real *factors) {
  nn_shape x = call->in_shape[0], y = call->shape;
  double *sum = call->scratch;
  size_t count = nn_shape_count(y), at = 0;
  memset(sum, 0, count * sizeof *sum);
  for (int n = 0; n < x.n; n++)
    for (int h = 0; h < x.h; h++)
      for (int w = 0; w < x.w; w++)
        for (int c = 0; c < x.c; c++, at++) {
          int row = (y.n > 1 ? n : 0) * y.h + (y.h > 1 ? h : 0);
          int pixel = row * y.w + (y.w > 1 ? w : 0);
          nn_real factor = factors == NULL ? 1 : factors[at];
          sum[pixel * y.c + (y.c > 1 ? c : 0)] +=
              (double)(call->in[0][at] * factor);
        }
  for (size_t i = 0; i < count; i++) call->out[i] = (nn_real)sum[i];
}

static bool sums_pixels(nn_shape x, nn_shape y) {
  return y.h == 1 && y.w == 1 && (y.n == 1 || y.n == x.n);
}

static bool sums_channels(nn_shape x, nn_shape y) {
  return y.n == x.n && y.h == x.h && y.w == x.w && y.c == 1;
}

static void reduce(const nn_call *call, const nn_real *factors) {
  channel_sums channels = {call, factors};
  if (sums_pixels(call->in_shape[0], call->shape))
    reduce_pixels(call, factors);
  else if (sums_channels(call->in_shape[0], call->shape))
    nn_parallel(call->threads, nn_shape_count(call->shape),
                CHUNK_VALUES / (size_t)call->in_shape[0].c + 1, sum_channels,
                &channels);
  else
    reduce_any(call, factors);
}

static size_t reduce_scratch(const nn_node *node, const nn_shape *in,
                             int threads) {
  (void)threads;
  size_t plain = nn_shape_count(node->shape) * sizeof(double);
  if (!sums_pixels(in[0], node->shape)) return plain;
  reduction job = reduction_make(in[0], node->shape);
  return job.groups * job.chunks * job.lanes * sizeof(double);
}

static void sum_to_kernel(const nn_call *call) { reduce(call, NULL); }

static void sum_to_reference(const nn_call *call) { reduce_any(call, NULL); }

static void sum_to_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_broadcast_to(g, gy, nn_shape_of(g, nn_get(g, y).in[0]));
}

const nn_op nn_op_sum_to = {.name = "sum_to",
                            .arity = 1,
                            .kernel = sum_to_kernel,
                            .reference = sum_to_reference,
                            .gradient = sum_to_gradient,
                            .scratch = reduce_scratch};

static void dot_to_kernel(const nn_call *call) { reduce(call, call->in[1]); }

static void dot_to_reference(const nn_call *call) {
  reduce_any(call, call->in[1]);
}

static void dot_to_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = nn_mul(g, node.in[1], gy);
  gx[1] = nn_mul(g, node.in[0], gy);
}

const nn_op nn_op_dot_to = {.name = "dot_to",
                            .arity = 2,
                            .kernel = dot_to_kernel,
                            .reference = dot_to_reference,
                            .gradient = dot_to_gradient,
                            .scratch = reduce_scratch};

static void check_broadcast(nn_shape small, nn_shape large) {
  INVARIANT((small.n == large.n || small.n == 1) &&
                (small.h == large.h || small.h == 1) &&
                (small.w == large.w || small.w == 1) &&
                (small.c == large.c || small.c == 1),
            "[%d,%d,%d,%d] is no reduction of [%d,%d,%d,%d]", small.n, small.h,
            small.w, small.c, large.n, large.h, large.w, large.c);
}

nn_id nn_sum_to(nn_graph *g, nn_id x, nn_shape shape) {
  check_broadcast(shape, nn_shape_of(g, x));
  return nn_emit(g, (nn_node){.op = &nn_op_sum_to, .in = {x}, .shape = shape});
}

nn_id nn_dot_to(nn_graph *g, nn_id a, nn_id b, nn_shape shape) {
  INVARIANT(nn_shape_equal(nn_shape_of(g, a), nn_shape_of(g, b)),
            "dot_to: shapes differ");
  check_broadcast(shape, nn_shape_of(g, a));
  return nn_emit(g,
                 (nn_node){.op = &nn_op_dot_to, .in = {a, b}, .shape = shape});
}

/* ---- broadcast_to ---- */

static void broadcast_pixels(const nn_call *call, size_t first, size_t count) {
  nn_shape x = call->in_shape[0], y = call->shape;
  size_t given = nn_same_pixels(x, y) ? first : 0;
  for (size_t i = 0; i < count; i++) {
    size_t pixel = first + i;
    size_t w = pixel % (size_t)y.w, h = pixel / (size_t)y.w % (size_t)y.h,
           n = pixel / (size_t)y.w / (size_t)y.h;
    size_t row = (x.n > 1 ? n : 0) * (size_t)x.h + (x.h > 1 ? h : 0);
    size_t from = row * (size_t)x.w + (x.w > 1 ? w : 0) - given;
    nn_real *to = call->out + i * (size_t)y.c;
    if (x.c > 1)
      memcpy(to, call->in[0] + from * (size_t)x.c, (size_t)y.c * sizeof *to);
    else
      for (int c = 0; c < y.c; c++) to[c] = call->in[0][from];
  }
}

static void broadcast_to_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_sum_to(g, gy, nn_shape_of(g, nn_get(g, y).in[0]));
}

const nn_op nn_op_broadcast_to = {.name = "broadcast_to",
                                  .arity = 1,
                                  .pixels = broadcast_pixels,
                                  .gradient = broadcast_to_gradient};

nn_id nn_broadcast_to(nn_graph *g, nn_id x, nn_shape shape) {
  check_broadcast(nn_shape_of(g, x), shape);
  if (nn_shape_equal(nn_shape_of(g, x), shape)) return x;
  return nn_emit(
      g, (nn_node){.op = &nn_op_broadcast_to, .in = {x}, .shape = shape});
}
