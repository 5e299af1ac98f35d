/* Masks: files of every kind to grey, what is refused and with which advice,
 * and the object that a network sees. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <png.h>

#include "base/random.h"
#include "data/data.h"
#include "tests/tap.h"

enum { WIDTH = 40, HEIGHT = 30, PIXELS = WIDTH * HEIGHT };

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "%s", status_message());
  exit(tap_done());
}

static const char *scratch_path(const char *name) {
  static char text[600];
  snprintf(text, sizeof text, "%s/%s", tap_scratch_folder(), name);
  return text;
}

/* ---- files ---- */

static bool is_object(int x, int y) {
  return x >= 10 && x < 22 && y >= 5 && y < 20;
}

/* A file: the samples of a pixel outside and inside of the object. */
typedef struct kind {
  const char *what;
  int colour_type, bits;
  unsigned outside[4], inside[4];
} kind;

static const png_color palette[3] = {{0, 0, 0}, {128, 0, 0}, {255, 255, 255}};
static const png_byte palette_alpha[3] = {255, 255, 0};

static size_t put_samples(const unsigned *samples, int channels, int bits,
                          png_byte *to) {
  size_t at = 0;
  for (int c = 0; c < channels; c++) {
    if (bits == 16) to[at++] = (png_byte)(samples[c] >> 8);
    to[at++] = (png_byte)samples[c];
  }
  return at;
}

static void write_file(const char *path, const kind *k, bool with_trns) {
  FILE *file = fopen(path, "wb");
  png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, 0, 0, 0);
  png_infop info = png_create_info_struct(png);
  png_init_io(png, file);
  png_set_IHDR(png, info, WIDTH, HEIGHT, k->bits, k->colour_type, 0, 0, 0);
  if (k->colour_type == PNG_COLOR_TYPE_PALETTE) {
    png_set_PLTE(png, info, palette, 3);
    if (with_trns) png_set_tRNS(png, info, palette_alpha, 3, NULL);
  }
  png_write_info(png, info);
  png_set_packing(png);
  int channels = png_get_channels(png, info);
  for (int y = 0; y < HEIGHT; y++) {
    png_byte row[WIDTH * 8];
    size_t at = 0;
    for (int x = 0; x < WIDTH; x++)
      at += put_samples(is_object(x, y) ? k->inside : k->outside, channels,
                        k->bits, row + at);
    png_write_row(png, row);
  }
  png_write_end(png, NULL);
  png_destroy_write_struct(&png, &info);
  fclose(file);
}

/* Whether the mask has these greys outside and inside. */
static bool has_greys(const data_image *mask, int outside, int inside) {
  if (mask->width != WIDTH || mask->height != HEIGHT || mask->channels != 1)
    return false;
  for (int i = 0; i < PIXELS; i++) {
    int want = is_object(i % WIDTH, i / WIDTH) ? inside : outside;
    if (mask->pixels[i] != want) return false;
  }
  return true;
}

static void is_read(const char *path, const char *what, data_mask_options how,
                    int outside, int inside) {
  data_image mask;
  status result = data_mask_read(path, &how, "its.png", WIDTH, HEIGHT, &mask);
  if (result != STATUS_OK) tap_note("%s", status_message());
  tap_ok(result == STATUS_OK && has_greys(&mask, outside, inside),
         "%s%s, threshold %d: %d and %d", what, how.alpha ? ", by alpha" : "",
         how.threshold, outside, inside);
  data_image_free(&mask);
}

/* `says`: pieces of the message, up to a NULL. */
static void is_refused(const char *path, const char *what,
                       data_mask_options how, const char *const *says) {
  data_image mask;
  status result = data_mask_read(path, &how, "its.png", WIDTH, HEIGHT, &mask);
  bool said = result == STATUS_FORMAT && mask.pixels == NULL &&
              strstr(status_message(), path) != NULL;
  for (int i = 0; says[i] != NULL; i++)
    said = said && strstr(status_message(), says[i]) != NULL;
  if (!said)
    tap_note("%d: %s", (int)result,
             result != STATUS_OK ? status_message() : "read");
  tap_ok(said, "%s%s, threshold %d: refused", what,
         how.alpha ? ", by alpha" : "", how.threshold);
  data_image_free(&mask);
}

enum { GREY, RGB = 2, PALETTE = 3, GREY_ALPHA = 4, RGBA = 6 };

