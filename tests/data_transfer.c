/* Colour transfers: statistics they promise, degenerate images, and the four
 * outputs that HCOCO's authors published for one pair of photographs. */
#include "data/colour/transfer_internal.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/random.h"
#include "tests/grey.h"
#include "tests/tap.h"

typedef struct picture {
  data_image image, mask;
} picture;

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

static void picture_free(picture *p) {
  data_image_free(&p->image);
  data_image_free(&p->mask);
}

/* Smooth correlated colours with noise; an ellipse is the foreground. Levels
 * stay away from 0 and 255, so that nothing is clipped. */
static picture make_picture(int width, int height, uint32_t number,
                            const double base[3], const double spread[3]) {
  picture p;
  must(data_image_create(width, height, 3, &p.image));
  must(data_image_create(width, height, 1, &p.mask));
  random_stream stream = random_stream_make(7, RANDOM_TEST, number, 0);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      size_t i = (size_t)(y * width + x);
      double u = (double)x / width - 0.5, v = (double)y / height - 0.5;
      double common = sin(7 * u) * cos(5 * v) + 0.4 * random_normal(&stream);
      for (int c = 0; c < 3; c++)
        p.image.pixels[3 * i + (size_t)c] =
            transfer_byte(base[c] + spread[c] * (common + 0.5 * sin(9 * v + c) +
                                                 0.2 * random_normal(&stream)));
      p.mask.pixels[i] = u * u + v * v < 0.16 ? 128 : 127;
    }
  return p;
}

static picture make_target(void) {
  return make_picture(160, 120, 1, (double[]){120, 100, 90},
                      (double[]){20, 16, 12});
}

static picture make_reference(void) {
  return make_picture(130, 140, 2, (double[]){140, 130, 150},
                      (double[]){9, 14, 16});
}

static picture make_flat(int r, int g, int b) {
  return make_picture(60, 50, 3, (double[]){r, g, b}, (double[]){0, 0, 0});
}

static data_image transfer(data_transfer_method method, const picture *target,
                           const picture *reference, uint64_t seed) {
  data_image out;
  must(data_transfer(method, &target->image, &target->mask, &reference->image,
                     &reference->mask, seed, &out));
  return out;
}

static transfer_region region_of(const data_image *image,
                                 const data_image *mask) {
  transfer_region region;
  must(transfer_region_take(image, mask, "test", &region));
  return region;
}

/* ---- statistics ---- */

typedef struct moments {
  double mean[3], covariance[3][3];
} moments;

static void to_lab(const uint8_t *rgb, double lab[3]) {
  static const double m[3][3] = {{0.3811, 0.5783, 0.0402},
                                 {0.1967, 0.7244, 0.0782},
                                 {0.0241, 0.1288, 0.8444}};
  double log_lms[3];
  for (int i = 0; i < 3; i++)
    log_lms[i] =
        log10((m[i][0] * rgb[0] + m[i][1] * rgb[1] + m[i][2] * rgb[2]) / 255);
  lab[0] = (log_lms[0] + log_lms[1] + log_lms[2]) / sqrt(3);
  lab[1] = (log_lms[0] + log_lms[1] - 2 * log_lms[2]) / sqrt(6);
  lab[2] = (log_lms[0] - log_lms[1]) / sqrt(2);
}

static void to_rgb(const uint8_t *rgb, double out[3]) {
  for (int c = 0; c < 3; c++) out[c] = rgb[c];
}

static moments measure(const data_image *image, const data_image *mask,
                       void (*convert)(const uint8_t *, double *)) {
  transfer_region region = region_of(image, mask);
  double n = (double)region.count, x[3];
  moments m = {0};
  for (size_t i = 0; i < region.count; i++) {
    convert(region.rgb + 3 * i, x);
    for (int c = 0; c < 3; c++) m.mean[c] += x[c] / n;
  }
  for (size_t i = 0; i < region.count; i++) {
    convert(region.rgb + 3 * i, x);
    for (int a = 0; a < 3; a++)
      for (int b = 0; b < 3; b++)
        m.covariance[a][b] += (x[a] - m.mean[a]) * (x[b] - m.mean[b]) / (n - 1);
  }
  transfer_region_free(&region);
  return m;
}

