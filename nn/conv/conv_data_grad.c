/* The data gradient (and transposed convolution) as matrix products.
 *
 * With stride s, the input pixels of one residue (their coordinates plus the
 * padding, modulo s) meet the same kernel positions: a residue is a dense
 * convolution of gy with the kernel taps of that residue. Nothing is scattered,
 * nothing is multiplied by inserted zeros. Where there are few pixels, and the
 * weights' traffic dominates, or very few channels, one product with all
 * weights in place is followed by a gather. Both are chosen and cut by shape
 * alone. */
#include <stdio.h>
#include <string.h>

#include "nn/conv/conv.h"
#include "nn/conv/conv_minimal.h"

enum {
  PANEL_VALUES = 1 << 18,
  PANEL_ROWS_MIN = 256,
  ROWS = 1024, /* of a product of pixels and columns */
  COLUMNS = 512
};

static size_t in_pixels(const nn_conv_case *c) {
  return (size_t)c->batch * (size_t)c->in_h * (size_t)c->in_w;
}

static size_t depth_of(const nn_conv_case *c) {
  return (size_t)c->kernel_h * (size_t)c->kernel_w * (size_t)c->in_c;
}

/* ---- few pixels or channels ----
 *
 * columns = gy W', then each x gathers its products. */

typedef struct gather_job {
  const nn_call *call;
  nn_conv_case c;
  const nn_conv_map *map;
  nn_conv_rows rows; /* pixels of gy */
  const nn_real *gy; /* theirs */
  nn_real *columns;  /* [rows][kh*kw*in_c] */
} gather_job;

static size_t blocks(size_t count, size_t size) {
  return (count + size - 1) / size;
}

/* item: a block of pixels and columns */
static void product_block(void *context, size_t begin, size_t end) {
  const gather_job *job = context;
  const nn_conv_case *c = &job->c;
  size_t depth = depth_of(c), pixels = job->rows.count;
  size_t channels = (size_t)c->out_c;
  for (size_t block = begin; block < end; block++) {
    size_t row = block / blocks(depth, COLUMNS) * ROWS;
    size_t column = block % blocks(depth, COLUMNS) * COLUMNS;
    size_t rows = pixels - row < ROWS ? pixels - row : ROWS;
    size_t columns = depth - column < COLUMNS ? depth - column : COLUMNS;
    nn_gemm(false, true, (int)rows, (int)columns, c->out_c,
            job->gy + row * channels, c->out_c,
            job->call->in[1] + column * channels, c->out_c, 0,
            job->columns + row * depth + column, (int)depth);
  }
}

/* Products of output pixels [0, count) of one line and kernel row, each
 * kernel_w * channels values, onto a line of x. */
NN_CLONES static void add_line(const gather_job *job, const nn_real *products,
                               const uint32_t *places,
                               const unsigned char *active, nn_real *line) {
  const nn_conv_case *c = &job->c;
  size_t depth = depth_of(c), channels = (size_t)c->in_c;
  for (int ox = 0; ox < c->out_w; ox++) {
    if (active != NULL && !active[ox]) continue;
    int first = ox * c->stride - c->pad, last = first + c->kernel_w;
    int left = first < 0 ? -first : 0;
    if (last > c->in_w) last = c->in_w;
    if (first + left >= last) continue;
    const nn_real *from = products +
                          (places != NULL ? places[ox] : (size_t)ox) * depth +
                          (size_t)left * channels;
    nn_real *to = line + (size_t)(first + left) * channels;
    size_t count = (size_t)(last - first - left) * channels;
    for (size_t i = 0; i < count; i++) to[i] += from[i];
  }
}

/* The output line that kernel row k brings to input line i, or -1. */
static int source(int i, int k, int pad, int stride, int extent) {
  int at = i + pad - k;
  if (at < 0 || at % stride != 0 || at / stride >= extent) return -1;
  return at / stride;
}

/* Items: lines of x in the batch. */
static void gather(void *context, size_t begin, size_t end) {
  const gather_job *job = context;
  const nn_conv_case *c = &job->c;
  size_t kernel_row = (size_t)c->kernel_w * (size_t)c->in_c;
  size_t values = (size_t)c->in_w * (size_t)c->in_c;
  bool some = job->rows.list != NULL;
  for (size_t line = begin; line < end; line++) {
    nn_real *to = job->call->out + line * values;
    memset(to, 0, values * sizeof *to);
    for (int ky = 0; ky < c->kernel_h; ky++) {
      int oy = source((int)(line % (size_t)c->in_h), ky, c->pad, c->stride,
                      c->out_h);
      if (oy < 0) continue;
      size_t row = (line / (size_t)c->in_h * (size_t)c->out_h + (size_t)oy) *
                   (size_t)c->out_w;
      add_line(job,
               job->columns + (size_t)ky * kernel_row +
                   (some ? 0 : row * depth_of(c)),
               some ? job->map->places + row : NULL,
               some ? job->map->active + row : NULL, to);
    }
  }
}

