/* The weight gradient as matrix products: im2col rows transposed times gy, for
 * groups of kernel rows and of output channels that depend on the shape alone;
 * a group sums its panels in order. Of few pixels it is many more values than
 * products of each, and a matrix product would go over them three times: then
 * they are computed where they lie and written once. */
#include <stdio.h>
#include <string.h>

#include "nn/conv/conv.h"
#include "nn/conv/conv_minimal.h"

enum {
  PANEL_VALUES = 1 << 18,
  PANEL_ROWS_MIN = 256,
  DEPTH_MIN = 256,
  COLUMNS = 256,
  FEW_PIXELS = 16,
  BLOCK_ROWS = 4, /* of few pixels: values at once, in registers */
  LANES = 32 / sizeof(nn_real),
  BLOCK_COLUMNS = 2 * LANES
};

typedef struct weight_job {
  const nn_call *call;
  nn_conv_case c;
  size_t pixels;
  nn_conv_rows rows; /* pixels of gy */
  int kernel_rows;   /* of a group */
  int row_groups, column_groups;
  size_t panel_rows, panel_values;
  size_t values; /* scratch a thread: panel and, of some pixels, their gy */
} weight_job;

static weight_job weight_job_make(const nn_conv_case *c) {
  weight_job job = {.c = *c};
  int kernel_row = c->kernel_w * c->in_c;
  job.pixels = nn_conv_pixels(c);
  job.kernel_rows = (DEPTH_MIN + kernel_row - 1) / kernel_row;
  if (job.kernel_rows > c->kernel_h) job.kernel_rows = c->kernel_h;
  job.row_groups = (c->kernel_h + job.kernel_rows - 1) / job.kernel_rows;
  job.column_groups = (c->out_c + COLUMNS - 1) / COLUMNS;
  size_t depth = (size_t)job.kernel_rows * (size_t)kernel_row;
  job.panel_rows = PANEL_VALUES / depth;
  if (job.panel_rows < PANEL_ROWS_MIN) job.panel_rows = PANEL_ROWS_MIN;
  if (job.panel_rows > job.pixels) job.panel_rows = job.pixels;
  job.panel_values = nn_conv_is_pointwise(c) ? 0 : job.panel_rows * depth;
  job.values = job.panel_values;
  if (nn_conv_map_scratch(c) > 0) job.values += job.panel_rows * COLUMNS;
  return job;
}

/* ---- few pixels ---- */

static size_t depth_of(const nn_conv_case *c) {
  return (size_t)c->kernel_h * (size_t)c->kernel_w * (size_t)c->in_c;
}

static bool has_few_pixels(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self;
  return nn_conv_pixels(c) <= FEW_PIXELS && depth_of(c) % BLOCK_ROWS == 0 &&
         c->out_c % BLOCK_COLUMNS == 0;
}

typedef nn_real lanes __attribute__((vector_size(32)));

/* 4 rows of out, `count` columns: sums over the pixels of x times g. */
NN_CLONES static void few_pixels_rows(size_t pixels, size_t depth, size_t count,
                                      const nn_real *x, const nn_real *g,
                                      nn_real *out) {
  for (size_t at = 0; at < count; at += BLOCK_COLUMNS) {
    lanes a0 = {0}, a1 = {0}, b0 = {0}, b1 = {0}, c0 = {0}, c1 = {0}, d0 = {0},
          d1 = {0};
    for (size_t p = 0; p < pixels; p++) {
      const nn_real *v = x + p * depth;
      lanes g0, g1;
      memcpy(&g0, g + p * count + at, sizeof g0);
      memcpy(&g1, g + p * count + at + LANES, sizeof g1);
      a0 += v[0] * g0;
      a1 += v[0] * g1;
      b0 += v[1] * g0;
      b1 += v[1] * g1;
      c0 += v[2] * g0;
      c1 += v[2] * g1;
      d0 += v[3] * g0;
      d1 += v[3] * g1;
    }
    const lanes rows[2 * BLOCK_ROWS] = {a0, a1, b0, b1, c0, c1, d0, d1};
    for (size_t r = 0; r < BLOCK_ROWS; r++)
      memcpy(out + r * count + at, &rows[2 * r], 2 * sizeof *rows);
  }
}

/* Item: 4 rows of the result. */
static void few_pixels(void *context, size_t begin, size_t end) {
  const weight_job *job = context;
  size_t depth = depth_of(&job->c), count = (size_t)job->c.out_c;
  const nn_real *x =
      nn_conv_is_pointwise(&job->c) ? job->call->in[0] : job->call->scratch;
  for (size_t row = begin * BLOCK_ROWS; row < end * BLOCK_ROWS;
       row += BLOCK_ROWS)
    few_pixels_rows(job->pixels, depth, count, x + row, job->call->in[1],
                    job->call->out + row * count);
}

