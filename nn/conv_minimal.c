/* The three partials of a convolution by minimal filtering. Forward pass and
 * data gradient are one thing: transform tiles of one image, multiply with
 * transformed weights, transform back to tiles of another. Panels of tiles are
 * cut by shape alone. */
#include "nn/conv_minimal.h"

#include <string.h>

enum {
  PANEL_VALUES = 1 << 19, /* a panel stays in the cache, */
  PANEL_TILES_MIN = 128,  /* and packing the weights for it pays */
  LINE = 16 /* values: what keeps places apart in the sets of a cache */
};

#define OUTSIDE SIZE_MAX

/* x or y as squares of pixels under tiles. Value (i,j) of a phase of the tile
 * at (row,column) is the pixel
 *   (step (m row + i) + origin + phase_y, step (m column + j) + origin +
 * phase_x)
 */
typedef struct side {
  int height, width, step, origin;
  size_t channels, phases;
  size_t values; /* of a tile at one place: phases * channels */
  size_t stride; /* from one place of a panel to the next */
} side;

typedef struct minimal {
  const nn_call *call;
  nn_conv_case c;
  const nn_minimal_filter *f;
  size_t places;
  size_t rows, columns, tiles; /* of tiles an image; in the batch */
  size_t panel;                /* tiles */
  side x, y;
  size_t weight_stride; /* from one place to the next */
  nn_real *weights;     /* [places][x.values][y.values] */
  nn_real *zeros;       /* a pixel outside the image */
  nn_real *panels;      /* a thread: places of x, then of y */
} minimal;

static side side_make(int height, int width, int channels, int step,
                      int origin) {
  side s = {height, width, step, origin, (size_t)channels, 0, 0, 0};
  s.phases = (size_t)(step * step);
  s.values = s.phases * s.channels;
  return s;
}

static void cut_panels(minimal *job) {
  job->panel = PANEL_VALUES / (job->places * (job->x.values + job->y.values));
  if (job->panel < PANEL_TILES_MIN) job->panel = PANEL_TILES_MIN;
  if (job->panel > job->tiles) job->panel = job->tiles;
  job->x.stride = nn_aligned(job->panel * job->x.values) + LINE;
  job->y.stride = nn_aligned(job->panel * job->y.values) + LINE;
  job->weight_stride = nn_aligned(job->x.values * job->y.values) + LINE;
}

/* Row R = s k - pad + a of x meets rows k - r + 1 to k of y, with the taps from
 * last to first: the data gradient's tiles are of k, from pad / s on. */
static minimal minimal_make(const nn_conv_case *c, nn_conv_partial partial,
                            const nn_minimal_filter *f) {
  minimal job = {.c = *c, .f = f, .places = (size_t)(f->side * f->side)};
  size_t tile = (size_t)f->tile;
  int s = c->stride, first = 0;
  int rows = c->out_h, columns = c->out_w;
  if (partial == NN_PARTIAL_X) {
    first = c->pad / s;
    rows = (c->in_h - 1 + c->pad) / s + 1 - first;
    columns = (c->in_w - 1 + c->pad) / s + 1 - first;
  }
  job.rows = ((size_t)rows + tile - 1) / tile;
  job.columns = ((size_t)columns + tile - 1) / tile;
  job.tiles = (size_t)c->batch * job.rows * job.columns;
  job.x = side_make(c->in_h, c->in_w, c->in_c, s, s * first - c->pad);
  job.y = side_make(c->out_h, c->out_w, c->out_c, 1,
                    partial == NN_PARTIAL_X ? first - (f->taps - 1) : 0);
  cut_panels(&job);
  return job;
}

static size_t zero_values(const minimal *job) {
  return nn_aligned(job->x.channels > job->y.channels ? job->x.channels
                                                      : job->y.channels);
}

static size_t panel_values(const minimal *job) {
  return job->places * (job->x.stride + job->y.stride);
}

size_t nn_conv_minimal_scratch(const nn_conv_case *c, nn_conv_partial partial,
                               const nn_minimal_filter *f, int threads) {
  minimal job = minimal_make(c, partial, f);
  size_t panels = partial == NN_PARTIAL_W ? 1 : (size_t)threads;
  return (job.places * job.weight_stride + zero_values(&job) +
          panel_values(&job) * panels) *
         sizeof(nn_real);
}

