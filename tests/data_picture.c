/* What a picture's file says beside its pixels: EXIF and how it turns them, the
 * colour profile, resolution, alpha and 16 bits; that it is handed on, and that
 * damage to it does no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/random.h"
#include "data/data.h"
#include "tests/grey.h"
#include "tests/tap.h"

static const char *scratch_path(const char *name) {
  static char text[4][600];
  static int turn;
  char *out = text[turn++ % 4];
  snprintf(out, sizeof text[0], "%s/%s", tap_scratch_folder(), name);
  return out;
}

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "%s", status_message());
  exit(tap_done());
}

/* ---- bytes ---- */

typedef struct bytes {
  uint8_t data[1 << 19];
  size_t size;
} bytes;

static void add(bytes *b, const void *data, size_t size) {
  if (size > sizeof b->data - b->size) abort();
  memcpy(b->data + b->size, data, size);
  b->size += size;
}

static void add_number(bytes *b, uint32_t value, int count, bool big_endian) {
  for (int i = 0; i < count; i++) {
    int shift = 8 * (big_endian ? count - 1 - i : i);
    uint8_t byte = (uint8_t)(value >> shift);
    add(b, &byte, 1);
  }
}

static void slurp(const char *path, bytes *out) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) abort();
  out->size = fread(out->data, 1, sizeof out->data, file);
  fclose(file);
}

static void spill(const char *path, const bytes *b) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(b->data, 1, b->size, file) != b->size ||
      fclose(file) != 0)
    abort();
}

/* ---- EXIF ---- */

enum { SHORT = 3, LONG = 4, SIDE_X = 13, SIDE_Y = 7 };

/* An entry of one number. */
typedef struct entry {
  unsigned tag, type;
  uint32_t count, value;
} entry;

static void add_directory(bytes *b, bool big, const entry *entries, int count,
                          uint32_t next) {
  add_number(b, (uint32_t)count, 2, big);
  for (int i = 0; i < count; i++) {
    add_number(b, entries[i].tag, 2, big);
    add_number(b, entries[i].type, 2, big);
    add_number(b, entries[i].count, 4, big);
    bool is_short = entries[i].type == SHORT;
    add_number(b, entries[i].value, is_short ? 2 : 4, big);
    if (is_short) add_number(b, 0, 2, big);
  }
  add_number(b, next, 4, big);
}

/* A first directory with an orientation, a camera's with the size, and a
 * thumbnail's, whose bytes are "THUMB". */
static void make_exif(bytes *out, bool big, entry orientation) {
  enum { FIRST = 8, CAMERA = FIRST + 30, THUMBNAIL = CAMERA + 30 };
  const entry first[] = {orientation, {0x8769, LONG, 1, CAMERA}};
  const entry camera[] = {{0xa002, SHORT, 1, SIDE_X},
                          {0xa003, LONG, 1, SIDE_Y}};
  const entry thumbnail[] = {{0x201, LONG, 1, THUMBNAIL + 30},
                             {0x202, LONG, 1, 5}};
  out->size = 0;
  add(out, big ? "MM" : "II", 2);
  add_number(out, 42, 2, big);
  add_number(out, FIRST, 4, big);
  add_directory(out, big, first, 2, THUMBNAIL);
  add_directory(out, big, camera, 2, 0);
  add_directory(out, big, thumbnail, 2, 0);
  add(out, "THUMB", 5);
}

static void turned(bytes *out, bool big, unsigned orientation) {
  make_exif(out, big, (entry){0x112, SHORT, 1, orientation});
}

/* ---- files with more in them ---- */

static void add_chunk(bytes *b, const char *type, const void *data,
                      size_t size) {
  size_t begin = b->size + 4;
  add_number(b, (uint32_t)size, 4, true);
  add(b, type, 4);
  add(b, data, size);
  uint32_t crc = (uint32_t)crc32(0, b->data + begin, (uInt)(b->size - begin));
  add_number(b, crc, 4, true);
}

