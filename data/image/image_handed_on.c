/* What a picture's file said beside the pixels, as bytes that go between the
 * header and the pixels of another: a PNG's chunks or a JPEG's segments. What
 * the format has no place for is named. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "data/image/deflate.h"
#include "data/image/image_internal.h"

enum {
  SEGMENT_BYTES_MAX = 65533, /* without marker and length */
  ICC_HEADER = 14,
  ICC_PIECE = SEGMENT_BYTES_MAX - ICC_HEADER,
  ICC_SPACE = 16, /* where a profile names its colours */
  ICC_BYTES_MIN = 128
};

static void note(char *dropped, const char *what) {
  size_t length = strlen(dropped);
  if (strstr(dropped, what) != NULL) return;
  snprintf(dropped + length, DATA_DROPPED_BYTES - length, "%s%s",
           length > 0 ? ", " : "", what);
}

/* A profile of other colours would make nonsense of the pixels. */
static bool profile_fits(const data_picture *picture) {
  const data_bytes *profile = &picture->metadata.profile;
  const char *space = picture->channels < 3 ? "GRAY" : "RGB ";
  return profile->size >= ICC_BYTES_MIN &&
         memcmp(profile->data + ICC_SPACE, space, 4) == 0;
}

/* What no format is given. */
static void note_lost(const data_picture *picture, char *dropped) {
  const data_metadata *metadata = &picture->metadata;
  if (metadata->profile.size > 0 && !profile_fits(picture))
    note(dropped, picture->inks ? "the profile of its inks"
                                : "a profile that is not of RGB");
  if (metadata->profile_damaged) note(dropped, "a damaged profile");
  if (metadata->exif_damaged) note(dropped, "damaged EXIF");
  if (metadata->more_pictures) note(dropped, "further pictures");
}

static void put(uint8_t *out, uint32_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; i--, value >>= 8) out[i] = (uint8_t)value;
}

/* ---- PNG ---- */

static status append_chunk(data_bytes *out, const char *type,
                           const data_bytes *head, const data_bytes *body) {
  uint8_t number[4];
  size_t begin = out->size + 4;
  put(number, (uint32_t)(head->size + body->size), 4);
  TRY(image_bytes_append(out, number, 4));
  TRY(image_bytes_append(out, (const uint8_t *)type, 4));
  TRY(image_bytes_append(out, head->data, head->size));
  TRY(image_bytes_append(out, body->data, body->size));
  put(number, crc32_add(0, out->data + begin, out->size - begin), 4);
  return image_bytes_append(out, number, 4);
}

static status append_iccp(data_bytes *out, const data_bytes *profile) {
  uint8_t name[] = "ICC profile\0"; /* its end, and the method, zlib */
  uint8_t *packed;
  size_t length = deflate_bound(profile->size);
  TRY(MEMORY_NEW(length, "a compressed profile", &packed));
  status result =
      deflate_bytes(6, profile->data, profile->size, packed, &length);
  data_bytes head = {name, sizeof name, 0}, body = {packed, length, 0};
  if (result == STATUS_OK) result = append_chunk(out, "iCCP", &head, &body);
  memory_free(packed);
  return result;
}

static status append_phys(data_bytes *out, const data_metadata *metadata) {
  static const double to_metre[] = {1, 1 / 0.0254, 100, 1};
  uint8_t bytes[9];
  for (int i = 0; i < 2; i++) {
    double density = metadata->density[i] * to_metre[metadata->density_unit];
    put(bytes + 4 * i, (uint32_t)fmin(round(density), INT32_MAX), 4);
  }
  bytes[8] = metadata->density_unit != DATA_ASPECT;
  data_bytes none = {0}, body = {bytes, sizeof bytes, 0};
  return append_chunk(out, "pHYs", &none, &body);
}

/* Square pixels of no size are what is taken where nothing is said. */
static bool has_density(const data_metadata *metadata) {
  const uint32_t *density = metadata->density;
  return density[0] > 0 && density[1] > 0 &&
         (metadata->density_unit != DATA_ASPECT || density[0] != density[1]);
}

static status append_texts(data_bytes *out, const data_metadata *metadata) {
  /* Keyword; not compressed; neither language nor another keyword. */
  uint8_t keyword[] = "XML:com.adobe.xmp\0\0\0\0";
  data_bytes none = {0}, head = {keyword, sizeof keyword, 0};
  if (metadata->exif.size > 0)
    TRY(append_chunk(out, "eXIf", &none, &metadata->exif));
  if (metadata->xmp.size > 0)
    TRY(append_chunk(out, "iTXt", &head, &metadata->xmp));
  return STATUS_OK;
}

static void note_segments(const data_bytes *segments, char *dropped) {
  for (size_t at = 0; at < segments->size;) {
    const uint8_t *segment = segments->data + at;
    note(dropped, segment[1] == 0xfe   ? "comments"
                  : segment[1] == 0xed ? "IPTC data"
                                       : "further XMP");
    at += 2 + (size_t)(segment[2] << 8 | segment[3]);
  }
}

