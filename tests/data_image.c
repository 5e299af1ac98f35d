/* Image files: every kind of PNG and JPEG, writing, and files that are broken
 * in many ways. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <jpeglib.h>
#include <png.h>

#include "base/random.h"
#include "base/threads.h"
#include "data/data.h"
#include "tests/grey.h"
#include "tests/tap.h"

static char path_text[4][600];

/* A path in the scratch folder; the last four results stay valid. */
static const char *scratch_path(const char *name) {
  static int turn;
  char *text = path_text[turn++ % 4];
  snprintf(text, sizeof path_text[0], "%s/%s", tap_scratch_folder(), name);
  return text;
}

static const char *source_path(const char *name) {
  static char text[1024];
  const char *source = getenv("HARMONIA_SOURCE");
  snprintf(text, sizeof text, "%s/%s", source != NULL ? source : ".", name);
  return text;
}

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "%s", status_message());
  exit(tap_done());
}

static size_t image_bytes(const data_image *image) {
  return (size_t)image->width * (size_t)image->height * (size_t)image->channels;
}

static bool same_image(const data_image *a, const data_image *b) {
  return a->width == b->width && a->height == b->height &&
         a->channels == b->channels &&
         memcmp(a->pixels, b->pixels, image_bytes(a)) == 0;
}

static bool is_zero(const data_image *image) {
  return image->width == 0 && image->height == 0 && image->channels == 0 &&
         image->pixels == NULL;
}

/* Smooth colours, so that JPEG stays near them. */
static data_image picture(int width, int height, int channels) {
  data_image image;
  must(data_image_create(width, height, channels, &image));
  uint8_t *p = image.pixels;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < channels; c++)
        *p++ = (uint8_t)(40 + (150 * x) / width + (40 * y * (c + 1)) / height -
                         15 * c);
  return image;
}

/* ---- files as bytes ---- */

typedef struct bytes {
  uint8_t *data;
  size_t size;
} bytes;

static bytes slurp(const char *path) {
  FILE *file = fopen(path, "rb");
  if (file == NULL) {
    tap_ok(false, "%s is there", path);
    exit(tap_done());
  }
  bytes out = {malloc(1 << 20), 0};
  if (out.data == NULL) abort();
  out.size = fread(out.data, 1, 1 << 20, file);
  fclose(file);
  return out;
}

static void spill(const char *path, const uint8_t *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0)
    abort();
}

/* ---- every kind of PNG ---- */

typedef struct kind {
  const char *name;
  int colour, depth;
} kind;

static const kind kinds[] = {
    {"grey 1", PNG_COLOR_TYPE_GRAY, 1},
    {"grey 2", PNG_COLOR_TYPE_GRAY, 2},
    {"grey 4", PNG_COLOR_TYPE_GRAY, 4},
    {"grey 8", PNG_COLOR_TYPE_GRAY, 8},
    {"grey 16", PNG_COLOR_TYPE_GRAY, 16},
    {"grey and alpha 8", PNG_COLOR_TYPE_GRAY_ALPHA, 8},
    {"grey and alpha 16", PNG_COLOR_TYPE_GRAY_ALPHA, 16},
    {"palette 1", PNG_COLOR_TYPE_PALETTE, 1},
    {"palette 2", PNG_COLOR_TYPE_PALETTE, 2},
    {"palette 4", PNG_COLOR_TYPE_PALETTE, 4},
    {"palette 8", PNG_COLOR_TYPE_PALETTE, 8},
    {"rgb 8", PNG_COLOR_TYPE_RGB, 8},
    {"rgb 16", PNG_COLOR_TYPE_RGB, 16},
    {"rgb and alpha 8", PNG_COLOR_TYPE_RGB_ALPHA, 8},
    {"rgb and alpha 16", PNG_COLOR_TYPE_RGB_ALPHA, 16},
};

static png_color palette_colour(unsigned index) {
  return (png_color){(png_byte)(index * 7 + 3), (png_byte)(255 - index),
                     (png_byte)(index * index)};
}

/* Sample c at (x, y), below 2^depth. */
static unsigned sample_at(int x, int y, int c, int depth) {
  unsigned value = (unsigned)(x * 2749 + y * 7919 + c * 10007 + x * y * 31);
  return value & ((1u << depth) - 1);
}

