/* What image.c shares with the two codecs. Private to libdata's images. */
#ifndef HARMONIA_IMAGE_INTERNAL_H
#define HARMONIA_IMAGE_INTERNAL_H

#include <stdbool.h>

#include "data/data.h"

/* Larger images are refused: nothing the program is for comes near. */
#define IMAGE_PIXELS_MAX ((int64_t)1 << 28)

/* A file's bytes, read or to be written. */
typedef struct image_bytes {
  uint8_t *data;
  size_t size, capacity;
} image_bytes;

/* Makes room for `capacity` bytes, keeping what is there. */
status image_bytes_reserve(image_bytes *bytes, size_t capacity);
status image_bytes_append(image_bytes *bytes, const uint8_t *data, size_t size);
void image_bytes_free(image_bytes *bytes);

/* STATUS_FORMAT naming `path` unless 0 < width * height <= IMAGE_PIXELS_MAX. */
status image_check_size(const char *path, int64_t width, int64_t height);

/* Decoders: 1 channel for grey files, else 3. With header_only, out->pixels
 * stays NULL. On failure *out is all zeros. `path` is for messages. */
status image_png_decode(const char *path, const image_bytes *file,
                        bool header_only, data_image *out);
status image_jpeg_decode(const char *path, const image_bytes *file,
                         bool header_only, data_image *out);

/* Encoders append to `out`, which the caller frees, also after a failure. */
status image_png_encode(const char *path, const data_image *image,
                        image_bytes *out);
status image_jpeg_encode(const char *path, const data_image *image, int quality,
                         image_bytes *out);

#endif
