/* Recolouring of Lalonde and Efros, and L*a*b*. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/data.h"
#include "data/colour/lab.h"
#include "tests/tap.h"

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

/* ---- L*a*b* ---- */

static void check_lab(void) {
  /* As Lindbloom's calculator gives them. */
  static const struct {
    double rgb[3];
    lab_white white;
    double lab[3];
  } known[] = {
      {{1, 0, 0}, LAB_D65, {53.2408, 80.0925, 67.2032}},
      {{0, 1, 0}, LAB_D65, {87.7347, -86.1827, 83.1793}},
      {{0, 0, 1}, LAB_D65, {32.2970, 79.1875, -107.8602}},
      {{1, 0, 0}, LAB_D50, {54.2917, 80.8125, 69.8851}},
      {{0, 0, 1}, LAB_D50, {29.5676, 68.2986, -112.0294}},
      {{0.5, 0.5, 0.5}, LAB_D50, {53.3890, 0, 0}},
      {{1, 1, 1}, LAB_D65, {100, 0, 0}},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double lab[3];
    lab_from_srgb(known[i].rgb, known[i].white, lab);
    tap_near(tap_largest_difference(lab, known[i].lab, 3), 0, 0.02,
             "L*a*b* of colour %zu", i);
  }
  random_stream random = random_stream_make(1, RANDOM_TEST, 0, 0);
  double worst = 0, grey = 0;
  for (int i = 0; i < 20000; i++) {
    double rgb[3], lab[3], back[3];
    for (int c = 0; c < 3; c++) rgb[c] = random_uniform(&random);
    lab_from_srgb(rgb, LAB_D65, lab);
    lab_to_srgb(lab, LAB_D65, back);
    worst = fmax(worst, tap_largest_difference(back, rgb, 3));
    rgb[1] = rgb[2] = rgb[0];
    lab_from_srgb(rgb, LAB_D50, lab);
    lab_to_srgb(lab, LAB_D65, back);
    grey = fmax(grey, tap_largest_difference(back, rgb, 3));
  }
  tap_near(worst, 0, 1e-5, "there and back by one white");
  tap_near(grey, 0, 1e-5, "greys there by D50 and back by D65");
}

/* ---- the recolouring ---- */

typedef struct scene {
  data_image image, mask;
} scene;

/* A disk of one colour, with noise, on another. */
static scene make_scene(int size, const int inside[3], const int outside[3],
                        int noise) {
  scene s;
  must(data_image_create(size, size, 3, &s.image));
  must(data_image_create(size, size, 1, &s.mask));
  random_stream random = random_stream_make(9, RANDOM_TEST, 0, 0);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++) {
      size_t i = (size_t)(y * size + x);
      double u = (x + 0.5) / size - 0.5, v = (y + 0.5) / size - 0.5;
      bool disk = u * u + v * v < 0.07;
      s.mask.pixels[i] = disk ? 255 : 0;
      int grain = noise > 0 ? (int)random_below(&random, (uint32_t)noise) : 0;
      for (size_t c = 0; c < 3; c++)
        s.image.pixels[3 * i + c] =
            (uint8_t)((disk ? inside : outside)[c] + grain);
    }
  return s;
}

static void scene_free(scene *s) {
  data_image_free(&s->image);
  data_image_free(&s->mask);
}

static size_t pixels_of(const data_image *image) {
  return (size_t)image->width * (size_t)image->height;
}

static bool background_same(const scene *s, const data_image *out) {
  for (size_t i = 0; i < pixels_of(out); i++)
    if (s->mask.pixels[i] == 0 &&
        memcmp(out->pixels + 3 * i, s->image.pixels + 3 * i, 3) != 0)
      return false;
  return true;
}

static void foreground_mean(const scene *s, const data_image *image,
                            double mean[3]) {
  double count = 0;
  mean[0] = mean[1] = mean[2] = 0;
  for (size_t i = 0; i < pixels_of(image); i++)
    for (size_t c = 0; c < 3 && s->mask.pixels[i] >= 128; c++) {
      mean[c] += image->pixels[3 * i + c];
      count += c == 0;
    }
  for (int c = 0; c < 3; c++) mean[c] /= count;
}