static void by_gather(const nn_conv_solver *self, const nn_conv_case *c,
                      const nn_call *call, const nn_conv_map *map) {
  (void)self;
  size_t channels = (size_t)c->out_c, depth = depth_of(c);
  gather_job job = {.call = call, .c = *c, .map = map, .gy = call->in[0]};
  job.columns = call->scratch;
  job.rows = nn_conv_rows_of(map, nn_conv_pixels(c), nn_conv_map_has, NULL);
  if (job.rows.list != NULL) {
    nn_real *gy = job.columns + nn_conv_pixels(c) * depth;
    for (size_t i = 0; i < job.rows.count; i++)
      map->places[job.rows.list[i]] = (uint32_t)i;
    nn_conv_rows_gather(&job.rows, 0, job.rows.count, job.gy, channels,
                        channels, gy);
    job.gy = gy;
  }
  nn_parallel(call->threads,
              blocks(job.rows.count, ROWS) * blocks(depth, COLUMNS), 1,
              product_block, &job);
  nn_parallel(call->threads, (size_t)c->batch * (size_t)c->in_h, 1, gather,
              &job);
}

/* ---- many pixels: a dense convolution a residue ---- */

/* Kernel positions of one residue along one axis, from the last to the first:
 * the pixels of gy they meet then ascend without gaps. */
typedef struct residue_axis {
  int first; /* smallest input coordinate of the residue */
  int count; /* how many there are */
  int taps;  /* kernel positions last, last - stride, ... */
  int last;
  int source0; /* output coordinate of tap `last` at `first`; +1 a step */
} residue_axis;

static residue_axis residue_axis_make(int residue, int extent, int kernel,
                                      int stride, int pad) {
  residue_axis axis;
  axis.first = ((residue - pad) % stride + stride) % stride;
  axis.count = axis.first < extent ? (extent - 1 - axis.first) / stride + 1 : 0;
  axis.taps = residue < kernel ? (kernel - 1 - residue) / stride + 1 : 0;
  axis.last = residue + (axis.taps - 1) * stride;
  axis.source0 = (axis.first + pad - axis.last) / stride;
  return axis;
}

typedef struct residue_job {
  const nn_call *call;
  nn_conv_case c;
  residue_axis y, x;
  nn_conv_rows rows; /* pixels of its grid [batch][y.count][x.count] */
  nn_real *weights;  /* [taps_y][taps_x][out_c][in_c], of this residue */
  nn_real *scratch;  /* a panel and a result of panel_rows rows a thread */
  size_t depth;      /* taps_y * taps_x * out_c */
  size_t panel_rows, thread_values;
} residue_job;

static size_t max_residue_depth(const nn_conv_case *c) {
  size_t taps_h = (size_t)((c->kernel_h + c->stride - 1) / c->stride);
  size_t taps_w = (size_t)((c->kernel_w + c->stride - 1) / c->stride);
  return taps_h * taps_w * (size_t)c->out_c;
}

static size_t panel_rows_of(const nn_conv_case *c) {
  size_t rows = PANEL_VALUES / max_residue_depth(c);
  return rows < PANEL_ROWS_MIN ? PANEL_ROWS_MIN : rows;
}

/* Transposes the taps of a residue to [tap][out_c][in_c]; item: a tap. */
static void pack_taps(void *context, size_t begin, size_t end) {
  const residue_job *job = context;
  const nn_conv_case *c = &job->c;
  size_t ci = (size_t)c->in_c, co = (size_t)c->out_c;
  enum { BLOCK = 16 };
  for (size_t tap = begin; tap < end; tap++) {
    int ky = job->y.last - (int)tap / job->x.taps * c->stride;
    int kx = job->x.last - (int)tap % job->x.taps * c->stride;
    const nn_real *from =
        job->call->in[1] + (size_t)(ky * c->kernel_w + kx) * ci * co;
    nn_real *to = job->weights + tap * ci * co;
    for (size_t o0 = 0; o0 < co; o0 += BLOCK)
      for (size_t i0 = 0; i0 < ci; i0 += BLOCK)
        for (size_t o = o0; o < co && o < o0 + BLOCK; o++)
          for (size_t i = i0; i < ci && i < i0 + BLOCK; i++)
            to[o * ci + i] = from[i * co + o];
  }
}

