/* What a head's maps make of a picture of any size, row by row: the same as
 * nn_head_apply (heads.c), without a graph of the picture's size. */
#include "base/memory.h"
#include "nn/operations/colour.h"
#include "nn/operations/cubic.h"

enum { COLOURS = NN_COLOURS, THETA = NN_AFFINE, TAPS = NN_CUBIC_TAPS };

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

static inline void transform(const nn_real *theta, const nn_real x[COLOURS],
                             nn_real y[COLOURS]) {
  nn_affine_pixel(true, theta, x, y);
  for (int c = 0; c < COLOURS; c++) y[c] = clamped(y[c]);
}

/* The units that thetas of affine and affine-image are of. */
static inline void normalise(const nn_real x[COLOURS], nn_real n[COLOURS]) {
  for (int c = 0; c < COLOURS; c++)
    n[c] = (x[c] - (nn_real)nn_imagenet_mean[c]) / (nn_real)nn_imagenet_std[c];
}

/* ---- one change for all pixels ---- */

static void map_all(size_t count, const nn_real *theta, const nn_real *x,
                    nn_real *y) {
  for (size_t p = 0; p < count; p++, x += COLOURS, y += COLOURS) {
    nn_real seen[COLOURS];
    normalise(x, seen);
    transform(theta, seen, y);
  }
}

static void curve_all(size_t count, const nn_real *slopes, const nn_real *x,
                      nn_real *y) {
  for (size_t p = 0; p < count; p++, x += COLOURS, y += COLOURS) {
    nn_real toned[COLOURS];
    for (int c = 0; c < COLOURS; c++)
      toned[c] = nn_tone(slopes + c * NN_TONE_SLOPES, x[c]);
    transform(slopes + NN_TONES, toned, y);
  }
}

/* ---- a change of each pixel's own ---- */

/* A value of `count` numbers between four that lie `step` apart. */
static void between(size_t count, size_t step, const nn_real *values,
                    const nn_cubic_taps *t, nn_real *out) {
  const nn_real *from[TAPS];
  for (int k = 0; k < TAPS; k++) from[k] = values + (size_t)t->at[k] * step;
  nn_cubic_blend(count, t->weight, from, out);
}

static void change_by_maps(const nn_picture_change *p, int y, int begin,
                           int end, const nn_real *x, nn_real *scratch,
                           nn_real *out) {
  size_t size = (size_t)p->change.size;
  nn_real *thetas = scratch, *blends = scratch + size * THETA;
  nn_cubic_taps t = nn_cubic_taps_at(y, p->change.size, p->height);
  between(size * THETA, size * THETA, p->change.maps, &t, thetas);
  between(size, size, p->change.blend, &t, blends);
  for (int i = begin; i < end; i++, x += COLOURS, out += COLOURS) {
    nn_real theta[THETA], blend, seen[COLOURS], to[COLOURS];
    between(THETA, THETA, thetas, &p->columns[i], theta);
    between(1, 1, blends, &p->columns[i], &blend);
    normalise(x, seen);
    transform(theta, seen, to);
    for (int c = 0; c < COLOURS; c++) out[c] = x[c] + blend * (to[c] - x[c]);
  }
}

void nn_picture_change_row(const nn_picture_change *p, int y, int begin,
                           int end, const nn_real *colours, nn_real *scratch,
                           nn_real *out) {
  size_t count = (size_t)(end - begin);
  switch (p->change.head) {
  case NN_HEAD_AFFINE:
    change_by_maps(p, y, begin, end, colours, scratch, out);
    return;
  case NN_HEAD_CURVES: curve_all(count, p->change.maps, colours, out); return;
  default: map_all(count, p->change.maps, colours, out);
  }
}
