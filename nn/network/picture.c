/* What a head's maps make of a picture of any size, row by row: the same as
 * nn_head_apply (heads.c), without a graph of the picture's size. Pixels are
 * computed a tile of a row at a time, numbers of a kind beside each other, so
 * that loops over pixels become vectors. */
#include <string.h>

#include "base/memory.h"
#include "nn/operations/colour.h"
#include "nn/operations/cubic.h"

enum {
  COLOURS = NN_COLOURS,
  THETA = NN_AFFINE,
  TAPS = NN_CUBIC_TAPS,
  TILE = 128, /* pixels */
  LANES = 8,  /* pixels by which runs are rounded up */
  PLANE = TILE + LANES
};

/* Columns of the picture that lie between the same four columns of maps. */
typedef struct column_run {
  int begin, at[TAPS];
} column_run;

struct nn_picture_change {
  nn_colour_change change;
  int width, height;
  /* of maps that pixels have of their own: */
  column_run *runs;       /* one more, which begins at the width */
  nn_real *weights[TAPS]; /* of the four, by column, and LANES more */
};

bool nn_head_changes_pictures(nn_head head) {
  return head == NN_HEAD_AFFINE || !nn_head_reads_map(head);
}

bool nn_head_changes_evenly(nn_head head) { return !nn_head_reads_map(head); }

/* ---- columns ---- */

static void find_columns(nn_picture_change *p) {
  int count = 0;
  for (int x = 0; x < p->width; x++) {
    nn_cubic_taps t = nn_cubic_taps_at(x, p->change.size, p->width);
    column_run run = {.begin = x};
    memcpy(run.at, t.at, sizeof run.at);
    for (int k = 0; k < TAPS; k++) p->weights[k][x] = t.weight[k];
    if (count == 0 || memcmp(run.at, p->runs[count - 1].at, sizeof run.at) != 0)
      p->runs[count++] = run;
  }
  p->runs[count].begin = p->width;
}

static status create_columns(nn_picture_change *p) {
  size_t columns = (size_t)p->width + LANES;
  TRY(MEMORY_NEW(TAPS * columns, "columns of a picture", &p->weights[0]));
  for (int k = 1; k < TAPS; k++) p->weights[k] = p->weights[k - 1] + columns;
  /* a place each between two columns of maps, and beyond both borders */
  TRY(MEMORY_NEW((size_t)p->change.size + 2, "columns of a picture", &p->runs));
  find_columns(p);
  return STATUS_OK;
}

status nn_picture_change_create(const nn_colour_change *change, int width,
                                int height, nn_picture_change **out) {
  INVARIANT(nn_head_changes_pictures(change->head), "head %d", change->head);
  TRY(MEMORY_NEW(1, "a change of colours", out));
  **out =
      (nn_picture_change){.change = *change, .width = width, .height = height};
  if (!nn_head_reads_map(change->head)) return STATUS_OK;
  status result = create_columns(*out);
  if (result != STATUS_OK) nn_picture_change_destroy(out);
  return result;
}

void nn_picture_change_destroy(nn_picture_change **change) {
  if (*change == NULL) return;
  memory_free((*change)->weights[0]);
  memory_free((*change)->runs);
  memory_free(*change);
  *change = NULL;
}

/* ---- rows: thetas, then blends, of a row of maps ---- */

size_t nn_picture_change_row_size(const nn_picture_change *p) {
  return p->runs == NULL ? 0 : (size_t)p->change.size * (THETA + 1);
}

/* Four rows of `count` numbers by their weights. */
static void blend_rows(const nn_real *rows, size_t count,
                       const nn_cubic_taps *t, nn_real *out) {
  const nn_real *from[TAPS];
  for (int k = 0; k < TAPS; k++) from[k] = rows + (size_t)t->at[k] * count;
  nn_cubic_blend(count, t->weight, from, out);
}

void nn_picture_change_row(const nn_picture_change *p, int y, nn_real *row) {
  size_t size = (size_t)p->change.size;
  if (p->runs == NULL) return;
  nn_cubic_taps t = nn_cubic_taps_at(y, p->change.size, p->height);
  blend_rows(p->change.maps, size * THETA, &t, row);
  blend_rows(p->change.blend, size, &t, row + size * THETA);
}

/* ---- pixels ---- */

static inline nn_real clamped(nn_real x) { return x < 0 ? 0 : x > 1 ? 1 : x; }

/* The units that thetas of affine and affine-image are of. */
NN_CLONES static void normalise(size_t count, const nn_real *restrict colours,
                                nn_real seen[restrict COLOURS][TILE]) {
  for (int c = 0; c < COLOURS; c++)
    for (size_t i = 0; i < count; i++)
      seen[c][i] =
          (colours[COLOURS * i + (size_t)c] - (nn_real)nn_imagenet_mean[c]) /
          (nn_real)nn_imagenet_std[c];
}

