/* The method of Xue et al. without its model: colour temperature, statistics,
 * each stage on constructed images, degenerate ones. */
#include "data/classical/xue_internal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/colour/cct.h"
#include "tests/tap.h"

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

/* ---- colour temperature ---- */

static void check_temperatures(void) {
  static const struct {
    const char *name;
    double x, y, kelvin, within;
  } known[] = {
      {"D65", 0.31272, 0.32903, 6504, 8},
      {"D50", 0.34567, 0.35850, 5003, 6},
      {"D75", 0.29902, 0.31485, 7504, 12},
      {"illuminant A", 0.44757, 0.40745, 2856, 3},
      {"F11", 0.38052, 0.37713, 4000, 10},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double mired, tint;
    cct_from_xy(known[i].x, known[i].y, &mired, &tint);
    tap_near(1e6 / mired, known[i].kelvin, known[i].within, "%s",
             known[i].name);
    if (i == 3) tap_near(tint, 0, 1, "illuminant A lies on the locus");
  }
  random_stream random = random_stream_make(1, RANDOM_TEST, 0, 0);
  double worst = 0;
  for (int i = 0; i < 20000; i++) {
    double x, y, mired, tint;
    double in_mired = 20 + 560 * random_uniform(&random);
    double in_tint = 60 * (random_uniform(&random) - 0.5);
    cct_to_xy(in_mired, in_tint, &x, &y);
    cct_from_xy(x, y, &mired, &tint);
    worst = fmax(worst, fabs(mired - in_mired) + fabs(tint - in_tint));
  }
  /* Between isotherms the two directions interpolate differently. */
  tap_near(worst, 0, 0.5, "mired and tint to (x, y) and back");
}

/* ---- statistics ---- */

static int descending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x < y) - (x > y);
}

static double mean_of(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum / (double)count;
}

/* Against sorting. */
static void check_zones(void) {
  static const size_t counts[] = {1, 2, 5, 1000, 1024, 1025, 5000};
  double worst = 0, shares = 0;
  for (uint32_t n = 0; n < 7; n++) {
    size_t count = counts[n], top = 1 + count / 1024;
    size_t low = (count + 1023) / 1024;
    double *values = calloc(count, sizeof *values), sum = 0;
    double *sorted = calloc(count, sizeof *values);
    random_stream random = random_stream_make(2, RANDOM_TEST, n, 0);
    for (size_t i = 0; i < count; i++)
      values[i] = floor(50 * random_normal(&random)) / 10;
    memcpy(sorted, values, count * sizeof *values);
    qsort(sorted, count, sizeof *sorted, descending);
    xue_region r;
    xue_describe(values, count, -20, 20, &r);
    if (top > count) top = count;
    worst = fmax(worst, fabs(r.zone[XUE_TOP] - mean_of(sorted, top)));
    worst =
        fmax(worst, fabs(r.zone[XUE_LOW] - mean_of(sorted + count - low, low)));
    worst = fmax(worst, fabs(r.zone[XUE_MEAN] - mean_of(sorted, count)));
    for (int k = 4; k < XUE_SHAPE; k++) sum += r.shape[k];
    shares = fmax(shares, sum);
    free(values);
    free(sorted);
  }
  tap_near(worst, 0, 1e-10, "zones: as by sorting");
  tap_ok(shares <= 1 + 1e-9, "shares of the range sum to at most one");
}