static minimal minimal_of(const nn_call *call, nn_conv_partial partial,
                          const nn_minimal_filter *f) {
  nn_conv_case c = nn_conv_case_of(call->node, call->in_shape);
  minimal job = minimal_make(&c, partial, f);
  job.call = call;
  job.weights = call->scratch;
  job.zeros = job.weights + job.places * job.weight_stride;
  job.panels = job.zeros + zero_values(&job);
  memset(job.zeros, 0, zero_values(&job) * sizeof *job.zeros);
  return job;
}

/* ---- tiles ---- */

/* Where the n x n pixels of a phase of a tile begin in the batch. */
static void locate(const minimal *job, const side *s, size_t tile, size_t phase,
                   int n, size_t at[]) {
  size_t in_image = tile % (job->rows * job->columns);
  size_t image = tile / (job->rows * job->columns);
  int step = s->step, m = job->f->tile;
  int y0 =
      step * m * (int)(in_image / job->columns) + s->origin + (int)phase / step;
  int x0 =
      step * m * (int)(in_image % job->columns) + s->origin + (int)phase % step;
  for (int i = 0; i < n; i++) {
    int y = y0 + step * i;
    size_t row = (image * (size_t)s->height + (size_t)y) * (size_t)s->width;
    for (int j = 0; j < n; j++) {
      int x = x0 + step * j;
      bool inside = y >= 0 && y < s->height && x >= 0 && x < s->width;
      *at++ = inside ? (row + (size_t)x) * s->channels : OUTSIDE;
    }
  }
}

/* Squares of n x n pixels of tiles [begin, end) to the places of a panel. */
static void read_tiles(const minimal *job, const side *s,
                       nn_minimal_transform *transform, int n,
                       const nn_real *image, size_t begin, size_t end,
                       nn_real *v) {
  for (size_t tile = begin; tile < end; tile++)
    for (size_t phase = 0; phase < s->phases; phase++, v += s->channels) {
      size_t at[NN_MINIMAL_PLACES] = {0};
      const nn_real *from[NN_MINIMAL_PLACES];
      nn_real *to[NN_MINIMAL_PLACES];
      locate(job, s, tile, phase, n, at);
      for (int i = 0; i < n * n; i++)
        from[i] = at[i] == OUTSIDE ? job->zeros : image + at[i];
      for (size_t k = 0; k < job->places; k++) to[k] = v + k * s->stride;
      transform(s->channels, from, to);
    }
}

/* The places of a panel to the m x m pixels of tiles [begin, end). */
static void write_tiles(const minimal *job, const side *s, const nn_real *v,
                        size_t begin, size_t end) {
  int m = job->f->tile;
  for (size_t tile = begin; tile < end; tile++)
    for (size_t phase = 0; phase < s->phases; phase++, v += s->channels) {
      size_t at[NN_MINIMAL_PLACES] = {0};
      const nn_real *from[NN_MINIMAL_PLACES];
      nn_real *to[NN_MINIMAL_PLACES];
      locate(job, s, tile, phase, m, at);
      for (int i = 0; i < m * m; i++)
        to[i] = at[i] == OUTSIDE ? NULL : job->call->out + at[i];
      for (size_t k = 0; k < job->places; k++) from[k] = v + k * s->stride;
      job->f->output(s->channels, from, to);
    }
}

/* ---- weights ---- */

/* Where tap t of a row (phase, input channel) begins. */
static size_t tap_offset(const minimal *job, size_t row, int t) {
  size_t channels = job->x.channels;
  int phase = (int)(row / channels), s = job->c.stride, r = job->f->taps;
  int ky = s * (t / r) + phase / s, kx = s * (t % r) + phase % s;
  return ((size_t)(ky * job->c.kernel_w + kx) * channels + row % channels) *
         job->y.values;
}

/* Rows (phase, input channel) of the weights: those of one phase lie side by
 * side, in each tap and in each place. */
static size_t run_end(const minimal *job, size_t row, size_t end) {
  size_t next = (row / job->x.channels + 1) * job->x.channels;
  return next < end ? next : end;
}

typedef struct weight_rows {
  const minimal *job;
  bool flipped; /* taps from last to first */
} weight_rows;

