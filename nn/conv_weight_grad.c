/* The weight gradient as matrix products: im2col rows transposed times gy, for
 * groups of kernel rows and of output channels that depend on the shape alone;
 * a group sums its panels in order. */
#include "nn/conv.h"

enum {
  PANEL_VALUES = 1 << 18,
  PANEL_ROWS_MIN = 256,
  DEPTH_MIN = 256,
  COLUMNS = 256
};

typedef struct weight_job {
  const nn_call *call;
  nn_conv_case c;
  size_t pixels;
  int kernel_rows; /* of a group */
  int row_groups, column_groups;
  size_t panel_rows, panel_values;
} weight_job;

static weight_job weight_job_make(const nn_node *node, const nn_shape *in) {
  weight_job job = {.c = nn_conv_case_of(node, in)};
  const nn_conv_case *c = &job.c;
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
  return job;
}

size_t nn_conv_weight_grad_gemm_scratch(const nn_node *node, const nn_shape *in,
                                        int threads) {
  weight_job job = weight_job_make(node, in);
  return job.panel_values * sizeof(nn_real) * (size_t)threads;
}

static void weight_group(void *context, size_t begin, size_t end, int thread) {
  const weight_job *job = context;
  const nn_conv_case *c = &job->c;
  nn_real *scratch =
      (nn_real *)job->call->scratch + (size_t)thread * job->panel_values;
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
    for (size_t at = 0; at < job->pixels; at += job->panel_rows) {
      size_t stop = at + job->panel_rows;
      if (stop > job->pixels) stop = job->pixels;
      const nn_real *rows = job->call->in[0] + at * (size_t)c->in_c;
      if (!nn_conv_is_pointwise(c)) {
        nn_im2col(c, job->call->in[0], at, stop, ky0, ky1, scratch);
        rows = scratch;
      }
      nn_gemm(true, false, depth, columns, (int)(stop - at), rows, depth,
              job->call->in[1] + at * (size_t)c->out_c + column, c->out_c,
              at > 0 ? 1 : 0, out, c->out_c);
    }
  }
}

void nn_conv_weight_grad_gemm(const nn_call *call) {
  weight_job job = weight_job_make(call->node, call->in_shape);
  job.call = call;
  nn_parallel_ranked(call->threads,
                     (size_t)job.row_groups * (size_t)job.column_groups, 1,
                     weight_group, &job);
}