static void add_segment(bytes *b, int marker, const char *name, size_t length,
                        const void *data, size_t size) {
  const uint8_t start[2] = {0xff, (uint8_t)marker};
  add(b, start, 2);
  add_number(b, (uint32_t)(2 + length + size), 2, true);
  add(b, name, length);
  add(b, data, size);
}

/* Puts `more` into a copy of a file, `at` bytes from its beginning, or before
 * its end. */
static void insert(const char *from, const char *to, int at,
                   const bytes *more) {
  static bytes file, out;
  slurp(from, &file);
  size_t place = at >= 0 ? (size_t)at : file.size - (size_t)-at;
  out.size = 0;
  add(&out, file.data, place);
  add(&out, more->data, more->size);
  add(&out, file.data + place, file.size - place);
  spill(to, &out);
}

enum { BEHIND_SOI = 2, BEHIND_IHDR = 33, BEFORE_IEND = -12 };

static bytes more, exif;

static void jpeg_with_exif(const char *from, const char *to) {
  more.size = 0;
  add_segment(&more, 0xe1, "http://ns.adobe.com/xap/1.0/", 29, "<x/>", 4);
  add_segment(&more, 0xed, "Photoshop 3.0", 14, "ab", 2);
  add_segment(&more, 0xe1, "Exif\0", 6, exif.data, exif.size);
  insert(from, to, BEHIND_SOI, &more);
}

static void png_with_exif(const char *from, const char *to, int place) {
  more.size = 0;
  add_chunk(&more, "eXIf", exif.data, exif.size);
  insert(from, to, place, &more);
}

/* ImageMagick's way. */
static void png_with_text(const char *from, const char *to) {
  static bytes text;
  uint8_t packed[4096];
  char line[64];
  text.size = more.size = 0;
  int length = snprintf(line, sizeof line, "\nexif\n%8zu\n", exif.size + 6);
  add(&text, line, (size_t)length);
  add(&text, "457869660000", 12);
  for (size_t i = 0; i < exif.size; i++) {
    length = snprintf(line, sizeof line, "%s%02x", i % 36 == 30 ? "\n" : "",
                      exif.data[i]);
    add(&text, line, (size_t)length);
  }
  uLongf size = sizeof packed;
  if (compress(packed, &size, text.data, text.size) != Z_OK) abort();
  static bytes body;
  body.size = 0;
  add(&body, "Raw profile type exif\0", 23);
  add(&body, packed, size);
  add_chunk(&more, "zTXt", body.data, body.size);
  insert(from, to, BEHIND_IHDR, &more);
}

/* ---- turning ---- */

static data_image noise_image(int channels) {
  data_image image;
  must(data_image_create(SIDE_X, SIDE_Y, channels, &image));
  random_stream random = random_stream_make(5, RANDOM_TEST, 0, 0);
  for (int i = 0; i < SIDE_X * SIDE_Y * channels; i++)
    image.pixels[i] = (uint8_t)random_u32(&random);
  return image;
}

/* The stored pixel of the upright one at (x, y), by the letter of the
 * standard: which side of the stored picture is up, and which is left. */
static const uint8_t *stored_at(const data_image *s, int o, int x, int y) {
  const int last_x = s->width - 1, last_y = s->height - 1;
  const int at[9][2] = {
      {0, 0},          {x, y}, {last_x - x, y}, {last_x - x, last_y - y},
      {x, last_y - y}, {y, x}, {y, last_y - x}, {last_x - y, last_y - x},
      {last_x - y, x}};
  return s->pixels + (at[o][1] * s->width + at[o][0]) * s->channels;
}

static bool is_turned(const data_image *stored, int o, int width, int height,
                      int channels, const uint8_t *pixels) {
  bool lying = o > 4;
  if (width != (lying ? stored->height : stored->width) ||
      height != (lying ? stored->width : stored->height) ||
      channels != stored->channels)
    return false;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      if (memcmp(pixels + (y * width + x) * channels,
                 stored_at(stored, o, x, y), (size_t)channels) != 0)
        return false;
  return true;
}

