/* Structural similarity: Wang, Bovik, Sheikh & Simoncelli, "Image quality
 * assessment: from error visibility to structural similarity", IEEE TIP 2004,
 * equation 13. Both windows are separable: each row is smoothed across once and
 * kept in a ring of as many rows as the window is high, which are then summed
 * downwards. In double, because variances are differences of large numbers. */
#include "data/metrics/ssim.h"

#include <math.h>
#include <string.h>

#include "base/status.h"
#include "base/wide_vectors.h"

enum {
  TAPS_MAX = 11,
  RADIUS_MAX = TAPS_MAX / 2,
  PLANES = 4 /* x, y, xx + yy, xy */
};

typedef struct ssim_work {
  const ssim_form *form;
  const ssim_images *images;
  int taps, radius;
  double weights[TAPS_MAX];
  size_t line;   /* values of a row: width * channels */
  size_t padded; /* the same with the window's overhang on both sides */
  double *input; /* PLANES padded rows */
  double *zeros; /* PLANES lines */
  double *ring;  /* row r is in slot r % taps: PLANES lines each */
  double *local; /* PLANES lines: the window's means around one row */
  double *value; /* one line of the map */
} ssim_work;

/* ---- windows ---- */

static void fill_weights(ssim_work *work) {
  bool gaussian = work->form->window == SSIM_GAUSSIAN_11;
  work->taps = gaussian ? 11 : 7;
  work->radius = work->taps / 2;
  double sum = 0;
  for (int t = 0; t < work->taps; t++) {
    double x = (t - work->radius) / 1.5;
    work->weights[t] = gaussian ? exp(-0.5 * x * x) : 1;
    sum += work->weights[t];
  }
  for (int t = 0; t < work->taps; t++) work->weights[t] /= sum;
}

/* The place of `index` mirrored into [0, count). */
static int mirror(int index, int count) {
  while (index < 0 || index >= count)
    index = index < 0 ? -1 - index : 2 * count - 1 - index;
  return index;
}

/* out[i] = sum over t of weights[t] * rows[t][i], in the order of t. A constant
 * number of taps is unrolled, which leaves one plain loop over i. */
#define WEIGH(name, taps)                                                      \
  WIDE_VECTORS                                                                 \
  static void name(const double *const *rows, const double *weights,           \
                   size_t count, double *restrict out) {                       \
    for (size_t i = 0; i < count; i++) {                                       \
      double sum = 0;                                                          \
      for (int t = 0; t < (taps); t++) sum += weights[t] * rows[t][i];         \
      out[i] = sum;                                                            \
    }                                                                          \
  }
WEIGH(weigh_7, 7)
WEIGH(weigh_11, 11)

static void weigh(const ssim_work *work, const double *const *rows,
                  size_t count, double *out) {
  (work->taps == 7 ? weigh_7 : weigh_11)(rows, work->weights, count, out);
}

/* ---- across ---- */

/* Row y of both images and their products, without overhang. */
static void load_row(ssim_work *work, int y) {
  const ssim_images *images = work->images;
  size_t channels = (size_t)images->channels, start = (size_t)y * work->line;
  const float *output = images->output + start, *real = images->real + start;
  const uint8_t *mask = images->mask;
  if (mask != NULL) mask += (size_t)y * (size_t)images->width;
  size_t overhang = (size_t)work->radius * channels;
  double *x = work->input + overhang, *y_ = x + work->padded;
  double *squares = y_ + work->padded, *product = squares + work->padded;
  for (size_t p = 0, i = 0; p < (size_t)images->width; p++) {
    bool real_here = images->paste && mask != NULL && mask[p] < 128;
    for (size_t c = 0; c < channels; c++, i++) {
      double a = real_here ? real[i] : output[i], b = real[i];
      x[i] = a;
      y_[i] = b;
      squares[i] = a * a + b * b;
      product[i] = a * b;
    }
  }
}

/* The overhang of the four rows; zeros were there from the start. */
static void reflect_row(ssim_work *work) {
  int channels = work->images->channels, width = work->images->width;
  for (int plane = 0; plane < PLANES; plane++) {
    double *row = work->input + (size_t)plane * work->padded +
                  (size_t)(work->radius * channels);
    for (int x = -work->radius; x < width + work->radius; x++) {
      if (x == 0) x = width; /* the row itself is whole */
      const double *from = row + (ptrdiff_t)mirror(x, width) * channels;
      double *to = row + (ptrdiff_t)x * channels;
      for (int c = 0; c < channels; c++) to[c] = from[c];
    }
  }
}

static double *ring_row(const ssim_work *work, int y) {
  return work->ring + (size_t)(y % work->taps) * PLANES * work->line;
}

