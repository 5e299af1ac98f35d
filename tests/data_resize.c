/* Resizing and masks: equal to Pillow bit for bit, to OpenCV's formula, and
 * near a plain resampling in double. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/data.h"
#include "tests/golden.h"
#include "tests/tap.h"

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "%s", status_message());
  exit(tap_done());
}

/* ---- golden records ---- */

static data_image image_read(hid_t file, const char *group, const char *name,
                             double factor) {
  golden array = golden_read(file, "%s/%s", group, name);
  data_image image;
  must(data_image_create((int)array.shape[1], (int)array.shape[0],
                         array.rank == 3 ? 3 : 1, &image));
  for (size_t i = 0; i < array.count; i++)
    image.pixels[i] = (uint8_t)(array.values[i] * factor);
  golden_free(&array);
  return image;
}

static void check_equal(const data_image *got, const data_image *want,
                        const char *what, const char *which) {
  size_t count =
      (size_t)want->width * (size_t)want->height * (size_t)want->channels;
  bool shape = got->width == want->width && got->height == want->height &&
               got->channels == want->channels;
  size_t different = 0;
  int most = 0;
  for (size_t i = 0; shape && i < count; i++) {
    int d = abs(got->pixels[i] - want->pixels[i]);
    if (d > 0) different++;
    if (d > most) most = d;
  }
  tap_ok(shape && different == 0, "%s, %s: %zu of %zu differ, by %d at most",
         what, which, different, count, most);
}

static void check_golden_resize(hid_t file, const char *name) {
  char group[128];
  snprintf(group, sizeof group, "pil_resize/%s", name);
  data_image source = image_read(
      file, group, golden_has(file, "%s/rgb", group) ? "rgb" : "grey", 1);
  for (int k = 0; k < 2; k++) {
    const char *filter = k == 0 ? "bilinear" : "bicubic";
    data_image want = image_read(file, group, filter, 1), got;
    must(data_resize(&source, 256, 256, k == 0 ? DATA_BILINEAR : DATA_BICUBIC,
                     &got));
    check_equal(&got, &want, name, filter);
    data_image_free(&got);
    data_image_free(&want);
  }
  data_image_free(&source);
}

/* `from` made two-valued and then resized to 256 x 256 by the nearest pixel. */
static void check_golden_mask(hid_t file, const char *from, data_binarize how,
                              const char *to, const char *to_resized) {
  golden sample = golden_read(file, "pil_mask/%s", to);
  double most = 0;
  for (size_t i = 0; i < sample.count; i++) most = fmax(most, sample.values[i]);
  golden_free(&sample);
  double factor = 255 / most; /* the record may hold 0 and 1 */
  data_image grey = image_read(file, "pil_mask", from, 1), mask, small;
  data_image want = image_read(file, "pil_mask", to, factor);
  must(data_mask_binarize(&grey, how, &mask));
  check_equal(&mask, &want, from, to);
  data_image_free(&want);
  want = image_read(file, "pil_mask", to_resized, factor);
  must(data_resize(&mask, 256, 256, DATA_NEAREST, &small));
  check_equal(&small, &want, from, to_resized);
  data_image_free(&want);
  data_image_free(&small);
  data_image_free(&mask);
  data_image_free(&grey);
}

/* ---- parts and odd sizes ---- */

typedef struct part {
  int width, height, channels;
  double box[4]; /* x0, y0, w, h */
  int to_width, to_height;
  data_filter filter;
  uint64_t hash; /* FNV-1a of the result */
} part;

/* Made by Pillow 9.4 (resize with box) and, for DATA_CV_LINEAR, by a second
 * writing of OpenCV's formulas in NumPy. */