/* All readers see `path` as `stored` turned by orientation `o`. */
static bool readers_turn(const char *path, const data_image *stored, int o) {
  data_picture picture;
  data_image rgb;
  int width, height;
  must(data_picture_read(path, &picture));
  must(data_image_read(path, &rgb));
  must(data_image_read_size(path, &width, &height));
  bool good =
      is_turned(stored, o, picture.width, picture.height, picture.channels,
                picture.pixels) &&
      is_turned(stored, o, rgb.width, rgb.height, rgb.channels, rgb.pixels) &&
      width == rgb.width && height == rgb.height;
  data_picture_free(&picture);
  data_image_free(&rgb);
  return good;
}

/* The plain pictures, as files and as they are read. */
static char png[600], jpeg[600];
static data_image png_rgb, jpeg_rgb;

static void make_plain(void) {
  strcpy(png, scratch_path("plain.png"));
  strcpy(jpeg, scratch_path("plain.jpg"));
  png_rgb = noise_image(3);
  must(data_image_write(png, &png_rgb, 0));
  must(data_image_write(jpeg, &png_rgb, 95));
  must(data_image_read(jpeg, &jpeg_rgb));
}

static bool all_turn(int o) {
  char jpg[600], front[600], back[600], text[600];
  strcpy(jpg, scratch_path("turned.jpg"));
  strcpy(front, scratch_path("front.png"));
  strcpy(back, scratch_path("back.png"));
  strcpy(text, scratch_path("text.png"));
  jpeg_with_exif(jpeg, jpg);
  png_with_exif(png, front, BEHIND_IHDR);
  png_with_exif(png, back, BEFORE_IEND);
  png_with_text(png, text);
  return readers_turn(jpg, &jpeg_rgb, o) && readers_turn(front, &png_rgb, o) &&
         readers_turn(back, &png_rgb, o) && readers_turn(text, &png_rgb, o);
}

static void check_turning(void) {
  for (int big = 0; big < 2; big++)
    for (unsigned o = 1; o <= 8; o++) {
      turned(&exif, big != 0, o);
      tap_ok(all_turn((int)o), "orientation %u, %s, in JPEG and PNG", o,
             big ? "MM" : "II");
    }
}

/* ---- damaged EXIF ---- */

static void check_damaged_exif(void) {
  static const entry wrong[] = {{0x112, SHORT, 1, 0},     {0x112, SHORT, 1, 9},
                                {0x112, SHORT, 1, 65535}, {0x112, LONG, 1, 6},
                                {0x112, SHORT, 2, 6},     {0x112, SHORT, 0, 6},
                                {0x113, SHORT, 1, 6}};
  for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
    make_exif(&exif, i % 2 == 0, wrong[i]);
    tap_ok(all_turn(1), "tag %x of type %u, count %u, value %u turns nothing",
           wrong[i].tag, wrong[i].type, wrong[i].count, wrong[i].value);
  }
  static const struct {
    const char *what;
    size_t at;
    uint8_t value;
  } broken[] = {{"byte order", 0, 'X'},
                {"version", 2, 43},
                {"first directory far away", 7, 0xff},
                {"first directory in the header", 4, 3}};
  for (size_t i = 0; i < sizeof broken / sizeof *broken; i++) {
    turned(&exif, false, 6);
    exif.data[broken[i].at] = broken[i].value;
    tap_ok(all_turn(1), "%s: turns nothing", broken[i].what);
  }
  turned(&exif, false, 6);
  exif.data[8] = exif.data[9] = 0xff;
  tap_ok(all_turn(6), "more entries said than there are: those there count");
}

static void check_short_exif(void) {
  turned(&exif, true, 6);
  size_t whole = exif.size, sound = 0;
  const char *path = scratch_path("short.png");
  for (exif.size = 0; exif.size <= whole; exif.size++) {
    data_picture picture;
    png_with_exif(png, path, BEHIND_IHDR);
    must(data_picture_read(path, &picture));
    sound += picture.width == (exif.size < 22 ? SIDE_X : SIDE_Y);
    data_picture_free(&picture);
  }
  tap_ok(sound == whole + 1, "EXIF cut short at every length: %zu of %zu",
         sound, whole + 1);
}

