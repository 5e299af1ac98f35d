/* Pictures of any number of bits and channels: their memory, and turning them
 * upright. */
#include <string.h>

#include "base/memory.h"
#include "data/image/image_internal.h"

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

status data_picture_create(int width, int height, int channels, int bits,
                           data_picture *out) {
  *out = (data_picture){0};
  TRY(image_check_size("a new image", width, height));
  data_picture made = {
      .width = width, .height = height, .channels = channels, .bits = bits};
  TRY(image_pixels_create(&made));
  *out = made;
  return STATUS_OK;
}

void data_picture_free(data_picture *picture) {
  memory_free(picture->pixels);
  image_metadata_free(&picture->metadata);
  *picture = (data_picture){0};
}

/* To nearest, as everywhere. */
static uint8_t to_byte(uint16_t value) {
  return (uint8_t)((value * 255u + 32767u) / 65535u);
}

/* NaN to 0. */
static uint8_t share_to_byte(float share) {
  return (uint8_t)((share > 0 ? share < 1 ? share : 1 : 0) * 255 + 0.5f);
}

/* Value `at` of a row of the picture's. */
static uint8_t byte_at(const data_picture *picture, const void *row,
                       size_t at) {
  const uint8_t *bytes = row;
  const uint16_t *words = row;
  const float *shares = row;
  return picture->bits == 8    ? bytes[at]
         : picture->bits == 16 ? to_byte(words[at])
                               : share_to_byte(shares[at]);
}

void image_row_to_bytes(const data_picture *picture, size_t y, uint8_t *out) {
  size_t channels = (size_t)picture->channels, colours = channels < 3 ? 1 : 3;
  const uint8_t *bytes =
      (const uint8_t *)picture->pixels + y * image_row_bytes(picture);
  if (picture->bits == 8 && channels == colours) {
    memcpy(out, bytes, image_row_bytes(picture));
    return;
  }
  for (size_t x = 0; x < (size_t)picture->width; x++)
    for (size_t c = 0; c < colours; c++)
      *out++ = byte_at(picture, bytes, x * channels + c);
}

/* ---- colours ---- */

status data_picture_colour(data_picture *picture) {
  data_picture colour = *picture;
  if (picture->channels > 2) return STATUS_OK;
  TRY(image_profile_spread(&picture->metadata.profile));
  colour.metadata = picture->metadata;
  colour.channels += 2;
  TRY(image_pixels_create(&colour));
  size_t value = (size_t)picture->bits / 8, from = pixel_bytes(picture);
  size_t count = (size_t)picture->width * (size_t)picture->height;
  const uint8_t *in = picture->pixels;
  uint8_t *out = colour.pixels;
  for (size_t i = 0; i < count; i++, in += from) {
    for (size_t c = 0; c < 3; c++, out += value) memcpy(out, in, value);
    memcpy(out, in + value, from - value); /* alpha */
    out += from - value;
  }
  memory_free(picture->pixels);
  *picture = colour;
  return STATUS_OK;
}

status data_picture_see(const data_picture *picture, data_image *out) {
  TRY(data_image_create(picture->width, picture->height, 3, out));
  INVARIANT(picture->channels > 2, "a grey picture to be seen");
  for (size_t y = 0; y < (size_t)picture->height; y++)
    image_row_to_bytes(picture, y, out->pixels + 3 * y * (size_t)out->width);
  return STATUS_OK;
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
  bool mirrored = strchr("\2\3\7\10", orientation) != NULL;
  bool upended = strchr("\3\4\6\7", orientation) != NULL;
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
