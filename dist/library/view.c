/* Values of any type at any steps in memory, a row at a time. */
#include "dist/library/view.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { COLOURS = 3 };

static size_t value_bytes(harmonia_type type) {
  return type == HARMONIA_UINT8 ? 1 : type == HARMONIA_UINT16 ? 2 : 4;
}

static status check(const harmonia_view *view, const char *what) {
  if (view == NULL || view->pixels == NULL)
    return status_error(STATUS_USAGE, "the %s has no pixels: expected a view",
                        what);
  if (view->width < 1 || view->height < 1)
    return status_error(STATUS_USAGE,
                        "the %s has %d x %d pixels; expected 1 or more", what,
                        view->width, view->height);
  if (view->type > HARMONIA_FLOAT)
    return status_error(STATUS_USAGE,
                        "the %s's type is %d; expected HARMONIA_UINT8, "
                        "HARMONIA_UINT16 or HARMONIA_FLOAT",
                        what, (int)view->type);
  return STATUS_OK;
}

/* ---- rows ---- */

/* One row between a view and `packed`, which has no gaps. */
typedef enum direction { FROM_VIEW, TO_VIEW } direction;

static inline void move(direction way, unsigned char *there,
                        unsigned char *packed, size_t bytes) {
  if (way == FROM_VIEW)
    memcpy(packed, there, bytes);
  else
    memcpy(there, packed, bytes);
}

/* `bytes` a value: a constant where it is called, so that each value is one
 * move. */
static inline __attribute__((always_inline)) void
move_values(direction way, const harmonia_view *view, int y, int channels,
            unsigned char *packed, size_t bytes) {
  unsigned char *row = (unsigned char *)view->pixels + y * view->row;
  for (int x = 0; x < view->width; x++)
    for (int c = 0; c < channels; c++, packed += bytes)
      move(way, row + x * view->pixel + c * view->channel, packed, bytes);
}

static void move_row(direction way, const harmonia_view *view, int y,
                     int channels, unsigned char *packed) {
  size_t bytes = value_bytes(view->type);
  ptrdiff_t pixel = (ptrdiff_t)bytes * channels;
  if (view->pixel == pixel &&
      (channels == 1 || view->channel * channels == pixel))
    move(way, (unsigned char *)view->pixels + y * view->row, packed,
         (size_t)pixel * (size_t)view->width);
  else if (bytes == 1)
    move_values(way, view, y, channels, packed, 1);
  else if (bytes == 2)
    move_values(way, view, y, channels, packed, 2);
  else
    move_values(way, view, y, channels, packed, 4);
}

/* ---- images ---- */

static size_t row_bytes(const data_picture *picture) {
  return (size_t)picture->width * COLOURS * (size_t)picture->bits / 8;
}

status view_read_image(const harmonia_view *view, data_picture *out) {
  *out = (data_picture){0};
  TRY(check(view, "image"));
  TRY(data_picture_create(view->width, view->height, COLOURS,
                          8 * (int)value_bytes(view->type), out));
  unsigned char *pixels = out->pixels;
  for (int y = 0; y < view->height; y++)
    move_row(FROM_VIEW, view, y, COLOURS, pixels + (size_t)y * row_bytes(out));
  return STATUS_OK;
}

void view_write_image(const data_picture *picture, const harmonia_view *view) {
  unsigned char *pixels = picture->pixels;
  for (int y = 0; y < view->height; y++)
    move_row(TO_VIEW, view, y, COLOURS,
             pixels + (size_t)y * row_bytes(picture));
}

/* ---- masks ---- */

/* To nearest, as of masks in files; NaN is background. */
static uint8_t byte_of_word(uint16_t word) {
  return (uint8_t)((word * 255u + 32767u) / 65535u);
}
static uint8_t byte_of_float(float share) {
  return (uint8_t)(255 * (share > 0 ? fminf(share, 1) : 0) + 0.5f);
}

static void to_bytes(harmonia_type type, const void *row, size_t count,
                     uint8_t *out) {
  const uint16_t *words = row;
  const float *floats = row;
  if (type == HARMONIA_UINT8) {
    memcpy(out, row, count);
    return;
  }
  for (size_t i = 0; i < count; i++)
    out[i] = type == HARMONIA_UINT16 ? byte_of_word(words[i])
                                     : byte_of_float(floats[i]);
}

static status check_mask(const data_image *mask) {
  size_t count = (size_t)mask->width * (size_t)mask->height, object = 0;
  for (size_t i = 0; i < count; i++) object += mask->pixels[i] >= 128;
  if (object > 0 && object < count) return STATUS_OK;
  return status_error(STATUS_MISFIT, "the mask has no %s: expected %s",
                      object == 0 ? "object" : "background",
                      object == 0 ? "white where the object is"
                                  : "0 where the image is to stay");
}

status view_read_mask(const harmonia_view *view, const harmonia_view *image,
                      data_image *out) {
  *out = (data_image){0};
  TRY(check(view, "mask"));
  if (view->width != image->width || view->height != image->height)
    return status_error(STATUS_MISFIT,
                        "the mask has %d x %d pixels, but the image %d x %d",
                        view->width, view->height, image->width, image->height);
  void *row = memory_new((size_t)view->width, value_bytes(view->type),
                         "a row of a mask");
  if (row == NULL) return STATUS_MEMORY;
  status result = data_image_create(view->width, view->height, 1, out);
  size_t width = (size_t)view->width;
  for (int y = 0; result == STATUS_OK && y < view->height; y++) {
    move_row(FROM_VIEW, view, y, 1, row);
    to_bytes(view->type, row, width, out->pixels + (size_t)y * width);
  }
  memory_free(row);
  if (result == STATUS_OK) result = check_mask(out);
  if (result != STATUS_OK) data_image_free(out);
  return result;
}