enum { MUTATIONS = 1000 };

static random_stream mutations;

static void mutate(uint8_t *data, size_t size) {
  for (uint32_t k = 0; k <= random_below(&mutations, 4); k++)
    data[random_below(&mutations, (uint32_t)size)] =
        (uint8_t)random_u32(&mutations);
}

/* What can be read can be written, now and then, as it flushes the disk. */
static int read_mutated(const char *path, bool write) {
  data_picture picture;
  char dropped[DATA_DROPPED_BYTES], *again;
  if (data_picture_read(path, &picture) != STATUS_OK) return 0;
  data_profile *profile = NULL;
  (void)data_profile_open(&picture.metadata.profile, &profile);
  data_profile_close(&profile);
  again = strdup(scratch_path("again.png"));
  if (write) {
    must(data_picture_write(again, &picture, 90, dropped));
    data_picture_free(&picture);
    must(data_picture_read(again, &picture));
  }
  data_picture_free(&picture);
  free(again);
  return 1;
}

/* Any byte of the metadata may be any other. */
static void check_mutated_jpeg(const char *path, size_t end) {
  static bytes file, copy;
  slurp(path, &file);
  char broken[600];
  strcpy(broken, scratch_path("mutated.jpg"));
  int read = 0;
  for (int i = 0; i < MUTATIONS; i++) {
    copy.size = file.size;
    memcpy(copy.data, file.data, file.size);
    mutate(copy.data + 2, end);
    spill(broken, &copy);
    read += read_mutated(broken, i % 50 == 0);
  }
  tap_ok(read > 0, "JPEG, mutated: %d of %d are read", read, MUTATIONS);
}

/* With the right checksums. */
static void check_mutated_exif(void) {
  char path[600];
  strcpy(path, scratch_path("mutated.png"));
  int read = 0;
  for (int i = 0; i < MUTATIONS; i++) {
    turned(&exif, i % 2 == 0, 6);
    mutate(exif.data, exif.size);
    if (i % 4 < 2)
      png_with_exif(png, path, BEFORE_IEND);
    else
      png_with_text(png, path);
    read += read_mutated(path, i % 50 == 0);
  }
  tap_ok(read == MUTATIONS, "EXIF, mutated: %d of %d are read", read,
         MUTATIONS);
}

/* ---- what is handed on ---- */

/* A profile of three primaries and a gamma, as little as one may have; `extra`
 * zeros make it large. */
static void make_profile(bytes *b, const double primaries[9], double gamma,
                         size_t extra) {
  static const char *const tags[] = {"rXYZ", "gXYZ", "bXYZ",
                                     "rTRC", "gTRC", "bTRC"};
  enum { TAGS = 6, TABLE = 128, DATA = TABLE + 4 + 12 * TAGS };
  static const uint32_t white[3] = {0xf6d6, 0x10000, 0xd32d};
  size_t size = DATA + 3 * 20 + 16 + extra;
  b->size = 0;
  add_number(b, (uint32_t)size, 4, true);
  add(b, "\0\0\0\0\2\40\0\0mntrRGB XYZ ", 20);
  while (b->size < 36) add(b, "", 1);
  add(b, "acsp", 4);
  while (b->size < 68) add(b, "", 1);
  for (int i = 0; i < 3; i++) add_number(b, white[i], 4, true);
  while (b->size < TABLE) add(b, "", 1);
  add_number(b, TAGS, 4, true);
  for (int i = 0; i < TAGS; i++) {
    add(b, tags[i], 4);
    add_number(b, (uint32_t)(DATA + 20 * (i < 3 ? i : 3)), 4, true);
    add_number(b, i < 3 ? 20 : 14, 4, true);
  }
  for (int i = 0; i < 3; i++) {
    add(b, "XYZ \0\0\0", 8);
    for (int k = 0; k < 3; k++)
      add_number(b, (uint32_t)(int32_t)(primaries[3 * i + k] * 65536), 4, true);
  }
  add(b, "curv\0\0\0", 8);
  add_number(b, 1, 4, true);
  add_number(b, (uint32_t)(gamma * 256), 2, true);
  while (b->size < size) add(b, "", 1);
}