status image_chunks_make(const data_picture *picture, data_bytes *out,
                         char *dropped) {
  const data_metadata *metadata = &picture->metadata;
  note_lost(picture, dropped);
  if (profile_fits(picture)) TRY(append_iccp(out, &metadata->profile));
  if (has_density(metadata)) TRY(append_phys(out, metadata));
  if (metadata->others_of_png)
    TRY(image_bytes_append(out, metadata->others.data, metadata->others.size));
  else
    note_segments(&metadata->others, dropped);
  return append_texts(out, metadata);
}

/* ---- JPEG ---- */

static status append_segment(data_bytes *out, int marker, const void *head,
                             size_t head_size, const uint8_t *body,
                             size_t size) {
  uint8_t start[4] = {0xff, (uint8_t)marker};
  put(start + 2, (uint32_t)(2 + head_size + size), 2);
  TRY(image_bytes_append(out, start, 4));
  TRY(image_bytes_append(out, head, head_size));
  return image_bytes_append(out, body, size);
}

static status append_app1(data_bytes *out, const char *head, size_t head_size,
                          const data_bytes *body, const char *what,
                          char *dropped) {
  enum { APP1 = 0xe1 };
  if (body->size == 0) return STATUS_OK;
  if (body->size <= SEGMENT_BYTES_MAX - head_size)
    return append_segment(out, APP1, head, head_size, body->data, body->size);
  note(dropped, what);
  return STATUS_OK;
}

static status append_icc(data_bytes *out, const data_bytes *profile,
                         char *dropped) {
  enum { APP2 = 0xe2 };
  uint8_t head[ICC_HEADER] = "ICC_PROFILE";
  size_t pieces = (profile->size + ICC_PIECE - 1) / ICC_PIECE;
  if (pieces > 255) {
    note(dropped, "a profile that is too large");
    return STATUS_OK;
  }
  head[ICC_HEADER - 1] = (uint8_t)pieces;
  for (size_t i = 0; i < pieces; i++) {
    size_t left = profile->size - i * ICC_PIECE;
    head[ICC_HEADER - 2] = (uint8_t)(i + 1);
    TRY(append_segment(out, APP2, head, ICC_HEADER,
                       profile->data + i * ICC_PIECE,
                       left < ICC_PIECE ? left : ICC_PIECE));
  }
  return STATUS_OK;
}

static void note_chunks(const data_bytes *chunks, char *dropped) {
  for (size_t at = 0; at < chunks->size;) {
    const uint8_t *chunk = chunks->data + at;
    bool text = chunk[5] == 'E' || chunk[5] == 'T'; /* tEXt, zTXt, iTXt */
    if (text && chunk[7] == 't') note(dropped, "texts");
    at += 12 + ((size_t)chunk[0] << 24 | (size_t)chunk[1] << 16 |
                (size_t)chunk[2] << 8 | chunk[3]);
  }
}

status image_segments_make(const data_picture *picture, data_bytes *out,
                           char *dropped) {
  static const char exif[] = "Exif\0", xmp[] = "http://ns.adobe.com/xap/1.0/";
  const data_metadata *metadata = &picture->metadata;
  uint32_t density[2];
  note_lost(picture, dropped);
  if (picture->channels % 2 == 0) note(dropped, "alpha");
  if (picture->bits > 8) note(dropped, "16 bits");
  if (has_density(metadata) && image_jpeg_density(metadata, density) < 0)
    note(dropped, "the resolution");
  TRY(append_app1(out, exif, sizeof exif, &metadata->exif,
                  "EXIF that is too large", dropped));
  TRY(append_app1(out, xmp, sizeof xmp, &metadata->xmp, "XMP that is too large",
                  dropped));
  if (profile_fits(picture)) TRY(append_icc(out, &metadata->profile, dropped));
  if (!metadata->others_of_png)
    return image_bytes_append(out, metadata->others.data,
                              metadata->others.size);
  note_chunks(&metadata->others, dropped);
  if (metadata->other_colours) note(dropped, "its gamma or primaries");
  return STATUS_OK;
}

void image_nothing_made(const data_picture *picture, char *dropped) {
  const data_metadata *metadata = &picture->metadata;
  note_lost(picture, dropped);
  if (picture->channels % 2 == 0) note(dropped, "alpha");
  if (profile_fits(picture)) note(dropped, "the profile");
  if (has_density(metadata)) note(dropped, "the resolution");
  if (metadata->exif.size > 0) note(dropped, "EXIF");
  if (metadata->xmp.size > 0) note(dropped, "XMP");
  if (metadata->others_of_png)
    note_chunks(&metadata->others, dropped);
  else
    note_segments(&metadata->others, dropped);
}

int image_jpeg_density(const data_metadata *metadata, uint32_t density[2]) {
  bool metric = metadata->density_unit == DATA_PER_METRE;
  for (int i = 0; i < 2; i++) {
    double value = metadata->density[i] * (metric ? 0.0254 : 1);
    if (!(value >= 0.5 && value < UINT16_MAX)) return -1;
    density[i] = (uint32_t)round(value);
  }
  return metric ? (int)DATA_PER_INCH : (int)metadata->density_unit;
}