/* Files that are masks as they are. */
static const struct {
  kind file;
  int outside, inside; /* the greys they are read as */
} good[] = {
    {{"black and white", GREY, 8, {0}, {255}}, 0, 255},
    {{"of 1 bit", GREY, 1, {0}, {1}}, 0, 255},
    {{"of 2 bits", GREY, 2, {0}, {3}}, 0, 255},
    {{"of 16 bits", GREY, 16, {0}, {65535}}, 0, 255},
    {{"of 16 bits, rounded", GREY, 16, {129}, {65406}}, 1, 254},
    {{"0 and 254", GREY, 8, {0}, {254}}, 0, 254},
    {{"0 and 128", GREY, 8, {0}, {128}}, 0, 128},
    {{"a JPEG's levels", GREY, 8, {9}, {246}}, 9, 246},
    {{"in RGB", RGB, 8, {0, 0, 0}, {255, 255, 255}}, 0, 255},
    {{"a palette's black and white", PALETTE, 2, {0}, {2}}, 0, 255},
    {{"opaque", GREY_ALPHA, 8, {0, 255}, {255, 255}}, 0, 255},
    {{"opaque RGBA", RGBA, 16, {0, 0, 0, 65535}, {65535, 65535, 65535, 65535}},
     0,
     255},
    {{"half transparent everywhere", GREY_ALPHA, 8, {0, 200}, {255, 200}},
     0,
     255},
    {{"alpha that says the same", RGBA, 8, {0, 0, 0, 0}, {255, 255, 255, 255}},
     0,
     255},
};

/* Files that need an option, and what it makes of them. */
static const struct {
  kind file;
  const char *says[4];
  data_mask_options how;
} bad[] = {
    {{"0 and 1", GREY, 8, {0}, {1}},
     {"largest value is 1;", "(255)", "--mask-threshold 1 "},
     {.threshold = 1}},
    {{"0 and 1 of 16 bits", GREY, 16, {0}, {1}},
     {"largest value is 1;", "(65535)", "--mask-threshold 1 "},
     {.threshold = 1}},
    {{"0 and 255 of 16 bits", GREY, 16, {0}, {255}},
     {"largest value is 255;", "(65535)", "--mask-threshold 128 "},
     {.threshold = 128}},
    {{"0 and 127", GREY, 8, {0}, {127}},
     {"largest value is 127;", "--mask-threshold 64 "},
     {.threshold = 64}},
    {{"red", RGB, 8, {0, 0, 0}, {255, 0, 0}},
     {"coloured", "--mask-threshold"},
     {.threshold = 128}},
    {{"green", RGB, 8, {0, 0, 0}, {0, 255, 0}},
     {"coloured", "--mask-threshold"},
     {.threshold = 128}},
    {{"dark blue of 16 bits", RGB, 16, {0, 0, 0}, {0, 0, 12000}},
     {"coloured", "--mask-threshold"},
     {.threshold = 1}},
    {{"darkest blue", RGB, 8, {0, 0, 0}, {0, 0, 1}},
     {"largest value is 1;", "--mask-threshold 1 "},
     {.threshold = 1}},
    {{"class numbers of a palette", PALETTE, 8, {0}, {1}},
     {"coloured", "palette", "--mask-threshold 1 "},
     {.threshold = 1}},
    {{"white with alpha", RGBA, 8, {255, 255, 255, 0}, {255, 255, 255, 255}},
     {"alpha (0 to 255)", "--mask-alpha"},
     {.alpha = true}},
    {{"black with alpha", GREY_ALPHA, 8, {0, 0}, {0, 255}},
     {"alpha (0 to 255)", "--mask-alpha"},
     {.alpha = true}},
    {{"a cut-out", RGBA, 16, {1, 2, 3, 0}, {9000, 100, 60000, 65535}},
     {"alpha (0 to 65535)", "--mask-alpha"},
     {.alpha = true}},
    {{"alpha 0 and 1", RGBA, 8, {9, 9, 9, 0}, {255, 255, 255, 1}},
     {"largest value is 1;", "--mask-threshold 1 "},
     {.alpha = true, .threshold = 1}},
};

