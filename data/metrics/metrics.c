/* The metrics of the field, in the protocols that papers report. Sources:
 * iHarmony4's evaluation.py (mse, psnr, fmse), IntrinsicHarmony's
 * ih_evaluation.py (ssim, fssim). */
#include <math.h>
#include <stdbool.h>

#include "data/data.h"
#include "data/metrics/ssim.h"

typedef struct difference_sums {
  double all, inside; /* squared differences */
  double inside_pixels;
  float least, most; /* of the output */
  float real_most;
} difference_sums;

/* One pixel: whether it is foreground decides what of its error counts. */
static void add_pixel(const float *output, const float *real, bool inside,
                      data_background background, difference_sums *sums) {
  const float *shown = !inside && background == DATA_BG_GT ? real : output;
  double error = 0;
  for (int c = 0; c < 3; c++) {
    double d = (double)output[c] - real[c];
    error += d * d;
    if (shown[c] < sums->least) sums->least = shown[c];
    if (shown[c] > sums->most) sums->most = shown[c];
    if (real[c] > sums->real_most) sums->real_most = real[c];
  }
  if (inside || background == DATA_BG_AS_IS) sums->all += error;
  if (!inside) return;
  sums->inside += error;
  sums->inside_pixels++;
}

static double psnr(double range, double mse) {
  return mse == 0 ? INFINITY : 10 * log10(range * range / mse);
}

static double choose_range(data_psnr_range kind, const difference_sums *sums) {
  switch (kind) {
  case DATA_RANGE_PRED: return (double)sums->most - sums->least;
  case DATA_RANGE_TARGET_MAX: return sums->real_most;
  default: return 255;
  }
}

static difference_sums sum_up(const float *output, const float *real,
                              const uint8_t *mask, size_t pixels,
                              data_background background) {
  difference_sums sums = {.least = INFINITY, .most = -INFINITY};
  for (size_t i = 0; i < pixels; i++)
    add_pixel(output + 3 * i, real + 3 * i, mask[i] >= 128, background, &sums);
  return sums;
}

static double mean_square(const difference_sums *sums, size_t pixels) {
  return sums->all / (3.0 * (double)pixels);
}

double data_mse(const float *output, const float *real, const uint8_t *mask,
                int width, int height, data_background background) {
  size_t pixels = (size_t)width * (size_t)height;
  difference_sums sums = sum_up(output, real, mask, pixels, background);
  return mean_square(&sums, pixels);
}

size_t data_metrics_scratch(int width, int height) {
  (void)height; /* only a window's rows are held */
  return ssim_scratch(width, 3);
}

void data_metrics(const float *output, const float *real, const uint8_t *mask,
                  int width, int height, data_background background,
                  data_psnr_range range, float *scratch, data_scores *out) {
  static const ssim_form form = {
      .window = SSIM_GAUSSIAN_11, .border = SSIM_ZERO, .range = 255};
  size_t pixels = (size_t)width * (size_t)height;
  difference_sums sums = sum_up(output, real, mask, pixels, background);
  ssim_images images = {.output = output,
                        .real = real,
                        .width = width,
                        .height = height,
                        .channels = 3,
                        .mask = mask,
                        .paste = background != DATA_BG_AS_IS};
  ssim_result ssim = ssim_compute(&form, &images, scratch, NULL);
  double area = sums.inside_pixels;
  *out = (data_scores){.mse = mean_square(&sums, pixels),
                       .fmse = area > 0 ? sums.inside / (3 * area) : 0,
                       .ssim = ssim.mean,
                       .fssim = ssim.inside,
                       .share = area / (double)pixels};
  out->psnr = psnr(choose_range(range, &sums), out->mse);
  out->psnr_255 = psnr(255, out->mse);
}