static uint8_t wanted_byte(const kind *k, int x, int y, int c) {
  unsigned value = sample_at(x, y, c, k->depth);
  if (k->depth == 16) return (uint8_t)((value * 255 + 32767) / 65535);
  return (uint8_t)(value * 255 / ((1u << k->depth) - 1));
}

static void wanted_rgb(const kind *k, int x, int y, uint8_t rgb[3]) {
  if (k->colour == PNG_COLOR_TYPE_PALETTE) {
    png_color colour = palette_colour(sample_at(x, y, 0, k->depth));
    rgb[0] = colour.red, rgb[1] = colour.green, rgb[2] = colour.blue;
    return;
  }
  bool grey = (k->colour & PNG_COLOR_MASK_COLOR) == 0;
  for (int c = 0; c < 3; c++) rgb[c] = wanted_byte(k, x, y, grey ? 0 : c);
}

static void set_palette(png_structp png, png_infop info, int depth) {
  png_color palette[256];
  png_byte alpha[2] = {0, 128}; /* a transparent entry changes nothing */
  for (unsigned i = 0; i < 256; i++) palette[i] = palette_colour(i);
  png_set_PLTE(png, info, palette, 1 << depth);
  png_set_tRNS(png, info, alpha, 2, NULL);
}

static void write_kind(const char *path, const kind *k, int width, int height,
                       int interlace) {
  FILE *file = fopen(path, "wb");
  png_structp png =
      png_create_write_struct(PNG_LIBPNG_VER_STRING, NULL, NULL, NULL);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_IHDR(png, info, (png_uint_32)width, (png_uint_32)height, k->depth,
               k->colour, interlace, PNG_COMPRESSION_TYPE_DEFAULT,
               PNG_FILTER_TYPE_DEFAULT);
  if (k->colour == PNG_COLOR_TYPE_PALETTE) set_palette(png, info, k->depth);
  png_write_info(png, info);
  png_set_packing(png);
  int channels = png_get_channels(png, info), wide = k->depth == 16 ? 2 : 1;
  uint8_t *row = malloc((size_t)(width * channels * wide));
  if (row == NULL) abort();
  int passes = png_set_interlace_handling(png);
  for (int pass = 0; pass < passes; pass++)
    for (int y = 0; y < height; y++) {
      uint8_t *p = row;
      for (int x = 0; x < width; x++)
        for (int c = 0; c < channels; c++) {
          unsigned value = sample_at(x, y, c, k->depth);
          if (wide == 2) *p++ = (uint8_t)(value >> 8);
          *p++ = (uint8_t)value;
        }
      png_write_row(png, row);
    }
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  fclose(file);
  free(row);
}

static void check_kind(const kind *k, int width, int height, int interlace) {
  const char *path = scratch_path("kind.png");
  write_kind(path, k, width, height, interlace);
  data_image rgb, grey;
  int w, h;
  must(data_image_read(path, &rgb));
  must(grey_read(path, &grey));
  must(data_image_read_size(path, &w, &h));
  size_t wrong = 0;
  bool shape = rgb.width == width && rgb.height == height &&
               rgb.channels == 3 && grey.width == width &&
               grey.height == height && grey.channels == 1 && w == width &&
               h == height;
  for (int y = 0; shape && y < height; y++)
    for (int x = 0; x < width; x++) {
      uint8_t want[3];
      wanted_rgb(k, x, y, want);
      int at = y * width + x;
      if (memcmp(rgb.pixels + 3 * at, want, 3) != 0) wrong++;
      double luma =
          (want[0] * 299.0 + want[1] * 587.0 + want[2] * 114.0) / 1000;
      double d = grey.pixels[at] - luma;
      if (d < -0.51 || d > 0.51) wrong++;
    }
  tap_ok(shape && wrong == 0, "PNG, %s%s, %d x %d", k->name,
         interlace == PNG_INTERLACE_NONE ? "" : ", interlaced", width, height);
  data_image_free(&rgb);
  data_image_free(&grey);
}

static void check_kinds(void) {
  for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
    for (int interlace = 0; interlace < 2; interlace++) {
      check_kind(&kinds[i], 29, 23, interlace);
      check_kind(&kinds[i], 1, 1, interlace);
    }
}

/* ---- every kind of JPEG ---- */