static void test_good_files(void) {
  const char *path = scratch_path("good.png");
  for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
    write_file(path, &good[i].file, false);
    is_read(path, good[i].file.what, (data_mask_options){0}, good[i].outside,
            good[i].inside);
  }
  is_read(path, "alpha that says the same", (data_mask_options){.alpha = true},
          0, 255);
  const kind soft = {"soft", GREY, 8, {20}, {200}};
  write_file(path, &soft, false);
  is_read(path, "soft", (data_mask_options){0}, 20, 200);
  is_read(path, "soft", (data_mask_options){.threshold = 200}, 0, 255);
}

static void test_bad_files(void) {
  const char *path = scratch_path("bad.png");
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    data_mask_options how = {.alpha =
                                 bad[i].how.alpha && bad[i].how.threshold > 0};
    write_file(path, &bad[i].file, false);
    is_refused(path, bad[i].file.what, how, bad[i].says);
    is_read(path, bad[i].file.what, bad[i].how, 0, 255);
  }
  const kind clear = {"a palette with tRNS", PALETTE, 8, {2}, {1}};
  write_file(path, &clear, true);
  is_refused(path, clear.what, (data_mask_options){0},
             (const char *[]){"alpha (0 to 255)", "--mask-alpha", NULL});
  is_read(path, clear.what, (data_mask_options){.alpha = true}, 0, 255);
}

static void test_one_side(void) {
  const char *path = scratch_path("side.png");
  kind flat = {"all black", GREY, 8, {0}, {0}};
  write_file(path, &flat, false);
  is_refused(path, flat.what, (data_mask_options){0},
             (const char *[]){"is empty", NULL});
  is_refused(path, flat.what, (data_mask_options){.threshold = 1},
             (const char *[]){"is empty", NULL});
  is_refused(path, flat.what, (data_mask_options){.alpha = true},
             (const char *[]){"no alpha channel", NULL});
  flat = (kind){"all white", GREY_ALPHA, 8, {255, 255}, {255, 255}};
  write_file(path, &flat, false);
  is_refused(path, flat.what, (data_mask_options){0},
             (const char *[]){"no background", NULL});
  is_refused(path, flat.what, (data_mask_options){.alpha = true},
             (const char *[]){"alpha", "no background", NULL});
  flat = (kind){"40 and 200", GREY, 8, {40}, {200}};
  write_file(path, &flat, false);
  is_refused(path, flat.what, (data_mask_options){.threshold = 40},
             (const char *[]){"no background", NULL});
  is_refused(path, flat.what, (data_mask_options){.threshold = 201},
             (const char *[]){"largest value is 200, below", NULL});
}

/* Greys by hand: `levels` of them in turn from `first` on, in steps. */
static void write_greys(const char *path, int background, int first, int step,
                        int levels, int object) {
  data_image mask;
  must(data_image_create(WIDTH, HEIGHT, 1, &mask));
  for (int i = 0; i < PIXELS; i++)
    mask.pixels[i] = (uint8_t)(i < 100   ? object
                               : i < 500 ? first + i % levels * step
                                         : background);
  must(data_image_write(path, &mask, 90));
  data_image_free(&mask);
}

static void test_maps_of_classes(void) {
  const char *path = scratch_path("greys.png");
  static const struct {
    const char *what;
    int background, first, step, levels, object;
    bool refused;
  } maps[] = {
      {"a class of number 15, its border 255", 0, 15, 1, 1, 255, true},
      {"class 1, border 255", 0, 1, 1, 1, 255, true},
      {"ten classes, border 255", 0, 10, 5, 10, 255, true},
      {"a wide soft edge", 0, 10, 1, 110, 255, false},
      {"noise around an edge", 0, 0, 1, 10, 255, false},
      {"black that is 1", 1, 1, 1, 1, 255, false},
  };
  for (size_t i = 0; i < sizeof maps / sizeof maps[0]; i++) {
    write_greys(path, maps[i].background, maps[i].first, maps[i].step,
                maps[i].levels, maps[i].object);
    data_image mask;
    status result = data_mask_read(path, &(data_mask_options){0}, "its.png",
                                   WIDTH, HEIGHT, &mask);
    tap_ok(maps[i].refused ? result == STATUS_FORMAT &&
                                 strstr(status_message(), "map of classes")
                           : result == STATUS_OK,
           "%s: %s", maps[i].what, maps[i].refused ? "refused" : "a mask");
    data_image_free(&mask);
  }
}

/* ---- what the network sees ---- */

typedef bool shape(double x, double y, const double *at);