static void check_moments(void) {
  enum { COUNT = 200000 };
  double *values = calloc(COUNT, sizeof *values);
  random_stream random = random_stream_make(3, RANDOM_TEST, 0, 0);
  xue_region r;
  for (size_t i = 0; i < COUNT; i++) values[i] = random_uniform(&random);
  xue_describe(values, COUNT, 0, 1, &r);
  tap_near(r.shape[0], sqrt(1 / 12.0), 0.002, "uniform: deviation");
  tap_near(r.shape[1], 0, 0.02, "uniform: skewness");
  tap_near(r.shape[2], -1.2, 0.02, "uniform: excess kurtosis");
  tap_near(r.shape[3], 8, 0.01, "uniform: entropy of 256 levels");
  tap_near(r.shape[10], 0.05, 0.003, "uniform: a twentieth's share");
  for (size_t i = 0; i < COUNT; i++) values[i] = -log(1 - values[i] * 0.999999);
  xue_describe(values, COUNT, 0, 1, &r);
  tap_near(r.shape[1], 2, 0.15, "exponential: skewness");
  tap_near(r.shape[2], 6, 1.5, "exponential: excess kurtosis");
  for (size_t i = 0; i < COUNT; i++) values[i] = 0.3;
  xue_describe(values, COUNT, 0, 1, &r);
  tap_ok(r.shape[0] == 0 && r.shape[1] == 0 && r.shape[2] == 0 &&
             r.shape[4] > 0.999,
         "one value: no spread, all in the first part");
  free(values);
}

static xue_features zones(const double fg[3], const double bg[3]) {
  xue_features f = {.defined = true};
  memcpy(f.foreground.zone, fg, sizeof f.foreground.zone);
  memcpy(f.background.zone, bg, sizeof f.background.zone);
  return f;
}

static void check_offsets(void) {
  xue_features f = zones((double[]){-1, -6, -3}, (double[]){-2, -6.5, -5});
  static const bool none[3], top[3] = {true, false, false},
                             two[3] = {true, true, false},
                             all[3] = {true, true, true};
  tap_near(xue_offset(&f, XUE_LUMINANCE, none), 2, 1e-12, "offset: the mean's");
  tap_near(xue_offset(&f, XUE_LUMINANCE, top), 1, 1e-12, "offset: the top's");
  /* By 1 the low zone is left 0.5 off, by 0.5 the top one is: a tie, which the
   * mean decides. */
  tap_near(xue_offset(&f, XUE_LUMINANCE, two), 1, 1e-12, "offset: of a tie");
  /* 1: 0 + 0.5 + 1; 0.5: 0.5 + 0 + 1.5; 2: 1 + 1.5 + 0. */
  tap_near(xue_offset(&f, XUE_LUMINANCE, all), 1, 1e-12, "offset: the least");
}

/* ---- erosion ---- */

static void check_scene(void) {
  enum { W = 90, H = 70 };
  static uint8_t mask[W * H];
  static float rgb[3 * W * H];
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++)
      mask[y * W + x] = (x - 40) * (x - 40) * 2 + (y - 30) * (y - 30) < 300 ||
                                (x > 30 && x < 50 && y > 25 && y < 60)
                            ? 255
                            : 0;
  xue_picture p = {W, H, rgb, mask};
  xue_scene s;
  must(xue_scene_make(&p, &s));
  int wrong = 0, least_side = 1 << 20;
  int x0 = W, x1 = 0, y0 = H, y1 = 0;
  for (int y = 0; y < H; y++)
    for (int x = 0; x < W; x++)
      if (mask[y * W + x]) {
        x0 = x < x0 ? x : x0;
        x1 = x >= x1 ? x + 1 : x1;
        y0 = y < y0 ? y : y0;
        y1 = y >= y1 ? y + 1 : y1;
      }
  least_side = x1 - x0 < y1 - y0 ? x1 - x0 : y1 - y0;
  for (int r = 0; r < 2; r++) {
    int radius = (int)(least_side * (r == 0 ? 0.03 : 0.15));
    for (int y = 0; y < s.height; y++)
      for (int x = 0; x < s.width; x++) {
        bool stays = true;
        for (int v = 0; v < s.height; v++)
          for (int u = 0; u < s.width; u++)
            if ((mask[(v + s.y) * W + u + s.x] != 0) != (r == 0) &&
                (u - x) * (u - x) + (v - y) * (v - y) <= radius * radius)
              stays = false;
        wrong += stays != s.inside[r][y * s.width + x];
      }
  }
  tap_ok(wrong == 0, "erosion by disks: as by looking at every pixel (%d)",
         wrong);
  int left = x0 - (x1 - x0);
  tap_ok(s.x == (left > 0 ? left : 0), "three times the bounding box");
  xue_scene_free(&s);
}

