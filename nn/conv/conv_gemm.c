/* Convolution as matrix products: panels of im2col rows times the weights.
 *
 * Work is cut into tiles (rows of pixels x columns of channels) by shape alone,
 * so that results do not depend on the number of threads. */
#include <string.h>

#include "nn/conv/conv.h"
#include "nn/conv/conv_minimal.h"

/* A panel should stay in the cache between im2col and the product, yet have
 * enough rows that packing the weights for it is a small part of the work. */
enum { PANEL_VALUES = 1 << 18, PANEL_ROWS_MIN = 256, COLUMNS_MIN = 256 };

typedef struct conv_job {
  const nn_call *call;
  nn_conv_case c;
  nn_conv_rows rows;               /* output pixels */
  size_t pixels, depth;            /* rows and inner extent of the product */
  size_t panel_rows, panel_values; /* panel_values: of im2col */
  size_t values;                   /* scratch a thread: panel and results */
} conv_job;

static conv_job conv_job_make(const nn_conv_case *c) {
  conv_job job = {.c = *c};
  job.pixels = nn_conv_pixels(c);
  job.depth = (size_t)c->kernel_h * (size_t)c->kernel_w * (size_t)c->in_c;
  job.panel_rows = PANEL_VALUES / job.depth;
  if (job.panel_rows < PANEL_ROWS_MIN) job.panel_rows = PANEL_ROWS_MIN;
  if (job.panel_rows > job.pixels) job.panel_rows = job.pixels;
  job.panel_values = nn_conv_is_pointwise(c) ? 0 : job.panel_rows * job.depth;
  job.values = job.panel_values;
  if (nn_conv_map_scratch(c) > 0)
    job.values += job.panel_rows * (size_t)c->out_c;
  return job;
}

static size_t scratch(const nn_conv_solver *self, const nn_conv_case *c,
                      int threads) {
  (void)self;
  conv_job job = conv_job_make(c);
  bool one_panel = job.panel_rows == job.pixels;
  return job.values * sizeof(nn_real) * (one_panel ? 1 : (size_t)threads);
}

/* Rows [begin, end) of the product, each thread with a panel of its own. */
static void panel(void *context, size_t begin, size_t end, int thread) {
  const conv_job *job = context;
  const nn_conv_case *c = &job->c;
  size_t channels = (size_t)c->out_c;
  bool some = job->rows.list != NULL;
  nn_real *scratch =
      (nn_real *)job->call->scratch + (size_t)thread * job->values;
  nn_real *out =
      some ? scratch + job->panel_values : job->call->out + begin * channels;
  const nn_real *rows = job->call->in[0] + begin * job->depth;
  if (!nn_conv_is_pointwise(c)) {
    nn_im2col(c, job->call->in[0], &job->rows, begin, end, 0, c->kernel_h,
              scratch);
    rows = scratch;
  }
  nn_gemm(false, false, (int)(end - begin), c->out_c, (int)job->depth, rows,
          (int)job->depth, job->call->in[1], c->out_c, 0, out, c->out_c);
  if (some)
    nn_conv_rows_scatter(&job->rows, begin, end, out, channels, job->call->out);
}

static void fill_panel(void *context, size_t begin, size_t end) {
  const conv_job *job = context;
  nn_im2col(&job->c, job->call->in[0], &job->rows, begin, end, 0,
            job->c.kernel_h,
            (nn_real *)job->call->scratch + begin * job->depth);
}

/* Columns [begin, end) of the product over the one panel there is. */
static void columns(void *context, size_t begin, size_t end) {
  const conv_job *job = context;
  const nn_conv_case *c = &job->c;
  nn_real *scratch = job->call->scratch;
  const nn_real *rows = nn_conv_is_pointwise(c) ? job->call->in[0] : scratch;
  nn_real *out =
      job->rows.list != NULL ? scratch + job->panel_values : job->call->out;
  nn_gemm(false, false, (int)job->rows.count, (int)(end - begin),
          (int)job->depth, rows, (int)job->depth, job->call->in[1] + begin,
          c->out_c, 0, out + begin, c->out_c);
}

static void one_panel(conv_job *job) {
  int threads = job->call->threads;
  size_t channels = (size_t)job->c.out_c;
  if (!nn_conv_is_pointwise(&job->c))
    nn_parallel(threads, job->rows.count, 64, fill_panel, job);
  /* each part packs the panel again */
  size_t half = channels / 2 > COLUMNS_MIN ? channels / 2 : COLUMNS_MIN;
  nn_parallel(threads, channels, half, columns, job);
  if (job->rows.list != NULL)
    nn_conv_rows_scatter(&job->rows, 0, job->rows.count,
                         (nn_real *)job->call->scratch + job->panel_values,
                         channels, job->call->out);
}

static void run(const nn_conv_solver *self, const nn_conv_case *c,
                const nn_call *call, const nn_conv_map *map) {
  (void)self;
  conv_job job = conv_job_make(c);
  job.call = call;
  job.rows = nn_conv_rows_of(map, job.pixels, nn_im2col_meets, &job.c);
  if (job.rows.list != NULL)
    memset(call->out, 0, nn_shape_count(call->shape) * sizeof *call->out);
  if (job.rows.count == 0) return;
  if (job.panel_rows < job.pixels)
    nn_parallel_ranked(call->threads, job.rows.count, job.panel_rows, panel,
                       &job);
  else
    one_panel(&job);
}

static bool is_pointwise(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self;
  return nn_conv_is_pointwise(c);
}

static bool is_wider(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self;
  return !nn_conv_is_pointwise(c);
}

const nn_conv_solver nn_conv_im2col = {.name = "im2col, GEMM",
                                       .why = nn_minimal_why_not,
                                       .applies = is_wider,
                                       .cost = nn_conv_direct_cost,
                                       .scratch = scratch,
                                       .run = run};
const nn_conv_solver nn_conv_pointwise = {.name = "one GEMM",
                                          .why = nn_conv_why_pointwise,
                                          .applies = is_pointwise,
                                          .cost = nn_conv_direct_cost,
                                          .scratch = scratch,
                                          .run = run};
