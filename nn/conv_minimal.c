/* The three partials of a 4x4 stride-2 convolution by minimal filtering. A tile
 * is 2x2 output pixels; panels of tiles are cut by shape alone. */
#include "nn/conv_minimal.h"

#include <string.h>

enum { PANEL_VALUES = 1 << 19, PANEL_TILES_MIN = 96, CHANNELS_MIN = 16 };

typedef struct minimal {
  const nn_call *call;
  nn_conv_case c;
  size_t rows, columns, tiles; /* of tiles an image; in the batch */
  size_t wide, narrow;         /* channels of a tile: four phases of x; y */
  size_t panel;                /* tiles */
  bool flipped;                /* taps from last to first: the data gradient */
  nn_real *weights;            /* [9][wide][narrow] */
  nn_real *zeros;              /* a pixel outside the image */
  nn_real *panels;             /* a thread: 9 panel (wide + narrow) */
} minimal;

/* overhang: the data gradient has one more row of results than y has rows. */
static minimal minimal_make(const nn_conv_case *c, int overhang) {
  minimal job = {.c = *c};
  job.rows = (size_t)(c->out_h + overhang + 1) / 2;
  job.columns = (size_t)(c->out_w + overhang + 1) / 2;
  job.tiles = (size_t)c->batch * job.rows * job.columns;
  job.wide = 4 * (size_t)c->in_c;
  job.narrow = (size_t)c->out_c;
  job.panel = PANEL_VALUES / (MINIMAL_PLACES * job.wide);
  if (job.panel < PANEL_TILES_MIN) job.panel = PANEL_TILES_MIN;
  if (job.panel > job.tiles) job.panel = job.tiles;
  return job;
}

static size_t weight_values(const minimal *job) {
  return MINIMAL_PLACES * job->wide * job->narrow;
}

static size_t zero_values(const minimal *job) {
  size_t most = job->wide > job->narrow ? job->wide : job->narrow;
  return (most + 15) / 16 * 16;
}

static size_t panel_values(const minimal *job) {
  return MINIMAL_PLACES * job->panel * (job->wide + job->narrow);
}

static void place_scratch(minimal *job, const nn_call *call) {
  job->call = call;
  job->weights = call->scratch;
  job->zeros = job->weights + weight_values(job);
  job->panels = job->zeros + zero_values(job);
  memset(job->zeros, 0, zero_values(job) * sizeof *job->zeros);
}

static bool suits(const nn_conv_case *c, int size_min, int in_min) {
  return c->kernel_h == 4 && c->kernel_w == 4 && c->stride == 2 &&
         c->pad == 1 && c->in_c >= in_min && c->out_c >= CHANNELS_MIN &&
         c->out_h >= size_min && c->out_w >= size_min &&
         (size_t)c->batch * (size_t)c->out_h * (size_t)c->out_w >= 1024;
}

bool nn_minimal_suits(const nn_conv_case *c) {
  return suits(c, 8, CHANNELS_MIN);
}

/* The overhang makes it pay from 16 pixels on; there, few input channels are
 * no obstacle, since the four phases are computed together. */
bool nn_minimal_suits_data_grad(const nn_conv_case *c) {
  return suits(c, 16, 1);
}

static size_t scratch_bytes(const minimal *job, int threads) {
  return (weight_values(job) + zero_values(job) +
          panel_values(job) * (size_t)threads) *
         sizeof(nn_real);
}

/* Where tile number `tile` lies. */
typedef struct tile_place {
  size_t image;
  int row, column; /* of tiles */
} tile_place;

static tile_place place_of(const minimal *job, size_t tile) {
  size_t in_image = tile % (job->rows * job->columns);
  return (tile_place){tile / (job->rows * job->columns),
                      (int)(in_image / job->columns),
                      (int)(in_image % job->columns)};
}

static const nn_real *pixel_or_zero(const minimal *job, const nn_real *image,
                                    int height, int width, int channels, int y,
                                    int x) {
  if (y < 0 || y >= height || x < 0 || x >= width) return job->zeros;
  return image + ((size_t)y * (size_t)width + (size_t)x) * (size_t)channels;
}

/* ---- x in the places' domain: [9][panel][4][in_c] ---- */

/* Phase (a,b) of x under a tile: rows 4 row + 2 t - 1 + a, t = 0..2. */
static void transform_x(const minimal *job, size_t begin, size_t end,
                        nn_real *v) {
  const nn_conv_case *c = &job->c;
  size_t image_size = (size_t)c->in_h * (size_t)c->in_w * (size_t)c->in_c;
  for (size_t tile = begin; tile < end; tile++, v += job->wide) {
    tile_place at = place_of(job, tile);
    const nn_real *image = job->call->in[0] + at.image * image_size;
    for (int phase = 0; phase < 4; phase++) {
      const nn_real *d[9];
      for (int k = 0; k < 9; k++)
        d[k] = pixel_or_zero(job, image, c->in_h, c->in_w, c->in_c,
                             4 * at.row + 2 * (k / 3) - 1 + phase / 2,
                             4 * at.column + 2 * (k % 3) - 1 + phase % 2);
      nn_minimal_input((size_t)c->in_c, d, v + (size_t)(phase * c->in_c),
                       job->panel * job->wide);
    }
  }
}

