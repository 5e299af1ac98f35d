/* Pictures of any number of bits and channels: their memory, and turning them
 * upright. */
#include <string.h>

#include "base/memory.h"
#include "data/image_internal.h"

/* Pixels a side of what is turned at once. */
enum { SIDE = 32 };

static size_t pixel_bytes(const data_picture *picture) {
  return (size_t)picture->channels * (size_t)picture->bits / 8;
}

size_t image_row_bytes(const data_picture *picture) {
  return (size_t)picture->width * pixel_bytes(picture);
}

status image_pixels_create(data_picture *picture) {
  uint8_t *pixels;
  size_t bytes = image_row_bytes(picture) * (size_t)picture->height;
  TRY(MEMORY_NEW(bytes, "an image", &pixels));
  picture->pixels = pixels;
  return STATUS_OK;
}

void data_picture_free(data_picture *picture) {
  memory_free(picture->pixels);
  image_metadata_free(&picture->metadata);
  *picture = (data_picture){0};
}

/* ---- turning ---- */

/* From stored pixels to upright ones: the steps in bytes from pixel to pixel
 * and row to row of the upright picture, as seen in the stored one. */
typedef struct turn {
  const uint8_t *first;
  ptrdiff_t across, down;
} turn;

static turn turn_of(const data_picture *stored, int orientation) {
  ptrdiff_t pixel = (ptrdiff_t)pixel_bytes(stored);
  ptrdiff_t row = (ptrdiff_t)image_row_bytes(stored);
  bool mirrored = memchr("\2\3\7\10", orientation, 4) != NULL;
  bool upended = memchr("\3\4\6\7", orientation, 4) != NULL;
  turn t = {stored->pixels, mirrored ? -pixel : pixel, upended ? -row : row};
  if (mirrored) t.first += row - pixel;
  if (upended) t.first += row * (stored->height - 1);
  if (orientation < 5) return t;
  return (turn){t.first, t.down, t.across};
}

/* In squares, as rows of the one are columns of the other. */
static void copy_square(const data_picture *to, turn from, int x0, int y0) {
  size_t pixel = pixel_bytes(to);
  int x1 = x0 + SIDE < to->width ? x0 + SIDE : to->width;
  int y1 = y0 + SIDE < to->height ? y0 + SIDE : to->height;
  for (int y = y0; y < y1; y++) {
    uint8_t *out = (uint8_t *)to->pixels + (size_t)y * image_row_bytes(to);
    for (int x = x0; x < x1; x++)
      memcpy(out + (size_t)x * pixel,
             from.first + x * from.across + y * from.down, pixel);
  }
}

status image_turn(data_picture *picture, int orientation) {
  if (orientation == 1) return STATUS_OK;
  data_picture upright = *picture;
  if (orientation >= 5) {
    upright.width = picture->height;
    upright.height = picture->width;
  }
  if (picture->pixels != NULL) {
    TRY(image_pixels_create(&upright));
    turn from = turn_of(picture, orientation);
    for (int y = 0; y < upright.height; y += SIDE)
      for (int x = 0; x < upright.width; x += SIDE)
        copy_square(&upright, from, x, y);
    memory_free(picture->pixels);
  }
  *picture = upright;
  return STATUS_OK;
}