static void draw(shape *inside, const double *at, data_image *mask) {
  for (int y = 0; y < mask->height; y++)
    for (int x = 0; x < mask->width; x++)
      mask->pixels[y * mask->width + x] =
          inside(x + 0.5, y + 0.5, at) ? 255 : 0;
}

static size_t count_white(const data_image *mask) {
  size_t count = 0, all = (size_t)mask->width * (size_t)mask->height;
  for (size_t i = 0; i < all; i++) count += mask->pixels[i] >= 128;
  return count;
}

static bool in_box(double x, double y, const double *at) {
  return x > at[0] && x < at[0] + at[2] && y > at[1] && y < at[1] + at[3];
}

/* Around the line from (at[0], at[1]) to (at[2], at[3]). */
static bool in_wire(double x, double y, const double *at) {
  double dx = at[2] - at[0], dy = at[3] - at[1];
  double along = ((x - at[0]) * dx + (y - at[1]) * dy) / (dx * dx + dy * dy);
  if (along < 0 || along > 1) return false;
  double ox = x - at[0] - along * dx, oy = y - at[1] - along * dy;
  return ox * ox + oy * oy <= at[4] * at[4] / 4;
}

static bool in_ellipse(double x, double y, const double *at) {
  double u = (x - at[0]) / at[2], v = (y - at[1]) / at[3];
  return u * u + v * v < 1;
}

/* Each pixel of the object within a cell of one that the network sees, and
 * each cell seen has a part of the object. */
static bool is_traced(const data_image *mask, const data_image *small) {
  int size = small->width;
  for (int y = 0; y < mask->height; y++)
    for (int x = 0; x < mask->width; x++) {
      if (mask->pixels[y * mask->width + x] == 0) continue;
      int cx = x * size / mask->width, cy = y * size / mask->height;
      bool seen = false;
      for (int j = cy - 1; j <= cy + 1; j++)
        for (int i = cx - 1; i <= cx + 1; i++)
          seen = seen || (i >= 0 && j >= 0 && i < size && j < size &&
                          small->pixels[j * size + i] == 255);
      if (!seen) return false;
    }
  return true;
}

static void check_wire(const char *what, int width, int height, int size,
                       shape *inside, const double *at, size_t least,
                       size_t most) {
  data_image mask, small;
  must(data_image_create(width, height, 1, &mask));
  draw(inside, at, &mask);
  must(data_mask_shrink(&mask, size, &small));
  size_t seen = count_white(&small);
  tap_ok(seen >= least && seen <= most && is_traced(&mask, &small),
         "%s: %zu cells of %d x %d (%zu to %zu)", what, seen, size, size, least,
         most);
  data_image_free(&mask);
  data_image_free(&small);
}

static void test_thin_objects(void) {
  check_wire("a pole between the pixels", 1024, 768, 64, in_box,
             (double[]){505, 100, 14, 600}, 50, 104);
  check_wire("a pole on them", 1024, 768, 64, in_box,
             (double[]){497, 100, 14, 600}, 50, 52);
  check_wire("a bar", 768, 1024, 64, in_box, (double[]){100, 505, 600, 14}, 50,
             104);
  check_wire("a wire of 3 pixels, down", 1000, 700, 64, in_wire,
             (double[]){100, 50, 130, 650, 3}, 55, 112);
  check_wire("a wire of 3 pixels, across", 1000, 700, 64, in_wire,
             (double[]){50, 300, 950, 420, 3}, 57, 116);
  check_wire("a wire of 3 pixels, diagonal", 1000, 1000, 64, in_wire,
             (double[]){4, 0, 1000, 996, 3}, 63, 130);
  check_wire("a hair of 1 pixel of a large picture", 4000, 600, 64, in_box,
             (double[]){1777, 20, 1, 500}, 53, 108);
  check_wire("one pixel", 4000, 600, 64, in_box, (double[]){3999, 0, 1, 1}, 1,
             1);
  check_wire("a wire at the edge", 1000, 1000, 64, in_box,
             (double[]){999, 0, 1, 1000}, 64, 64);
  check_wire("a line of a narrow picture", 37, 1001, 64, in_box,
             (double[]){0, 500, 37, 1}, 64, 128);
  check_wire("a picture smaller than the network", 5, 3, 64, in_box,
             (double[]){2, 1, 1, 1}, 200, 300);
  check_wire("a pole on a body", 1024, 1024, 64, in_wire,
             (double[]){505, 0, 505, 1024, 6}, 64, 128);
}