/* ---- the stages ---- */

typedef struct scene {
  data_image image, mask;
} scene;

static uint8_t byte_of(double level) {
  return (uint8_t)fmin(fmax(level + 0.5, 0), 255);
}

/* A disk with texture on a textured ground. Levels 0 to 255. */
static scene make_scene(int size, const double inside[3],
                        const double outside[3], double texture_inside,
                        double texture_outside) {
  scene s;
  must(data_image_create(size, size, 3, &s.image));
  must(data_image_create(size, size, 1, &s.mask));
  random_stream random = random_stream_make(4, RANDOM_TEST, 0, 0);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++) {
      size_t i = (size_t)(y * size + x);
      double u = (x + 0.5) / size - 0.5, v = (y + 0.5) / size - 0.5;
      bool disk = u * u + v * v < 0.05;
      s.mask.pixels[i] = disk ? 255 : 0;
      double grain = exp((disk ? texture_inside : texture_outside) *
                         random_normal(&random));
      for (size_t c = 0; c < 3; c++)
        s.image.pixels[3 * i + c] =
            byte_of((disk ? inside : outside)[c] * grain);
    }
  return s;
}

static void scene_free(scene *s) {
  data_image_free(&s->image);
  data_image_free(&s->mask);
}

static size_t count_of(const data_image *image) {
  return (size_t)image->width * (size_t)image->height;
}

static bool background_same(const scene *s, const data_image *out) {
  for (size_t i = 0; i < count_of(out); i++)
    if (s->mask.pixels[i] == 0 &&
        memcmp(out->pixels + 3 * i, s->image.pixels + 3 * i, 3) != 0)
      return false;
  return true;
}

static double largest_change(const data_image *a, const data_image *b) {
  double worst = 0;
  for (size_t i = 0; i < 3 * count_of(a); i++)
    worst = fmax(worst, abs(a->pixels[i] - b->pixels[i]));
  return worst;
}

/* Foreground less background at a zone, of an image. */
static double difference(const data_image *image, const data_image *mask,
                         xue_goal goal, xue_zone zone) {
  xue_picture p;
  xue_scene s;
  xue_features f;
  bool usable;
  must(xue_picture_make(image, mask, &p, &usable));
  must(xue_scene_make(&p, &s));
  must(xue_measure(&p, &s, goal, &f));
  double result = f.foreground.zone[zone] - f.background.zone[zone];
  xue_scene_free(&s);
  xue_picture_free(&p);
  return f.defined ? result : NAN;
}

static data_image zero(const scene *s) {
  data_image out;
  must(data_xue_zero(&s->image, &s->mask, &out));
  return out;
}

/* One stage alone, in floats: what it promises holds exactly. */
static double after_stage(const scene *s, xue_goal goal, xue_zone zone) {
  xue_picture p;
  xue_scene part;
  xue_features before, after;
  bool usable;
  static const bool none[XUE_ZONES];
  must(xue_picture_make(&s->image, &s->mask, &p, &usable));
  must(xue_scene_make(&p, &part));
  must(xue_measure(&p, &part, goal, &before));
  must(xue_change(&p, &part, goal, xue_offset(&before, goal, none)));
  must(xue_measure(&p, &part, goal, &after));
  xue_scene_free(&part);
  xue_picture_free(&p);
  return after.foreground.zone[zone] - after.background.zone[zone];
}

