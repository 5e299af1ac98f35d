/* The three partials of a convolution by minimal filtering. Forward pass and
 * data gradient are one thing: transform tiles of one image, multiply with
 * transformed weights, transform back to tiles of another. The gradient's
 * transforms are the adjoints of the forward pass's, in turn: the tiles of x,
 * which overlap, add up.
 *
 * Either all weights are transformed, then panels of tiles go through the three
 * stages. Or, where there are few tiles, these are transformed, then rows of
 * the weights go through them a block at a time: a transform makes the weights
 * several times as many, and so they never leave the cache. The forward pass,
 * whose blocks would be of columns, loses more by short rows than it gains.
 * Both are cut by shape alone. */
#include "nn/conv/conv_tiles.h"

/* ---- y = conv(x, w), and the data gradient ---- */

/* C = A op(B), in sums of at most f->depth products. */
static void multiply(const nn_tiling *job, bool transpose_b, size_t rows,
                     size_t columns, size_t depth, const nn_real *a, size_t lda,
                     const nn_real *b, nn_real *c, size_t ldc) {
  size_t most = (size_t)job->f->depth, ldb = job->y.values;
  for (size_t k = 0; k < depth; k += most)
    nn_gemm(false, transpose_b, (int)rows, (int)columns,
            (int)(depth - k < most ? depth - k : most), a + k, (int)lda,
            b + (transpose_b ? k : k * ldb), (int)ldb, k > 0 ? 1 : 0, c,
            (int)ldc);
}

typedef struct convolution {
  const nn_tiling *job;
  const nn_side *from, *to;
  bool data_grad;
  size_t turn; /* of panels that do not overlap: even ones, then odd ones */
} convolution;

static void read_tiles(const convolution *conv, size_t begin, size_t end,
                       nn_real *v) {
  const nn_minimal_filter *f = conv->job->f;
  nn_tiles_read(conv->job, conv->from,
                conv->data_grad ? f->output_adjoint : f->input,
                conv->data_grad ? f->tile : f->side, conv->job->call->in[0],
                begin, end, v);
}

/* Of the rows of weights those that place k has. */
static nn_weight_rows rows_at(const nn_weight_rows *rows, size_t k) {
  const nn_tiling *job = rows->job;
  nn_weight_rows own = *rows;
  if (own.begin < job->range[k].begin) own.begin = job->range[k].begin;
  if (own.end > job->range[k].end) own.end = job->range[k].end;
  own.values += k * job->weight_stride;
  own.values += (own.begin - rows->begin) * job->y.values;
  return own;
}

/* Tiles [begin, end), whose places are in v, by these rows of weights. */
static void convolve_tiles(const convolution *conv, const nn_weight_rows *rows,
                           size_t begin, size_t end, const nn_real *v,
                           nn_real *m) {
  const nn_tiling *job = conv->job;
  size_t tiles = end - begin, y = job->y.values;
  for (size_t k = 0; k < job->places; k++) {
    nn_weight_rows own = rows_at(rows, k);
    const nn_real *a = v + k * conv->from->stride;
    nn_real *c = m + k * conv->to->stride;
    if (own.begin >= own.end) continue;
    if (conv->data_grad)
      multiply(job, true, tiles, own.end - own.begin, y, a, y, own.values,
               c + own.begin - rows->begin, rows->end - rows->begin);
    else
      multiply(job, false, tiles, y, own.end - own.begin, a + own.begin,
               job->x.values, own.values, c, y);
  }
  if (conv->data_grad)
    nn_tiles_write(job, conv->to, job->f->input_adjoint, job->f->side, m, begin,
                   end, rows->begin, rows->end);
  else
    nn_tiles_write(job, conv->to, job->f->output, job->f->tile, m, begin, end,
                   0, y);
}

/* Items: panels of the turn. */
static void convolve_panel(void *context, size_t begin, size_t end,
                           int thread) {
  const convolution *conv = context;
  const nn_tiling *job = conv->job;
  nn_weight_rows rows = nn_tiling_weights(job);
  nn_real *v = nn_tiling_own(job, thread);
  for (size_t i = begin; i < end; i++) {
    size_t first = (2 * i + conv->turn) * job->panel;
    size_t last = first + job->panel;
    if (last > job->used.count) last = job->used.count;
    if (first >= last) continue;
    read_tiles(conv, first, last, v);
    convolve_tiles(conv, &rows, first, last, v,
                   v + job->places * conv->from->stride);
  }
}

/* Items: tiles of the one panel there is. */
static void read_all(void *context, size_t begin, size_t end) {
  const convolution *conv = context;
  read_tiles(conv, begin, end, conv->job->memory + begin * conv->from->values);
}

/* Items: rows of weights, a block of them. */
static void convolve_block(void *context, size_t begin, size_t end,
                           int thread) {
  const convolution *conv = context;
  const nn_tiling *job = conv->job;
  nn_weight_rows rows = {job, begin, end, nn_tiling_own(job, thread)};
  nn_weights_transform(&rows, begin, end);
  convolve_tiles(conv, &rows, 0, job->used.count, job->memory,
                 rows.values + job->places * job->weight_stride);
}

