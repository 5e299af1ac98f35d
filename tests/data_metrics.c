/* The metrics against scikit-image, a direct sum, and their own definitions. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/data.h"
#include "data/metrics/ssim.h"
#include "tests/golden.h"
#include "tests/tap.h"

static void *need(size_t bytes) {
  void *memory = calloc(bytes + 1, 1);
  if (memory == NULL) abort();
  return memory;
}

/* ---- scikit-image ---- */

typedef struct pair {
  int width, height;
  float *output, *real;
  uint8_t *mask;
} pair;

static float *as_floats(const golden *array) {
  float *out = need(array->count * sizeof *out);
  for (size_t i = 0; i < array->count; i++) out[i] = (float)array->values[i];
  return out;
}

static pair pair_read(hid_t file, const char *name) {
  golden output = golden_read(file, "image_quality/%s/output", name);
  golden real = golden_read(file, "image_quality/%s/real", name);
  golden mask = golden_read(file, "image_quality/%s/mask", name);
  pair both = {.width = (int)output.shape[1], .height = (int)output.shape[0]};
  both.output = as_floats(&output);
  both.real = as_floats(&real);
  both.mask = need(mask.count);
  double most = 0;
  for (size_t i = 0; i < mask.count; i++) most = fmax(most, mask.values[i]);
  for (size_t i = 0; i < mask.count; i++)
    both.mask[i] = mask.values[i] * 2 > most ? 255 : 0;
  golden_free(&output);
  golden_free(&real);
  golden_free(&mask);
  return both;
}

static void pair_free(pair *both) {
  free(both->output);
  free(both->real);
  free(both->mask);
}

static data_scores scores_of(const pair *both, data_background background,
                             data_psnr_range range) {
  float *scratch =
      need(sizeof(float) * data_metrics_scratch(both->width, both->height));
  data_scores scores;
  data_metrics(both->output, both->real, both->mask, both->width, both->height,
               background, range, scratch, &scores);
  free(scratch);
  return scores;
}

static double wanted(hid_t file, const char *name, const char *what) {
  golden value = golden_read(file, "image_quality/%s/%s", name, what);
  double result = value.values[0];
  golden_free(&value);
  return result;
}

static void check_errors(hid_t file, const char *name) {
  pair both = pair_read(file, name);
  data_scores got = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_PRED);
  double mse = wanted(file, name, "mse");
  tap_near(got.mse, mse, 1e-12 * mse, "%s: mse", name);
  tap_near(got.fmse, wanted(file, name, "fmse"), 1e-9 * got.fmse, "%s: fmse",
           name);
  tap_near(got.psnr_255, wanted(file, name, "psnr_255"), 1e-10, "%s: psnr, 255",
           name);
  tap_near(got.psnr, wanted(file, name, "psnr_output_range"), 1e-10,
           "%s: psnr, range of the output", name);
  tap_near(got.psnr, wanted(file, name, "psnr_output_range_float32_inputs"),
           1e-5, "%s: psnr as computed from float32", name);
  pair_free(&both);
}

static float *scaled(const float *rgb, size_t count, float scale) {
  float *out = need(count * sizeof *out);
  for (size_t i = 0; i < count; i++) out[i] = rgb[i] * scale;
  return out;
}

static double similarity(const ssim_form *form, const float *output,
                         const float *real, int width, int height, int channels,
                         double *map) {
  ssim_images images = {.output = output,
                        .real = real,
                        .width = width,
                        .height = height,
                        .channels = channels};
  float *scratch = need(sizeof(float) * ssim_scratch(width, channels));
  ssim_result result = ssim_compute(form, &images, scratch, map);
  free(scratch);
  return result.mean;
}

static void check_rgb_ssim(hid_t file, const char *name) {
  pair both = pair_read(file, name);
  int w = both.width, h = both.height;
  ssim_form uniform = {.window = SSIM_UNIFORM_7,
                       .border = SSIM_REFLECT,
                       .sample_covariance = true,
                       .margin = 3,
                       .range = 255};
  ssim_form gaussian = {.window = SSIM_GAUSSIAN_11,
                        .border = SSIM_REFLECT,
                        .margin = 5,
                        .range = 255};
  tap_near(similarity(&uniform, both.output, both.real, w, h, 3, NULL),
           wanted(file, name, "ssim_rgb_255"), 1e-10, "%s: uniform 7", name);
  tap_near(similarity(&gaussian, both.output, both.real, w, h, 3, NULL),
           wanted(file, name, "ssim_rgb_gaussian"), 1e-10, "%s: gaussian 11",
           name);
  size_t count = (size_t)w * (size_t)h * 3;
  float *output = scaled(both.output, count, 1 / 255.0f);
  float *real = scaled(both.real, count, 1 / 255.0f);
  uniform.range = 1;
  tap_near(similarity(&uniform, output, real, w, h, 3, NULL),
           wanted(file, name, "ssim_rgb_unit"), 1e-6, "%s: uniform 7, unit",
           name);
  free(output);
  free(real);
  pair_free(&both);
}

