/* What a head's maps make of a picture of any size, row by row: the same as
 * nn_head_apply (heads.c), without a graph of the picture's size. */
#include <string.h>

#include "base/memory.h"
#include "nn/operation.h"
#include "nn/operations/cubic.h"

enum {
  COLOURS = 3,
  THETA = 12,
  SLOPES = COLOURS * NN_TONE_SLOPES,
  TAPS = NN_CUBIC_TAPS
};

static const double mean[COLOURS] = {0.485, 0.456, 0.406};
static const double deviation[COLOURS] = {0.229, 0.224, 0.225};

struct nn_picture_change {
  nn_colour_change change;
  int width, height;
  nn_cubic_taps *columns; /* of maps that pixels have of their own */
};

bool nn_head_changes_pictures(nn_head head) {
  return head == NN_HEAD_AFFINE || !nn_head_reads_map(head);
}

status nn_picture_change_create(const nn_colour_change *change, int width,
                                int height, nn_picture_change **out) {
  INVARIANT(nn_head_changes_pictures(change->head), "head %d", change->head);
  TRY(MEMORY_NEW(1, "a change of colours", out));
  **out =
      (nn_picture_change){.change = *change, .width = width, .height = height};
  if (!nn_head_reads_map(change->head)) return STATUS_OK;
  status result =
      MEMORY_NEW((size_t)width, "columns of a picture", &(*out)->columns);
  if (result != STATUS_OK) nn_picture_change_destroy(out);
  for (int x = 0; result == STATUS_OK && x < width; x++)
    (*out)->columns[x] = nn_cubic_taps_at(x, change->size, width);
  return result;
}

void nn_picture_change_destroy(nn_picture_change **change) {
  if (*change == NULL) return;
  memory_free((*change)->columns);
  memory_free(*change);
  *change = NULL;
}

size_t nn_picture_change_scratch(const nn_picture_change *p) {
  return p->columns == NULL ? 0 : (size_t)p->change.size * (THETA + 1);
}

static nn_real clamped(nn_real x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

/* M x + b of one pixel. */
static inline void transform(const nn_real *theta, const nn_real x[COLOURS],
                             nn_real y[COLOURS]) {
  for (int i = 0; i < COLOURS; i++) {
    const nn_real *row = theta + COLOURS * i;
    y[i] = clamped(row[0] * x[0] + row[1] * x[1] + row[2] * x[2] +
                   theta[COLOURS * COLOURS + i]);
  }
}

/* theta, made one of colours in [0,1] instead of ImageNet's units. */
static void fold_units(const nn_real *theta, nn_real *folded) {
  for (int i = 0; i < COLOURS; i++) {
    double shift = theta[COLOURS * COLOURS + i];
    for (int j = 0; j < COLOURS; j++) {
      double factor = (double)theta[COLOURS * i + j] / deviation[j];
      folded[COLOURS * i + j] = (nn_real)factor;
      shift -= factor * mean[j];
    }
    folded[COLOURS * COLOURS + i] = (nn_real)shift;
  }
}

/* ---- one change for all pixels ---- */

NN_CLONES static void transform_all(size_t count, const nn_real *theta,
                                    const nn_real *restrict x,
                                    nn_real *restrict y) {
  for (size_t p = 0; p < count; p++)
    transform(theta, x + COLOURS * p, y + COLOURS * p);
}

static void curve_all(size_t count, const nn_real *slopes, const nn_real *theta,
                      const nn_real *x, nn_real *y) {
  for (size_t p = 0; p < count; p++, x += COLOURS, y += COLOURS) {
    nn_real toned[COLOURS] = {0};
    for (int c = 0; c < COLOURS; c++)
      for (int k = 0; k < NN_TONE_SLOPES; k++) {
        nn_real rise = x[c] - (nn_real)k / NN_TONE_SLOPES;
        nn_real most = (nn_real)1 / NN_TONE_SLOPES;
        toned[c] += slopes[c * NN_TONE_SLOPES + k] * (rise < 0      ? 0
                                                      : rise > most ? most
                                                                    : rise);
      }
    transform(theta, toned, y);
  }
}

/* ---- a change of each pixel's own ---- */

/* A row of maps of `channels`, between four of the network's. */
static void blend_rows(const nn_real *maps, int size, int channels,
                       const nn_cubic_taps *t, nn_real *out) {
  size_t row = (size_t)size * (size_t)channels;
  for (size_t i = 0; i < row; i++) {
    nn_real sum = 0;
    for (int k = 0; k < TAPS; k++)
      sum += t->weight[k] * maps[(size_t)t->at[k] * row + i];
    out[i] = sum;
  }
}

static void between_columns(const nn_real *row, int channels,
                            const nn_cubic_taps *t, nn_real *out) {
  for (int c = 0; c < channels; c++) {
    nn_real sum = 0;
    for (int k = 0; k < TAPS; k++)
      sum += t->weight[k] * row[t->at[k] * channels + c];
    out[c] = sum;
  }
}

static void change_by_maps(const nn_picture_change *p, int y, int begin,
                           int end, const nn_real *x, nn_real *scratch,
                           nn_real *out) {
  int size = p->change.size;
  nn_real *thetas = scratch, *blends = scratch + size * THETA;
  nn_cubic_taps t = nn_cubic_taps_at(y, size, p->height);
  blend_rows(p->change.maps, size, THETA, &t, thetas);
  blend_rows(p->change.blend, size, 1, &t, blends);
  for (int i = begin; i < end; i++, x += COLOURS, out += COLOURS) {
    nn_real theta[THETA], folded[THETA], blend, to[COLOURS];
    between_columns(thetas, THETA, &p->columns[i], theta);
    between_columns(blends, 1, &p->columns[i], &blend);
    fold_units(theta, folded);
    transform(folded, x, to);
    for (int c = 0; c < COLOURS; c++) out[c] = x[c] + blend * (to[c] - x[c]);
  }
}

void nn_picture_change_row(const nn_picture_change *p, int y, int begin,
                           int end, const nn_real *colours, nn_real *scratch,
                           nn_real *out) {
  size_t count = (size_t)(end - begin);
  nn_real folded[THETA];
  switch (p->change.head) {
  case NN_HEAD_AFFINE:
    change_by_maps(p, y, begin, end, colours, scratch, out);
    return;
  case NN_HEAD_CURVES:
    curve_all(count, p->change.maps, p->change.maps + SLOPES, colours, out);
    return;
  default:
    fold_units(p->change.maps, folded);
    transform_all(count, folded, colours, out);
  }
}