/* Bit for bit as Pillow 9.4 decodes; the records are its output as PNG. */
static void check_as_pillow(const char *name) {
  char file[200];
  data_image got, want;
  snprintf(file, sizeof file, "tests/golden/%s.jpg", name);
  must(data_image_read(source_path(file), &got));
  snprintf(file, sizeof file, "tests/golden/%s.png", name);
  must(data_image_read(source_path(file), &want));
  tap_ok(same_image(&got, &want), "%s as Pillow decodes it", name);
  data_image_free(&got);
  data_image_free(&want);
}

/* Encodes `count` components a pixel as they are given. */
static void write_components(const char *path, const uint8_t *pixels, int width,
                             int height, int count, J_COLOR_SPACE in,
                             J_COLOR_SPACE stored) {
  struct jpeg_compress_struct jpeg;
  struct jpeg_error_mgr errors;
  FILE *file = fopen(path, "wb");
  jpeg.err = jpeg_std_error(&errors);
  jpeg_create_compress(&jpeg);
  jpeg_stdio_dest(&jpeg, file);
  jpeg.image_width = (JDIMENSION)width;
  jpeg.image_height = (JDIMENSION)height;
  jpeg.input_components = count;
  jpeg.in_color_space = in;
  jpeg_set_defaults(&jpeg);
  jpeg_set_colorspace(&jpeg, stored);
  jpeg_set_quality(&jpeg, 100, TRUE);
  for (int c = 0; c < jpeg.num_components; c++)
    jpeg.comp_info[c].h_samp_factor = jpeg.comp_info[c].v_samp_factor = 1;
  jpeg_start_compress(&jpeg, TRUE);
  for (int y = 0; y < height; y++) {
    uint8_t row[1024];
    memcpy(row, pixels + y * width * count, (size_t)(width * count));
    JSAMPROW rows[1] = {row};
    jpeg_write_scanlines(&jpeg, rows, 1);
  }
  jpeg_finish_compress(&jpeg);
  jpeg_destroy_compress(&jpeg);
  fclose(file);
}

/* Four inks, stored inverted as Adobe does: red = (1 - c) (1 - k). */
static void check_inks(J_COLOR_SPACE stored, const char *name) {
  enum { W = 40, H = 30 };
  static uint8_t inks[W * H * 4];
  for (int i = 0; i < W * H; i++)
    for (int c = 0; c < 4; c++)
      inks[4 * i + c] = (uint8_t)(60 + 3 * (i % W) + (c + 1) * (i / W));
  const char *path = scratch_path("inks.jpg");
  write_components(path, inks, W, H, 4, JCS_CMYK, stored);
  data_image got;
  must(data_image_read(path, &got));
  int worst = 0;
  for (int i = 0; i < W * H; i++)
    for (int c = 0; c < 3; c++) {
      int want = inks[4 * i + c] * inks[4 * i + 3] / 255;
      int d = abs(want - got.pixels[3 * i + c]);
      if (d > worst) worst = d;
    }
  tap_ok(got.width == W && got.height == H && worst <= 3,
         "JPEG, %s: off by %d at most", name, worst);
  data_image_free(&got);
}

static void check_stored(J_COLOR_SPACE stored, int channels, const char *name) {
  data_image image = picture(43, 21, channels), got = {0};
  const char *path = scratch_path("stored.jpg");
  write_components(path, image.pixels, 43, 21, channels,
                   channels == 1 ? JCS_GRAYSCALE : JCS_RGB, stored);
  must((channels == 1 ? grey_read : data_image_read)(path, &got));
  int worst = 0;
  for (size_t i = 0; i < image_bytes(&image); i++) {
    int d = abs(image.pixels[i] - got.pixels[i]);
    if (d > worst) worst = d;
  }
  tap_ok(worst <= 2, "JPEG, %s: off by %d at most", name, worst);
  data_image_free(&got);
  data_image_free(&image);
}

/* ---- writing ---- */

static size_t files_in(const char *folder) {
  size_t count = 0;
  DIR *open_folder = opendir(folder);
  if (open_folder == NULL) abort();
  while (readdir(open_folder) != NULL) count++;
  closedir(open_folder);
  return count - 2;
}

static void check_png_round_trip(int channels) {
  data_image image = picture(31, 47, channels), got = {0};
  const char *path = scratch_path("round.PNG");
  must(data_image_write(path, &image, 0));
  must((channels == 1 ? grey_read : data_image_read)(path, &got));
  tap_ok(same_image(&image, &got), "PNG written and read, %d channels",
         channels);
  data_image_free(&got);
  data_image_free(&image);
}

