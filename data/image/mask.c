/* Grey masks to {0, 255}. */
#include "base/memory.h"
#include "data/data.h"

static void threshold(const data_image *grey, data_image *out) {
  size_t count = (size_t)grey->width * (size_t)grey->height;
  for (size_t i = 0; i < count; i++)
    out->pixels[i] = grey->pixels[i] >= 128 ? 255 : 0;
}

static int clip_byte(int value) {
  return value < 0 ? 0 : value > 255 ? 255 : value;
}

/* One row of Floyd & Steinberg's error diffusion (1976) with the rounding of
 * Pillow: errors are kept in sixteenths, divided towards zero, and the
 * corrected value is clipped to a byte before the error is taken; only values
 * above 128 turn white. carried[x + 1] holds what the row above left for pixel
 * x. */
static void dither_row(const uint8_t *in, int width, const int *carried,
                       int *below, uint8_t *out) {
  int right = 0;
  for (int x = 0; x < width; x++) {
    int value = clip_byte(in[x] + (right + carried[x + 1]) / 16);
    out[x] = value > 128 ? 255 : 0;
    int error = value - out[x];
    right = 7 * error;
    below[x] += 3 * error;
    below[x + 1] += 5 * error;
    below[x + 2] += error;
  }
}

static status dither(const data_image *grey, data_image *out) {
  size_t width = (size_t)grey->width, row = width + 2;
  int *errors;
  TRY(MEMORY_NEW(2 * row, "errors of dithering", &errors));
  for (size_t y = 0; y < (size_t)grey->height; y++) {
    int *carried = errors + (y & 1) * row, *below = errors + (~y & 1) * row;
    for (size_t x = 0; x < row; x++) below[x] = 0;
    dither_row(grey->pixels + y * width, grey->width, carried, below,
               out->pixels + y * width);
  }
  memory_free(errors);
  return STATUS_OK;
}

status data_mask_binarize(const data_image *grey, data_binarize how,
                          data_image *out) {
  INVARIANT(grey->channels == 1, "a mask of %d channels", grey->channels);
  data_image result;
  *out = (data_image){0};
  TRY(data_image_create(grey->width, grey->height, 1, &result));
  status done = STATUS_OK;
  if (how == DATA_DITHER)
    done = dither(grey, &result);
  else
    threshold(grey, &result);
  if (done == STATUS_OK)
    *out = result;
  else
    data_image_free(&result);
  return done;
}
