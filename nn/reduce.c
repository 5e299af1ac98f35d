/* Sums over extents, and broadcasting, its adjoint. Sums are kept in double. */
#include <string.h>

#include "nn/internal.h"

/* ---- sum_to ---- */

/* Rows of W pixels are summed in short float runs, those in double; partial
 * results of fixed chunks are combined in order. */
enum { CHUNK_ROWS = 32 };

typedef struct reduction {
  const nn_call *call;
  nn_shape x;
  size_t groups, rows_per_group, chunks_per_group;
  double *partial; /* [groups * chunks_per_group][C] */
} reduction;

NN_CLONES static void add_run(size_t count, const nn_real *x, nn_real *sum) {
  for (size_t i = 0; i < count; i++) sum[i] += x[i];
}

/* Adds `pixels` runs of `channels` values to the doubles. */
static void add_row(const nn_real *x, size_t pixels, size_t channels,
                    double *sum) {
  enum { BLOCK = 64, RUN = 32 };
  nn_real local[BLOCK];
  for (size_t c0 = 0; c0 < channels; c0 += BLOCK) {
    size_t width = channels - c0 < BLOCK ? channels - c0 : BLOCK;
    for (size_t p0 = 0; p0 < pixels; p0 += RUN) {
      size_t end = p0 + RUN < pixels ? p0 + RUN : pixels;
      memset(local, 0, sizeof local);
      for (size_t p = p0; p < end; p++)
        add_run(width, x + p * channels + c0, local);
      for (size_t c = 0; c < width; c++) sum[c0 + c] += (double)local[c];
    }
  }
}

static void reduce_chunk(void *context, size_t begin, size_t end) {
  const reduction *job = context;
  size_t channels = (size_t)job->x.c, width = (size_t)job->x.w;
  for (size_t chunk = begin; chunk < end; chunk++) {
    double *sum = job->partial + chunk * channels;
    memset(sum, 0, channels * sizeof *sum);
    size_t group = chunk / job->chunks_per_group;
    size_t row = chunk % job->chunks_per_group * CHUNK_ROWS;
    size_t last = row + CHUNK_ROWS;
    if (last > job->rows_per_group) last = job->rows_per_group;
    const nn_real *x = job->call->in[0] +
                       (group * job->rows_per_group + row) * width * channels;
    add_row(x, (last - row) * width, channels, sum);
  }
}

/* [N,H,W,C] to [N or 1,1,1,C or 1]. */
static void reduce_pixels(const nn_call *call) {
  nn_shape x = call->in_shape[0];
  reduction job = {.call = call, .x = x, .partial = call->scratch};
  job.groups = (size_t)call->shape.n;
  job.rows_per_group = (size_t)x.n / job.groups * (size_t)x.h;
  job.chunks_per_group = (job.rows_per_group + CHUNK_ROWS - 1) / CHUNK_ROWS;
  nn_parallel(call->threads, job.groups * job.chunks_per_group, 1, reduce_chunk,
              &job);
  size_t channels = (size_t)x.c;
  for (size_t group = 0; group < job.groups; group++) {
    double *sum = job.partial + group * job.chunks_per_group * channels;
    for (size_t chunk = 1; chunk < job.chunks_per_group; chunk++)
      for (size_t c = 0; c < channels; c++) sum[c] += sum[chunk * channels + c];
    if (call->shape.c == 1) {
      double total = 0;
      for (size_t c = 0; c < channels; c++) total += sum[c];
      call->out[group] = (nn_real)total;
    } else {
      for (size_t c = 0; c < channels; c++)
        call->out[group * channels + c] = (nn_real)sum[c];
    }
  }
}

static bool sums_pixels(nn_shape x, nn_shape y) {
  return y.h == 1 && y.w == 1 && (y.n == 1 || y.n == x.n);
}

/* Any other pattern, one value after the other. */
static void reduce_any(const nn_call *call) {
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
          sum[pixel * y.c + (y.c > 1 ? c : 0)] += (double)call->in[0][at];
        }
  for (size_t i = 0; i < count; i++) call->out[i] = (nn_real)sum[i];
}

static void sum_to_kernel(const nn_call *call) {
  if (sums_pixels(call->in_shape[0], call->shape))
    reduce_pixels(call);
  else
    reduce_any(call);
}

static size_t sum_to_scratch(const nn_node *node, const nn_shape *in,
                             int threads) {
  (void)threads;
  if (!sums_pixels(in[0], node->shape))
    return nn_shape_count(node->shape) * sizeof(double);
  size_t groups = (size_t)node->shape.n;
  size_t rows = (size_t)in[0].n / groups * (size_t)in[0].h;
  size_t chunks = (rows + CHUNK_ROWS - 1) / CHUNK_ROWS;
  return groups * chunks * (size_t)in[0].c * sizeof(double);
}

static void sum_to_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_broadcast_to(g, gy, nn_shape_of(g, nn_get(g, y).in[0]));
}

const nn_op nn_op_sum_to = {.name = "sum_to",
                            .arity = 1,
                            .kernel = sum_to_kernel,
                            .reference = reduce_any,
                            .gradient = sum_to_gradient,
                            .scratch = sum_to_scratch};

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

/* ---- broadcast_to ---- */

static void broadcast_pixels(void *context, size_t begin, size_t end) {
  const nn_call *call = context;
  nn_shape x = call->in_shape[0], y = call->shape;
  for (size_t pixel = begin; pixel < end; pixel++) {
    size_t w = pixel % (size_t)y.w, h = pixel / (size_t)y.w % (size_t)y.h,
           n = pixel / (size_t)y.w / (size_t)y.h;
    size_t row = (x.n > 1 ? n : 0) * (size_t)x.h + (x.h > 1 ? h : 0);
    const nn_real *from =
        call->in[0] + (row * (size_t)x.w + (x.w > 1 ? w : 0)) * (size_t)x.c;
    nn_real *to = call->out + pixel * (size_t)y.c;
    if (x.c > 1)
      memcpy(to, from, (size_t)y.c * sizeof *to);
    else
      for (int c = 0; c < y.c; c++) to[c] = from[0];
  }
}

static void broadcast_to_kernel(const nn_call *call) {
  size_t channels = (size_t)call->shape.c;
  nn_parallel(call->threads, nn_shape_count(call->shape) / channels,
              (size_t)(1 << 15) / channels + 1, broadcast_pixels,
              (void *)(uintptr_t)call);
}

static void broadcast_to_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_sum_to(g, gy, nn_shape_of(g, nn_get(g, y).in[0]));
}

const nn_op nn_op_broadcast_to = {.name = "broadcast_to",
                                  .arity = 1,
                                  .kernel = broadcast_to_kernel,
                                  .gradient = broadcast_to_gradient};

nn_id nn_broadcast_to(nn_graph *g, nn_id x, nn_shape shape) {
  check_broadcast(nn_shape_of(g, x), shape);
  if (nn_shape_equal(nn_shape_of(g, x), shape)) return x;
  return nn_emit(
      g, (nn_node){.op = &nn_op_broadcast_to, .in = {x}, .shape = shape});
}
