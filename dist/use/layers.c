/* The object and the difference as pictures. */
#include "dist/use/layers.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"

static status write_layer(const char *path, const data_picture *layer) {
  char dropped[DATA_DROPPED_BYTES];
  TRY(data_picture_write(path, layer, 100, dropped));
  log_info("wrote %s (%d x %d pixels)", path, layer->width, layer->height);
  return STATUS_OK;
}

/* ---- the object ---- */

/* A byte as a value of the picture's bits. */
static void put_alpha(const data_picture *picture, size_t at, uint8_t alpha) {
  size_t value = at * 4 + 3;
  if (picture->bits == 16)
    ((uint16_t *)picture->pixels)[value] = (uint16_t)(257 * alpha);
  else
    ((uint8_t *)picture->pixels)[value] = alpha;
}

static uint8_t alpha_of(const data_picture *picture, size_t at) {
  size_t value = at * 4 + 3;
  if (picture->bits == 8) return ((const uint8_t *)picture->pixels)[value];
  return (uint8_t)((((const uint16_t *)picture->pixels)[value] + 128u) / 257u);
}

/* The colours before the change, and where it is to be made. */
static void cut_out(const data_picture *picture, const data_picture *placed,
                    const data_image *mask, uint8_t weight,
                    const data_picture *object, const data_image *weights) {
  size_t count = (size_t)mask->width * (size_t)mask->height;
  size_t value = (size_t)picture->bits / 8;
  for (size_t i = 0; i < count; i++) {
    uint8_t alpha = mask->pixels[i];
    if (alpha == 0) continue;
    const data_picture *from =
        placed != NULL && alpha_of(placed, i) == alpha ? placed : picture;
    memcpy((uint8_t *)object->pixels + 4 * i * value,
           (const uint8_t *)from->pixels + (size_t)from->channels * i * value,
           3 * value);
    put_alpha(object, i, alpha);
    weights->pixels[i] = weight;
  }
}

status layers_write_object(const char *path, const apply_change *change,
                           int threads, const data_picture *picture,
                           const data_picture *placed, const data_image *mask,
                           double strength) {
  data_picture object = {0};
  data_image weights = {0};
  const data_metadata none = {.others_of_png = false};
  int width = picture->width, height = picture->height;
  status result;
  TRY_OR(done, data_picture_create(width, height, 4, picture->bits, &object));
  TRY_OR(done, data_image_create(width, height, 1, &weights));
  cut_out(picture, placed, mask, (uint8_t)(255 * strength + 0.5), &object,
          &weights);
  TRY_OR(done, apply_make(change, threads, &object, &weights));
  data_image_free(&weights);
  object.metadata.profile = picture->metadata.profile; /* lent */
  result = write_layer(path, &object);
  object.metadata = none;
done:
  data_image_free(&weights);
  data_picture_free(&object);
  return result;
}

/* ---- the difference ---- */

static int value_of(int bits, const void *pixels, size_t at) {
  if (bits == 16) return ((const uint16_t *)pixels)[at];
  return 257 * ((const uint8_t *)pixels)[at];
}

status layers_write_difference(const char *path, const void *before,
                               const data_picture *after) {
  enum { ZERO = 32768 };
  data_picture layer;
  TRY(data_picture_create(after->width, after->height, 3, 16, &layer));
  size_t count = (size_t)after->width * (size_t)after->height;
  size_t channels = (size_t)after->channels;
  uint16_t *words = layer.pixels;
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < 3; c++) {
      size_t at = i * channels + c;
      int difference = value_of(after->bits, after->pixels, at) -
                       value_of(after->bits, before, at);
      words[3 * i + c] = (uint16_t)(ZERO + difference / 2);
    }
  status result = write_layer(path, &layer);
  data_picture_free(&layer);
  return result;
}
