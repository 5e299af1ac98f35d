/* What image.c shares with the two codecs. Private to libdata's images. */
#ifndef HARMONIA_IMAGE_INTERNAL_H
#define HARMONIA_IMAGE_INTERNAL_H

#include <stdbool.h>

#include "data/data.h"

/* Larger images are refused: nothing the program is for comes near. */
#define IMAGE_PIXELS_MAX ((int64_t)1 << 28)

/* Makes room for `capacity` bytes, keeping what is there. */
status image_bytes_reserve(data_bytes *bytes, size_t capacity);
status image_bytes_append(data_bytes *bytes, const uint8_t *data, size_t size);
void image_bytes_free(data_bytes *bytes);

/* STATUS_FORMAT naming `path` unless 0 < width * height <= IMAGE_PIXELS_MAX. */
status image_check_size(const char *path, int64_t width, int64_t height);

uint8_t image_luma(const uint8_t rgb[3]);

/* PNG has the other order. */
static inline bool image_is_little_endian(void) {
  const uint16_t one = 1;
  return *(const uint8_t *)&one == 1;
}

/* What of a file is wanted. */
typedef enum image_want {
  IMAGE_HEADER, /* the size: pixels stay NULL */
  IMAGE_BYTES,  /* 8 bits; 1 channel for grey files, else 3 */
  IMAGE_ALL     /* as data_picture has it */
} image_want;

/* Decoders of the pixels as they are stored: not turned, no metadata. On
 * failure *out is all zeros. `path` is for messages. */
status image_png_decode(const char *path, const data_bytes *file,
                        image_want want, data_picture *out);
status image_jpeg_decode(const char *path, const data_bytes *file,
                         image_want want, data_picture *out);

status image_ppm_decode(const char *path, const data_bytes *file,
                        image_want want, data_picture *out);

/* Room for a picture's pixels, whose other members are set. */
status image_pixels_create(data_picture *picture);
size_t image_row_bytes(const data_picture *picture);

/* Row y as data_image has it: 8 bits, 1 or 3 channels. */
void image_row_to_bytes(const data_picture *picture, size_t y, uint8_t *out);

/* Turns pixels (which may be NULL) and size of an EXIF orientation upright. */
status image_turn(data_picture *picture, int orientation);

/* Any kind of picture, upright, with its metadata. */
status image_read(const char *path, image_want want, data_picture *out);

/* ---- image_metadata.c ---- */

/* Of a PNG's or JPEG's bytes, also of its beginning only. What is damaged is
 * left out: fails for lack of memory alone. */
status image_metadata_read(const data_bytes *file, data_metadata *out);
/* Makes it tell of the upright picture; `lying`: width and height changed
 * places. */
void image_metadata_settle(data_metadata *metadata, bool lying);
void image_metadata_free(data_metadata *metadata);

/* ---- exif.c ---- */

/* Whether its first directory can be read. */
bool exif_is_sound(const data_bytes *exif);
/* 1 to 8; 1 also where it is not said or damaged. */
int exif_orientation(const data_bytes *exif);
/* Makes it tell of the upright picture and drops the thumbnail, which shows the
 * former one. */
void exif_settle(data_bytes *exif, bool lying);
/* XMP may repeat the orientation. */
void xmp_settle(data_bytes *xmp);

/* ---- profile.c ---- */

/* A profile of grey becomes that of RGB in which the same greys look the same;
 * another stays as it is, as all do without a library for profiles. */
status image_profile_spread(data_bytes *icc);

/* ---- image_handed_on.c ---- */

/* Appends what goes between the header and the pixels; adds what does not to
 * the text `dropped`, of DATA_DROPPED_BYTES. */
status image_chunks_make(const data_picture *picture, data_bytes *out,
                         char *dropped);
status image_segments_make(const data_picture *picture, data_bytes *out,
                           char *dropped);
/* Of a PPM, which has nothing but pixels: what is lost. */
void image_nothing_made(const data_picture *picture, char *dropped);
/* As a JPEG's header has it: the unit's number; -1: it cannot. */
int image_jpeg_density(const data_metadata *metadata, uint32_t density[2]);

/* ---- the codecs, writing ---- */

/* Append to `out`, which the caller frees, also after a failure. `handed_on`
 * are chunks or segments. */
status image_png_encode(const char *path, const data_picture *picture,
                        const data_bytes *handed_on, data_bytes *out);
status image_ppm_encode(const data_picture *picture, data_bytes *out);
status image_jpeg_encode(const char *path, const data_picture *picture,
                         int quality, const data_bytes *handed_on,
                         data_bytes *out);

#endif