static void test_gct(const picture *target, const picture *reference) {
  data_image out = transfer(DATA_GCT, target, reference, 1);
  moments got = measure(&out, &target->mask, to_lab);
  moments want = measure(&reference->image, &reference->mask, to_lab);
  for (int c = 0; c < 3; c++) {
    tap_near(got.mean[c], want.mean[c], 5e-4, "gct: mean of channel %d", c);
    tap_near(sqrt(got.covariance[c][c]), sqrt(want.covariance[c][c]), 1e-3,
             "gct: deviation of channel %d", c);
  }
  data_image_free(&out);
}

static void test_matrix(data_transfer_method method, const picture *target,
                        const picture *reference) {
  const char *name = data_transfer_name(method);
  data_image out = transfer(method, target, reference, 1);
  moments got = measure(&out, &target->mask, to_rgb);
  moments want = measure(&reference->image, &reference->mask, to_rgb);
  tap_ok(tap_largest_difference(got.mean, want.mean, 3) < 0.05,
         "%s: mean of RGB", name);
  /* Rounding to whole levels adds 1/12 to each variance, and beats with the
   * target's own levels. */
  double off = tap_largest_difference(got.covariance[0], want.covariance[0], 9);
  tap_ok(off < 1, "%s: covariance of RGB, off by %.3f", name, off);
  data_image_free(&out);
}

static void test_eigen(void) {
  const double a[3][3] = {{4, 1.5, -0.5}, {1.5, 3, 0.25}, {-0.5, 0.25, 1}};
  double values[3], v[3][3], worst = 0;
  transfer_eigen3(a, values, v);
  for (int k = 0; k < 3; k++)
    for (int i = 0; i < 3; i++) {
      double left = 0, dot = 0;
      for (int j = 0; j < 3; j++) {
        left += a[i][j] * v[j][k];
        dot += v[j][i] * v[j][k];
      }
      worst = fmax(worst, fabs(left - values[k] * v[i][k]));
      worst = fmax(worst, fabs(dot - (i == k)));
    }
  tap_near(worst, 0, 1e-13, "eigenvectors: A v = l v, orthonormal");
  tap_ok(values[0] <= values[1] && values[1] <= values[2],
         "eigenvalues ascend");
}

/* Largest distance between two cumulative distributions along an axis
 * (Kolmogorov and Smirnov). Colours are `count` triples, levels 0 to 255. */
static double ks_distance(const double *a, size_t a_count, const double *b,
                          size_t b_count, const double axis[3]) {
  enum { BINS = 1024 };
  double share[BINS] = {0};
  for (int k = 0; k < 2; k++) {
    const double *colours = k == 0 ? a : b;
    size_t count = k == 0 ? a_count : b_count;
    for (size_t i = 0; i < count; i++) {
      double at = 0;
      for (size_t c = 0; c < 3; c++) at += axis[c] * colours[3 * i + c];
      /* Two levels a bin, wider than the longest axis. */
      share[(int)floor(at / 2) + BINS / 2] +=
          (k == 0 ? 1.0 : -1.0) / (double)count;
    }
  }
  double worst = 0, sum = 0;
  for (int i = 0; i < BINS; i++) worst = fmax(worst, fabs(sum += share[i]));
  return worst;
}

static double *colours_of(const data_image *image, const data_image *mask,
                          size_t *count) {
  transfer_region region = region_of(image, mask);
  double *colours = calloc(3 * region.count, sizeof *colours);
  for (size_t i = 0; i < 3 * region.count; i++) colours[i] = region.rgb[i];
  *count = region.count;
  transfer_region_free(&region);
  return colours;
}

