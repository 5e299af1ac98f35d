/* The three partials of a convolution by minimal filtering. Forward pass and
 * data gradient are one thing: transform tiles of one image, multiply with
 * transformed weights, transform back to tiles of another.
 *
 * Either all weights are transformed, then panels of tiles go through the three
 * stages. Or, where there are few tiles, these are transformed, then rows of
 * the weights go through them a block at a time: a transform makes the weights
 * several times as many, and so they never leave the cache. The forward pass,
 * whose blocks would be of columns, loses more by short rows than it gains.
 * Both are cut by shape alone. */
#include "nn/conv_minimal.h"

#include <string.h>

enum {
  PANEL_VALUES = 1 << 19, /* a panel stays in the cache, */
  PANEL_TILES_MIN = 128,  /* and packing the weights for it pays */
  FEW_TILES = 384,
  MANY_WEIGHTS = 1 << 19, /* transformed: more than the second cache has */
  BLOCK = 128,            /* rows of weights */
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
  nn_conv_rows used;           /* tiles that are computed */
  size_t panel;                /* of them */
  size_t block;                /* rows of weights; 0: all at once */
  side x, y;
  size_t weight_stride; /* from one place to the next */
  size_t shared, own;   /* scratch values of all threads, of each */
  nn_real *zeros;       /* a pixel outside the image */
  nn_real *memory;      /* shared, then each thread's own */
} minimal;

/* Rows (phase, input channel) of the weights, of taps from first to last or,
 * for the data gradient, from last to first. */
typedef struct weight_rows {
  const minimal *job;
  size_t begin, end;
  nn_real *values; /* [places][rows][y.values] */
  bool flipped;
} weight_rows;

static side side_make(int height, int width, int channels, int step,
                      int origin) {
  side s = {height, width, step, origin, (size_t)channels, 0, 0, 0};
  s.phases = (size_t)(step * step);
  s.values = s.phases * s.channels;
  return s;
}

static size_t place_stride(size_t rows, size_t columns) {
  return nn_aligned(rows * columns) + LINE;
}

/* Tiles a panel, rows a block, and the memory they take: all weights and each
 * thread's panel, or all tiles and each thread's block. The weight gradient's
 * threads share a panel. */
static void cut(minimal *job, nn_conv_partial partial) {
  size_t x = job->x.values, y = job->y.values, places = job->places;
  bool blocks = partial != NN_PARTIAL_Y && job->tiles <= FEW_TILES &&
                places * x * y > MANY_WEIGHTS;
  size_t rows = blocks && x > BLOCK ? BLOCK : x;
  job->block = blocks ? BLOCK : 0;
  job->panel = PANEL_VALUES / (places * (x + y));
  if (job->panel < PANEL_TILES_MIN) job->panel = PANEL_TILES_MIN;
  if (job->panel > job->tiles || blocks) job->panel = job->tiles;
  job->weight_stride = place_stride(rows, y);
  job->x.stride = place_stride(job->panel, partial == NN_PARTIAL_X ? rows : x);
  job->y.stride = place_stride(job->panel, y);
  size_t weights = places * job->weight_stride;
  size_t of_x = places * job->x.stride, of_y = places * job->y.stride;
  size_t all = weights + of_x + of_y;
  if (partial == NN_PARTIAL_W)
    job->own = blocks ? weights : 0;
  else
    job->own = all - (blocks ? of_y : weights);
  job->shared = all - job->own;
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
  cut(&job, partial);
  return job;
}

static size_t zero_values(const minimal *job) {
  return nn_aligned(job->x.channels > job->y.channels ? job->x.channels
                                                      : job->y.channels);
}

size_t nn_conv_minimal_scratch(const nn_conv_case *c, nn_conv_partial partial,
                               const nn_minimal_filter *f, int threads) {
  minimal job = minimal_make(c, partial, f);
  return (zero_values(&job) + job.shared + job.own * (size_t)threads) *
         sizeof(nn_real);
}

nn_minimal_size nn_minimal_size_of(const nn_conv_case *c,
                                   nn_conv_partial partial,
                                   const nn_minimal_filter *f) {
  minimal job = minimal_make(c, partial, f);
  return (nn_minimal_size){(double)job.places, (double)job.tiles,
                           (double)job.x.values, (double)job.y.values,
                           job.block > 0};
}

