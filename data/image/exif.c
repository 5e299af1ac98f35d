/* EXIF: a TIFF file that holds no picture of its own, written by a camera or by
 * anybody. Of its directories only the first, that of the thumbnail and that of
 * the camera are looked at, each once, so nothing can go round in circles;
 * every offset is checked against the size. */
#include <string.h>

#include "data/image/image_internal.h"

enum {
  ENTRY_BYTES = 12, /* tag 2, type 2, count 4, value 4 */
  TYPE_SHORT = 3,
  TAG_WIDTH = 0x100,
  TAG_HEIGHT = 0x101,
  TAG_ORIENTATION = 0x112,
  TAG_X_RESOLUTION = 0x11a,
  TAG_Y_RESOLUTION = 0x11b,
  TAG_THUMBNAIL = 0x201,
  TAG_THUMBNAIL_BYTES = 0x202,
  TAG_CAMERA = 0x8769,
  TAG_PIXEL_WIDTH = 0xa002,
  TAG_PIXEL_HEIGHT = 0xa003
};

typedef struct tiff {
  uint8_t *data;
  size_t size;
  bool big_endian;
} tiff;

static uint32_t get(const tiff *t, size_t at, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; i++)
    value = value << 8 | t->data[t->big_endian ? at + i : at + bytes - 1 - i];
  return value;
}

static void put(tiff *t, size_t at, size_t bytes, uint32_t value) {
  for (size_t i = 0; i < bytes; i++, value >>= 8)
    t->data[t->big_endian ? at + bytes - 1 - i : at + i] = (uint8_t)value;
}

static bool tiff_open(const data_bytes *exif, tiff *out) {
  if (exif->size < 8) return false;
  out->data = exif->data;
  out->size = exif->size;
  out->big_endian = memcmp(exif->data, "MM\0*", 4) == 0;
  return out->big_endian || memcmp(exif->data, "II*", 4) == 0;
}

/* How many entries of the directory at `at` are there; the first is at at + 2.
 */
static size_t entries_of(const tiff *t, size_t at) {
  if (at < 8 || at > t->size - 2) return 0;
  size_t said = get(t, at, 2), room = (t->size - at - 2) / ENTRY_BYTES;
  return said < room ? said : room;
}

/* Where the first entry of this tag is; 0: nowhere. */
static size_t find(const tiff *t, size_t directory, unsigned tag) {
  size_t entries = entries_of(t, directory), at = directory + 2;
  for (size_t i = 0; i < entries; i++, at += ENTRY_BYTES)
    if (get(t, at, 2) == tag) return at;
  return 0;
}

/* A directory's or thumbnail's place or size, 0 without such an entry. */
static size_t number_of(const tiff *t, size_t directory, unsigned tag) {
  size_t at = find(t, directory, tag);
  return at > 0 ? get(t, at + 8, 4) : 0;
}

bool exif_is_sound(const data_bytes *exif) {
  tiff t;
  return tiff_open(exif, &t) && entries_of(&t, get(&t, 4, 4)) > 0;
}

int exif_orientation(const data_bytes *exif) {
  tiff t;
  if (!tiff_open(exif, &t)) return 1;
  size_t at = find(&t, get(&t, 4, 4), TAG_ORIENTATION);
  if (at == 0 || get(&t, at + 2, 2) != TYPE_SHORT || get(&t, at + 4, 4) != 1)
    return 1;
  uint32_t value = get(&t, at + 8, 2);
  return value >= 1 && value <= 8 ? (int)value : 1;
}

/* Also where it is said twice or in a form that only some readers take. */
static void set_upright(tiff *t, size_t directory) {
  size_t entries = entries_of(t, directory), at = directory + 2;
  for (size_t i = 0; i < entries; i++, at += ENTRY_BYTES) {
    if (get(t, at, 2) != TAG_ORIENTATION) continue;
    put(t, at + 2, 2, TYPE_SHORT);
    put(t, at + 4, 4, 1);
    put(t, at + 8, 2, 1);
    put(t, at + 10, 2, 0);
  }
}

static void exchange(tiff *t, size_t directory, unsigned one, unsigned other) {
  size_t a = find(t, directory, one), b = find(t, directory, other);
  if (a == 0 || b == 0) return;
  uint8_t kept[ENTRY_BYTES - 2];
  memcpy(kept, t->data + a + 2, sizeof kept);
  memcpy(t->data + a + 2, t->data + b + 2, sizeof kept);
  memcpy(t->data + b + 2, kept, sizeof kept);
}

/* The directory after the first one; its pixels are usually the last bytes. */
static void drop_thumbnail(tiff *t, size_t directory) {
  size_t end = directory + 2 + ENTRY_BYTES * entries_of(t, directory);
  if (directory < 8 || end + 4 > t->size) return;
  size_t thumbnail = get(t, end, 4);
  put(t, end, 4, 0);
  size_t at = number_of(t, thumbnail, TAG_THUMBNAIL);
  size_t bytes = number_of(t, thumbnail, TAG_THUMBNAIL_BYTES);
  if (at >= end + 4 && at < t->size && bytes >= t->size - at) t->size = at;
}

void exif_settle(data_bytes *exif, bool lying) {
  tiff t;
  if (!tiff_open(exif, &t)) return;
  size_t directory = get(&t, 4, 4);
  set_upright(&t, directory);
  drop_thumbnail(&t, directory);
  exif->size = t.size;
  if (!lying) return;
  size_t camera = number_of(&t, directory, TAG_CAMERA);
  exchange(&t, directory, TAG_WIDTH, TAG_HEIGHT);
  exchange(&t, directory, TAG_X_RESOLUTION, TAG_Y_RESOLUTION);
  exchange(&t, camera, TAG_PIXEL_WIDTH, TAG_PIXEL_HEIGHT);
}

/* As an attribute, tiff:Orientation="6", or an element, <tiff:Orientation>6. */
void xmp_settle(data_bytes *xmp) {
  static const char name[] = "tiff:Orientation";
  if (xmp->size == 0) return; /* there is no place to search from */
  uint8_t *at = xmp->data, *end = xmp->data + xmp->size;
  while (at < end &&
         (at = memmem(at, (size_t)(end - at), name, sizeof name - 1)) != NULL) {
    at += sizeof name - 1;
    while (at < end && *at != '\0' && strchr(" \t\r\n=>\"'", *at) != NULL) at++;
    if (at < end && *at >= '0' && *at <= '9') *at = '1';
  }
}