static const double ycbcr_axes[3][3] = {{0.2568, 0.5041, 0.0979},
                                        {-0.1482, -0.2910, 0.4392},
                                        {0.4392, -0.3678, -0.0714}};

static void test_hgm(const picture *target, const picture *reference) {
  data_image image = transfer(DATA_HGM, target, reference, 1);
  size_t count, from_count;
  double *was = colours_of(&target->image, &target->mask, &count);
  double *is = colours_of(&image, &target->mask, &count);
  double *from = colours_of(&reference->image, &reference->mask, &from_count);
  for (int c = 0; c < 3; c++) {
    double before = ks_distance(was, count, from, from_count, ycbcr_axes[c]);
    double after = ks_distance(is, count, from, from_count, ycbcr_axes[c]);
    tap_note("hgm channel %d: CDFs apart by %.3f before, %.3f after", c, before,
             after);
    /* One level of chroma holds a tenth of the pixels. */
    tap_ok(after < 0.12 && after < before / 2, "hgm: CDF of channel %d", c);
  }
  free(was);
  free(is);
  free(from);
  data_image_free(&image);
}

/* The reference's top is below the target's: its highest level is the end. */
static void test_hgm_top(void) {
  picture target = make_target();
  picture dark =
      make_picture(80, 80, 5, (double[]){60, 60, 60}, (double[]){8, 8, 8});
  data_image out = transfer(DATA_HGM, &target, &dark, 1);
  int highest = 0, lowest = 255;
  for (size_t i = 0; i < 160 * 120; i++)
    for (size_t c = 0; c < 3 && target.mask.pixels[i] >= 128; c++) {
      int value = out.pixels[3 * i + c];
      highest = value > highest ? value : highest;
      lowest = value < lowest ? value : lowest;
    }
  tap_ok(highest < 140 && lowest > 5,
         "hgm: no specks beyond the reference's levels (%d to %d)", lowest,
         highest);
  data_image_free(&out);
  picture_free(&target);
  picture_free(&dark);
}

static void random_axis(uint32_t number, double axis[3]) {
  random_stream stream = random_stream_make(11, RANDOM_TEST, number, 0);
  double square = 0;
  for (int c = 0; c < 3; c++) {
    axis[c] = random_normal(&stream);
    square += axis[c] * axis[c];
  }
  for (int c = 0; c < 3; c++) axis[c] /= sqrt(square);
}

static void test_idt(const picture *target, const picture *reference) {
  transfer_region to = region_of(&target->image, &target->mask);
  transfer_region from = region_of(&reference->image, &reference->mask);
  size_t count, from_count;
  double *was = colours_of(&target->image, &target->mask, &count);
  double *is = calloc(3 * count, sizeof *is);
  double *wanted = colours_of(&reference->image, &reference->mask, &from_count);
  float *planes = malloc(3 * count * sizeof *planes);
  must(transfer_idt_match(&to, &from, 1, planes));
  for (size_t i = 0; i < 3 * count; i++)
    is[i] = 255.0 * planes[i % 3 * count + i / 3];
  double worst = 0, least_before = 1;
  for (uint32_t k = 0; k < 8; k++) {
    double axis[3];
    random_axis(k, axis);
    worst = fmax(worst, ks_distance(is, count, wanted, from_count, axis));
    least_before =
        fmin(least_before, ks_distance(was, count, wanted, from_count, axis));
  }
  tap_note("idt: marginals apart by %.3f or more before, at most %.3f after",
           least_before, worst);
  tap_ok(worst < 0.06, "idt: 1-D marginals along 8 random axes");
  free(was);
  free(is);
  free(wanted);
  free(planes);
  transfer_region_free(&to);
  transfer_region_free(&from);
}

/* ---- what all methods keep ---- */