/* taps_x pixels of gy in row oy from ox0, zeros outside. */
static void copy_taps(const residue_job *job, const nn_real *image, int oy,
                      int ox0, nn_real *to) {
  const nn_conv_case *c = &job->c;
  size_t channels = (size_t)c->out_c;
  if (oy < 0 || oy >= c->out_h) {
    memset(to, 0, (size_t)job->x.taps * channels * sizeof *to);
    return;
  }
  for (int t = 0; t < job->x.taps; t++, to += channels) {
    int ox = ox0 + t;
    if (ox < 0 || ox >= c->out_w)
      memset(to, 0, channels * sizeof *to);
    else
      memcpy(to,
             image + ((size_t)oy * (size_t)c->out_w + (size_t)ox) * channels,
             channels * sizeof *to);
  }
}

/* A pixel of the residue's grid. */
typedef struct grid_pixel {
  size_t image;
  int row, column;
} grid_pixel;

static inline grid_pixel grid_pixel_of(const residue_job *job, size_t pixel) {
  size_t columns = (size_t)job->x.count, lines = (size_t)job->y.count;
  return (grid_pixel){pixel / columns / lines, (int)(pixel / columns % lines),
                      (int)(pixel % columns)};
}

static bool meets(const void *context, const nn_conv_map *map, size_t pixel) {
  const residue_job *job = context;
  grid_pixel at = grid_pixel_of(job, pixel);
  return nn_conv_map_meets(map, at.image, job->y.source0 + at.row,
                           job->x.source0 + at.column, job->y.taps,
                           job->x.taps);
}

/* Pixels [begin, end) of the rows. */
static void residue_panel(void *context, size_t begin, size_t end, int thread) {
  const residue_job *job = context;
  const nn_conv_case *c = &job->c;
  nn_real *rows = job->scratch + (size_t)thread * job->thread_values;
  nn_real *result = rows + job->panel_rows * job->depth;
  size_t ci = (size_t)c->in_c, tap_row = (size_t)job->x.taps * (size_t)c->out_c;
  size_t image = (size_t)c->out_h * (size_t)c->out_w * (size_t)c->out_c;
  nn_real *to = rows;
  for (size_t i = begin; i < end; i++) {
    grid_pixel at = grid_pixel_of(job, nn_conv_row(&job->rows, i));
    for (int t = 0; t < job->y.taps; t++, to += tap_row)
      copy_taps(job, job->call->in[0] + at.image * image,
                job->y.source0 + at.row + t, job->x.source0 + at.column, to);
  }
  nn_gemm(false, false, (int)(end - begin), c->in_c, (int)job->depth, rows,
          (int)job->depth, job->weights, c->in_c, 0, result, c->in_c);
  for (size_t i = begin; i < end; i++, result += ci) {
    grid_pixel at = grid_pixel_of(job, nn_conv_row(&job->rows, i));
    size_t iy = (size_t)(job->y.first + at.row * c->stride);
    size_t ix = (size_t)(job->x.first + at.column * c->stride);
    memcpy(job->call->out +
               ((at.image * (size_t)c->in_h + iy) * (size_t)c->in_w + ix) * ci,
           result, ci * sizeof *result);
  }
}

/* Of a residue that no kernel position reaches (stride above the kernel), and
 * before some rows are computed. */
static void clear_residue(const residue_job *job) {
  const nn_conv_case *c = &job->c;
  for (int n = 0; n < c->batch; n++)
    for (int iy = job->y.first; iy < c->in_h; iy += c->stride)
      for (int ix = job->x.first; ix < c->in_w; ix += c->stride)
        memset(job->call->out + (((size_t)n * (size_t)c->in_h + (size_t)iy) *
                                     (size_t)c->in_w +
                                 (size_t)ix) *
                                    (size_t)c->in_c,
               0, (size_t)c->in_c * sizeof(nn_real));
}