/* The record's grey is the first channel. */
static float *first_channel(const float *rgb, size_t pixels) {
  float *out = need(pixels * sizeof *out);
  for (size_t i = 0; i < pixels; i++) out[i] = rgb[3 * i];
  return out;
}

static void check_grey_ssim(hid_t file, const char *name) {
  pair both = pair_read(file, name);
  size_t pixels = (size_t)both.width * (size_t)both.height;
  float *output = first_channel(both.output, pixels);
  float *real = first_channel(both.real, pixels);
  double *map = need(pixels * sizeof *map);
  ssim_form form = {.window = SSIM_UNIFORM_7,
                    .border = SSIM_REFLECT,
                    .sample_covariance = true,
                    .margin = 3,
                    .range = 255};
  double mean =
      similarity(&form, output, real, both.width, both.height, 1, map);
  tap_near(mean, wanted(file, name, "ssim_grey_255"), 1e-10, "%s: grey", name);
  golden want = golden_read(file, "image_quality/%s/ssim_grey_map", name);
  tap_near(tap_largest_difference(map, want.values, pixels), 0, 1e-10,
           "%s: the map of grey with its borders", name);
  golden_free(&want);
  free(output);
  free(real);
  free(map);
  pair_free(&both);
}

/* ---- the production form ---- */

static pair pair_random(int width, int height, uint64_t seed) {
  random_stream random = random_stream_make(seed, RANDOM_TEST, 0, 0);
  size_t pixels = (size_t)width * (size_t)height;
  pair both = {width, height, need(pixels * 3 * sizeof(float)),
               need(pixels * 3 * sizeof(float)), need(pixels)};
  for (size_t i = 0; i < 3 * pixels; i++) {
    both.real[i] = (float)random_below(&random, 256);
    both.output[i] = both.real[i] * 0.8f + 40 * (float)random_uniform(&random);
  }
  for (size_t i = 0; i < pixels; i++)
    both.mask[i] = (uint8_t)random_below(&random, 256);
  return both;
}

/* Equation 13 at one place, as a plain sum over an 11 x 11 window. */
static double direct_ssim(const pair *both, int x, int y, int c) {
  double weight = 0, mx = 0, my = 0, xx = 0, yy = 0, xy = 0;
  for (int dy = -5; dy <= 5; dy++)
    for (int dx = -5; dx <= 5; dx++) {
      double w = exp(-(dx * dx + dy * dy) / 4.5);
      weight += w;
      if (x + dx < 0 || x + dx >= both->width) continue;
      if (y + dy < 0 || y + dy >= both->height) continue;
      int i = ((y + dy) * both->width + x + dx) * 3 + c;
      double a = both->output[i], b = both->real[i];
      mx += w * a, my += w * b, xx += w * a * a, yy += w * b * b;
      xy += w * a * b;
    }
  mx /= weight, my /= weight;
  xx = xx / weight - mx * mx, yy = yy / weight - my * my;
  xy = xy / weight - mx * my;
  double c1 = 6.5025, c2 = 58.5225;
  return (2 * mx * my + c1) * (2 * xy + c2) /
         ((mx * mx + my * my + c1) * (xx + yy + c2));
}

static void check_direct(int width, int height) {
  pair both = pair_random(width, height, 5);
  double all = 0, inside = 0, area = 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < 3; c++) {
        double value = direct_ssim(&both, x, y, c);
        all += value / 3;
        if (both.mask[y * width + x] < 128) continue;
        inside += value / 3;
        area += 1.0 / 3;
      }
  data_scores got = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_255);
  tap_near(got.ssim, all / (width * height), 1e-11, "%d x %d: ssim", width,
           height);
  tap_near(got.fssim, area > 0 ? inside / area : 0, 1e-11, "%d x %d: fssim",
           width, height);
  tap_near(got.share, area / (width * height), 1e-12, "%d x %d: share", width,
           height);
  pair_free(&both);
}

/* ---- definitions ---- */

/* 4 x 3 pixels; the foreground is the first row. */
static pair pair_small(void) {
  pair both = {4, 3, need(36 * sizeof(float)), need(36 * sizeof(float)),
               need(12)};
  for (int i = 0; i < 36; i++) {
    both.real[i] = (float)(5 * i);
    both.output[i] = both.real[i] + (i < 12 ? 2.0f : 10.0f);
  }
  for (int i = 0; i < 4; i++) both.mask[i] = (uint8_t)(128 + 40 * i);
  for (int i = 4; i < 12; i++) both.mask[i] = (uint8_t)(i == 5 ? 127 : 0);
  return both;
}

