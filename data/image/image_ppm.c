/* PPM and PGM (P6, P5): what programs hand to each other through pipes. A
 * header of text, then values of one byte, or of two with the higher one first.
 */
#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "data/image/image_internal.h"

enum { VALUE_MAX = 65535 };

/* ---- reading ---- */

/* The next number of the header, behind blanks and comments; -1: there is none,
 * or it is far too large. */
static int64_t next_number(const data_bytes *file, size_t *at) {
  const uint8_t *data = file->data;
  int64_t number = -1;
  while (*at < file->size && (isspace(data[*at]) || data[*at] == '#'))
    if (data[(*at)++] == '#')
      while (*at < file->size && data[*at] != '\n') (*at)++;
  for (; *at < file->size && isdigit(data[*at]); (*at)++) {
    number = 10 * (number < 0 ? 0 : number) + (data[*at] - '0');
    if (number > INT32_MAX) return -1;
  }
  return number;
}

/* Where the pixels begin, and what they are. */
typedef struct header {
  int64_t width, height, most;
  size_t channels, pixels;
} header;

static status read_header(const char *path, const data_bytes *file,
                          header *out) {
  size_t at = 2;
  out->channels = file->data[1] == '6' ? 3 : 1;
  out->width = next_number(file, &at);
  out->height = next_number(file, &at);
  out->most = next_number(file, &at);
  out->pixels = at + 1; /* behind one blank */
  if (out->most < 1 || out->most > VALUE_MAX || at >= file->size ||
      !isspace(file->data[at]))
    return status_error(STATUS_FORMAT,
                        "%s: expected a whole PPM or PGM image: its header is "
                        "damaged",
                        path);
  return image_check_size(path, out->width, out->height);
}

/* To the whole range of 8 or 16 bits, to nearest. */
static void take_values(const header *h, const uint8_t *from, size_t count,
                        const data_picture *to) {
  uint32_t most = (uint32_t)h->most, white = to->bits == 8 ? 255 : VALUE_MAX;
  uint8_t *bytes = to->pixels;
  uint16_t *words = to->pixels;
  for (size_t i = 0; i < count; i++) {
    uint32_t value =
        most > 255 ? from[2 * i] * 256u + from[2 * i + 1] : from[i];
    if (value > most) value = most;
    value = (uint32_t)(((uint64_t)value * white + most / 2) / most);
    if (to->bits == 8)
      bytes[i] = (uint8_t)value;
    else
      words[i] = (uint16_t)value;
  }
}

status image_ppm_decode(const char *path, const data_bytes *file,
                        image_want want, data_picture *out) {
  *out = (data_picture){0};
  header h;
  TRY(read_header(path, file, &h));
  data_picture made = {.width = (int)h.width,
                       .height = (int)h.height,
                       .channels = (int)h.channels,
                       .bits = h.most > 255 && want == IMAGE_ALL ? 16 : 8};
  size_t count = (size_t)h.width * (size_t)h.height * h.channels;
  if (want != IMAGE_HEADER) {
    if (file->size - h.pixels < count * (h.most > 255 ? 2 : 1))
      return status_error(STATUS_FORMAT,
                          "%s: expected a whole PPM or PGM image: it ends "
                          "before its last pixel",
                          path);
    TRY(image_pixels_create(&made));
    take_values(&h, file->data + h.pixels, count, &made);
  }
  *out = made;
  return STATUS_OK;
}

/* ---- writing ---- */

static void give_values(const data_picture *picture, size_t pixel,
                        size_t colours, uint8_t *to) {
  size_t at = pixel * (size_t)picture->channels;
  const uint16_t *words = (const uint16_t *)picture->pixels + at;
  if (picture->bits == 8)
    memcpy(to, (const uint8_t *)picture->pixels + at, colours);
  else
    for (size_t c = 0; c < colours; c++) {
      to[2 * c] = (uint8_t)(words[c] >> 8);
      to[2 * c + 1] = (uint8_t)words[c];
    }
}

status image_ppm_encode(const data_picture *picture, data_bytes *out) {
  size_t pixels = (size_t)picture->width * (size_t)picture->height;
  size_t colours = picture->channels < 3 ? 1 : 3;
  size_t step = colours * (size_t)picture->bits / 8;
  char text[64];
  int length = snprintf(text, sizeof text, "P%d\n%d %d\n%d\n",
                        colours == 1 ? 5 : 6, picture->width, picture->height,
                        picture->bits == 8 ? 255 : VALUE_MAX);
  TRY(image_bytes_reserve(out, out->size + (size_t)length + pixels * step));
  TRY(image_bytes_append(out, (const uint8_t *)text, (size_t)length));
  for (size_t i = 0; i < pixels; i++, out->size += step)
    give_values(picture, i, colours, out->data + out->size);
  return STATUS_OK;
}