/* ---- y = conv(x, w) ---- */

/* Item: a row (phase, in_c) of the transformed weights. */
static void transform_weights(void *context, size_t begin, size_t end) {
  const minimal *job = context;
  const nn_conv_case *c = &job->c;
  for (size_t row = begin; row < end; row++) {
    int phase = (int)row / c->in_c, channel = (int)row % c->in_c;
    const nn_real *g[4];
    for (int s = 0; s < 4; s++) {
      int place = job->flipped ? 3 - s : s;
      int tap = (2 * (place / 2) + phase / 2) * 4 + 2 * (place % 2) + phase % 2;
      g[s] = job->call->in[1] +
             ((size_t)tap * (size_t)c->in_c + (size_t)channel) * job->narrow;
    }
    nn_minimal_weights(job->narrow, g, job->weights + row * job->narrow,
                       job->wide * job->narrow);
  }
}

static void write_tile(const minimal *job, size_t tile, const nn_real *m) {
  const nn_conv_case *c = &job->c;
  tile_place at = place_of(job, tile);
  nn_real *y[4];
  for (int k = 0; k < 4; k++) {
    int oy = 2 * at.row + k / 2, ox = 2 * at.column + k % 2;
    size_t pixel =
        (at.image * (size_t)c->out_h + (size_t)oy) * (size_t)c->out_w +
        (size_t)ox;
    y[k] = oy < c->out_h && ox < c->out_w ? job->call->out + pixel * job->narrow
                                          : NULL;
  }
  nn_minimal_output(job->narrow, m, job->panel * job->narrow, y);
}

static void conv_panel(void *context, size_t begin, size_t end, int thread) {
  const minimal *job = context;
  nn_real *v = job->panels + (size_t)thread * panel_values(job);
  nn_real *m = v + MINIMAL_PLACES * job->panel * job->wide;
  transform_x(job, begin, end, v);
  for (size_t k = 0; k < MINIMAL_PLACES; k++)
    nn_gemm(false, false, (int)(end - begin), (int)job->narrow, (int)job->wide,
            v + k * job->panel * job->wide, (int)job->wide,
            job->weights + k * job->wide * job->narrow, (int)job->narrow, 0,
            m + k * job->panel * job->narrow, (int)job->narrow);
  for (size_t tile = begin; tile < end; tile++)
    write_tile(job, tile, m + (tile - begin) * job->narrow);
}

size_t nn_conv_minimal_scratch(const nn_conv_case *c, int threads) {
  minimal job = minimal_make(c, 0);
  return scratch_bytes(&job, threads);
}

void nn_conv_minimal(const nn_call *call) {
  nn_conv_case c = nn_conv_case_of(call->node, call->in_shape);
  minimal job = minimal_make(&c, 0);
  place_scratch(&job, call);
  nn_parallel(call->threads, job.wide, 16, transform_weights, &job);
  nn_parallel_ranked(call->threads, job.tiles, job.panel, conv_panel, &job);
}

/* ---- the weight gradient ---- */

typedef struct weight_grad {
  minimal m;
  size_t begin, end; /* tiles of the panel */
} weight_grad;

static nn_real *panel_x(const minimal *job) { return job->panels; }
static nn_real *panel_y(const minimal *job) {
  return job->panels + MINIMAL_PLACES * job->panel * job->wide;
}

/* Items: tiles of the panel, both sides of the product. */
static void transform_both(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  const minimal *m = &job->m;
  const nn_conv_case *c = &m->c;
  transform_x(m, job->begin + begin, job->begin + end,
              panel_x(m) + begin * m->wide);
  size_t image_size = (size_t)c->out_h * (size_t)c->out_w * m->narrow;
  for (size_t tile = begin; tile < end; tile++) {
    tile_place at = place_of(m, job->begin + tile);
    const nn_real *image = m->call->in[1] + at.image * image_size, *y[4];
    for (int k = 0; k < 4; k++)
      y[k] = pixel_or_zero(m, image, c->out_h, c->out_w, c->out_c,
                           2 * at.row + k / 2, 2 * at.column + k % 2);
    nn_minimal_output_adjoint(m->narrow, y, panel_y(m) + tile * m->narrow,
                              m->panel * m->narrow);
  }
}

/* Items: places. */
static void multiply_places(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  const minimal *m = &job->m;
  for (size_t k = begin; k < end; k++)
    nn_gemm(true, false, (int)m->wide, (int)m->narrow,
            (int)(job->end - job->begin), panel_x(m) + k * m->panel * m->wide,
            (int)m->wide, panel_y(m) + k * m->panel * m->narrow, (int)m->narrow,
            job->begin > 0 ? 1 : 0, m->weights + k * m->wide * m->narrow,
            (int)m->narrow);
}