/* Bodies are seen as ever. */
static void test_bodies(void) {
  random_stream stream = random_stream_make(1, RANDOM_TEST, 0, 0);
  int other = 0, cells = 0;
  for (int i = 0; i < 60; i++) {
    int width = 200 + (int)random_below(&stream, 400);
    int height = 200 + (int)random_below(&stream, 400);
    const double at[] = {width * 0.3 + random_below(&stream, 80),
                         height * 0.3 + random_below(&stream, 80),
                         width * 0.06 + random_below(&stream, 60),
                         height * 0.06 + random_below(&stream, 60)};
    data_image mask, small, nearest;
    must(data_image_create(width, height, 1, &mask));
    draw(i % 2 == 0 ? in_ellipse : in_box, at, &mask);
    must(data_mask_shrink(&mask, 64, &small));
    must(data_resize(&mask, 64, 64, DATA_NEAREST, &nearest));
    for (int k = 0; k < 64 * 64; k++)
      other += small.pixels[k] != nearest.pixels[k];
    cells += (int)count_white(&nearest);
    data_image_free(&mask);
    data_image_free(&small);
    data_image_free(&nearest);
  }
  tap_ok(other == 0, "of %d cells of bodies %d differ from the nearest pixels",
         cells, other);
}

static void test_background(void) {
  data_image mask, small;
  must(data_image_create(1024, 1024, 1, &mask));
  draw(in_box, (double[]){505, 0, 14, 1024}, &mask);
  for (int i = 0; i < 1024 * 1024; i++)
    mask.pixels[i] = (uint8_t)(255 - mask.pixels[i]);
  must(data_mask_shrink(&mask, 64, &small));
  size_t seen = count_white(&small);
  tap_ok(seen == 64 * 63 || seen == 64 * 62,
         "a background too thin is kept: %zu cells of the object", seen);
  data_image_free(&mask);
  data_image_free(&small);
}

/* ---- edges ---- */

/* The greatest, or the mean to nearest, about a pixel. */
static int about(const data_image *mask, int x, int y, int pixels, bool mean) {
  int most = 0, sum = 0, side = 2 * pixels + 1;
  for (int j = y - pixels; j <= y + pixels; j++)
    for (int i = x - pixels; i <= x + pixels; i++) {
      int column = i < 0 ? 0 : i < mask->width ? i : mask->width - 1;
      int row = j < 0 ? 0 : j < mask->height ? j : mask->height - 1;
      int value = mask->pixels[row * mask->width + column];
      most = value > most ? value : most;
      sum += value;
    }
  return mean ? (sum + side * side / 2) / (side * side) : most;
}

static void check_edge(int width, int height, int pixels) {
  random_stream random = random_stream_make(5, RANDOM_TEST, 1, 0);
  data_image before, grown, feathered;
  must(data_image_create(width, height, 1, &before));
  must(data_image_create(width, height, 1, &grown));
  must(data_image_create(width, height, 1, &feathered));
  size_t count = (size_t)width * (size_t)height, wrong = 0;
  for (size_t i = 0; i < count; i++)
    before.pixels[i] =
        (uint8_t)(random_below(&random, 40) == 0 ? random_below(&random, 256)
                                                 : 0);
  memcpy(grown.pixels, before.pixels, count);
  memcpy(feathered.pixels, before.pixels, count);
  must(data_mask_grow(&grown, pixels));
  must(data_mask_feather(&feathered, pixels));
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      int at = y * width + x;
      wrong += grown.pixels[at] != about(&before, x, y, pixels, false) ||
               feathered.pixels[at] != about(&before, x, y, pixels, true);
    }
  tap_ok(wrong == 0, "%d x %d: edges changed by %d pixels, %zu wrong", width,
         height, pixels, wrong);
  data_image_free(&before);
  data_image_free(&grown);
  data_image_free(&feathered);
}

static void test_edges(void) {
  for (int pixels = 0; pixels < 9; pixels++) check_edge(40, 30, pixels);
  check_edge(7, 90, 20);
  check_edge(1, 1, 3);
}

int main(void) {
  test_good_files();
  test_bad_files();
  test_one_side();
  test_maps_of_classes();
  test_thin_objects();
  test_bodies();
  test_background();
  test_edges();
  return tap_done();
}