static void in_place(const nn_conv_solver *self, const nn_conv_case *c,
                     const nn_call *call, const nn_conv_map *map) {
  (void)self, (void)map;
  weight_job job = {.call = call, .c = *c, .pixels = nn_conv_pixels(c)};
  nn_conv_rows all = {NULL, job.pixels};
  if (!nn_conv_is_pointwise(c))
    nn_im2col(c, call->in[0], &all, 0, job.pixels, 0, c->kernel_h,
              call->scratch);
  nn_parallel(call->threads, depth_of(c) / BLOCK_ROWS, 64, few_pixels, &job);
}

static size_t in_place_scratch(const nn_conv_solver *self,
                               const nn_conv_case *c, int threads) {
  (void)self, (void)threads;
  return nn_conv_is_pointwise(c)
             ? 0
             : nn_conv_pixels(c) * depth_of(c) * sizeof(nn_real);
}

static void why_in_place(const nn_conv_solver *self, const nn_conv_case *c,
                         char *text, size_t size) {
  (void)self, (void)c;
  snprintf(text, size, "few pixels: weights written once");
}

/* ---- by groups ---- */

static size_t group_scratch(const nn_conv_solver *self, const nn_conv_case *c,
                            int threads) {
  (void)self;
  weight_job job = weight_job_make(c);
  return job.values * sizeof(nn_real) * (size_t)threads;
}

static void weight_group(void *context, size_t begin, size_t end, int thread) {
  const weight_job *job = context;
  const nn_conv_case *c = &job->c;
  nn_real *scratch =
      (nn_real *)job->call->scratch + (size_t)thread * job->values;
  for (size_t group = begin; group < end; group++) {
    int ky0 = (int)group % job->row_groups * job->kernel_rows;
    int ky1 = ky0 + job->kernel_rows;
    if (ky1 > c->kernel_h) ky1 = c->kernel_h;
    int column = (int)group / job->row_groups * COLUMNS;
    int columns = c->out_c - column < COLUMNS ? c->out_c - column : COLUMNS;
    int depth = (ky1 - ky0) * c->kernel_w * c->in_c;
    nn_real *out = job->call->out +
                   (size_t)(ky0 * c->kernel_w * c->in_c) * (size_t)c->out_c +
                   column;
    for (size_t at = 0; at < job->rows.count; at += job->panel_rows) {
      size_t stop = at + job->panel_rows;
      if (stop > job->rows.count) stop = job->rows.count;
      const nn_real *rows = job->call->in[0] + at * (size_t)c->in_c;
      const nn_real *gy = job->call->in[1] + column;
      int stride = c->out_c;
      if (!nn_conv_is_pointwise(c)) {
        nn_im2col(c, job->call->in[0], &job->rows, at, stop, ky0, ky1, scratch);
        rows = scratch;
      }
      if (job->rows.list != NULL) {
        nn_real *own = scratch + job->panel_values;
        nn_conv_rows_gather(&job->rows, at, stop, gy, (size_t)c->out_c,
                            (size_t)columns, own);
        gy = own;
        stride = columns;
      } else {
        gy += at * (size_t)c->out_c;
      }
      nn_gemm(true, false, depth, columns, (int)(stop - at), rows, depth, gy,
              stride, at > 0 ? 1 : 0, out, c->out_c);
    }
  }
}

static void by_groups(const nn_conv_solver *self, const nn_conv_case *c,
                      const nn_call *call, const nn_conv_map *map) {
  (void)self;
  weight_job job = weight_job_make(c);
  job.call = call;
  job.rows = nn_conv_rows_of(map, job.pixels, nn_conv_map_has, NULL);
  if (job.rows.count == 0)
    memset(call->out, 0, nn_shape_count(call->shape) * sizeof *call->out);
  nn_parallel_ranked(call->threads,
                     (size_t)job.row_groups * (size_t)job.column_groups, 1,
                     weight_group, &job);
}

/* ---- the solvers ---- */

static bool has_many_pixels(const nn_conv_solver *self, const nn_conv_case *c) {
  return !has_few_pixels(self, c) && !nn_conv_is_pointwise(c);
}

static bool is_pointwise(const nn_conv_solver *self, const nn_conv_case *c) {
  return !has_few_pixels(self, c) && nn_conv_is_pointwise(c);
}

const nn_conv_solver nn_conv_weight_grad_im2col = {.name = "im2col, GEMM",
                                                   .why = nn_minimal_why_not,
                                                   .applies = has_many_pixels,
                                                   .cost = nn_conv_direct_cost,
                                                   .scratch = group_scratch,
                                                   .run = by_groups};
const nn_conv_solver nn_conv_weight_grad_pointwise = {
    .name = "one GEMM",
    .why = nn_conv_why_pointwise,
    .applies = is_pointwise,
    .cost = nn_conv_direct_cost,
    .scratch = group_scratch,
    .run = by_groups};
const nn_conv_solver nn_conv_weight_grad_in_place = {
    .name = "in place",
    .why = why_in_place,
    .applies = has_few_pixels,
    .cost = nn_conv_direct_cost,
    .scratch = in_place_scratch,
    .run = in_place};