static void check_shift(void) {
  scene s = make_scene(96, (int[]){150, 110, 100}, (int[]){100, 110, 130}, 12);
  data_image out, again, other;
  must(data_lalonde(&s.image, &s.mask, 1, &out));
  must(data_lalonde(&s.image, &s.mask, 1, &again));
  must(data_lalonde(&s.image, &s.mask, 2, &other));
  double before[3], after[3], elsewhere[3];
  foreground_mean(&s, &s.image, before);
  foreground_mean(&s, &out, after);
  foreground_mean(&s, &other, elsewhere);
  tap_note("foreground %.0f %.0f %.0f became %.0f %.0f %.0f; background 106 "
           "116 136",
           before[0], before[1], before[2], after[0], after[1], after[2]);
  /* The attenuation leaves a part: a shift of 30 loses 15 %. */
  tap_ok(fabs(after[0] - 106) < 12 && fabs(after[2] - 136) < 12,
         "the foreground comes near the background's colour");
  tap_ok(background_same(&s, &out), "the background keeps its bytes");
  tap_ok(memcmp(out.pixels, again.pixels, 3 * pixels_of(&out)) == 0,
         "the same seed gives the same bytes");
  tap_ok(tap_largest_difference(after, elsewhere, 3) < 2,
         "another seed hardly matters");
  data_image_free(&out);
  data_image_free(&again);
  data_image_free(&other);
  scene_free(&s);
}

static void check_match(void) {
  scene s = make_scene(64, (int[]){120, 120, 120}, (int[]){120, 120, 120}, 20);
  data_image out;
  must(data_lalonde(&s.image, &s.mask, 1, &out));
  int worst = 0;
  for (size_t i = 0; i < 3 * pixels_of(&out); i++)
    worst = (int)fmax(worst, abs(out.pixels[i] - s.image.pixels[i]));
  tap_ok(worst <= 1, "a foreground like its background stays (%d levels)",
         worst);
  data_image_free(&out);
  scene_free(&s);
}

/* More than sigma = 75 of lightness apart: no shift, as published. */
static void check_far(void) {
  scene s = make_scene(64, (int[]){10, 10, 10}, (int[]){250, 250, 250}, 0);
  data_image out;
  must(data_lalonde(&s.image, &s.mask, 1, &out));
  tap_ok(memcmp(out.pixels, s.image.pixels, 3 * pixels_of(&out)) == 0,
         "a shift beyond sigma is none");
  data_image_free(&out);
  scene_free(&s);
}

static void check_soft(void) {
  scene s = make_scene(64, (int[]){150, 110, 100}, (int[]){100, 110, 130}, 4);
  data_image whole, half;
  must(data_lalonde(&s.image, &s.mask, 1, &whole));
  size_t centre = 32 * 64 + 32;
  s.mask.pixels[centre] = 128;
  must(data_lalonde(&s.image, &s.mask, 1, &half));
  int full = whole.pixels[3 * centre] - s.image.pixels[3 * centre];
  int part = half.pixels[3 * centre] - s.image.pixels[3 * centre];
  tap_ok(abs(full) > 10 && abs(2 * part - full) <= 3,
         "a grey of the mask changes half as much (%d, %d)", full, part);
  data_image_free(&whole);
  data_image_free(&half);
  scene_free(&s);
}

static void check_degenerate(void) {
  static const int colours[][3] = {{0, 0, 0}, {255, 255, 255}, {128, 128, 128}};
  for (int i = 0; i < 3; i++) {
    scene s = make_scene(33, colours[i], colours[i], 0);
    data_image out;
    must(data_lalonde(&s.image, &s.mask, 1, &out));
    tap_ok(memcmp(out.pixels, s.image.pixels, 3 * pixels_of(&out)) == 0,
           "an image of one grey (%d) stays", colours[i][0]);
    data_image_free(&out);
    scene_free(&s);
  }
  for (int value = 0; value < 256; value += 255) {
    scene s = make_scene(33, (int[]){9, 99, 199}, (int[]){99, 9, 19}, 9);
    data_image out;
    memset(s.mask.pixels, value, pixels_of(&s.mask));
    must(data_lalonde(&s.image, &s.mask, 1, &out));
    tap_ok(memcmp(out.pixels, s.image.pixels, 3 * pixels_of(&out)) == 0,
           "a mask all %d: the composite", value);
    data_image_free(&out);
    memset(s.mask.pixels, 255 - value, pixels_of(&s.mask));
    s.mask.pixels[7] = (uint8_t)value;
    must(data_lalonde(&s.image, &s.mask, 1, &out));
    tap_ok(out.pixels != NULL, "a mask all but one pixel %d", 255 - value);
    data_image_free(&out);
    scene_free(&s);
  }
  scene s = make_scene(16, colours[0], colours[1], 0);
  data_image out;
  s.mask.width = 15;
  tap_ok(data_lalonde(&s.image, &s.mask, 1, &out) == STATUS_MISFIT &&
             out.pixels == NULL,
         "a mask of another size: %s", status_message());
  scene_free(&s);
}

int main(void) {
  check_lab();
  check_shift();
  check_match();
  check_far();
  check_soft();
  check_degenerate();
  return tap_done();
}