static void convolve(const nn_tiling *job) {
  int threads = job->call->threads;
  bool data_grad = job->c.partial == NN_PARTIAL_X;
  convolution conv = {.job = job, .data_grad = data_grad};
  conv.from = data_grad ? &job->y : &job->x;
  conv.to = data_grad ? &job->x : &job->y;
  if (job->used.count == 0) return;
  if (job->block > 0) {
    nn_parallel(threads, job->used.count, 8, read_all, &conv);
    nn_parallel_ranked(threads, job->x.values, job->block, convolve_block,
                       &conv);
  } else {
    nn_weight_rows rows = nn_tiling_weights(job);
    size_t panels = (job->used.count + job->panel - 1) / job->panel;
    nn_parallel(threads, job->x.values, 16, nn_weights_transform, &rows);
    for (conv.turn = 0; conv.turn < 2; conv.turn++)
      nn_parallel_ranked(threads, (panels + 1) / 2, 1, convolve_panel, &conv);
  }
}

void nn_conv_minimal(const nn_conv_case *c, const nn_call *call,
                     const nn_conv_map *map, const nn_minimal_filter *f) {
  nn_tiling job = nn_tiling_of(c, call, map, f);
  convolve(&job);
}

/* ---- the weight gradient: a sum over tiles ---- */

typedef struct weight_grad {
  nn_tiling m;
  nn_real *x, *y;    /* places of the panel */
  size_t begin, end; /* its tiles */
} weight_grad;

/* Items: tiles of the panel, both sides of the product. */
static void transform_both(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  const nn_tiling *m = &job->m;
  nn_tiles_read(m, &m->x, m->f->input, m->f->side, m->call->in[0],
                job->begin + begin, job->begin + end,
                job->x + begin * m->x.values);
  nn_tiles_read(m, &m->y, m->f->output_adjoint, m->f->tile, m->call->in[1],
                job->begin + begin, job->begin + end,
                job->y + begin * m->y.values);
}

/* Some rows of one place's gradient, from the panel's tiles. */
static void multiply_rows(const weight_grad *job, const nn_weight_rows *rows,
                          size_t k) {
  const nn_tiling *m = &job->m;
  size_t tiles = job->end - job->begin, most = (size_t)m->f->depth;
  nn_weight_rows own = rows_at(rows, k);
  const nn_real *x = job->x + k * m->x.stride + own.begin;
  const nn_real *y = job->y + k * m->y.stride;
  for (size_t t = 0; t < tiles && own.begin < own.end; t += most)
    nn_gemm(true, false, (int)(own.end - own.begin), (int)m->y.values,
            (int)(tiles - t < most ? tiles - t : most), x + t * m->x.values,
            (int)m->x.values, y + t * m->y.values, (int)m->y.values,
            job->begin + t > 0 ? 1 : 0, own.values, (int)m->y.values);
}

/* Items: places. */
static void multiply_places(void *context, size_t begin, size_t end) {
  const weight_grad *job = context;
  nn_weight_rows rows = nn_tiling_weights(&job->m);
  for (size_t k = begin; k < end; k++) multiply_rows(job, &rows, k);
}

/* Items: rows of weights, a block of them. */
static void weight_block(void *context, size_t begin, size_t end, int thread) {
  const weight_grad *job = context;
  nn_weight_rows rows = {.job = &job->m, .begin = begin, .end = end};
  rows.values = nn_tiling_own(&job->m, thread);
  for (size_t k = 0; k < job->m.places; k++) multiply_rows(job, &rows, k);
  nn_weights_transform_back(&rows, begin, end);
}

static void weight_grad_by_blocks(weight_grad *job) {
  const nn_tiling *m = &job->m;
  int threads = m->call->threads;
  job->end = m->used.count;
  job->x = m->memory;
  job->y = job->x + m->places * m->x.stride;
  nn_parallel(threads, m->used.count, 32, transform_both, job);
  nn_parallel_ranked(threads, m->x.values, m->block, weight_block, job);
}

static void weight_grad_by_panels(weight_grad *job) {
  const nn_tiling *m = &job->m;
  int threads = m->call->threads;
  nn_weight_rows rows = nn_tiling_weights(m);
  job->x = rows.values + m->places * m->weight_stride;
  job->y = job->x + m->places * m->x.stride;
  for (job->begin = 0; job->begin < m->used.count; job->begin = job->end) {
    job->end = job->begin + m->panel;
    if (job->end > m->used.count) job->end = m->used.count;
    nn_parallel(threads, job->end - job->begin, 32, transform_both, job);
    nn_parallel(threads, m->places, 1, multiply_places, job);
  }
  nn_parallel(threads, m->x.values, 16, nn_weights_transform_back, &rows);
}

void nn_weight_grad_minimal(const nn_conv_case *c, const nn_call *call,
                            const nn_conv_map *map,
                            const nn_minimal_filter *f) {
  weight_grad job = {.m = nn_tiling_of(c, call, map, f)};
  if (job.m.used.count == 0) return;
  if (job.m.block > 0)
    weight_grad_by_blocks(&job);
  else
    weight_grad_by_panels(&job);
}