static double foreground_difference(const data_image *a, const data_image *b,
                                    const data_image *mask) {
  double sum = 0, count = 0;
  for (size_t i = 0; i < (size_t)(mask->width * mask->height); i++)
    for (size_t c = 0; c < 3 && mask->pixels[i] >= 128; c++) {
      sum += abs(a->pixels[3 * i + c] - b->pixels[3 * i + c]);
      count++;
    }
  return sum / count;
}

static bool background_same(const data_image *a, const picture *p) {
  for (size_t i = 0; i < (size_t)(a->width * a->height); i++)
    if (p->mask.pixels[i] < 128 &&
        memcmp(a->pixels + 3 * i, p->image.pixels + 3 * i, 3) != 0)
      return false;
  return true;
}

static bool same_image(const data_image *a, const data_image *b) {
  return memcmp(a->pixels, b->pixels, (size_t)(3 * a->width * a->height)) == 0;
}

static void test_identity_and_background(const picture *target,
                                         const picture *reference) {
  /* gct's two matrices are inverses to four digits; hgm goes through 8-bit
   * YCbCr and takes the last of equal shares; idt's regrain begins with a
   * blurred image and gets the noise back only in part. */
  static const double limits[] = {0.6, 1e-9, 1.2, 2.0, 1e-9};
  for (int m = 0; m < DATA_TRANSFER_METHODS; m++) {
    const char *name = data_transfer_name((data_transfer_method)m);
    data_image same = transfer((data_transfer_method)m, target, target, 1);
    data_image other = transfer((data_transfer_method)m, target, reference, 1);
    tap_near(foreground_difference(&same, &target->image, &target->mask), 0,
             limits[m], "%s: its own reference changes nothing", name);
    tap_ok(background_same(&other, target), "%s: background kept", name);
    tap_ok(foreground_difference(&other, &target->image, &target->mask) > 5,
           "%s: foreground changed", name);
    data_image_free(&same);
    data_image_free(&other);
  }
}

/* Both give the same mean and covariance; mkl moves colours least. */
static void test_mkl(const picture *target, const picture *reference) {
  double moved[2];
  static const data_transfer_method methods[2] = {DATA_GCTRGB, DATA_MKL};
  for (int k = 0; k < 2; k++) {
    data_image out = transfer(methods[k], target, reference, 1);
    moved[k] = foreground_difference(&out, &target->image, &target->mask);
    data_image_free(&out);
  }
  tap_ok(moved[1] <= moved[0], "mkl: moves colours by %.2f, gctrgb by %.2f",
         moved[1], moved[0]);
}

/* ---- recolouring in memory that is there ---- */

static data_image recolour(data_recolour *r, int method, const picture *p,
                           uint64_t seed) {
  data_image out;
  must(data_image_create(p->image.width, p->image.height, 3, &out));
  must(data_recolour_run(r, method, seed, p->image.pixels, p->mask.pixels,
                         out.pixels));
  return out;
}

static void test_jitter(data_recolour *r, const picture *target) {
  data_image a = recolour(r, DATA_JITTER, target, 1);
  data_image b = recolour(r, DATA_JITTER, target, 1);
  data_image c = recolour(r, DATA_JITTER, target, 2);
  tap_ok(same_image(&a, &b) && !same_image(&a, &c),
         "jitter follows from its seed");
  tap_ok(background_same(&a, target), "jitter: background kept");
  double by = 0;
  for (uint64_t seed = 0; seed < 64; seed++) {
    data_image out = recolour(r, DATA_JITTER, target, seed);
    by += foreground_difference(&out, &target->image, &target->mask) / 64;
    data_image_free(&out);
  }
  tap_ok(by > 10 && by < 60, "jitter changes levels by %.1f on average", by);
  data_image_free(&a);
  data_image_free(&b);
  data_image_free(&c);
}