/* Width of a luma block in chroma pixels, from the frame header. */
static int sampling_of(const char *path) {
  bytes file = slurp(path);
  int sampling = 0;
  for (size_t i = 0; i + 12 < file.size; i++)
    if (file.data[i] == 0xff && file.data[i + 1] == 0xc0) {
      sampling = file.data[i + 11];
      break;
    }
  free(file.data);
  return sampling;
}

static void check_jpeg_writing(void) {
  data_image image = picture(50, 33, 3), got;
  must(data_image_write(scratch_path("a.JPG"), &image, 90));
  must(data_image_write(scratch_path("b.jpeg"), &image, 91));
  tap_ok(sampling_of(scratch_path("a.JPG")) == 0x22, "quality 90 is 4:2:0");
  tap_ok(sampling_of(scratch_path("b.jpeg")) == 0x11, "quality 91 is 4:4:4");
  must(data_image_write(scratch_path("c.jpg"), &image, 100));
  must(data_image_read(scratch_path("c.jpg"), &got));
  int worst = 0;
  for (size_t i = 0; i < image_bytes(&image); i++)
    if (abs(image.pixels[i] - got.pixels[i]) > worst)
      worst = abs(image.pixels[i] - got.pixels[i]);
  tap_ok(worst <= 3, "quality 100 is off by %d at most", worst);
  data_image_free(&got);
  tap_ok(data_image_write(scratch_path("c.gif"), &image, 90) == STATUS_USAGE &&
             data_image_write(scratch_path("png"), &image, 90) == STATUS_USAGE,
         "another ending is a fault of usage");
  data_image_free(&image);
}

/* A limit on the size of files stands for the full disk. */
static void check_full_disk(void) {
  char folder[500];
  snprintf(folder, sizeof folder, "%s/full", tap_scratch_folder());
  mkdir(folder, 0777);
  char path[600];
  snprintf(path, sizeof path, "%s/kept.jpg", folder);
  data_image small = picture(8, 8, 3), large, kept;
  must(data_image_create(300, 300, 3, &large));
  random_stream random = random_stream_make(3, RANDOM_TEST, 0, 0);
  for (size_t i = 0; i < image_bytes(&large); i++)
    large.pixels[i] = (uint8_t)random_u32(&random);
  must(data_image_write(path, &small, 95));
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit former, limit;
  getrlimit(RLIMIT_FSIZE, &former);
  limit = former;
  limit.rlim_cur = 8192;
  setrlimit(RLIMIT_FSIZE, &limit);
  status result = data_image_write(path, &large, 95);
  setrlimit(RLIMIT_FSIZE, &former);
  tap_ok(result == STATUS_IO && strstr(status_message(), path) != NULL,
         "a full disk is an error: %s", status_message());
  must(data_image_read(path, &kept));
  tap_ok(kept.width == 8, "and leaves the former file as it was");
  tap_ok(files_in(folder) == 1, "and nothing else behind");
  snprintf(path, sizeof path, "%s/sub.png", folder);
  mkdir(path, 0777);
  tap_ok(data_image_write(path, &small, 95) == STATUS_IO &&
             files_in(folder) == 2,
         "a folder in the way is an error and nothing stays behind");
  tap_ok(data_image_write("/nowhere/at/all.png", &small, 95) == STATUS_IO,
         "a missing folder is an error: %s", status_message());
  data_image_free(&kept);
  data_image_free(&small);
  data_image_free(&large);
}

/* ---- broken files ---- */

static void check_refused(const char *path, status want, const char *what) {
  data_image image = {1, 2, 3, NULL};
  int w = 7, h = 7;
  status result = data_image_read(path, &image);
  bool named = strstr(status_message(), path) != NULL;
  status size_result = data_image_read_size(path, &w, &h);
  tap_ok(result == want && named && is_zero(&image) && size_result == want &&
             w == 0 && h == 0,
         "%s: %s", what, status_message());
}

static void check_foreign(void) {
  const char *path = scratch_path("foreign.png");
  check_refused("/nowhere/x.png", STATUS_IO, "missing");
  check_refused(tap_scratch_folder(), STATUS_IO, "a folder");
  spill(path, (const uint8_t *)"", 0);
  check_refused(path, STATUS_FORMAT, "empty");
  spill(path, (const uint8_t *)"GIF89a and so on", 16);
  check_refused(path, STATUS_FORMAT, "GIF");
  spill(path, (const uint8_t *)"\x89PNG\r\n\x1a\n", 8);
  check_refused(path, STATUS_FORMAT, "a signature of PNG alone");
  spill(path, (const uint8_t *)"\xff\xd8\xff", 3);
  check_refused(path, STATUS_FORMAT, "a signature of JPEG alone");
}