/* Items: rows. */
static void transform_weights(void *context, size_t begin, size_t end) {
  const weight_rows *rows = context;
  const minimal *job = rows->job;
  int taps = job->f->taps * job->f->taps;
  for (size_t row = begin, next; row < end; row = next) {
    next = run_end(job, row, end);
    const nn_real *from[NN_MINIMAL_PLACES];
    nn_real *to[NN_MINIMAL_PLACES];
    for (int t = 0; t < taps; t++)
      from[t] = job->call->in[1] +
                tap_offset(job, row, rows->flipped ? taps - 1 - t : t);
    for (size_t k = 0; k < job->places; k++)
      to[k] = job->weights + k * job->weight_stride + row * job->y.values;
    job->f->weights((next - row) * job->y.values, from, to);
  }
}

/* Items: rows, back to the taps of their phases. */
static void transform_back(void *context, size_t begin, size_t end) {
  const minimal *job = context;
  int taps = job->f->taps * job->f->taps;
  for (size_t row = begin, next; row < end; row = next) {
    next = run_end(job, row, end);
    const nn_real *from[NN_MINIMAL_PLACES];
    nn_real *to[NN_MINIMAL_PLACES];
    for (size_t k = 0; k < job->places; k++)
      from[k] = job->weights + k * job->weight_stride + row * job->y.values;
    for (int t = 0; t < taps; t++)
      to[t] = job->call->out + tap_offset(job, row, t);
    job->f->weights_adjoint((next - row) * job->y.values, from, to);
  }
}

/* ---- y = conv(x, w), and the data gradient ---- */

/* C = A op(B), in sums of at most f->depth products. */
static void multiply(const minimal *job, bool transpose_b, size_t rows,
                     size_t columns, size_t depth, const nn_real *a,
                     const nn_real *b, size_t ldb, nn_real *c) {
  size_t most = (size_t)job->f->depth;
  for (size_t k = 0; k < depth; k += most)
    nn_gemm(false, transpose_b, (int)rows, (int)columns,
            (int)(depth - k < most ? depth - k : most), a + k, (int)depth,
            b + (transpose_b ? k : k * ldb), (int)ldb, k > 0 ? 1 : 0, c,
            (int)columns);
}

typedef struct convolution {
  const minimal *job;
  const side *from, *to;
} convolution;

static void convolve_panel(void *context, size_t begin, size_t end,
                           int thread) {
  const convolution *conv = context;
  const minimal *job = conv->job;
  const side *from = conv->from, *to = conv->to;
  nn_real *v = job->panels + (size_t)thread * panel_values(job);
  nn_real *m = v + job->places * from->stride;
  read_tiles(job, from, job->f->input, job->f->side, job->call->in[0], begin,
             end, v);
  for (size_t k = 0; k < job->places; k++)
    multiply(job, from == &job->y, end - begin, to->values, from->values,
             v + k * from->stride, job->weights + k * job->weight_stride,
             job->y.values, m + k * to->stride);
  write_tiles(job, to, m, begin, end);
}

static void convolve(const minimal *job, bool data_grad) {
  convolution conv = {.job = job};
  conv.from = data_grad ? &job->y : &job->x;
  conv.to = data_grad ? &job->x : &job->y;
  weight_rows rows = {job, data_grad};
  nn_parallel(job->call->threads, job->x.values, 16, transform_weights, &rows);
  nn_parallel_ranked(job->call->threads, job->tiles, job->panel, convolve_panel,
                     &conv);
}

void nn_conv_minimal(const nn_call *call, const nn_minimal_filter *f) {
  minimal job = minimal_of(call, NN_PARTIAL_Y, f);
  convolve(&job, false);
}

void nn_conv_data_grad_minimal(const nn_call *call,
                               const nn_minimal_filter *f) {
  minimal job = minimal_of(call, NN_PARTIAL_X, f);
  convolve(&job, true);
}

/* ---- the weight gradient: a sum over tiles ---- */

typedef struct weight_grad {
  minimal m;
  size_t begin, end; /* tiles of the panel */
} weight_grad;

/* Items: tiles of the panel, both sides of the product. */
static void transform_both(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  const minimal *m = &job->m;
  read_tiles(m, &m->x, m->f->input, m->f->side, m->call->in[0],
             job->begin + begin, job->begin + end,
             m->panels + begin * m->x.values);
  read_tiles(m, &m->y, m->f->output_adjoint, m->f->tile, m->call->in[1],
             job->begin + begin, job->begin + end,
             m->panels + m->places * m->x.stride + begin * m->y.values);
}