static const part parts[] = {
    // clang-format off
    {97, 61, 3, {0, 0, 97, 61}, 40, 33, DATA_BILINEAR, 0xf3b973599974a0b0},
    {97, 61, 1, {0, 0, 97, 61}, 150, 20, DATA_BILINEAR, 0xfe618be83ad49550},
    {97, 61, 3, {10.25, 3.5, 60.5, 41.125}, 48, 64, DATA_BILINEAR, 0xeeb4e8574823e1d0},
    {97, 61, 3, {5, 7, 40, 30}, 40, 30, DATA_BILINEAR, 0xb0603732d7263705},
    {97, 61, 3, {0, 0, 97, 61}, 97, 31, DATA_BILINEAR, 0x85aaf20ff791a590},
    {97, 61, 1, {0, 0, 97, 61}, 13, 61, DATA_BILINEAR, 0xf123e37058e32cb8},
    {301, 5, 3, {0, 0, 301, 5}, 1, 1, DATA_BILINEAR, 0x9167451964dd2743},
    {1, 1, 3, {0, 0, 1, 1}, 5, 4, DATA_BILINEAR, 0xb8f8c34d5d88a621},
    {30, 30, 3, {0.5, 0, 20, 30}, 20, 30, DATA_BILINEAR, 0xfce8f73ea65be4f9},
    {90, 70, 1, {0, 0, 90, 70}, 63, 49, DATA_BILINEAR, 0x80135ee69b226f75},
    {97, 61, 3, {0, 0, 97, 61}, 40, 33, DATA_BICUBIC, 0xd72399e6170b793e},
    {97, 61, 1, {0, 0, 97, 61}, 150, 20, DATA_BICUBIC, 0x99484535dd1350aa},
    {97, 61, 3, {10.25, 3.5, 60.5, 41.125}, 48, 64, DATA_BICUBIC, 0x4c9380bdc0cf3a5a},
    {97, 61, 3, {5, 7, 40, 30}, 40, 30, DATA_BICUBIC, 0xb0603732d7263705},
    {97, 61, 3, {0, 0, 97, 61}, 97, 31, DATA_BICUBIC, 0xfd085c6ce1f9f9cc},
    {97, 61, 1, {0, 0, 97, 61}, 13, 61, DATA_BICUBIC, 0xd185b1bf755f6479},
    {301, 5, 3, {0, 0, 301, 5}, 1, 1, DATA_BICUBIC, 0x9167451964dd2743},
    {1, 1, 3, {0, 0, 1, 1}, 5, 4, DATA_BICUBIC, 0xb8f8c34d5d88a621},
    {30, 30, 3, {0.5, 0, 20, 30}, 20, 30, DATA_BICUBIC, 0x15333bcc82faf269},
    {90, 70, 1, {0, 0, 90, 70}, 63, 49, DATA_BICUBIC, 0xf4ce1c952e71063e},
    {97, 61, 3, {0, 0, 97, 61}, 40, 33, DATA_NEAREST, 0x27c7482a93ee5a85},
    {97, 61, 1, {0, 0, 97, 61}, 150, 20, DATA_NEAREST, 0xed60d9d72d118809},
    {97, 61, 3, {10.25, 3.5, 60.5, 41.125}, 48, 64, DATA_NEAREST, 0xa47f5787d6599179},
    {97, 61, 3, {5, 7, 40, 30}, 40, 30, DATA_NEAREST, 0xb0603732d7263705},
    {97, 61, 3, {0, 0, 97, 61}, 97, 31, DATA_NEAREST, 0x4c1bdfbcb3d9e376},
    {97, 61, 1, {0, 0, 97, 61}, 13, 61, DATA_NEAREST, 0x53de108940f95fb3},
    {301, 5, 3, {0, 0, 301, 5}, 1, 1, DATA_NEAREST, 0x66203a1b90e4d58c},
    {1, 1, 3, {0, 0, 1, 1}, 5, 4, DATA_NEAREST, 0xb8f8c34d5d88a621},
    {30, 30, 3, {0.5, 0, 20, 30}, 20, 30, DATA_NEAREST, 0x7ebca14923bf53a5},
    {90, 70, 1, {0, 0, 90, 70}, 63, 49, DATA_NEAREST, 0x27dfcc48f7a6fd93},
    {97, 61, 3, {0, 0, 97, 61}, 40, 33, DATA_CV_LINEAR, 0xd2090f115190abfa},
    {97, 61, 1, {0, 0, 97, 61}, 150, 20, DATA_CV_LINEAR, 0xcfbf4aa2102c35c2},
    {97, 61, 3, {10, 3, 60, 41}, 48, 64, DATA_CV_LINEAR, 0x1d868c8a5bb8922c},
    {64, 48, 3, {0, 0, 64, 48}, 32, 24, DATA_CV_LINEAR, 0xede44cf9673a9865},
    {97, 61, 3, {0, 0, 97, 61}, 97, 31, DATA_CV_LINEAR, 0x9017782ee01c5302},
    {1, 1, 3, {0, 0, 1, 1}, 5, 4, DATA_CV_LINEAR, 0xb8f8c34d5d88a621},
    {301, 5, 3, {0, 0, 301, 5}, 1, 1, DATA_CV_LINEAR, 0x66203a1b90e4d58c},
    // clang-format on
};