static nn_real *own_memory(const minimal *job, int thread) {
  return job->memory + job->shared + (size_t)thread * job->own;
}

static weight_rows all_rows(const minimal *job, bool flipped) {
  return (weight_rows){job, 0, job->x.values, job->memory, flipped};
}

/* ---- tiles ---- */

/* Where the first pixel of a tile lies. */
typedef struct corner {
  size_t image;
  int y, x;
} corner;

static corner corner_of(const minimal *job, const side *s, size_t tile) {
  size_t row = tile / job->columns;
  int step = s->step * job->f->tile;
  return (corner){row / job->rows, (int)(row % job->rows) * step + s->origin,
                  (int)(tile % job->columns) * step + s->origin};
}

/* Where the n x n pixels of a phase of a tile begin in the batch. */
static void locate(const minimal *job, const side *s, size_t tile, size_t phase,
                   int n, size_t at[]) {
  int step = s->step;
  corner first = corner_of(job, s, nn_conv_row(&job->used, tile));
  for (int i = 0; i < n; i++) {
    int y = first.y + (int)phase / step + step * i;
    size_t row =
        (first.image * (size_t)s->height + (size_t)y) * (size_t)s->width;
    for (int j = 0; j < n; j++) {
      int x = first.x + (int)phase % step + step * j;
      bool inside = y >= 0 && y < s->height && x >= 0 && x < s->width;
      *at++ = inside ? (row + (size_t)x) * s->channels : OUTSIDE;
    }
  }
}