static void test_idt_match(data_recolour *r, const picture *target,
                           const picture *reference) {
  data_image out = recolour(r, DATA_IDT, target, 5);
  size_t count, from_count;
  double *is = colours_of(&out, &target->mask, &count);
  double *wanted = colours_of(&reference->image, &reference->mask, &from_count);
  double worst = 0;
  for (uint32_t k = 0; k < 8; k++) {
    double axis[3];
    random_axis(k, axis);
    worst = fmax(worst, ks_distance(is, count, wanted, from_count, axis));
  }
  tap_ok(worst < 0.08 && background_same(&out, target),
         "idt: recolouring has the reference's marginals (to %.3f)", worst);
  free(is);
  free(wanted);
  data_image_free(&out);
}

static void test_recolour(void) {
  enum { SIZE = 96 };
  picture target = make_picture(SIZE, SIZE, 8, (double[]){120, 100, 90},
                                (double[]){20, 16, 12});
  picture reference = make_picture(SIZE, SIZE, 9, (double[]){140, 130, 150},
                                   (double[]){9, 14, 16});
  data_recolour *r;
  must(data_recolour_create(SIZE, &r));
  data_recolour_reference(r, reference.image.pixels, reference.mask.pixels);
  for (int m = 0; m < DATA_TRANSFER_METHODS; m++) {
    if (m == DATA_IDT) continue; /* without its regrain here */
    data_image out = recolour(r, m, &target, 5);
    data_image want = transfer((data_transfer_method)m, &target, &reference, 5);
    tap_ok(same_image(&out, &want), "%s: recolouring is data_transfer",
           data_transfer_name((data_transfer_method)m));
    data_image_free(&out);
    data_image_free(&want);
  }
  test_idt_match(r, &target, &reference);
  test_jitter(r, &target);
  data_image jittered = recolour(r, DATA_JITTER, &target, 5);
  memset(reference.mask.pixels, 0, SIZE * SIZE);
  data_recolour_reference(r, reference.image.pixels, reference.mask.pixels);
  data_image out = recolour(r, DATA_HGM, &target, 5);
  tap_ok(same_image(&out, &jittered), "no reference: jittered");
  data_image_free(&out);
  memset(target.mask.pixels, 0, SIZE * SIZE);
  out = recolour(r, DATA_HGM, &target, 5);
  tap_ok(same_image(&out, &target.image), "no foreground: nothing changes");
  data_image_free(&out);
  data_image_free(&jittered);
  data_recolour_destroy(&r);
  picture_free(&target);
  picture_free(&reference);
}

static void test_methods(void) {
  data_methods m;
  must(data_methods_read("methods", "gct,mkl,jitter,mkl", true, &m));
  tap_ok(m.count == 4 && m.list[0] == DATA_GCT && m.list[1] == DATA_MKL &&
             m.list[2] == DATA_JITTER && m.list[3] == DATA_MKL,
         "a list of methods, one of them twice");
  static const char *const bad[] = {"", "gct,", "jitter", "gct mkl"};
  for (int i = 0; i < 4; i++)
    tap_ok(data_methods_read("methods", bad[i], false, &m) == STATUS_USAGE &&
               strstr(status_message(), "--methods") != NULL,
           "'%s' is no list: %s", bad[i], status_message());
}

static void test_seed(const picture *target, const picture *reference) {
  data_image a = transfer(DATA_IDT, target, reference, 1);
  data_image b = transfer(DATA_IDT, target, reference, 1);
  data_image c = transfer(DATA_IDT, target, reference, 2);
  tap_ok(same_image(&a, &b), "idt: the same seed gives the same bytes");
  tap_ok(!same_image(&a, &c), "idt: another seed gives others");
  tap_ok(foreground_difference(&a, &c, &target->mask) < 2.5,
         "idt: but close ones");
  data_image_free(&a);
  data_image_free(&b);
  data_image_free(&c);
}

/* ---- degenerate images ---- */