/* Item: a row (phase, in_c), back to the four taps of the phase. */
static void transform_back(void *context, size_t begin, size_t end) {
  const minimal *job = context;
  const nn_conv_case *c = &job->c;
  for (size_t row = begin; row < end; row++) {
    int phase = (int)row / c->in_c, channel = (int)row % c->in_c;
    nn_real *g[4];
    for (int s = 0; s < 4; s++) {
      int tap = (2 * (s / 2) + phase / 2) * 4 + 2 * (s % 2) + phase % 2;
      g[s] = job->call->out +
             ((size_t)tap * (size_t)c->in_c + (size_t)channel) * job->narrow;
    }
    nn_minimal_weights_adjoint(job->narrow, job->weights + row * job->narrow,
                               job->wide * job->narrow, g);
  }
}

size_t nn_conv_weight_grad_minimal_scratch(const nn_conv_case *c) {
  minimal job = minimal_make(c, 0);
  return scratch_bytes(&job, 1);
}

void nn_conv_weight_grad_minimal(const nn_call *call) {
  nn_conv_case c = nn_conv_case_of(call->node, call->in_shape);
  weight_grad job = {.m = minimal_make(&c, 0)};
  place_scratch(&job.m, call);
  for (job.begin = 0; job.begin < job.m.tiles; job.begin = job.end) {
    job.end = job.begin + job.m.panel;
    if (job.end > job.m.tiles) job.end = job.m.tiles;
    nn_parallel(call->threads, job.end - job.begin, 32, transform_both, &job);
    nn_parallel(call->threads, MINIMAL_PLACES, 1, multiply_places, &job);
  }
  nn_parallel(call->threads, job.m.wide, 16, transform_back, &job.m);
}

/* ---- the data gradient ----
 *
 * Row R = 2k - 1 + a of x meets y rows k (kernel row a) and k - 1 (row a + 2):
 * for every phase a 2x2 convolution of the same y with taps from last to
 * first. The phases share the transform of y; the product, with the transformed
 * weights transposed, has all of them as columns. */

static void transform_gy(const minimal *job, size_t begin, size_t end,
                         nn_real *v) {
  const nn_conv_case *c = &job->c;
  size_t image_size = (size_t)c->out_h * (size_t)c->out_w * job->narrow;
  for (size_t tile = begin; tile < end; tile++, v += job->narrow) {
    tile_place at = place_of(job, tile);
    const nn_real *image = job->call->in[0] + at.image * image_size, *d[9];
    for (int k = 0; k < 9; k++)
      d[k] = pixel_or_zero(job, image, c->out_h, c->out_w, c->out_c,
                           2 * at.row - 1 + k / 3, 2 * at.column - 1 + k % 3);
    nn_minimal_input(job->narrow, d, v, job->panel * job->narrow);
  }
}

static void write_phases(const minimal *job, size_t tile, const nn_real *m) {
  const nn_conv_case *c = &job->c;
  tile_place at = place_of(job, tile);
  for (int phase = 0; phase < 4; phase++) {
    nn_real *x[4];
    for (int k = 0; k < 4; k++) {
      int iy = 2 * (2 * at.row + k / 2) - 1 + phase / 2;
      int ix = 2 * (2 * at.column + k % 2) - 1 + phase % 2;
      bool inside = iy >= 0 && iy < c->in_h && ix >= 0 && ix < c->in_w;
      x[k] = inside
                 ? job->call->out + ((at.image * (size_t)c->in_h + (size_t)iy) *
                                         (size_t)c->in_w +
                                     (size_t)ix) *
                                        (size_t)c->in_c
                 : NULL;
    }
    nn_minimal_output((size_t)c->in_c, m + (size_t)(phase * c->in_c),
                      job->panel * job->wide, x);
  }
}

static void data_grad_panel(void *context, size_t begin, size_t end,
                            int thread) {
  const minimal *job = context;
  nn_real *v = job->panels + (size_t)thread * panel_values(job);
  nn_real *m = v + MINIMAL_PLACES * job->panel * job->narrow;
  transform_gy(job, begin, end, v);
  for (size_t k = 0; k < MINIMAL_PLACES; k++)
    nn_gemm(false, true, (int)(end - begin), (int)job->wide, (int)job->narrow,
            v + k * job->panel * job->narrow, (int)job->narrow,
            job->weights + k * job->wide * job->narrow, (int)job->narrow, 0,
            m + k * job->panel * job->wide, (int)job->wide);
  for (size_t tile = begin; tile < end; tile++)
    write_phases(job, tile, m + (tile - begin) * job->wide);
}

size_t nn_conv_data_grad_minimal_scratch(const nn_conv_case *c, int threads) {
  minimal job = minimal_make(c, 1);
  return scratch_bytes(&job, threads);
}

void nn_conv_data_grad_minimal(const nn_call *call) {
  nn_conv_case c = nn_conv_case_of(call->node, call->in_shape);
  minimal job = minimal_make(&c, 1);
  job.flipped = true;
  place_scratch(&job, call);
  nn_parallel(call->threads, job.wide, 16, transform_weights, &job);
  nn_parallel_ranked(call->threads, job.tiles, job.panel, data_grad_panel,
                     &job);
}