static data_image pattern(int width, int height, int channels) {
  data_image image;
  must(data_image_create(width, height, channels, &image));
  uint8_t *p = image.pixels;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < channels; c++)
        *p++ = (uint8_t)(x * x * 3 + y * y * 5 + c * 41 + x * y);
  return image;
}

static uint64_t hash_of(const data_image *image) {
  uint64_t hash = 0xcbf29ce484222325u;
  size_t count =
      (size_t)image->width * (size_t)image->height * (size_t)image->channels;
  for (size_t i = 0; i < count; i++)
    hash = (hash ^ image->pixels[i]) * 0x100000001b3u;
  return hash;
}

static void check_part(const part *p) {
  static const char *const names[] = {"bilinear", "bicubic", "nearest",
                                      "cv-linear"};
  data_image source = pattern(p->width, p->height, p->channels), out;
  must(data_resize_box(&source, p->box[0], p->box[1], p->box[2], p->box[3],
                       p->to_width, p->to_height, p->filter, &out));
  tap_ok(hash_of(&out) == p->hash,
         "%s: %g x %g at (%g, %g) of %d x %d x %d to %d x %d", names[p->filter],
         p->box[2], p->box[3], p->box[0], p->box[1], p->width, p->height,
         p->channels, p->to_width, p->to_height);
  data_image_free(&out);
  data_image_free(&source);
}

/* ---- a plain resampling ---- */

static double plain_filter(data_filter filter, double x) {
  x = fabs(x);
  if (filter == DATA_BILINEAR) return x < 1 ? 1 - x : 0;
  if (x < 1) return 1.5 * x * x * x - 2.5 * x * x + 1;
  return x < 2 ? -0.5 * x * x * x + 2.5 * x * x - 4 * x + 2 : 0;
}

/* One line of `from` values, `stride` apart, to `to`, in double. */
static void plain_line(const double *in, int from, int stride, data_filter f,
                       double *out, int to) {
  double step = (double)from / to, scale = fmax(step, 1);
  for (int i = 0; i < to; i++) {
    double centre = (i + 0.5) * step, sum = 0, total = 0;
    for (int j = 0; j < from; j++) {
      double w = plain_filter(f, (j + 0.5 - centre) / scale);
      sum += w * in[j * stride];
      total += w;
    }
    out[i * stride] = fmin(fmax(sum / total, 0), 255);
  }
}

static double plain_difference(const data_image *grey, const data_image *out,
                               data_filter f) {
  int w = grey->width, h = grey->height, tw = out->width, th = out->height;
  double *line = calloc((size_t)w, sizeof *line);
  double *across = calloc((size_t)tw * (size_t)h, sizeof *across);
  double *whole = calloc((size_t)tw * (size_t)th, sizeof *whole), worst = 0;
  if (line == NULL || across == NULL || whole == NULL) abort();
  for (int y = 0; y < h; y++) {
    for (int x = 0; x < w; x++) line[x] = grey->pixels[y * w + x];
    plain_line(line, w, 1, f, across + y * tw, tw);
  }
  for (int x = 0; x < tw; x++) plain_line(across + x, h, tw, f, whole + x, th);
  for (int i = 0; i < tw * th; i++)
    worst = fmax(worst, fabs(whole[i] - out->pixels[i]));
  free(line);
  free(across);
  free(whole);
  return worst;
}