static bool all_near(const data_image *image, const data_image *mask,
                     const uint8_t want[3], int limit) {
  for (size_t i = 0; i < (size_t)(mask->width * mask->height); i++)
    for (size_t c = 0; c < 3 && mask->pixels[i] >= 128; c++)
      if (abs(image->pixels[3 * i + c] - want[c]) > limit) return false;
  return true;
}

static void test_degenerate(const picture *target) {
  picture flat = make_flat(200, 80, 40), grey = make_flat(128, 128, 128);
  picture black = make_flat(0, 0, 0), white = make_flat(255, 255, 255);
  const picture *all[] = {target, &flat, &grey, &black, &white};
  static const uint8_t zero[3] = {0}, colour[3] = {200, 80, 40};
  for (int m = 0; m < DATA_TRANSFER_METHODS; m++) {
    data_transfer_method method = (data_transfer_method)m;
    const char *name = data_transfer_name(method);
    bool kept = true;
    for (int t = 0; t < 5; t++)
      for (int r = 0; r < 5; r++) {
        data_image out = transfer(method, all[t], all[r], 3);
        kept = kept && background_same(&out, all[t]);
        data_image_free(&out);
      }
    tap_ok(kept, "%s: 25 pairs of flat, grey, black, white images", name);
    /* Regrain keeps the target's own grain, so idt is not flat here. */
    if (method == DATA_IDT) continue;
    data_image to_flat = transfer(method, target, &flat, 3);
    data_image to_black = transfer(method, target, &black, 3);
    data_image flat_to_flat = transfer(method, &grey, &flat, 3);
    tap_ok(all_near(&to_flat, &target->mask, colour, 2),
           "%s: a flat reference gives its colour", name);
    tap_ok(all_near(&to_black, &target->mask, zero, 2),
           "%s: a black reference gives black", name);
    tap_ok(all_near(&flat_to_flat, &grey.mask, colour, 2),
           "%s: flat to flat gives the reference's colour", name);
    data_image_free(&to_flat);
    data_image_free(&to_black);
    data_image_free(&flat_to_flat);
  }
  picture_free(&flat);
  picture_free(&grey);
  picture_free(&black);
  picture_free(&white);
}

/* A grey target has no spread in alpha and beta but what rounding leaves. */
static void test_grey_target(const picture *reference) {
  picture grey = make_picture(90, 70, 4, (double[]){120, 120, 120},
                              (double[]){20, 20, 20});
  for (size_t i = 0; i < 90 * 70; i++)
    memset(grey.image.pixels + 3 * i, grey.image.pixels[3 * i], 3);
  for (int m = 0; m <= DATA_GCTRGB; m++) {
    data_image out = transfer((data_transfer_method)m, &grey, reference, 1);
    moments got = measure(&out, &grey.mask, m == DATA_GCT ? to_lab : to_rgb);
    moments want = measure(&reference->image, &reference->mask,
                           m == DATA_GCT ? to_lab : to_rgb);
    double scale = m == DATA_GCT ? 5e-3 : 0.1;
    tap_ok(tap_largest_difference(got.mean, want.mean, 3) < scale,
           "%s: a grey target takes the reference's mean",
           data_transfer_name((data_transfer_method)m));
    /* Along one line of colour space: no amplified rounding noise. */
    double values[3], vectors[3][3];
    transfer_eigen3(got.covariance, values, vectors);
    tap_ok(values[1] < 0.02 * values[2], "%s: ... and stays on a line",
           data_transfer_name((data_transfer_method)m));
    data_image_free(&out);
  }
  picture_free(&grey);
}