static void check_luminance(void) {
  scene s = make_scene(96, (double[]){60, 60, 60}, (double[]){140, 140, 140},
                       0.1, 0.1);
  tap_near(after_stage(&s, XUE_LUMINANCE, XUE_MEAN), 0, 1e-4,
           "luminance: the means are equal after the stage");
  data_image out = zero(&s);
  tap_note("means were %.2f stops apart",
           difference(&s.image, &s.mask, XUE_LUMINANCE, XUE_MEAN));
  tap_near(difference(&out, &s.mask, XUE_LUMINANCE, XUE_MEAN), 0, 0.05,
           "luminance: and in the result");
  tap_ok(background_same(&s, &out), "the background keeps its bytes");
  data_image again = zero(&s);
  tap_ok(largest_change(&out, &again) == 0, "deterministic");
  data_image_free(&out);
  data_image_free(&again);
  scene_free(&s);
}

static void foreground_mean(const data_image *image, const data_image *mask,
                            double mean[3]) {
  double count = 0;
  mean[0] = mean[1] = mean[2] = 0;
  for (size_t i = 0; i < count_of(image); i++)
    for (size_t c = 0; c < 3 && mask->pixels[i] >= 128; c++) {
      mean[c] += image->pixels[3 * i + c];
      count += c == 0;
    }
  for (int c = 0; c < 3; c++) mean[c] /= count;
}

static void check_temperature(void) {
  scene s = make_scene(96, (double[]){110, 120, 145}, (double[]){150, 120, 90},
                       0.05, 0.05);
  tap_note("a bluish foreground on a warm background: %.0f mired apart",
           difference(&s.image, &s.mask, XUE_TEMPERATURE, XUE_MEAN));
  tap_near(after_stage(&s, XUE_TEMPERATURE, XUE_MEAN), 0, 0.5,
           "temperature: the means are equal after the stage");
  data_image out = zero(&s);
  double before[3], after[3];
  foreground_mean(&s.image, &s.mask, before);
  foreground_mean(&out, &s.mask, after);
  tap_ok(after[0] > before[0] + 10 && after[2] < before[2] - 10,
         "temperature: the foreground turns warm (%.0f %.0f %.0f to %.0f %.0f "
         "%.0f)",
         before[0], before[1], before[2], after[0], after[1], after[2]);
  data_image_free(&out);
  scene_free(&s);
}

static void check_saturation(void) {
  scene s = make_scene(96, (double[]){160, 60, 60}, (double[]){130, 105, 105},
                       0.05, 0.05);
  double before = difference(&s.image, &s.mask, XUE_SATURATION, XUE_MEAN);
  tap_near(after_stage(&s, XUE_SATURATION, XUE_MEAN), 0, 1e-4,
           "saturation: the means are equal after the stage");
  data_image out = zero(&s);
  double after = difference(&out, &s.mask, XUE_SATURATION, XUE_MEAN);
  tap_ok(before > 0.8 && fabs(after) < 0.1,
         "saturation: %.2f octaves apart became %.2f", before, after);
  data_image_free(&out);
  scene_free(&s);
}

static void check_contrast(void) {
  static const double grey[3] = {120, 120, 120};
  static const bool top[XUE_ZONES] = {true, false, false};
  for (int flat = 0; flat < 2; flat++) {
    scene s = make_scene(96, grey, grey, flat ? 0.1 : 0.25, flat ? 0.25 : 0.1);
    xue_picture p;
    xue_scene part;
    xue_features before, after;
    bool usable;
    must(xue_picture_make(&s.image, &s.mask, &p, &usable));
    must(xue_scene_make(&p, &part));
    must(xue_measure(&p, &part, XUE_CONTRAST, &before));
    must(xue_change(&p, &part, XUE_CONTRAST,
                    xue_offset(&before, XUE_CONTRAST, top)));
    must(xue_measure(&p, &part, XUE_CONTRAST, &after));
    double was = before.foreground.zone[XUE_TOP];
    double is = after.foreground.zone[XUE_TOP];
    double wanted = before.background.zone[XUE_TOP];
    tap_ok(fabs(is - wanted) < fabs(was - wanted) - 0.01 &&
               (is > was) == (flat == 1),
           "contrast: %.2f becomes %.2f beside a background of %.2f", was, is,
           wanted);
    xue_scene_free(&part);
    xue_picture_free(&p);
    scene_free(&s);
  }
}