/* Every proper beginning of a file is an error. */
static void check_truncated(const char *path, const char *what) {
  bytes file = slurp(path);
  const char *part = scratch_path("truncated.bin");
  size_t accepted = 0, wrong = 0;
  for (size_t size = 0; size < file.size; size++) {
    spill(part, file.data, size);
    data_image image;
    status result = data_image_read(part, &image);
    if (result == STATUS_OK) accepted++;
    if (result != STATUS_FORMAT || !is_zero(&image)) wrong++;
    data_image_free(&image);
    int w, h;
    (void)data_image_read_size(part, &w, &h);
  }
  tap_ok(accepted == 0 && wrong == 0,
         "%s, truncated at %zu places: %zu accepted", what, file.size,
         accepted);
  free(file.data);
}

static uint32_t crc_of(const uint8_t *data, size_t size) {
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < size; i++) {
    crc ^= data[i];
    for (int k = 0; k < 8; k++) crc = (crc >> 1) ^ (0xedb88320u & -(crc & 1));
  }
  return ~crc;
}

static uint32_t read_be(const uint8_t *p) {
  return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 |
         p[3];
}

static void write_be(uint8_t *p, uint32_t value) {
  for (int i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Makes the checksums of a PNG right again, as far as its chunks go. */
static void mend_png(uint8_t *data, size_t size) {
  for (size_t at = 8; at + 12 <= size;) {
    size_t length = read_be(data + at);
    if (length > size - at - 12) return;
    write_be(data + at + 8 + length, crc_of(data + at + 4, length + 4));
    at += length + 12;
  }
}

/* Changes some bytes many times; nothing may crash, and what is accepted must
 * be an image. `mend` repairs a PNG's checksums. */
static void check_flipped(const char *path, const char *what, bool mend,
                          int times) {
  bytes file = slurp(path);
  uint8_t *copy = malloc(file.size);
  if (copy == NULL) abort();
  const char *broken = scratch_path("flipped.bin");
  random_stream random = random_stream_make(4, RANDOM_TEST, 0, 0);
  int accepted = 0, wrong = 0;
  for (int i = 0; i < times; i++) {
    memcpy(copy, file.data, file.size);
    uint32_t flips = 1 + random_below(&random, 4);
    for (uint32_t k = 0; k < flips; k++)
      copy[random_below(&random, (uint32_t)file.size)] ^=
          (uint8_t)(1u << random_below(&random, 8));
    if (i % 5 == 0) /* and a stretch of garbage */
      for (uint32_t k = random_below(&random, (uint32_t)file.size), n = 0;
           k < file.size && n < 20; k++, n++)
        copy[k] = (uint8_t)random_u32(&random);
    if (mend) mend_png(copy, file.size);
    spill(broken, copy, file.size);
    data_image image;
    status result = data_image_read(broken, &image);
    if (result == STATUS_OK) {
      accepted++;
      if (image.pixels == NULL || image.channels != 3) wrong++;
      data_image_free(&image);
    } else if (!is_zero(&image)) {
      wrong++;
    }
  }
  tap_ok(wrong == 0, "%s, bytes changed %d times: %d accepted, none crashed",
         what, times, accepted);
  free(copy);
  free(file.data);
}

static void check_absurd(const char *png, const char *jpeg) {
  bytes file = slurp(png);
  write_be(file.data + 16, 100000);
  write_be(file.data + 20, 100000);
  mend_png(file.data, file.size);
  const char *path = scratch_path("absurd.bin");
  spill(path, file.data, file.size);
  check_refused(path, STATUS_FORMAT, "a PNG of 100000 x 100000");
  free(file.data);
  file = slurp(jpeg);
  for (size_t i = 0; i + 9 < file.size; i++)
    if (file.data[i] == 0xff && file.data[i + 1] == 0xc0) {
      memset(file.data + i + 5, 0xfd, 4);
      break;
    }
  spill(path, file.data, file.size);
  check_refused(path, STATUS_FORMAT, "a JPEG of 65021 x 65021");
  free(file.data);
}

/* The size stands behind more metadata than is read at first. */
static void check_long_header(const char *jpeg) {
  bytes file = slurp(jpeg);
  enum { PIECE = 65535, PIECES = 3 };
  size_t size = file.size + PIECES * (PIECE + 2), at = 2;
  uint8_t *data = calloc(size, 1);
  if (data == NULL) abort();
  memcpy(data, file.data, 2);
  for (int i = 0; i < PIECES; i++, at += PIECE + 2)
    memcpy(data + at, (const uint8_t[]){0xff, 0xec, 0xff, 0xff}, 4);
  memcpy(data + at, file.data + 2, file.size - 2);
  const char *path = scratch_path("long.jpg");
  spill(path, data, size);
  int w = 0, h = 0, want_w, want_h;
  must(data_image_read_size(jpeg, &want_w, &want_h));
  status result = data_image_read_size(path, &w, &h);
  tap_ok(result == STATUS_OK && w == want_w && h == want_h,
         "a size behind long metadata");
  free(data);
  free(file.data);
}

static void check_broken(void) {
  char png[600], laced[600], jpeg[1024], progressive[1024];
  strcpy(png, scratch_path("sound.png"));
  strcpy(laced, scratch_path("laced.png"));
  strcpy(jpeg, source_path("tests/golden/jpeg_420.jpg"));
  strcpy(progressive, source_path("tests/golden/jpeg_444_progressive.jpg"));
  write_kind(png, &kinds[11], 17, 13, PNG_INTERLACE_NONE);
  write_kind(laced, &kinds[9], 17, 13, PNG_INTERLACE_ADAM7);
  check_truncated(png, "PNG");
  check_truncated(laced, "PNG, palette, interlaced");
  check_truncated(jpeg, "JPEG");
  check_truncated(progressive, "JPEG, progressive");
  check_flipped(png, "PNG", false, 1000);
  check_flipped(png, "PNG with right checksums", true, 1500);
  check_flipped(laced, "PNG, palette, interlaced, right checksums", true, 1500);
  check_flipped(jpeg, "JPEG", false, 1500);
  check_flipped(progressive, "JPEG, progressive", false, 1500);
  check_absurd(png, jpeg);
  check_long_header(jpeg);
}

/* ---- many at once ---- */

static status read_one(void *context, size_t i) {
  data_image image;
  status result =
      data_image_read(i % 3 == 2 ? "/nowhere/x.jpg" : context, &image);
  bool right = i % 3 == 2 ? result == STATUS_IO : result == STATUS_OK;
  data_image_free(&image);
  return right ? STATUS_OK : status_error(STATUS_FORMAT, "item %zu", i);
}

static void check_threads(void) {
  char path[1024];
  strcpy(path, source_path("tests/golden/jpeg_422.jpg"));
  tap_ok(threads_for(200, 4, read_one, path) == STATUS_OK,
         "files read by four threads at once");
}

static void check_photos(void) {
  char folder[1024];
  strcpy(folder, source_path("../shared/photos/test"));
  DIR *photos = opendir(folder);
  if (photos == NULL) {
    tap_skip("no photos at %s", folder);
    return;
  }
  int read = 0, wrong = 0;
  for (struct dirent *entry; (entry = readdir(photos)) != NULL && read < 40;) {
    if (entry->d_name[0] == '.') continue;
    char path[1400];
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    data_image image;
    int w, h;
    read++;
    if (data_image_read(path, &image) != STATUS_OK ||
        data_image_read_size(path, &w, &h) != STATUS_OK || w != image.width ||
        h != image.height)
      wrong++;
    data_image_free(&image);
  }
  closedir(photos);
  tap_ok(read > 0 && wrong == 0, "%d photos and masks of the shared folder",
         read);
}

int main(void) {
  check_kinds();
  static const char *const records[] = {
      "jpeg_420", "jpeg_422", "jpeg_444_progressive", "jpeg_grey", "jpeg_cmyk"};
  for (int i = 0; i < 5; i++) check_as_pillow(records[i]);
  check_stored(JCS_GRAYSCALE, 1, "grey");
  check_stored(JCS_YCbCr, 3, "YCbCr");
  check_stored(JCS_RGB, 3, "RGB");
  check_inks(JCS_CMYK, "CMYK");
  check_inks(JCS_YCCK, "YCCK");
  check_png_round_trip(1);
  check_png_round_trip(3);
  check_jpeg_writing();
  check_full_disk();
  check_foreign();
  check_broken();
  check_threads();
  check_photos();
  return tap_done();
}
