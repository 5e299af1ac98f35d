/* The two ways of resizing without a filter: nearest pixel (Pillow) and two
 * taps (OpenCV). */
#include <math.h>

#include "base/memory.h"
#include "data/image/resize_internal.h"

/* ---- nearest ---- */

/* Source index of each output pixel. Positions are summed up, as in Pillow:
 * where (i + 0.5) * step is whole, its rounding decides. */
static void nearest_indices(float begin, float end, int source, int count,
                            int *index) {
  double step = (double)(end - begin) / count;
  double position = begin + step * 0.5;
  for (int i = 0; i < count; i++, position += step)
    index[i] = position < source ? (int)position : source - 1;
}

status resize_nearest(const data_image *image, const resize_box *box,
                      data_image *out) {
  int *column, channels = image->channels;
  size_t width = (size_t)out->width, height = (size_t)out->height;
  TRY(MEMORY_NEW(width + height, "indices of resizing", &column));
  int *row = column + width;
  nearest_indices(box->x0, box->x1, image->width, out->width, column);
  nearest_indices(box->y0, box->y1, image->height, out->height, row);
  uint8_t *to = out->pixels;
  for (size_t y = 0; y < height; y++) {
    const uint8_t *from = image->pixels + (size_t)row[y] *
                                              (size_t)image->width *
                                              (size_t)channels;
    for (size_t x = 0; x < width; x++)
      for (int c = 0; c < channels; c++)
        *to++ = from[(size_t)column[x] * (size_t)channels + (size_t)c];
  }
  memory_free(column);
  return STATUS_OK;
}

/* ---- two taps ---- */

enum { CV_BITS = 11 }; /* of a coefficient */

/* Output i is a mix of source[low[i]] and source[high[i]]. */
typedef struct pair {
  int low, high;
  int32_t low_weight, high_weight;
} pair;

static int clip_index(int index, int count) {
  return index < 0 ? 0 : index < count ? index : count - 1;
}

/* OpenCV's positions: doubles whose fraction is taken in float and rounded to
 * 11 bits, half to even. The border pixel is repeated: across by setting the
 * fraction to 0, down by taking it twice, which may round otherwise. */
static void fill_pairs(int begin, int source, int count, bool across,
                       pair *pairs) {
  double step = 1.0 / ((double)count / source);
  for (int i = 0; i < count; i++) {
    float position = (float)((i + 0.5) * step - 0.5);
    int low = (int)floorf(position);
    float fraction = position - (float)low;
    if (across && (low < 0 || low >= source - 1)) fraction = 0;
    pairs[i].high = begin + clip_index(low + 1, source);
    pairs[i].low = begin + clip_index(low, source);
    pairs[i].low_weight = (int32_t)lrintf((1.0f - fraction) * (1 << CV_BITS));
    pairs[i].high_weight = (int32_t)lrintf(fraction * (1 << CV_BITS));
  }
}

static void mix_columns(const uint8_t *row, int channels, const pair *pairs,
                        int count, int32_t *out) {
  for (int i = 0; i < count; i++) {
    const uint8_t *low = row + (size_t)pairs[i].low * (size_t)channels;
    const uint8_t *high = row + (size_t)pairs[i].high * (size_t)channels;
    for (int c = 0; c < channels; c++)
      *out++ = low[c] * pairs[i].low_weight + high[c] * pairs[i].high_weight;
  }
}

/* OpenCV's 16-bit products: what falls off is cut, not rounded. */
static void mix_rows(const int32_t *low, const int32_t *high, const pair *by,
                     size_t count, uint8_t *out) {
  for (size_t i = 0; i < count; i++) {
    int32_t sum = ((by->low_weight * (low[i] >> 4)) >> 16) +
                  ((by->high_weight * (high[i] >> 4)) >> 16);
    out[i] = (uint8_t)((sum + 2) >> 2);
  }
}

static void cv_rows(const data_image *image, const pair *across,
                    const pair *down, int32_t *work, data_image *out) {
  size_t in_stride = (size_t)image->width * (size_t)image->channels;
  size_t stride = (size_t)out->width * (size_t)out->channels;
  int32_t *mixed[2] = {work, work + stride};
  int held[2] = {-1, -1}; /* source rows in `mixed` */
  for (int y = 0; y < out->height; y++) {
    int wanted[2] = {down[y].low, down[y].high};
    if (held[1] == wanted[0]) { /* the lower row has become the upper one */
      int32_t *swap = mixed[0];
      mixed[0] = mixed[1], mixed[1] = swap;
      held[1] = held[0], held[0] = wanted[0];
    }
    for (int k = 0; k < 2; k++) {
      if (held[k] == wanted[k]) continue;
      mix_columns(image->pixels + (size_t)wanted[k] * in_stride,
                  image->channels, across, out->width, mixed[k]);
      held[k] = wanted[k];
    }
    mix_rows(mixed[0], mixed[1], &down[y], stride,
             out->pixels + (size_t)y * stride);
  }
}

/* As cv::resize(..., INTER_LINEAR) of the part, whose edges are rounded to
 * whole pixels: OpenCV cuts out first. */
status resize_cv_linear(const data_image *image, const resize_box *box,
                        data_image *out) {
  int x0 = (int)lrintf(box->x0), x1 = (int)lrintf(box->x1);
  int y0 = (int)lrintf(box->y0), y1 = (int)lrintf(box->y1);
  if (x1 <= x0) x0 = x0 < image->width ? x0 : x0 - 1, x1 = x0 + 1;
  if (y1 <= y0) y0 = y0 < image->height ? y0 : y0 - 1, y1 = y0 + 1;
  size_t width = (size_t)out->width, height = (size_t)out->height;
  size_t stride = width * (size_t)out->channels;
  pair *across;
  int32_t *work;
  TRY(MEMORY_NEW(width + height, "resizing taps", &across));
  status result = MEMORY_NEW(2 * stride, "resizing rows", &work);
  if (result == STATUS_OK) {
    fill_pairs(x0, x1 - x0, out->width, true, across);
    fill_pairs(y0, y1 - y0, out->height, false, across + width);
    cv_rows(image, across, across + width, work, out);
    memory_free(work);
  }
  memory_free(across);
  return result;
}
