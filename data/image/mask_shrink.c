/* The mask as a network sees it: few pixels, black and white.
 *
 * Networks are trained on the nearest pixel (pack), so that decides. It misses
 * what is thinner than a pixel of the network, though: poles and wires, an
 * object of a few pixels. Those cells are found by the area that the object
 * covers of them, exactly, in integers. */
#include <string.h>

#include "base/memory.h"
#include "base/wide_vectors.h"
#include "data/data.h"

typedef struct shrinking {
  const data_image *mask;
  int size;
  int64_t whole;   /* the area of a cell */
  int64_t *areas;  /* of each cell: what the object covers */
  int64_t *line;   /* the same of one row of the picture */
  data_image near; /* the nearest pixels, grey */
} shrinking;

/* What cell and pixel share on a line of `pixels` pixels under `cells` cells,
 * where a cell is `pixels` long and a pixel `cells`. */
static int64_t shared(int64_t cell, int64_t cells, int64_t pixel,
                      int64_t pixels) {
  int64_t begin = cell * pixels, end = begin + pixels;
  int64_t from = pixel * cells, to = from + cells;
  return (end < to ? end : to) - (begin > from ? begin : from);
}

/* The first and the last cell that have a part of a pixel; and the pixels that
 * have one of a cell, with the two exchanged. */
static int first_part(int64_t pixel, int cells, int pixels) {
  return (int)(pixel * cells / pixels);
}
static int last_part(int64_t pixel, int cells, int pixels) {
  return (int)(((pixel + 1) * cells - 1) / pixels);
}

WIDE_VECTORS
static unsigned count_object(const uint8_t *pixels, int count) {
  unsigned object = 0;
  for (int x = 0; x < count; x++) object += pixels[x] >> 7;
  return object;
}

/* What the object covers of a cell in a row of the picture: of all pixels
 * between its first and its last their whole length. */
static int64_t cover(const uint8_t *row, int width, int cell, int size) {
  int first = first_part(cell, width, size),
      last = last_part(cell, width, size);
  int64_t sum = 0;
  if (row[first] >= 128) sum += shared(cell, size, first, width);
  if (last == first) return sum;
  if (row[last] >= 128) sum += shared(cell, size, last, width);
  return sum + (int64_t)size * count_object(row + first + 1, last - first - 1);
}

static void measure_row(shrinking *s, int y) {
  int width = s->mask->width, height = s->mask->height, size = s->size;
  const uint8_t *row = s->mask->pixels + (size_t)y * (size_t)width;
  for (int i = 0; i < size; i++) s->line[i] = cover(row, width, i, size);
  int last = last_part(y, size, height);
  for (int j = first_part(y, size, height); j <= last; j++) {
    int64_t part = shared(j, size, y, height);
    for (int i = 0; i < size; i++)
      s->areas[(size_t)j * (size_t)size + (size_t)i] += part * s->line[i];
  }
}

/* Whether the part of the object in a cell goes unseen: the network's object
 * is not at hand (a cell around it, half covered or more), and of what is
 * around, the cell has its share. A body's edge is thus left as it is. */
static bool is_missed(const shrinking *s, int x, int y) {
  size_t row = (size_t)s->size;
  int64_t most = 0;
  for (int j = y > 0 ? y - 1 : 0; j <= y + 1 && j < s->size; j++)
    for (int i = x > 0 ? x - 1 : 0; i <= x + 1 && i < s->size; i++) {
      size_t at = (size_t)j * row + (size_t)i;
      if (s->near.pixels[at] >= 128 && 2 * s->areas[at] >= s->whole)
        return false;
      if (s->areas[at] > most) most = s->areas[at];
    }
  return most > 0 && 2 * s->areas[(size_t)y * row + (size_t)x] >= most;
}

/* Where the object would fill all of it: a network needs a background. */
static void keep_background(const shrinking *s, uint8_t *out) {
  size_t count = (size_t)s->size * (size_t)s->size;
  if (memchr(out, 0, count) != NULL) return;
  int64_t least = s->whole;
  for (size_t i = 0; i < count; i++)
    if (s->areas[i] < least) least = s->areas[i];
  for (size_t i = 0; i < count && least < s->whole; i++)
    if (s->areas[i] == least) out[i] = 0;
}

static void fill(shrinking *s, uint8_t *out) {
  for (int y = 0; y < s->mask->height; y++) measure_row(s, y);
  for (int y = 0; y < s->size; y++)
    for (int x = 0; x < s->size; x++)
      if (is_missed(s, x, y))
        out[(size_t)y * (size_t)s->size + (size_t)x] = 255;
  keep_background(s, out);
}

status data_mask_shrink(const data_image *mask, int size, data_image *out) {
  INVARIANT(mask->channels == 1, "a mask of %d channels", mask->channels);
  shrinking s = {
      .mask = mask, .size = size, .whole = (int64_t)mask->width * mask->height};
  size_t row = (size_t)size;
  status result;
  *out = (data_image){0};
  TRY(MEMORY_NEW(row * (row + 1), "areas of a mask", &s.areas));
  s.line = s.areas + row * row;
  TRY_OR(done, data_resize(mask, size, size, DATA_NEAREST, &s.near));
  TRY_OR(done, data_mask_binarize(&s.near, DATA_THRESHOLD, out));
  fill(&s, out->pixels);
done:
  memory_free(s.areas);
  data_image_free(&s.near);
  return result;
}
