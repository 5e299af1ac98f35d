/* Where the tiles of minimal filtering lie, and their reading and writing. */
#include "nn/conv/conv_tiles.h"

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

static nn_side side_make(int height, int width, int channels, int step,
                         int origin) {
  nn_side s = {height, width, step, origin, (size_t)channels, 0, 0, 0};
  s.residues = (size_t)(step * step);
  s.values = s.residues * s.channels;
  return s;
}

/* The residue at a position among a tile's values. Of stride 2 those with the
 * first column's taps are neighbours, and those with the first row's. */
static size_t residue_at(const nn_side *s, size_t position) {
  static const size_t order[] = {2, 0, 1, 3};
  return s->step == 2 ? order[position] : position;
}

/* A kernel of 2r - 1 rows has r in residue 0 and one less in residue 1: the
 * filter's polynomial lacks its highest coefficient, its value at infinity,
 * which is the last point. */
static void set_ranges(nn_tiling *job) {
  const nn_minimal_filter *f = job->f;
  bool lacks = job->c.stride == 2 && job->c.kernel_h < 2 * f->taps;
  for (int k = 0; k < f->side * f->side; k++) {
    bool row = lacks && k / f->side == f->side - 1;
    bool column = lacks && k % f->side == f->side - 1;
    job->range[k].begin = row ? job->x.channels : 0;
    job->range[k].end = column ? 2 * job->x.channels
                        : row  ? 3 * job->x.channels
                               : job->x.values;
  }
}

/* Whether a value of x has a weight at a place. */
static bool in_range(const nn_tiling *job, size_t k, size_t value) {
  return job->range[k].begin <= value && value < job->range[k].end;
}

static size_t place_stride(size_t rows, size_t columns) {
  return nn_aligned(rows * columns) + LINE;
}

/* Tiles a panel, rows a block, and the memory they take: all weights and each
 * thread's panel, or all tiles and each thread's block. The weight gradient's
 * threads share a panel. A tile's neighbours are in its panel or the next. */