static void smooth_across(ssim_work *work, int y) {
  load_row(work, y);
  if (work->form->border == SSIM_REFLECT) reflect_row(work);
  double *out = ring_row(work, y);
  for (size_t plane = 0; plane < PLANES; plane++) {
    const double *rows[TAPS_MAX];
    for (int t = 0; t < TAPS_MAX; t++) /* those in excess are not read */
      rows[t] = work->input + plane * work->padded +
                (size_t)(t * work->images->channels);
    weigh(work, rows, work->line, out + plane * work->line);
  }
}

/* ---- downwards ---- */

static void smooth_down(ssim_work *work, int y) {
  const double *rows[TAPS_MAX];
  int height = work->images->height;
  for (int t = 0; t < TAPS_MAX; t++) { /* those in excess are not read */
    int row = y + t - work->radius;
    if (row >= 0 && row < height)
      rows[t] = ring_row(work, row);
    else if (work->form->border == SSIM_ZERO)
      rows[t] = work->zeros;
    else
      rows[t] = ring_row(work, mirror(row, height));
  }
  weigh(work, rows, PLANES * work->line, work->local);
}

/* work->value from work->local. */
static void compare(ssim_work *work) {
  double range = work->form->range, n = work->taps * work->taps;
  double c1 = (0.01 * range) * (0.01 * range);
  double c2 = (0.03 * range) * (0.03 * range);
  double factor = work->form->sample_covariance ? n / (n - 1) : 1;
  const double *mx = work->local, *my = mx + work->line;
  const double *squares = my + work->line, *product = squares + work->line;
  for (size_t i = 0; i < work->line; i++) {
    double means = mx[i] * my[i], powers = mx[i] * mx[i] + my[i] * my[i];
    double covariance = factor * (product[i] - means);
    double variances = factor * (squares[i] - powers);
    work->value[i] = (2 * means + c1) * (2 * covariance + c2) /
                     ((powers + c1) * (variances + c2));
  }
}

/* ---- the whole ---- */

typedef struct ssim_sums {
  double all, inside;
  double all_count, inside_count;
} ssim_sums;

static void add_row(const ssim_work *work, int y, ssim_sums *sums) {
  const ssim_images *images = work->images;
  int margin = work->form->margin, width = images->width;
  bool row_counts = y >= margin && y < images->height - margin;
  const uint8_t *mask = images->mask;
  if (mask != NULL) mask += (size_t)y * (size_t)width;
  const double *value = work->value;
  for (int x = 0; x < width; x++, value += images->channels) {
    double sum = 0;
    for (int c = 0; c < images->channels; c++) sum += value[c];
    if (row_counts && x >= margin && x < width - margin) {
      sums->all += sum;
      sums->all_count += images->channels;
    }
    if (mask == NULL || mask[x] >= 128) {
      sums->inside += sum;
      sums->inside_count += images->channels;
    }
  }
}

static size_t padded_line(int width, int channels) {
  return (size_t)(width + 2 * RADIUS_MAX) * (size_t)channels;
}

size_t ssim_scratch(int width, int channels) {
  size_t line = (size_t)width * (size_t)channels;
  size_t doubles = (size_t)PLANES * padded_line(width, channels) +
                   (size_t)((TAPS_MAX + 2) * PLANES) * line + line;
  return doubles * (sizeof(double) / sizeof(float)) + 1; /* 1 to align */
}

/* Divides the scratch. Doubles begin at a multiple of 8 bytes. */
static void lay_out(ssim_work *work, float *scratch) {
  uintptr_t place = (uintptr_t)scratch % sizeof(double);
  double *at = (double *)(void *)(place == 0 ? scratch : scratch + 1);
  work->line = (size_t)work->images->width * (size_t)work->images->channels;
  work->padded = padded_line(work->images->width, work->images->channels);
  work->input = at;
  work->zeros = work->input + PLANES * work->padded;
  work->ring = work->zeros + PLANES * work->line;
  work->local = work->ring + (size_t)(TAPS_MAX * PLANES) * work->line;
  work->value = work->local + PLANES * work->line;
  memset(work->input, 0,
         PLANES * (work->padded + work->line) * sizeof(double)); /* and zeros */
}

ssim_result ssim_compute(const ssim_form *form, const ssim_images *images,
                         float *scratch, double *map) {
  INVARIANT(images->width > 0 && images->height > 0 && images->channels > 0,
            "an empty image to compare");
  ssim_work work = {.form = form, .images = images};
  fill_weights(&work);
  lay_out(&work, scratch);
  ssim_sums sums = {0};
  int loaded = 0;
  for (int y = 0; y < images->height; y++) {
    for (; loaded <= y + work.radius && loaded < images->height; loaded++)
      smooth_across(&work, loaded);
    smooth_down(&work, y);
    compare(&work);
    add_row(&work, y, &sums);
    if (map != NULL)
      memcpy(map + (size_t)y * work.line, work.value,
             work.line * sizeof(double));
  }
  ssim_result result = {0, 0};
  if (sums.all_count > 0) result.mean = sums.all / sums.all_count;
  if (sums.inside_count > 0) result.inside = sums.inside / sums.inside_count;
  return result;
}
