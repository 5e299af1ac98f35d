/* Colour jitter in CIE L*a*b*. */
#include "data/colour/jitter.h"

#include <math.h>

#include "base/random.h"
#include "data/colour/lab.h"
#include "data/colour/transfer_internal.h"

/* L' = mean + contrast (L - mean) + shift[0];
 * (a', b') = chroma * turned (a, b) + shift[1, 2]. */
typedef struct change {
  double contrast, mean, cosine, sine, shift[3];
} change;

/* Deviations of what is drawn: about those that the transfers of `compose`
 * make between photographs. */
static const double contrast_log = 0.3, chroma_log = 0.4, turn = 0.35;
static const double shifts[3] = {19, 10, 13};

static change draw(uint64_t seed) {
  random_stream random = random_stream_make(seed, RANDOM_JITTER, 0, 0);
  change c = {.contrast = exp(contrast_log * random_normal(&random))};
  double chroma = exp(chroma_log * random_normal(&random));
  double angle = turn * random_normal(&random);
  c.cosine = chroma * cos(angle);
  c.sine = chroma * sin(angle);
  for (int i = 0; i < 3; i++) c.shift[i] = shifts[i] * random_normal(&random);
  return c;
}

/* lab_from_srgb, whose powers are looked up. */
static void to_lab(const double linear[256], const uint8_t rgb[3],
                   double lab[3]) {
  double light[3] = {linear[rgb[0]], linear[rgb[1]], linear[rgb[2]]};
  lab_from_linear(light, LAB_D65, lab);
}

static void recolour(const change *c, const double lab[3], uint8_t out[3]) {
  double moved[3], levels[3];
  moved[0] = c->mean + c->contrast * (lab[0] - c->mean) + c->shift[0];
  moved[1] = c->cosine * lab[1] - c->sine * lab[2] + c->shift[1];
  moved[2] = c->sine * lab[1] + c->cosine * lab[2] + c->shift[2];
  lab_to_srgb(moved, LAB_D65, levels);
  for (int i = 0; i < 3; i++) out[i] = transfer_byte(255 * levels[i]);
}

/* L* of the mean luminance stands for the mean L*. */
static double mean_lightness(const double linear[256], const uint8_t *rgb,
                             size_t count) {
  double sum[3] = {0}, lab[3];
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < 3; k++) sum[k] += linear[rgb[3 * i + k]];
  for (int k = 0; k < 3; k++) sum[k] /= count > 0 ? (double)count : 1;
  lab_from_linear(sum, LAB_D65, lab);
  return lab[0];
}

void jitter_colours(const uint8_t *rgb, size_t count, uint64_t seed,
                    uint8_t *out) {
  double linear[256], lab[3];
  for (int i = 0; i < 256; i++) linear[i] = srgb_to_linear(i / 255.0);
  change c = draw(seed);
  c.mean = mean_lightness(linear, rgb, count);
  for (size_t i = 0; i < count; i++) {
    to_lab(linear, rgb + 3 * i, lab);
    recolour(&c, lab, out + 3 * i);
  }
}