/* Where the values of one phase end, which lie side by side. */
static size_t run_end(const side *s, size_t value, size_t end) {
  size_t next = (value / s->channels + 1) * s->channels;
  return next < end ? next : end;
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

/* The places of a panel to the m x m pixels of tiles [begin, end): values
 * [first, last) of each, which are all that the panel has. */
static void write_tiles(const minimal *job, const side *s, const nn_real *v,
                        size_t begin, size_t end, size_t first, size_t last) {
  int m = job->f->tile;
  for (size_t tile = begin; tile < end; tile++)
    for (size_t value = first, next; value < last; value = next) {
      size_t phase = value / s->channels, channel = value % s->channels;
      size_t at[NN_MINIMAL_PLACES] = {0};
      const nn_real *from[NN_MINIMAL_PLACES];
      nn_real *to[NN_MINIMAL_PLACES];
      next = run_end(s, value, last);
      locate(job, s, tile, phase, m, at);
      for (int i = 0; i < m * m; i++)
        to[i] = at[i] == OUTSIDE ? NULL : job->call->out + at[i] + channel;
      for (size_t k = 0; k < job->places; k++) from[k] = v + k * s->stride;
      job->f->output(next - value, from, to);
      v += next - value;
    }
}

/* Tiles of n x n pixels a phase. */
typedef struct window {
  const minimal *job;
  const side *s;
  int n;
} window;

static bool meets(const void *context, const nn_conv_map *map, size_t tile) {
  const window *w = context;
  corner at = corner_of(w->job, w->s, tile);
  int size = w->n * w->s->step;
  return nn_conv_map_meets(map, at.image, at.y, at.x, size, size);
}

static minimal minimal_of(const nn_call *call, const nn_conv_map *map,
                          nn_conv_partial partial, const nn_minimal_filter *f) {
  nn_conv_case c = nn_conv_case_of(call->node, call->in_shape);
  minimal job = minimal_make(&c, partial, f);
  window seen = {&job, partial == NN_PARTIAL_Y ? &job.x : &job.y,
                 partial == NN_PARTIAL_W ? f->tile : f->side};
  job.call = call;
  job.zeros = call->scratch;
  job.memory = job.zeros + zero_values(&job);
  memset(job.zeros, 0, zero_values(&job) * sizeof *job.zeros);
  job.used = nn_conv_rows_of(map, job.tiles, meets, &seen);
  if (job.used.count == 0 || (job.used.list != NULL && partial != NN_PARTIAL_W))
    memset(call->out, 0, nn_shape_count(call->shape) * sizeof *call->out);
  return job;
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

static nn_real *place_of_row(const weight_rows *rows, size_t k, size_t row) {
  return rows->values + k * rows->job->weight_stride +
         (row - rows->begin) * rows->job->y.values;
}

/* Items: rows. */
static void transform_weights(void *context, size_t begin, size_t end) {
  const weight_rows *rows = context;
  const minimal *job = rows->job;
  int taps = job->f->taps * job->f->taps;
  for (size_t row = begin, next; row < end; row = next) {
    next = run_end(&job->x, row, end);
    const nn_real *from[NN_MINIMAL_PLACES];
    nn_real *to[NN_MINIMAL_PLACES];
    for (int t = 0; t < taps; t++)
      from[t] = job->call->in[1] +
                tap_offset(job, row, rows->flipped ? taps - 1 - t : t);
    for (size_t k = 0; k < job->places; k++) to[k] = place_of_row(rows, k, row);
    job->f->weights((next - row) * job->y.values, from, to);
  }
}

/* Items: rows, back to the taps of their phases. */
static void transform_back(void *context, size_t begin, size_t end) {
  const weight_rows *rows = context;
  const minimal *job = rows->job;
  int taps = job->f->taps * job->f->taps;
  for (size_t row = begin, next; row < end; row = next) {
    next = run_end(&job->x, row, end);
    const nn_real *from[NN_MINIMAL_PLACES];
    nn_real *to[NN_MINIMAL_PLACES];
    for (size_t k = 0; k < job->places; k++)
      from[k] = place_of_row(rows, k, row);
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
  bool data_grad;
} convolution;

/* Tiles [begin, end), whose places are in v, by these rows of weights. */
static void convolve_tiles(const convolution *conv, const weight_rows *rows,
                           size_t begin, size_t end, const nn_real *v,
                           nn_real *m) {
  const minimal *job = conv->job;
  size_t first = conv->data_grad ? rows->begin : 0;
  size_t last = conv->data_grad ? rows->end : conv->to->values;
  for (size_t k = 0; k < job->places; k++)
    multiply(job, conv->data_grad, end - begin, last - first,
             conv->from->values, v + k * conv->from->stride,
             rows->values + k * job->weight_stride, job->y.values,
             m + k * conv->to->stride);
  write_tiles(job, conv->to, m, begin, end, first, last);
}

/* Items: tiles, a panel of them. */
static void convolve_panel(void *context, size_t begin, size_t end,
                           int thread) {
  const convolution *conv = context;
  const minimal *job = conv->job;
  weight_rows rows = all_rows(job, conv->data_grad);
  nn_real *v = own_memory(job, thread);
  read_tiles(job, conv->from, job->f->input, job->f->side, job->call->in[0],
             begin, end, v);
  convolve_tiles(conv, &rows, begin, end, v,
                 v + job->places * conv->from->stride);
}

/* Items: tiles of the one panel there is. */
static void read_all(void *context, size_t begin, size_t end) {
  const convolution *conv = context;
  const minimal *job = conv->job;
  read_tiles(job, conv->from, job->f->input, job->f->side, job->call->in[0],
             begin, end, job->memory + begin * conv->from->values);
}

/* Items: rows of weights, a block of them. */
static void convolve_block(void *context, size_t begin, size_t end,
                           int thread) {
  const convolution *conv = context;
  const minimal *job = conv->job;
  weight_rows rows = {job, begin, end, own_memory(job, thread),
                      conv->data_grad};
  transform_weights(&rows, begin, end);
  convolve_tiles(conv, &rows, 0, job->used.count, job->memory,
                 rows.values + job->places * job->weight_stride);
}

static void convolve(const minimal *job, bool data_grad) {
  int threads = job->call->threads;
  convolution conv = {.job = job, .data_grad = data_grad};
  conv.from = data_grad ? &job->y : &job->x;
  conv.to = data_grad ? &job->x : &job->y;
  if (job->used.count == 0) return;
  if (job->block > 0) {
    nn_parallel(threads, job->used.count, 8, read_all, &conv);
    nn_parallel_ranked(threads, job->x.values, job->block, convolve_block,
                       &conv);
  } else {
    weight_rows rows = all_rows(job, data_grad);
    nn_parallel(threads, job->x.values, 16, transform_weights, &rows);
    nn_parallel_ranked(threads, job->used.count, job->panel, convolve_panel,
                       &conv);
  }
}

void nn_conv_minimal(const nn_call *call, const nn_conv_map *map,
                     const nn_minimal_filter *f) {
  minimal job = minimal_of(call, map, NN_PARTIAL_Y, f);
  convolve(&job, false);
}

void nn_conv_data_grad_minimal(const nn_call *call, const nn_conv_map *map,
                               const nn_minimal_filter *f) {
  minimal job = minimal_of(call, map, NN_PARTIAL_X, f);
  convolve(&job, true);
}

/* ---- the weight gradient: a sum over tiles ---- */

typedef struct weight_grad {
  minimal m;
  nn_real *x, *y;    /* places of the panel */
  size_t begin, end; /* its tiles */
} weight_grad;

/* Items: tiles of the panel, both sides of the product. */
static void transform_both(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  const minimal *m = &job->m;
  read_tiles(m, &m->x, m->f->input, m->f->side, m->call->in[0],
             job->begin + begin, job->begin + end,
             job->x + begin * m->x.values);
  read_tiles(m, &m->y, m->f->output_adjoint, m->f->tile, m->call->in[1],
             job->begin + begin, job->begin + end,
             job->y + begin * m->y.values);
}

/* Rows [row, row + rows) of one place's gradient, from the panel's tiles. */
static void multiply_rows(const weight_grad *job, size_t k, size_t row,
                          size_t rows, nn_real *out) {
  const minimal *m = &job->m;
  size_t tiles = job->end - job->begin, most = (size_t)m->f->depth;
  const nn_real *x = job->x + k * m->x.stride + row;
  const nn_real *y = job->y + k * m->y.stride;
  for (size_t t = 0; t < tiles; t += most)
    nn_gemm(true, false, (int)rows, (int)m->y.values,
            (int)(tiles - t < most ? tiles - t : most), x + t * m->x.values,
            (int)m->x.values, y + t * m->y.values, (int)m->y.values,
            job->begin + t > 0 ? 1 : 0, out, (int)m->y.values);
}

/* Items: places. */
static void multiply_places(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  for (size_t k = begin; k < end; k++)
    multiply_rows(job, k, 0, job->m.x.values,
                  job->m.memory + k * job->m.weight_stride);
}

/* Items: rows of weights, a block of them. */
static void weight_block(void *context, size_t begin, size_t end, int thread) {
  const weight_grad *job = context;
  weight_rows rows = {.job = &job->m, .begin = begin, .end = end};
  rows.values = own_memory(&job->m, thread);
  for (size_t k = 0; k < job->m.places; k++)
    multiply_rows(job, k, begin, end - begin,
                  rows.values + k * job->m.weight_stride);
  transform_back(&rows, begin, end);
}

static void weight_grad_by_blocks(weight_grad *job) {
  const minimal *m = &job->m;
  int threads = m->call->threads;
  job->end = m->used.count;
  job->x = m->memory;
  job->y = job->x + m->places * m->x.stride;
  nn_parallel(threads, m->used.count, 32, transform_both, job);
  nn_parallel_ranked(threads, m->x.values, m->block, weight_block, job);
}

static void weight_grad_by_panels(weight_grad *job) {
  const minimal *m = &job->m;
  int threads = m->call->threads;
  weight_rows rows = all_rows(m, false);
  job->x = rows.values + m->places * m->weight_stride;
  job->y = job->x + m->places * m->x.stride;
  for (job->begin = 0; job->begin < m->used.count; job->begin = job->end) {
    job->end = job->begin + m->panel;
    if (job->end > m->used.count) job->end = m->used.count;
    nn_parallel(threads, job->end - job->begin, 32, transform_both, job);
    nn_parallel(threads, m->places, 1, multiply_places, job);
  }
  nn_parallel(threads, m->x.values, 16, transform_back, &rows);
}

void nn_conv_weight_grad_minimal(const nn_call *call, const nn_conv_map *map,
                                 const nn_minimal_filter *f) {
  weight_grad job = {.m = minimal_of(call, map, NN_PARTIAL_W, f)};
  if (job.m.used.count == 0) return;
  if (job.m.block > 0)
    weight_grad_by_blocks(&job);
  else
    weight_grad_by_panels(&job);
}