static const double p3[9] = {0.51512, 0.24120, -0.00105, 0.29198, 0.69225,
                             0.04189, 0.15710, 0.06657,  0.78407};

static bool same(const data_bytes *a, const void *b, size_t size) {
  return a->size == size && (size == 0 || memcmp(a->data, b, size) == 0);
}

static data_bytes copy_of(const void *data, size_t size) {
  data_bytes out = {malloc(size), size, size};
  if (out.data == NULL) abort();
  memcpy(out.data, data, size);
  return out;
}

static bytes profile;

/* A picture that says all; of noise, so that nothing is right by chance. */
static data_picture full_picture(int channels, int bits) {
  data_picture p = {.width = SIDE_X, .height = SIDE_Y, .channels = channels};
  size_t count = (size_t)(SIDE_X * SIDE_Y * channels * bits / 8);
  data_image memory; /* large enough, and freed as pictures are */
  must(data_image_create(SIDE_X * channels * bits / 8, SIDE_Y, 1, &memory));
  random_stream random = random_stream_make(9, RANDOM_TEST, 0, 0);
  for (size_t i = 0; i < count; i++)
    memory.pixels[i] = (uint8_t)random_u32(&random);
  p.bits = bits;
  p.pixels = memory.pixels;
  turned(&exif, true, 1);
  p.metadata.exif = copy_of(exif.data, exif.size);
  p.metadata.profile = copy_of(profile.data, profile.size);
  p.metadata.xmp = copy_of("<x/>", 4);
  p.metadata.density[0] = 300;
  p.metadata.density[1] = 150;
  p.metadata.density_unit = DATA_PER_INCH;
  return p;
}

static void check_round_trip(int channels, int bits, const char *name,
                             const char *want_dropped) {
  data_picture p = full_picture(channels, bits), q;
  char dropped[DATA_DROPPED_BYTES];
  const char *path = scratch_path(name);
  bool is_png = strstr(name, "png") != NULL, colour = channels > 2;
  must(data_picture_write(path, &p, 95, dropped));
  must(data_picture_read(path, &q));
  size_t count = (size_t)(SIDE_X * SIDE_Y * channels * bits / 8);
  bool pixels = !is_png || (q.channels == channels && q.bits == bits &&
                            memcmp(p.pixels, q.pixels, count) == 0);
  const data_metadata *m = &q.metadata;
  /* The thumbnail is gone: five bytes, and the offset to it. */
  bool said = m->exif.size == exif.size - 5 &&
              same(&m->profile, profile.data, colour ? profile.size : 0) &&
              same(&m->xmp, "<x/>", 4) &&
              m->density_unit == (is_png ? DATA_PER_METRE : DATA_PER_INCH) &&
              m->density[0] == (is_png ? 11811 : 300) &&
              m->density[1] == (is_png ? 5906 : 150);
  tap_ok(pixels && said, "%d channels of %d bits, to %s and back", channels,
         bits, name);
  tap_ok(strcmp(dropped, want_dropped) == 0, "not kept: '%s'", dropped);
  data_picture_free(&p);
  data_picture_free(&q);
}

static void check_handing_on(void) {
  static const char other[] = "a profile that is not of RGB";
  make_profile(&profile, p3, 2.2, 150000);
  for (int channels = 1; channels <= 4; channels++)
    for (int bits = 8; bits <= 16; bits += 8) {
      char lost[DATA_DROPPED_BYTES];
      snprintf(lost, sizeof lost, "%s%s%s", channels < 3 ? other : "",
               channels == 2   ? ", alpha"
               : channels == 4 ? "alpha"
                               : "",
               bits == 8       ? ""
               : channels == 3 ? "16 bits"
                               : ", 16 bits");
      check_round_trip(channels, bits, "full.png", channels < 3 ? other : "");
      check_round_trip(channels, bits, "full.jpg", lost);
    }
}