/* Items: places. */
static void multiply_places(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  const minimal *m = &job->m;
  size_t tiles = job->end - job->begin, most = (size_t)m->f->depth;
  for (size_t k = begin; k < end; k++) {
    const nn_real *x = m->panels + k * m->x.stride;
    const nn_real *y = m->panels + m->places * m->x.stride + k * m->y.stride;
    for (size_t t = 0; t < tiles; t += most)
      nn_gemm(true, false, (int)m->x.values, (int)m->y.values,
              (int)(tiles - t < most ? tiles - t : most), x + t * m->x.values,
              (int)m->x.values, y + t * m->y.values, (int)m->y.values,
              job->begin + t > 0 ? 1 : 0, m->weights + k * m->weight_stride,
              (int)m->y.values);
  }
}

void nn_conv_weight_grad_minimal(const nn_call *call,
                                 const nn_minimal_filter *f) {
  weight_grad job = {.m = minimal_of(call, NN_PARTIAL_W, f)};
  for (job.begin = 0; job.begin < job.m.tiles; job.begin = job.end) {
    job.end = job.begin + job.m.panel;
    if (job.end > job.m.tiles) job.end = job.m.tiles;
    nn_parallel(call->threads, job.end - job.begin, 32, transform_both, &job);
    nn_parallel(call->threads, job.m.places, 1, multiply_places, &job);
  }
  nn_parallel(call->threads, job.m.x.values, 16, transform_back, &job.m);
}

/* ---- the choice ---- */

bool nn_minimal_fits(const nn_minimal_filter *f, const nn_conv_case *c) {
  return c->kernel_h == c->kernel_w && c->kernel_h == c->stride * f->taps;
}

/* What im2col adds up to one result: the longer the sum, the larger its error
 * and the less a filter's own roundings count. */
static size_t direct_sum(const nn_conv_case *c, nn_conv_partial partial) {
  size_t taps = (size_t)c->kernel_h * (size_t)c->kernel_w;
  switch (partial) {
  case NN_PARTIAL_Y: return taps * (size_t)c->in_c;
  case NN_PARTIAL_X: return (nn_conv_gathers(c) ? 1 : taps) * (size_t)c->out_c;
  case NN_PARTIAL_W: break;
  }
  return nn_conv_pixels(c);
}

/* Costs are counted in multiply-adds of a large matrix product. A value copied
 * to a panel costs COPY of them, one through a transform and a product's panels
 * TRANSFORM, a transformed weight, written and read through memory, WEIGHT:
 * fitted to the times of 285 shapes of 3x3 and 4x4 stride-2 layers, all three
 * partials, where the choice then takes 1.6 % longer than the best, on the
 * average, and im2col alone 33 %. */
enum { COPY = 4, TRANSFORM = 12, WEIGHT = 24 };

static double direct_cost(const nn_conv_case *c, nn_conv_partial partial) {
  double taps = (double)c->kernel_h * c->kernel_w;
  int copied = partial == NN_PARTIAL_X ? c->out_c : c->in_c;
  return (double)nn_conv_pixels(c) * taps *
         ((double)c->in_c * c->out_c + COPY * (double)copied);
}

static double minimal_cost(const nn_conv_case *c, nn_conv_partial partial,
                           const nn_minimal_filter *f) {
  minimal job = minimal_make(c, partial, f);
  double x = (double)job.x.values, y = (double)job.y.values;
  double tiles = (double)job.tiles;
  return (double)job.places *
         (tiles * x * y + TRANSFORM * tiles * (x + y) + WEIGHT * x * y);
}

const nn_minimal_filter *nn_minimal_choice(const nn_conv_case *c,
                                           nn_conv_partial partial) {
  const nn_minimal_filter *best = NULL;
  double least = direct_cost(c, partial);
  for (int i = 0; nn_minimal_filters[i] != NULL; i++) {
    const nn_minimal_filter *f = nn_minimal_filters[i];
    if (!nn_minimal_fits(f, c) || direct_sum(c, partial) < f->direct_sum)
      continue;
    double cost = minimal_cost(c, partial, f);
    if (cost < least) {
      least = cost;
      best = f;
    }
  }
  return best;
}