static void check_plain(void) {
  random_stream random = random_stream_make(2, RANDOM_TEST, 0, 0);
  double worst[2] = {0, 0};
  for (int i = 0; i < 60; i++) {
    data_image source, out;
    must(data_image_create(1 + (int)random_below(&random, 150),
                           1 + (int)random_below(&random, 150), 1, &source));
    for (int p = 0; p < source.width * source.height; p++)
      source.pixels[p] = (uint8_t)random_below(&random, 256);
    must(data_resize(&source, 1 + (int)random_below(&random, 150),
                     1 + (int)random_below(&random, 150),
                     i % 2 ? DATA_BICUBIC : DATA_BILINEAR, &out));
    worst[i % 2] = fmax(
        worst[i % 2],
        plain_difference(&source, &out, i % 2 ? DATA_BICUBIC : DATA_BILINEAR));
    data_image_free(&out);
    data_image_free(&source);
  }
  /* each pass rounds by half a level; bicubic may amplify the first one */
  tap_near(worst[0], 0, 1.01, "bilinear: near a plain resampling");
  tap_near(worst[1], 0, 1.5, "bicubic: near a plain resampling");
}

static void check_constant(void) {
  bool constant = true;
  for (int f = DATA_BILINEAR; f <= DATA_CV_LINEAR; f++) {
    data_image source, out;
    must(data_image_create(37, 53, 3, &source));
    memset(source.pixels, 201, 37 * 53 * 3);
    must(data_resize(&source, 64, 20, (data_filter)f, &out));
    for (int i = 0; i < 64 * 20 * 3; i++)
      constant = constant && out.pixels[i] == 201;
    data_image_free(&out);
    data_image_free(&source);
  }
  tap_ok(constant, "a constant image stays constant under every filter");
}

/* ---- refusals ---- */

static void check_refusals(void) {
  data_image source = pattern(20, 10, 3), out;
  static const double boxes[][4] = {
      {-1, 0, 5, 5}, {0, 0, 21, 10}, {0, 0, 20, 10.5}, {3, 3, 0, 5},
      {3, 3, 5, -1}, {19, 0, 2, 2},  {0, NAN, 5, 5},   {0, 0, INFINITY, 5}};
  size_t refused = 0, count = sizeof boxes / sizeof *boxes;
  for (size_t i = 0; i < count; i++) {
    const double *b = boxes[i];
    status result = data_resize_box(&source, b[0], b[1], b[2], b[3], 8, 8,
                                    DATA_BILINEAR, &out);
    if (result == STATUS_USAGE && out.pixels == NULL) refused++;
  }
  tap_ok(refused == count, "%zu of %zu parts outside are refused", refused,
         count);
  tap_ok(data_resize(&source, 0, 5, DATA_BILINEAR, &out) == STATUS_FORMAT &&
             out.pixels == NULL,
         "a width of 0 is refused");
  tap_ok(data_resize(&source, 1 << 20, 1 << 20, DATA_NEAREST, &out) ==
             STATUS_FORMAT,
         "an absurd size is refused");
  data_image_free(&source);
}

static void check_threshold(void) {
  data_image grey, mask;
  must(data_image_create(256, 1, 1, &grey));
  for (int i = 0; i < 256; i++) grey.pixels[i] = (uint8_t)i;
  must(data_mask_binarize(&grey, DATA_THRESHOLD, &mask));
  bool right = true;
  for (int i = 0; i < 256; i++)
    right = right && mask.pixels[i] == (i < 128 ? 0 : 255);
  tap_ok(right, "threshold: 255 from 128 on");
  data_image_free(&mask);
  data_image_free(&grey);
}

int main(void) {
  hid_t file = golden_open("data_ops.h5");
  size_t count;
  char **names = golden_members(file, "pil_resize", &count);
  for (size_t i = 0; i < count; i++) check_golden_resize(file, names[i]);
  golden_free_names(names, count);
  check_golden_mask(file, "binary_grey", DATA_DITHER, "binary_mode1",
                    "binary_mode1_resized_bilinear");
  check_golden_mask(file, "binary_grey", DATA_THRESHOLD, "binary_rgb_mode1",
                    "binary_mode1_resized_bicubic");
  check_golden_mask(file, "soft_grey", DATA_DITHER, "soft_mode1_dithered",
                    "soft_mode1_dithered_resized");
  H5Fclose(file);
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
    check_part(&parts[i]);
  check_plain();
  check_constant();
  check_threshold();
  check_refusals();
  return tap_done();
}