/* ---- matching and degenerate images ---- */

static void check_match(int size) {
  scene s = make_scene(size, (double[]){130, 110, 95}, (double[]){130, 110, 95},
                       0.12, 0.12);
  data_image out = zero(&s);
  tap_near(largest_change(&out, &s.image), 0, 14,
           "a foreground like its background hardly changes at %d pixels",
           size);
  data_image_free(&out);
  scene_free(&s);
}

static bool run_whatever(const scene *s) {
  data_image out;
  must(data_xue_zero(&s->image, &s->mask, &out));
  bool same = background_same(s, &out);
  data_image_free(&out);
  return same;
}

static void check_degenerate(void) {
  static const double levels[][3] = {{0, 0, 0},       {255, 255, 255},
                                     {128, 128, 128}, {255, 0, 0},
                                     {0, 0, 255},     {1, 1, 1}};
  bool good = true, unchanged = true;
  for (int a = 0; a < 6; a++)
    for (int b = 0; b < 6; b++) {
      scene s = make_scene(48, levels[a], levels[b], 0, 0);
      data_image out = zero(&s);
      good = good && background_same(&s, &out);
      if (a == b) unchanged = unchanged && largest_change(&out, &s.image) <= 1;
      data_image_free(&out);
      scene_free(&s);
    }
  tap_ok(good, "flat images of black, white, grey, red, blue: no fault");
  tap_ok(unchanged, "flat images of one colour stay");
  scene grey = make_scene(48, levels[2], (double[]){160, 120, 90}, 0.2, 0.2);
  data_image out;
  tap_ok(run_whatever(&grey), "a grey foreground: defined");
  for (int value = 0; value < 256; value += 255) {
    memset(grey.mask.pixels, value, count_of(&grey.mask));
    out = zero(&grey);
    tap_ok(largest_change(&out, &grey.image) == 0,
           "a mask all %d: the composite", value);
    data_image_free(&out);
    memset(grey.mask.pixels, 255 - value, count_of(&grey.mask));
    grey.mask.pixels[7] = (uint8_t)value;
    tap_ok(run_whatever(&grey), "a mask all but one pixel %d", 255 - value);
  }
  memset(grey.mask.pixels, 0, count_of(&grey.mask));
  for (int i = 0; i < 17; i++) grey.mask.pixels[20 * 48 + i] = 255;
  out = zero(&grey);
  /* 500 of 65536 are 17.6 of 48 x 48. */
  tap_ok(largest_change(&out, &grey.image) == 0,
         "17 pixels of 48 x 48: left alone");
  data_image_free(&out);
  scene_free(&grey);
  scene thin = make_scene(64, levels[3], levels[2], 0.1, 0.1);
  memset(thin.mask.pixels, 0, count_of(&thin.mask));
  for (int i = 0; i < 64; i++) thin.mask.pixels[i * 64 + i] = 255;
  tap_ok(run_whatever(&thin), "a diagonal line for a mask");
  scene_free(&thin);
  scene odd = make_scene(16, levels[3], levels[2], 0.1, 0.1);
  odd.mask.height = 15;
  tap_ok(data_xue_zero(&odd.image, &odd.mask, &out) == STATUS_MISFIT &&
             out.pixels == NULL,
         "a mask of another size: %s", status_message());
  scene_free(&odd);
}

int main(void) {
  check_temperatures();
  check_zones();
  check_moments();
  check_offsets();
  check_scene();
  check_luminance();
  check_temperature();
  check_saturation();
  check_contrast();
  check_match(64);
  check_match(128);
  check_match(256);
  check_degenerate();
  return tap_done();
}
