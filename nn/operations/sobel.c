/* Sobel's two derivatives of each channel, (1 2 1)/8 across and (-1 0 1) along,
 * with the border repeated outwards: [N,H,W,C] to [N,H,W,2C], first along the
 * row, then along the column; and the adjoint. Both go row by row: three rows
 * are put together first, then three columns. */
#include <string.h>

#include "nn/operation.h"

static const nn_real smooth[3] = {0.125, 0.25, 0.125};
static const nn_real slope[3] = {-1, 0, 1};

static int inside(int i, int count) {
  return i < 0 ? 0 : i >= count ? count - 1 : i;
}

NN_CLONES static void add_scaled(size_t count, nn_real weight,
                                 const nn_real *from, nn_real *to) {
  for (size_t i = 0; i < count; i++) to[i] += weight * from[i];
}

typedef struct sobel_job {
  const nn_call *call;
  nn_shape image; /* of C channels */
  size_t row;     /* values of a row of it */
  nn_real *rows;  /* two for each thread */
} sobel_job;

static sobel_job job_of(const nn_call *call, nn_shape image) {
  sobel_job job = {.call = call, .image = image, .rows = call->scratch};
  job.row = nn_aligned((size_t)image.w * (size_t)image.c);
  return job;
}

static size_t scratch_of(nn_shape image, int threads) {
  return 2 * nn_aligned((size_t)image.w * (size_t)image.c) * sizeof(nn_real) *
         (size_t)threads;
}

/* ---- forward ---- */

static void sobel_row(const sobel_job *job, size_t n, int h, nn_real *smoothed,
                      nn_real *sloped) {
  nn_shape s = job->image;
  size_t channels = (size_t)s.c, values = (size_t)s.w * channels;
  memset(smoothed, 0, values * sizeof *smoothed);
  memset(sloped, 0, values * sizeof *sloped);
  for (int k = 0; k < 3; k++) {
    size_t row = n * (size_t)s.h + (size_t)inside(h + k - 1, s.h);
    const nn_real *x = job->call->in[0] + row * values;
    add_scaled(values, smooth[k], x, smoothed);
    if (k != 1) add_scaled(values, slope[k], x, sloped);
  }
  nn_real *y = job->call->out + (n * (size_t)s.h + (size_t)h) * 2 * values;
  memset(y, 0, 2 * values * sizeof *y);
  for (int w = 0; w < s.w; w++, y += 2 * channels)
    for (int k = 0; k < 3; k++) {
      size_t from = (size_t)inside(w + k - 1, s.w) * channels;
      if (k != 1) add_scaled(channels, slope[k], smoothed + from, y);
      add_scaled(channels, smooth[k], sloped + from, y + channels);
    }
}

static void sobel_rows(void *context, size_t begin, size_t end, int thread) {
  const sobel_job *job = context;
  nn_real *rows = job->rows + 2 * (size_t)thread * job->row;
  for (size_t i = begin; i < end; i++)
    sobel_row(job, i / (size_t)job->image.h, (int)(i % (size_t)job->image.h),
              rows, rows + job->row);
}

static void sobel_kernel(const nn_call *call) {
  sobel_job job = job_of(call, call->in_shape[0]);
  nn_parallel_ranked(call->threads, (size_t)job.image.n * (size_t)job.image.h,
                     1, sobel_rows, &job);
}

static size_t sobel_scratch(const nn_node *node, const nn_shape *in,
                            int threads) {
  (void)node;
  return scratch_of(in[0], threads);
}

static void sobel_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  node->shape = NN_SHAPE(x.n, x.h, x.w, 2 * x.c);
}

/* ---- the adjoint ---- */

/* Adds what row `from` of the derivatives gives to row `to` of the image, put
 * together over their rows: smoothed, of those along the row, and sloped. */
static void gather_row(const sobel_job *job, size_t n, int from, int to,
                       nn_real *smoothed, nn_real *sloped) {
  nn_shape s = job->image;
  size_t channels = (size_t)s.c;
  const nn_real *gy = job->call->in[0] + (n * (size_t)s.h + (size_t)from) * 2 *
                                             (size_t)s.w * channels;
  for (int k = 0; k < 3; k++) {
    if (inside(from + k - 1, s.h) != to) continue;
    for (size_t w = 0; w < (size_t)s.w; w++) {
      const nn_real *pixel = gy + 2 * w * channels;
      add_scaled(channels, smooth[k], pixel, smoothed + w * channels);
      if (k != 1)
        add_scaled(channels, slope[k], pixel + channels, sloped + w * channels);
    }
  }
}

static void adjoint_row(const sobel_job *job, size_t n, int h,
                        nn_real *smoothed, nn_real *sloped) {
  nn_shape s = job->image;
  size_t channels = (size_t)s.c, values = (size_t)s.w * channels;
  memset(smoothed, 0, values * sizeof *smoothed);
  memset(sloped, 0, values * sizeof *sloped);
  for (int from = h - 1; from <= h + 1; from++)
    if (from >= 0 && from < s.h) gather_row(job, n, from, h, smoothed, sloped);
  nn_real *gx = job->call->out + (n * (size_t)s.h + (size_t)h) * values;
  memset(gx, 0, values * sizeof *gx);
  for (int w = 0; w < s.w; w++)
    for (int k = 0; k < 3; k++) {
      nn_real *to = gx + (size_t)inside(w + k - 1, s.w) * channels;
      size_t from = (size_t)w * channels;
      if (k != 1) add_scaled(channels, slope[k], smoothed + from, to);
      add_scaled(channels, smooth[k], sloped + from, to);
    }
}

static void adjoint_rows(void *context, size_t begin, size_t end, int thread) {
  const sobel_job *job = context;
  nn_real *rows = job->rows + 2 * (size_t)thread * job->row;
  for (size_t i = begin; i < end; i++)
    adjoint_row(job, i / (size_t)job->image.h, (int)(i % (size_t)job->image.h),
                rows, rows + job->row);
}

static void adjoint_kernel(const nn_call *call) {
  sobel_job job = job_of(call, call->shape);
  nn_parallel_ranked(call->threads, (size_t)job.image.n * (size_t)job.image.h,
                     1, adjoint_rows, &job);
}

static size_t adjoint_scratch(const nn_node *node, const nn_shape *in,
                              int threads) {
  (void)in;
  return scratch_of(node->shape, threads);
}

static void adjoint_shape(const nn_graph *graph, nn_node *node) {
  nn_shape gy = nn_shape_of(graph, node->in[0]);
  node->shape = NN_SHAPE(gy.n, gy.h, gy.w, gy.c / 2);
}

static void sobel_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  (void)y;
  gx[0] = nn_emit(g, (nn_node){.op = &nn_op_sobel_adjoint, .in = {gy}});
}

static void adjoint_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  (void)y;
  gx[0] = nn_sobel(g, gy);
}

const nn_op nn_op_sobel = {.name = "sobel",
                           .arity = 1,
                           .shape = sobel_shape,
                           .kernel = sobel_kernel,
                           .scratch = sobel_scratch,
                           .gradient = sobel_gradient};
const nn_op nn_op_sobel_adjoint = {.name = "sobel_adjoint",
                                   .arity = 1,
                                   .shape = adjoint_shape,
                                   .kernel = adjoint_kernel,
                                   .scratch = adjoint_scratch,
                                   .gradient = adjoint_gradient};

nn_id nn_sobel(nn_graph *g, nn_id x) {
  return nn_emit(g, (nn_node){.op = &nn_op_sobel, .in = {x}});
}