NN_CLONES static void tone(size_t count, const nn_real *slopes,
                           const nn_real *restrict colours,
                           nn_real seen[restrict COLOURS][TILE]) {
  for (int c = 0; c < COLOURS; c++)
    for (size_t i = 0; i < count; i++)
      seen[c][i] = nn_tone(slopes + c * NN_TONE_SLOPES,
                           colours[COLOURS * i + (size_t)c]);
}

/* Number j of pixel i is at theta[j * plane + i * step]. */
static inline __attribute__((always_inline)) nn_real
transformed(const nn_real *theta, size_t plane, size_t step, size_t c, size_t i,
            nn_real seen[COLOURS][TILE]) {
  const nn_real *row = theta + COLOURS * c * plane + i * step;
  nn_real sum = row[0] * seen[0][i] + row[plane] * seen[1][i] +
                row[2 * plane] * seen[2][i];
  return clamped(sum + theta[(NN_AFFINE_MATRIX + c) * plane + i * step]);
}

NN_CLONES static void map_by_one(size_t count, const nn_real *theta,
                                 nn_real seen[COLOURS][TILE],
                                 nn_real *restrict out) {
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < COLOURS; c++)
      out[COLOURS * i + c] = transformed(theta, 1, 0, c, i, seen);
}

/* planes: twelve numbers, then how far they are followed. */
NN_CLONES static void map_by_own(size_t count, nn_real planes[THETA + 1][PLANE],
                                 nn_real seen[COLOURS][TILE],
                                 const nn_real *restrict colours,
                                 nn_real *restrict out) {
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < COLOURS; c++) {
      nn_real x = colours[COLOURS * i + c];
      nn_real y = transformed(planes[0], PLANE, 1, c, i, seen);
      out[COLOURS * i + c] = x + planes[THETA][i] * (y - x);
    }
}

/* What pixels from `at` on have of four numbers, each plane's. */
NN_CLONES static void spread(size_t at, size_t blocks,
                             const nn_real *const weights[TAPS],
                             nn_real numbers[TAPS][THETA + 1],
                             nn_real (*restrict planes)[PLANE]) {
  const nn_real *w0 = weights[0], *w1 = weights[1], *w2 = weights[2],
                *w3 = weights[3];
  for (int j = 0; j <= THETA; j++)
    for (size_t i = 0; i < LANES * blocks; i++)
      planes[j][at + i] = w0[i] * numbers[0][j] + w1[i] * numbers[1][j] +
                          w2[i] * numbers[2][j] + w3[i] * numbers[3][j];
}

/* Columns [begin, end) of a row, one at least, of which *run has the first;
 * afterwards the last. What is written of a run beyond its end the next one
 * replaces. */
static void spread_runs(const nn_picture_change *p, const nn_real *row,
                        const column_run **run, int begin, int end,
                        nn_real (*planes)[PLANE]) {
  const nn_real *blends = row + (size_t)p->change.size * THETA;
  int x = begin;
  do {
    while ((*run)[1].begin <= x) (*run)++;
    int stop = (*run)[1].begin < end ? (*run)[1].begin : end;
    nn_real numbers[TAPS][THETA + 1];
    const nn_real *weights[TAPS];
    for (int k = 0; k < TAPS; k++) {
      int at = (*run)->at[k];
      memcpy(numbers[k], row + (size_t)at * THETA, THETA * sizeof *row);
      numbers[k][THETA] = blends[at];
      weights[k] = p->weights[k] + x;
    }
    spread((size_t)(x - begin), ((size_t)(stop - x) + LANES - 1) / LANES,
           weights, numbers, planes);
    x = stop;
  } while (x < end);
}

void nn_picture_change_pixels(const nn_picture_change *p, const nn_real *row,
                              int begin, int end, const nn_real *colours,
                              nn_real *out) {
  const nn_real *maps = p->change.maps;
  const column_run *run = p->runs;
  nn_real seen[COLOURS][TILE], planes[THETA + 1][PLANE];
  for (int x = begin; x < end; x += TILE) {
    int stop = end - x < TILE ? end : x + TILE;
    size_t count = (size_t)(stop - x);
    switch (p->change.head) {
    case NN_HEAD_AFFINE:
      normalise(count, colours, seen);
      spread_runs(p, row, &run, x, stop, planes);
      map_by_own(count, planes, seen, colours, out);
      break;
    case NN_HEAD_CURVES:
      tone(count, maps, colours, seen);
      map_by_one(count, maps + NN_TONES, seen, out);
      break;
    default:
      normalise(count, colours, seen);
      map_by_one(count, maps, seen, out);
    }
    colours += COLOURS * count;
    out += COLOURS * count;
  }
}