static void test_errors(const picture *target) {
  picture small = make_target();
  memset(small.mask.pixels, 0, 160 * 120);
  memset(small.mask.pixels, 255, 15);
  data_image out;
  for (int m = 0; m < DATA_TRANSFER_METHODS; m++) {
    data_transfer_method method = (data_transfer_method)m;
    status as_target = data_transfer(method, &small.image, &small.mask,
                                     &target->image, &target->mask, 1, &out);
    bool named = strstr(status_message(), "target") != NULL;
    tap_ok(as_target == STATUS_FORMAT && named && out.pixels == NULL,
           "%s: 15 pixels are too few", data_transfer_name(method));
    status as_reference = data_transfer(method, &target->image, &target->mask,
                                        &small.image, &small.mask, 1, &out);
    named = strstr(status_message(), "reference") != NULL;
    tap_ok(as_reference == STATUS_FORMAT && named, "%s: also in the reference",
           data_transfer_name(method));
  }
  memset(small.mask.pixels, 255, 16);
  status enough = data_transfer(DATA_IDT, &small.image, &small.mask,
                                &target->image, &target->mask, 1, &out);
  tap_ok(enough == STATUS_OK, "16 pixels are enough");
  data_image_free(&out);
  picture other = make_flat(10, 10, 10);
  tap_ok(data_transfer(DATA_GCT, &target->image, &other.mask, &other.image,
                       &other.mask, 1, &out) == STATUS_MISFIT,
         "a mask of another size is refused");
  picture_free(&small);
  picture_free(&other);
}

/* ---- regrain ---- */

static void test_regrain(void) {
  /* Large enough for five levels: fewer do not carry a shift all the way. */
  enum { W = 401, H = 330, SIZE = 3 * W * H };
  static float original[SIZE], graded[SIZE], out[SIZE];
  for (int i = 0; i < SIZE; i++) original[i] = graded[i] = 0.4f;
  must(transfer_regrain(original, graded, W, H, out));
  double worst = 0;
  for (int i = 0; i < SIZE; i++) worst = fmax(worst, fabs(out[i] - 0.4));
  tap_near(worst, 0, 1e-5, "regrain keeps a constant image");

  random_stream stream = random_stream_make(3, RANDOM_TEST, 9, 0);
  for (int i = 0; i < SIZE; i++) {
    int x = i % W, y = i / W % H;
    original[i] =
        0.45f + 0.2f * sinf(0.05f * (float)x) * cosf(0.04f * (float)y);
    graded[i] = original[i] + 0.1f;
  }
  must(transfer_regrain(original, original, W, H, out));
  worst = 0;
  for (int i = 0; i < SIZE; i++)
    worst = fmax(worst, fabs(out[i] - original[i]));
  /* Coarse levels round the crests off a little. */
  tap_near(worst, 0, 0.01, "regrain keeps an image that was not graded");
  must(transfer_regrain(original, graded, W, H, out));
  double mean = 0;
  for (int i = 0; i < SIZE; i++) mean += fabs(out[i] - graded[i]) / SIZE;
  tap_near(mean, 0, 0.01, "regrain follows a shift of all levels by 0.1");

  /* Grain that grading made on a smooth ramp is smoothed away. */
  double before = 0, after = 0;
  for (int i = 0; i < SIZE; i++) {
    original[i] = 0.3f + 0.002f * (float)(i % W);
    graded[i] = original[i] + 0.05f * (float)random_normal(&stream);
  }
  must(transfer_regrain(original, graded, W, H, out));
  for (int i = 0; i + 1 < SIZE; i++)
    if (i % W + 1 < W) {
      before += fabs(graded[i + 1] - graded[i] - 0.002);
      after += fabs(out[i + 1] - out[i] - 0.002);
    }
  tap_ok(after < before / 5, "regrain removes grain (to %.3f of it)",
         after / before);
}

/* ---- published outputs ---- */

#define SAMPLES "../shared/hcoco_samples/"

static picture read_sample(const char *image, const char *mask) {
  picture p;
  must(data_image_read(image, &p.image));
  must(grey_read(mask, &p.mask));
  for (size_t i = 0; i < (size_t)(p.mask.width * p.mask.height); i++)
    p.mask.pixels[i] = p.mask.pixels[i] == 255 ? 255 : 0;
  return p;
}