static void check_backgrounds(void) {
  pair both = pair_small();
  data_scores s = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_PRED);
  tap_near(s.mse, (12 * 4 + 24 * 100) / 36.0, 1e-12, "as is: mse");
  tap_near(s.fmse, 4, 1e-12, "as is: fmse");
  tap_near(s.share, 1 / 3.0, 1e-12, "share: 128 is foreground, 127 is not");
  tap_near(s.psnr, 20 * log10(183) - 10 * log10(s.mse), 1e-12,
           "as is: range of the output");
  s = scores_of(&both, DATA_BG_GT, DATA_RANGE_PRED);
  tap_near(s.mse, 12 * 4 / 36.0, 1e-12, "background of the real one: mse");
  tap_near(s.fmse, 4, 1e-12, "background of the real one: fmse");
  tap_near(s.psnr, 20 * log10(173) - 10 * log10(s.mse), 1e-12,
           "background of the real one: range of the output");
  double pasted = s.ssim;
  s = scores_of(&both, DATA_BG_MASKED, DATA_RANGE_TARGET_MAX);
  tap_near(s.mse, 12 * 4 / 36.0, 1e-12, "masked: mse");
  tap_near(s.psnr, 20 * log10(175) - 10 * log10(s.mse), 1e-12,
           "range: greatest of the real one");
  tap_near(s.ssim, pasted, 0, "masked: ssim as with the real background");
  s = scores_of(&both, DATA_BG_MASKED, DATA_RANGE_PRED);
  tap_near(s.psnr, 20 * log10(183) - 10 * log10(s.mse), 1e-12,
           "masked: range of the output as it is");
  memcpy(both.output + 12, both.real + 12, 24 * sizeof(float));
  s = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_255);
  tap_near(pasted, s.ssim, 0, "ssim with the real background pasted by hand");
  tap_ok(s.psnr == s.psnr_255, "range 255");
  pair_free(&both);
}

static void check_edges(void) {
  pair both = pair_small();
  memset(both.mask, 0, 12);
  data_scores s = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_PRED);
  tap_ok(s.fmse == 0 && s.share == 0 && s.fssim == 0 && isfinite(s.ssim),
         "an empty mask gives zeros, not NaN");
  memcpy(both.output, both.real, 36 * sizeof(float));
  s = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_PRED);
  tap_ok(s.mse == 0 && s.psnr == INFINITY && s.psnr_255 == INFINITY &&
             fabs(s.ssim - 1) < 1e-12,
         "equal images: mse 0, psnr infinite, ssim 1");
  both.output[7] = NAN;
  s = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_PRED);
  tap_ok(isnan(s.mse) && isnan(s.psnr) && isnan(s.ssim), "a NaN is not hidden");
  pair_free(&both);
}

/* Scratch may lie anywhere and is not overrun. */
static void check_scratch(void) {
  pair both = pair_random(19, 23, 6);
  data_scores want = scores_of(&both, DATA_BG_AS_IS, DATA_RANGE_PRED);
  size_t count = data_metrics_scratch(19, 23);
  float *memory = need((count + 64) * sizeof(float));
  bool same = true, intact = true;
  for (size_t shift = 0; shift < 4; shift++) {
    for (size_t i = 0; i < count + 64; i++) memory[i] = 12345;
    data_scores got;
    data_metrics(both.output, both.real, both.mask, 19, 23, DATA_BG_AS_IS,
                 DATA_RANGE_PRED, memory + 8 + shift, &got);
    same = same && memcmp(&got, &want, sizeof got) == 0;
    for (size_t i = 0; i < count + 64; i++)
      if (i < 8 + shift || i >= 8 + shift + count)
        intact = intact && memory[i] == 12345;
  }
  tap_ok(same, "any scratch gives the same bits");
  tap_ok(intact, "nothing beside the scratch is written");
  free(memory);
  pair_free(&both);
}

int main(void) {
  hid_t file = golden_open("data_ops.h5");
  static const char *const names[] = {"a", "odd"};
  for (int i = 0; i < 2; i++) {
    check_errors(file, names[i]);
    check_rgb_ssim(file, names[i]);
    check_grey_ssim(file, names[i]);
  }
  H5Fclose(file);
  check_direct(40, 33);
  check_direct(7, 21);
  check_direct(1, 1);
  check_direct(30, 2);
  check_backgrounds();
  check_edges();
  check_scratch();
  return tap_done();
}