/* Comments go where the format has them. */
static void check_texts(void) {
  data_picture p, q;
  char dropped[DATA_DROPPED_BYTES];
  const char *from = scratch_path("said.png"), *to = scratch_path("to.png");
  more.size = 0;
  add_chunk(&more, "gAMA", "\0\0\261\217", 4);
  add_chunk(&more, "tEXt", "Comment\0mine", 12);
  insert(png, from, BEHIND_IHDR, &more);
  must(data_picture_read(from, &p));
  must(data_picture_write(to, &p, 0, dropped));
  must(data_picture_read(to, &q));
  tap_ok(same(&q.metadata.others, more.data, more.size) && dropped[0] == '\0',
         "a PNG's text and gamma");
  must(data_picture_write(scratch_path("to.jpg"), &p, 90, dropped));
  tap_ok(strcmp(dropped, "texts") == 0 && !p.metadata.other_colours,
         "in a JPEG not kept: %s", dropped);
  data_picture_free(&p);
  more.size = 0;
  add_chunk(&more, "gAMA", "\0\1\206\240", 4);
  insert(png, scratch_path("linear.png"), BEHIND_IHDR, &more);
  must(data_picture_read(scratch_path("linear.png"), &p));
  must(data_picture_write(scratch_path("to.jpg"), &p, 90, dropped));
  tap_ok(p.metadata.other_colours &&
             strcmp(dropped, "its gamma or primaries") == 0,
         "a gamma of 1 is told, and not kept in a JPEG");
  data_picture_free(&p);
  data_picture_free(&q);
}

static void check_profile_pieces(const char *what, const char *order,
                                 bool wanted) {
  const char *path = scratch_path("pieces.jpg");
  make_profile(&profile, p3, 2.2, 300);
  more.size = 0;
  for (const char *c = order; *c != '\0'; c++) {
    uint8_t head[14] = "ICC_PROFILE";
    head[12] = (uint8_t)(*c - '0');
    head[13] = 3;
    size_t begin = (size_t)(*c - '1') * 200;
    size_t size = *c == '3' ? profile.size - begin : 200;
    add_segment(&more, 0xe2, (char *)head, 14, profile.data + begin, size);
  }
  insert(jpeg, path, BEHIND_SOI, &more);
  data_picture p;
  must(data_picture_read(path, &p));
  tap_ok(wanted ? same(&p.metadata.profile, profile.data, profile.size)
                : p.metadata.profile.size == 0 && p.metadata.profile_damaged,
         "a profile in pieces, %s", what);
  data_picture_free(&p);
}

/* ---- turned EXIF ---- */

static void check_settled(void) {
  data_picture p;
  bytes want = {.size = 0};
  const char *path = scratch_path("settled.jpg");
  turned(&exif, false, 6);
  jpeg_with_exif(jpeg, path);
  must(data_picture_read(path, &p));
  turned(&want, false, 1);
  want.size -= 5;                       /* the thumbnail's bytes */
  memset(want.data + 8 + 2 + 24, 0, 4); /* and where it is */
  uint8_t *across = want.data + 38 + 4, *down = across + 12, kept[10];
  memcpy(kept, across, sizeof kept);
  memcpy(across, down, sizeof kept);
  memcpy(down, kept, sizeof kept);
  tap_ok(same(&p.metadata.exif, want.data, want.size),
         "EXIF tells of the upright picture, without a thumbnail");
  data_picture_free(&p);
  make_exif(&exif, false, (entry){0x112, LONG, 1, 6});
  jpeg_with_exif(jpeg, path);
  must(data_picture_read(path, &p));
  tap_ok(p.metadata.exif.size > 20 && p.metadata.exif.data[12] == SHORT &&
             p.metadata.exif.data[18] == 1,
         "an orientation that some readers would take is made 1");
  data_picture_free(&p);
  static const char xmp[] = "http://ns.adobe.com/xap/1.0/\0"
                            "<r tiff:Orientation=\"6\"/><tiff:Orientation>8<";
  more.size = 0;
  add_segment(&more, 0xe1, xmp, sizeof xmp - 1, "", 0);
  insert(jpeg, path, BEHIND_SOI, &more);
  must(data_picture_read(path, &p));
  static const char settled[] = "<r tiff:Orientation=\"1\"/>"
                                "<tiff:Orientation>1<";
  tap_ok(same(&p.metadata.xmp, settled, sizeof settled - 1), "and so does XMP");
  data_picture_free(&p);
}