/* MATLAB's imwrite made them: JPEG of quality 75. The same is done to ours. */
static double sample_difference(const data_image *ours, const char *name,
                                const data_image *mask) {
  char path[512];
  data_image got, want;
  snprintf(path, sizeof path, "%s/sample.jpg", tap_scratch_folder());
  must(data_image_write(path, ours, 75));
  must(data_image_read(path, &got));
  snprintf(path, sizeof path, SAMPLES "composite_images/c35030_%s.jpg", name);
  must(data_image_read(path, &want));
  double difference = foreground_difference(&got, &want, mask);
  data_image_free(&got);
  data_image_free(&want);
  return difference;
}

/* LAPACK's signs turned the two minor axes around in that run. */
static double mirrored_sample(const picture *target, const picture *reference) {
  static const bool mirror[3] = {true, true, false};
  transfer_region to = region_of(&target->image, &target->mask);
  transfer_region from = region_of(&reference->image, &reference->mask);
  data_image out;
  must(data_image_create(target->image.width, target->image.height, 3, &out));
  memcpy(out.pixels, target->image.pixels,
         (size_t)(3 * out.width * out.height));
  uint8_t *rgb = malloc(3 * to.count);
  transfer_gctrgb(&to, &from, mirror, rgb);
  for (size_t i = 0; i < to.count; i++)
    memcpy(out.pixels + 3 * to.place[i], rgb + 3 * i, 3);
  double difference = sample_difference(&out, "gctrgb", &target->mask);
  free(rgb);
  data_image_free(&out);
  transfer_region_free(&to);
  transfer_region_free(&from);
  return difference;
}

static void test_samples(void) {
  if (access(SAMPLES "real_images/c35030.jpg", R_OK) != 0) {
    tap_skip("no published outputs at " SAMPLES);
    return;
  }
  picture target = read_sample(SAMPLES "real_images/c35030.jpg",
                               SAMPLES "masks/c35030_434421.jpg");
  picture reference = read_sample(SAMPLES "real_images/c172513.jpg",
                                  SAMPLES "masks/c172513_1275867.jpg");
  /* gct: the same pixels. gctrgb: other signs, see below. hgm: the published
   * background went through YCbCr, which JPEG's blocks carry inside, and three
   * pixels are specks. idt: its rotations are drawn without a seed; two seeds
   * of ours differ by 1.2 to 1.4. */
  static const double limits[] = {0.02, 14, 0.4, 2.0};
  for (int m = 0; m < (int)(sizeof limits / sizeof limits[0]); m++) {
    const char *name = data_transfer_name((data_transfer_method)m);
    data_image out = transfer((data_transfer_method)m, &target, &reference, 1);
    double difference = sample_difference(&out, name, &target.mask);
    tap_ok(difference <= limits[m],
           "%s: %.3f levels from the published output (limit %g)", name,
           difference, limits[m]);
    data_image_free(&out);
  }
  double mirrored = mirrored_sample(&target, &reference);
  tap_ok(mirrored <= 0.02,
         "gctrgb: %.3f levels from it with the minor axes turned around",
         mirrored);
  picture_free(&target);
  picture_free(&reference);
}

int main(void) {
  picture target = make_target(), reference = make_reference();
  test_eigen();
  test_gct(&target, &reference);
  test_matrix(DATA_GCTRGB, &target, &reference);
  test_matrix(DATA_MKL, &target, &reference);
  test_mkl(&target, &reference);
  test_hgm(&target, &reference);
  test_hgm_top();
  test_idt(&target, &reference);
  test_identity_and_background(&target, &reference);
  test_seed(&target, &reference);
  test_recolour();
  test_methods();
  test_degenerate(&target);
  test_grey_target(&reference);
  test_errors(&target);
  test_regrain();
  test_samples();
  picture_free(&target);
  picture_free(&reference);
  return tap_done();
}
