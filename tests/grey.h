/* Image files as one channel, for tests that make masks and grey pictures. */
#ifndef HARMONIA_TESTS_GREY_H
#define HARMONIA_TESTS_GREY_H

#include "data/image/image_internal.h"

/* The luma that masks have (image_luma); of a grey file its own bytes. Free
 * with data_image_free. */
static inline status grey_read(const char *path, data_image *out) {
  TRY(data_image_read(path, out));
  size_t count = (size_t)out->width * (size_t)out->height;
  for (size_t i = 0; i < count; i++)
    out->pixels[i] = image_luma(out->pixels + 3 * i);
  out->channels = 1;
  return STATUS_OK;
}

#endif