static void cut(nn_tiling *job) {
  nn_conv_partial partial = job->c.partial;
  size_t x = job->x.values, y = job->y.values, places = job->places;
  bool blocks = partial != NN_PARTIAL_Y && job->tiles <= FEW_TILES &&
                places * x * y > MANY_WEIGHTS;
  size_t rows = blocks && x > BLOCK ? BLOCK : x;
  job->block = blocks ? BLOCK : 0;
  job->panel = PANEL_VALUES / (places * (x + y));
  if (job->panel < PANEL_TILES_MIN) job->panel = PANEL_TILES_MIN;
  if (job->panel < job->columns + 2) job->panel = job->columns + 2;
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

static nn_tiling make(const nn_conv_case *c, const nn_minimal_filter *f) {
  nn_tiling job = {.c = *c, .f = f, .places = (size_t)(f->side * f->side)};
  size_t tile = (size_t)f->tile;
  job.rows = ((size_t)c->out_h + tile - 1) / tile;
  job.columns = ((size_t)c->out_w + tile - 1) / tile;
  job.tiles = (size_t)c->batch * job.rows * job.columns;
  job.x = side_make(c->in_h, c->in_w, c->in_c, c->stride, -c->pad);
  job.y = side_make(c->out_h, c->out_w, c->out_c, 1, 0);
  set_ranges(&job);
  cut(&job);
  return job;
}

size_t nn_conv_minimal_scratch(const nn_conv_case *c,
                               const nn_minimal_filter *f, int threads) {
  nn_tiling job = make(c, f);
  return (job.shared + job.own * (size_t)threads) * sizeof(nn_real);
}

nn_minimal_size nn_minimal_size_of(const nn_conv_case *c,
                                   const nn_minimal_filter *f) {
  nn_tiling job = make(c, f);
  size_t weights = 0;
  for (size_t k = 0; k < job.places; k++)
    weights += (job.range[k].end - job.range[k].begin) * job.y.values;
  return (nn_minimal_size){(double)job.tiles, (double)weights,
                           (double)(job.places * (job.x.values + job.y.values)),
                           job.block > 0};
}

nn_real *nn_tiling_own(const nn_tiling *job, int thread) {
  return job->memory + job->shared + (size_t)thread * job->own;
}

nn_weight_rows nn_tiling_weights(const nn_tiling *job) {
  return (nn_weight_rows){job, 0, job->x.values, job->memory};
}

/* ---- tiles ---- */

/* Where the first pixel of a tile lies. */
typedef struct corner {
  size_t image;
  int y, x;
} corner;

static corner corner_of(const nn_tiling *job, const nn_side *s, size_t tile) {
  size_t row = tile / job->columns;
  int step = s->step * job->f->tile;
  return (corner){row / job->rows, (int)(row % job->rows) * step + s->origin,
                  (int)(tile % job->columns) * step + s->origin};
}

/* Where the n x n pixels of a residue of a tile begin in the batch. */
static void locate(const nn_tiling *job, const nn_side *s, size_t tile,
                   size_t position, int n, size_t at[]) {
  int step = s->step, residue = (int)residue_at(s, position);
  corner first = corner_of(job, s, nn_conv_row(&job->used, tile));
  for (int i = 0; i < n; i++) {
    int y = first.y + residue / step + step * i;
    size_t row =
        (first.image * (size_t)s->height + (size_t)y) * (size_t)s->width;
    for (int j = 0; j < n; j++) {
      int x = first.x + residue % step + step * j;
      bool inside = y >= 0 && y < s->height && x >= 0 && x < s->width;
      *at++ = inside ? (row + (size_t)x) * s->channels : OUTSIDE;
    }
  }
}

/* Where the values of one residue end, which lie side by side. */
static size_t run_end(const nn_side *s, size_t value, size_t end) {
  size_t next = (value / s->channels + 1) * s->channels;
  return next < end ? next : end;
}

void nn_tiles_read(const nn_tiling *job, const nn_side *s,
                   nn_minimal_transform *transform, int n, const nn_real *image,
                   size_t begin, size_t end, nn_real *v) {
  for (size_t tile = begin; tile < end; tile++)
    for (size_t value = 0; value < s->values; value += s->channels) {
      size_t at[NN_MINIMAL_PLACES] = {0};
      const nn_real *from[NN_MINIMAL_PLACES];
      nn_real *to[NN_MINIMAL_PLACES];
      locate(job, s, tile, value / s->channels, n, at);
      for (int i = 0; i < n * n; i++)
        from[i] = at[i] == OUTSIDE ? NULL : image + at[i];
      for (size_t k = 0; k < job->places; k++)
        to[k] = s->residues == 1 || in_range(job, k, value) ? v + k * s->stride
                                                            : NULL;
      transform(s->channels, from, to);
      v += s->channels;
    }
}

void nn_tiles_write(const nn_tiling *job, const nn_side *s,
                    nn_minimal_transform *transform, int n, const nn_real *v,
                    size_t begin, size_t end, size_t first, size_t last) {
  for (size_t tile = begin; tile < end; tile++)
    for (size_t value = first, next; value < last; value = next) {
      size_t at[NN_MINIMAL_PLACES] = {0};
      const nn_real *from[NN_MINIMAL_PLACES];
      nn_real *to[NN_MINIMAL_PLACES];
      next = run_end(s, value, last);
      locate(job, s, tile, value / s->channels, n, at);
      for (int i = 0; i < n * n; i++)
        to[i] = at[i] == OUTSIDE ? NULL
                                 : job->call->out + at[i] + value % s->channels;
      for (size_t k = 0; k < job->places; k++)
        from[k] = s->residues == 1 || in_range(job, k, value)
                      ? v + k * s->stride
                      : NULL;
      transform(next - value, from, to);
      v += next - value;
    }
}

/* Tiles of n x n pixels a residue. */
typedef struct window {
  const nn_tiling *job;
  const nn_side *s;
  int n;
} window;

static bool meets(const void *context, const nn_conv_map *map, size_t tile) {
  const window *w = context;
  corner at = corner_of(w->job, w->s, tile);
  int size = w->n * w->s->step;
  return nn_conv_map_meets(map, at.image, at.y, at.x, size, size);
}

nn_tiling nn_tiling_of(const nn_conv_case *c, const nn_call *call,
                       const nn_conv_map *map, const nn_minimal_filter *f) {
  nn_conv_partial partial = c->partial;
  nn_tiling job = make(c, f);
  window seen = {&job, partial == NN_PARTIAL_Y ? &job.x : &job.y,
                 partial == NN_PARTIAL_Y ? f->side : f->tile};
  job.call = call;
  job.memory = call->scratch;
  job.used = nn_conv_rows_of(map, job.tiles, meets, &seen);
  if (job.used.count == 0 || partial == NN_PARTIAL_X ||
      (job.used.list != NULL && partial == NN_PARTIAL_Y))
    memset(call->out, 0, nn_shape_count(call->shape) * sizeof *call->out);
  return job;
}

/* ---- weights ---- */

/* Where tap t of a row (residue, input channel) begins in w; NULL: there is
 * none.
 */
static nn_real *tap_of(const nn_tiling *job, nn_real *w, size_t row, int t) {
  const nn_conv_case *c = &job->c;
  size_t channels = job->x.channels;
  int residue = (int)residue_at(&job->x, row / channels);
  int s = c->stride, r = job->f->taps;
  int ky = s * (t / r) + residue / s, kx = s * (t % r) + residue % s;
  if (ky >= c->kernel_h || kx >= c->kernel_w) return NULL;
  return w + ((size_t)(ky * c->kernel_w + kx) * channels + row % channels) *
                 job->y.values;
}

/* NULL: the row has no weight there. */
static nn_real *place_of_row(const nn_weight_rows *rows, size_t k, size_t row) {
  if (!in_range(rows->job, k, row)) return NULL;
  return rows->values + k * rows->job->weight_stride +
         (row - rows->begin) * rows->job->y.values;
}

/* Items: rows, between w's taps and the places: to these, or back. */
static void transform_rows(const nn_weight_rows *rows, size_t begin, size_t end,
                           nn_real *w, bool back) {
  const nn_tiling *job = rows->job;
  const nn_minimal_filter *f = job->f;
  for (size_t row = begin, next; row < end; row = next) {
    next = run_end(&job->x, row, end);
    nn_real *taps[NN_MINIMAL_PLACES], *places[NN_MINIMAL_PLACES];
    for (int t = 0; t < f->taps * f->taps; t++)
      taps[t] = tap_of(job, w, row, t);
    for (size_t k = 0; k < job->places; k++)
      places[k] = place_of_row(rows, k, row);
    size_t count = (next - row) * job->y.values;
    if (back)
      f->weights_adjoint(count, (const nn_real *const *)places, taps);
    else
      f->weights(count, (const nn_real *const *)taps, places);
  }
}

void nn_weights_transform(void *context, size_t begin, size_t end) {
  const nn_weight_rows *rows = context;
  transform_rows(rows, begin, end, (nn_real *)rows->job->call->in[1], false);
}

void nn_weights_transform_back(void *context, size_t begin, size_t end) {
  const nn_weight_rows *rows = context;
  transform_rows(rows, begin, end, rows->job->call->out, true);
}
