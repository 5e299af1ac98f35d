/* Edges of masks: grown, and feathered. */
#include <string.h>

#include "base/memory.h"
#include "base/wide_vectors.h"
#include "data/image/image_internal.h"

/* ---- growing ---- */

WIDE_VECTORS
static void raise(size_t count, const uint8_t *other, uint8_t *values) {
  for (size_t i = 0; i < count; i++)
    values[i] = values[i] > other[i] ? values[i] : other[i];
}

/* values[i] becomes the greatest of values[i], values[i + step], ... that are
 * `window` in all; i from 0 to `count`. Windows double until they are as large:
 * what is read has not been written. */
static void raise_windows(size_t count, size_t step, size_t window,
                          uint8_t *values) {
  size_t have = 1;
  for (; 2 * have <= window; have *= 2)
    raise(count + (window - 2 * have) * step, values + have * step, values);
  if (window > have) raise(count, values + (window - have) * step, values);
}

status data_mask_grow(data_image *mask, int pixels) {
  size_t width = (size_t)mask->width, height = (size_t)mask->height;
  size_t margin = (size_t)pixels, window = 2 * margin + 1;
  size_t wide = width + 2 * margin, high = height + 2 * margin;
  uint8_t *room; /* the mask in the middle of black */
  if (pixels == 0) return STATUS_OK;
  TRY(MEMORY_NEW(wide * high, "a mask", &room));
  for (size_t y = 0; y < height; y++)
    memcpy(room + (margin + y) * wide + margin, mask->pixels + y * width,
           width);
  raise_windows(height * wide, wide, window, room);
  for (size_t y = 0; y < height; y++) {
    raise_windows(width, 1, window, room + y * wide);
    memcpy(mask->pixels + y * width, room + y * wide, width);
  }
  memory_free(room);
  return STATUS_OK;
}

/* ---- feathering ---- */

static size_t within(ptrdiff_t at, size_t count) {
  return at < 0 ? 0 : at < (ptrdiff_t)count ? (size_t)at : count - 1;
}

/* The sums of columns about row y become those about the next. */
static void next_row(const data_image *from, ptrdiff_t y, ptrdiff_t pixels,
                     uint32_t *sums) {
  size_t width = (size_t)from->width, height = (size_t)from->height;
  const uint8_t *gone = from->pixels + within(y - pixels, height) * width;
  const uint8_t *come = from->pixels + within(y + pixels + 1, height) * width;
  for (size_t x = 0; x < width; x++) sums[x] = sums[x] + come[x] - gone[x];
}

/* The means of squares along a row, to nearest. */
static void take_means(const uint32_t *sums, size_t width, ptrdiff_t pixels,
                       uint8_t *out) {
  uint64_t sum = 0, side = (uint64_t)(2 * pixels + 1), area = side * side;
  for (ptrdiff_t x = -pixels; x <= pixels; x++) sum += sums[within(x, width)];
  for (size_t i = 0; i < width; i++) {
    ptrdiff_t x = (ptrdiff_t)i;
    out[i] = (uint8_t)((sum + area / 2) / area);
    sum += sums[within(x + pixels + 1, width)];
    sum -= sums[within(x - pixels, width)];
  }
}

status data_mask_feather(data_image *mask, int pixels) {
  size_t width = (size_t)mask->width, height = (size_t)mask->height;
  data_image from = *mask;
  uint32_t *sums;
  if (pixels == 0) return STATUS_OK;
  TRY(MEMORY_NEW(width, "sums of a mask", &sums));
  status result = MEMORY_NEW(width * height, "a mask", &from.pixels);
  if (result == STATUS_OK) {
    memcpy(from.pixels, mask->pixels, width * height);
    for (ptrdiff_t y = -pixels; y <= pixels; y++)
      for (size_t x = 0; x < width; x++)
        sums[x] += from.pixels[within(y, height) * width + x];
    for (size_t y = 0; y < height; y++) {
      take_means(sums, width, pixels, mask->pixels + y * width);
      next_row(&from, (ptrdiff_t)y, pixels, sums);
    }
    memory_free(from.pixels);
  }
  memory_free(sums);
  return result;
}