static void run_residue(const nn_call *call, const nn_conv_case *c,
                        const nn_conv_map *map, int residue_y, int residue_x) {
  residue_job job = {.call = call, .c = *c};
  job.y = residue_axis_make(residue_y, c->in_h, c->kernel_h, c->stride, c->pad);
  job.x = residue_axis_make(residue_x, c->in_w, c->kernel_w, c->stride, c->pad);
  size_t taps = (size_t)job.y.taps * (size_t)job.x.taps;
  if (job.y.count == 0 || job.x.count == 0) return;
  job.rows = nn_conv_rows_of(
      map, (size_t)c->batch * (size_t)job.y.count * (size_t)job.x.count, meets,
      &job);
  if (taps == 0 || job.rows.list != NULL) clear_residue(&job);
  if (taps == 0 || job.rows.count == 0) return;
  job.depth = taps * (size_t)c->out_c;
  job.panel_rows = panel_rows_of(c);
  job.thread_values = job.panel_rows * (max_residue_depth(c) + (size_t)c->in_c);
  job.weights = call->scratch;
  job.scratch = job.weights + max_residue_depth(c) * (size_t)c->in_c;
  nn_parallel(call->threads, taps, 1, pack_taps, &job);
  nn_parallel_ranked(call->threads, job.rows.count, job.panel_rows,
                     residue_panel, &job);
}

static void by_residues(const nn_conv_solver *self, const nn_conv_case *c,
                        const nn_call *call, const nn_conv_map *map) {
  (void)self;
  for (int y = 0; y < c->stride; y++)
    for (int x = 0; x < c->stride; x++) run_residue(call, c, map, y, x);
}

/* ---- 1x1: gx = gy W' on the pixels as they lie ---- */

static void pointwise(void *context, size_t begin, size_t end) {
  const gather_job *job = context;
  const nn_conv_case *c = &job->c;
  nn_gemm(false, true, (int)(end - begin), c->in_c, c->out_c,
          job->call->in[0] + begin * (size_t)c->out_c, c->out_c,
          job->call->in[1], c->out_c, 0,
          job->call->out + begin * (size_t)c->in_c, c->in_c);
}

static void by_pointwise(const nn_conv_solver *self, const nn_conv_case *c,
                         const nn_call *call, const nn_conv_map *map) {
  (void)self, (void)map;
  gather_job job = {.call = call, .c = *c};
  nn_parallel(call->threads, in_pixels(c), 1024, pointwise, &job);
}

/* ---- the solvers ---- */

static bool is_pointwise(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self;
  return nn_conv_is_pointwise(c);
}

static bool gathers(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self;
  return !nn_conv_is_pointwise(c) && nn_conv_gathers(c);
}

static bool has_residues(const nn_conv_solver *self, const nn_conv_case *c) {
  (void)self;
  return !nn_conv_is_pointwise(c) && !nn_conv_gathers(c);
}

static size_t no_scratch(const nn_conv_solver *self, const nn_conv_case *c,
                         int threads) {
  (void)self, (void)c, (void)threads;
  return 0;
}

static size_t gather_scratch(const nn_conv_solver *self, const nn_conv_case *c,
                             int threads) {
  (void)self, (void)threads;
  bool some = nn_conv_map_scratch(c) > 0;
  return nn_conv_pixels(c) * (depth_of(c) + (some ? (size_t)c->out_c : 0)) *
         sizeof(nn_real);
}

static size_t residue_scratch(const nn_conv_solver *self, const nn_conv_case *c,
                              int threads) {
  (void)self;
  size_t panel = panel_rows_of(c) * (max_residue_depth(c) + (size_t)c->in_c);
  return (max_residue_depth(c) * (size_t)c->in_c + panel * (size_t)threads) *
         sizeof(nn_real);
}

static void why_gather(const nn_conv_solver *self, const nn_conv_case *c,
                       char *text, size_t size) {
  (void)self;
  snprintf(text, size, "%s",
           c->in_c <= NN_IMAGE_CHANNELS
               ? "few channels: one product for all taps"
               : "few pixels: weights read once");
}

const nn_conv_solver nn_conv_data_grad_residues = {.name = "residues, GEMM",
                                                   .why = nn_minimal_why_not,
                                                   .applies = has_residues,
                                                   .cost = nn_conv_direct_cost,
                                                   .scratch = residue_scratch,
                                                   .run = by_residues};
const nn_conv_solver nn_conv_data_grad_gather = {.name = "GEMM, gather",
                                                 .why = why_gather,
                                                 .applies = gathers,
                                                 .cost = nn_conv_direct_cost,
                                                 .scratch = gather_scratch,
                                                 .run = by_gather};
const nn_conv_solver nn_conv_data_grad_pointwise = {.name = "one GEMM",
                                                    .why =
                                                        nn_conv_why_pointwise,
                                                    .applies = is_pointwise,
                                                    .cost = nn_conv_direct_cost,
                                                    .scratch = no_scratch,
                                                    .run = by_pointwise};