/* ---- 16 bits to 8 ---- */

static void check_rounding(void) {
  data_image words, bytes_read;
  must(data_image_create(512, 256, 1, &words));
  for (int i = 0; i < 65536; i++)
    ((uint16_t *)(void *)words.pixels)[i] = (uint16_t)i;
  data_picture p = {.width = 256, .height = 256, .channels = 1, .bits = 16};
  p.pixels = words.pixels;
  char dropped[DATA_DROPPED_BYTES];
  const char *path = scratch_path("words.png");
  must(data_picture_write(path, &p, 0, dropped));
  must(grey_read(path, &bytes_read));
  int wrong = 0;
  for (int i = 0; i < 65536; i++)
    wrong += bytes_read.pixels[i] != (i * 255 + 32767) / 65535;
  tap_ok(wrong == 0, "16 bits to 8: to the nearest, for every value");
  must(data_picture_colour(&p));
  data_image seen;
  must(data_picture_see(&p, &seen));
  for (int i = 0; i < 65536; i++)
    wrong += seen.pixels[3 * i + 1] != bytes_read.pixels[i];
  tap_ok(wrong == 0, "and the same of a picture in memory");
  data_picture_free(&p);
  data_image_free(&seen);
  data_image_free(&bytes_read);
}

/* ---- profiles ---- */

static void check_profiles(void) {
#ifdef HAVE_LCMS2
  static const double srgb[9] = {0.43607, 0.22249, 0.01392, 0.38515, 0.71687,
                                 0.09708, 0.14307, 0.06061, 0.71410};
  data_profile *open;
  float colour[6] = {0, 1, 0, 0.25f, 0.5f, 0.75f}, back[6];
  make_profile(&profile, p3, 2.2, 0);
  data_bytes icc = {profile.data, profile.size, 0};
  must(data_profile_open(&icc, &open));
  data_profile_to_srgb(open, colour, back, 2);
  tap_ok(back[0] < -0.1f && back[1] > 1.001f,
         "P3's green is beyond sRGB: %.3f %.3f %.3f", back[0], back[1],
         back[2]);
  data_profile_from_srgb(open, back + 3, back + 3, 1);
  float most = 0;
  for (int i = 3; i < 6; i++)
    most = back[i] - colour[i] > most ? back[i] - colour[i] : most;
  tap_ok(most < 0.001f, "to sRGB and back: off by %.5f at most", most);
  data_profile_close(&open);
  make_profile(&profile, srgb, 2.2, 0);
  icc.size = profile.size;
  must(data_profile_open(&icc, &open));
  tap_ok(open != NULL, "sRGB's primaries with a plain gamma are not sRGB");
  data_profile_close(&open);
  icc.size = 100;
  tap_ok(data_profile_open(&icc, &open) == STATUS_FORMAT && open == NULL,
         "half a profile: %s", status_message());
#else
  tap_skip("built without Little CMS");
#endif
}

int main(void) {
  make_plain();
  check_turning();
  check_damaged_exif();
  check_short_exif();
  check_settled();
  check_handing_on();
  check_texts();
  check_profile_pieces("in order", "123", true);
  check_profile_pieces("in any order", "312", true);
  check_profile_pieces("one missing", "13", false);
  check_profile_pieces("one twice", "1223", false);
  check_profile_pieces("one not of them", "1235", false);
  check_rounding();
  check_profiles();
  mutations = random_stream_make(7, RANDOM_TEST, 0, 0);
  make_profile(&profile, p3, 2.2, 0);
  check_round_trip(3, 8, "small.jpg", "");
  check_mutated_jpeg(scratch_path("small.jpg"), 600);
  check_mutated_exif();
  data_image_free(&png_rgb);
  data_image_free(&jpeg_rgb);
  return tap_done();
}
