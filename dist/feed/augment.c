/* Flips, crops and the networks' range. */
#include "dist/feed/augment.h"

#include <math.h>
#include <stddef.h>

#include "base/random.h"
#include "dist/feed/mask_edge.h"

enum { SOFT_TRIES = 100 }; /* then the whole image */
static const double keep_empty = 0.05;

typedef struct window {
  double x, y, width, height; /* in pixels of the sample */
  bool mirrored;
} window;

/* torchvision's RandomResizedCrop: area and aspect drawn, place uniform. */
static window draw_crop(random_stream *random, double crop_min, int size) {
  window w = {0, 0, size, size, false};
  for (int tries = 0; tries < 10; tries++) {
    double area = crop_min + (1 - crop_min) * random_uniform(random);
    double log_aspect =
        log(0.75) + (log(4.0 / 3) - log(0.75)) * random_uniform(random);
    double width = round(size * sqrt(area * exp(log_aspect)));
    double height = round(size * sqrt(area / exp(log_aspect)));
    if (width < 1 || height < 1 || width > size || height > size) continue;
    w.width = width;
    w.height = height;
    w.x = random_below(random, (uint32_t)(size - width) + 1);
    w.y = random_below(random, (uint32_t)(size - height) + 1);
    break;
  }
  return w;
}

static bool has_foreground(const uint8_t *mask, int size, const window *w) {
  for (int y = (int)w->y; y < (int)(w->y + w->height); y++)
    for (int x = (int)w->x; x < (int)(w->x + w->width); x++)
      if (mask[y * size + x] >= 128) return true;
  return false;
}

static inline float to_net(double level) {
  return (float)(level / 127.5 - 1.0);
}

/* Whole image, perhaps mirrored: no interpolation. */
static void copy_whole(const uint8_t *image, int size, bool mirrored,
                       float *out) {
  float table[256];
  for (int i = 0; i < 256; i++) table[i] = data_byte_to_net((uint8_t)i);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++, out += 3) {
      const uint8_t *pixel =
          image + 3 * (y * size + (mirrored ? size - 1 - x : x));
      for (int c = 0; c < 3; c++) out[c] = table[pixel[c]];
    }
}

/* Where a pixel of a crop lies in its image, along one axis: between two
 * pixels, inside of the window. */
typedef struct between {
  int low, high;
  double share; /* of the higher */
} between;

static between locate(int at, double begin, double length, int size) {
  double place = begin + (at + 0.5) * length / size - 0.5;
  place = fmin(fmax(place, begin), begin + length - 1);
  int low = (int)place, high = low + 1 < size ? low + 1 : low;
  return (between){low, high, place - low};
}

static inline double mix(const uint8_t *image, int size, int channels,
                         const between *x, const between *y, int c) {
  double p00 = image[channels * (y->low * size + x->low) + c];
  double p01 = image[channels * (y->low * size + x->high) + c];
  double p10 = image[channels * (y->high * size + x->low) + c];
  double p11 = image[channels * (y->high * size + x->high) + c];
  double a = x->share, b = y->share;
  return (1 - b) * ((1 - a) * p00 + a * p01) + b * ((1 - a) * p10 + a * p11);
}

static void crop_image(const uint8_t *image, int size, const window *w,
                       float *out) {
  for (int row = 0; row < size; row++) {
    between y = locate(row, w->y, w->height, size);
    for (int column = 0; column < size; column++, out += 3) {
      int at = w->mirrored ? size - 1 - column : column;
      between x = locate(at, w->x, w->width, size);
      for (int c = 0; c < 3; c++)
        out[c] = to_net(mix(image, size, 3, &x, &y, c));
    }
  }
}

static void crop_mask_sharply(const uint8_t *mask, int size, const window *w,
                              float *out) {
  for (int row = 0; row < size; row++)
    for (int column = 0; column < size; column++) {
      int at = w->mirrored ? size - 1 - column : column;
      int x = (int)(w->x + (at + 0.5) * w->width / size);
      int y = (int)(w->y + (row + 0.5) * w->height / size);
      *out++ = mask[y * size + x] >= 128 ? 1.0f : 0.0f;
    }
}

/* Returns the sum. */
static double crop_mask_softly(const uint8_t *mask, int size, const window *w,
                               float *out) {
  double sum = 0;
  for (int row = 0; row < size; row++) {
    between y = locate(row, w->y, w->height, size);
    for (int column = 0; column < size; column++) {
      int at = w->mirrored ? size - 1 - column : column;
      between x = locate(at, w->x, w->width, size);
      double value = mix(mask, size, 1, &x, &y, 0) / 255;
      sum += value;
      *out++ = (float)value;
    }
  }
  return sum;
}

static window whole_image(int size, bool mirrored) {
  return (window){0, 0, size, size, mirrored};
}

static window choose_crop(const augmentation *how, random_stream *random,
                          const uint8_t *mask, int size, bool mirrored,
                          float *net_mask) {
  window w = whole_image(size, mirrored);
  for (int tries = 0; how->crop_min < 1 && tries < 10; tries++) {
    window drawn = draw_crop(random, how->crop_min, size);
    if (!has_foreground(mask, size, &drawn)) continue;
    w = drawn;
    w.mirrored = mirrored;
    break;
  }
  crop_mask_sharply(mask, size, &w, net_mask);
  return w;
}

static window choose_soft_crop(const augmentation *how, random_stream *random,
                               const uint8_t *mask, int size, bool mirrored,
                               float *net_mask) {
  for (int tries = 0; how->crop_min < 1 && tries < SOFT_TRIES; tries++) {
    window w = draw_crop(random, how->crop_min, size);
    w.mirrored = mirrored;
    double sum = crop_mask_softly(mask, size, &w, net_mask);
    if (sum > 1 || random_uniform(random) < keep_empty) return w;
  }
  window w = whole_image(size, mirrored);
  crop_mask_sharply(mask, size, &w, net_mask);
  return w;
}

static void set_image(const uint8_t *image, int size, const window *w,
                      float *out) {
  if (w->width == size && w->height == size)
    copy_whole(image, size, w->mirrored, out);
  else
    crop_image(image, size, w, out);
}

static void jitter_mask(const augmentation *how, uint64_t position, int size,
                        float *scratch, float *mask) {
  if (!(how->mask_jitter > 0)) return;
  random_stream random =
      random_stream_make(how->seed, RANDOM_MASK, position, 0);
  if (random_uniform(&random) >= how->mask_jitter) return;
  mask_edge edge = (mask_edge)random_below(&random, MASK_EDGES);
  int pixels = 1 + (int)random_below(&random, 2);
  mask_edge_change(edge, pixels, size, scratch, mask);
}

void augment_sample(const augmentation *how, uint64_t position, int size,
                    const sample_bytes *sample, float *scratch,
                    const sample_inputs *out) {
  random_stream random =
      random_stream_make(how->seed, RANDOM_AUGMENT, position, 0);
  bool mirrored = how->flip && random_below(&random, 2) == 1;
  window w =
      (how->crop_mask == CROP_MASK_SOFT ? choose_soft_crop : choose_crop)(
          how, &random, sample->mask, size, mirrored, out->mask);
  set_image(sample->composite, size, &w, out->composite);
  set_image(sample->real, size, &w, out->real);
  jitter_mask(how, position, size, scratch, out->mask);
}

size_t augment_scratch(int size) { return mask_edge_scratch(size); }

void augment_none(const uint8_t *composite, const uint8_t *mask,
                  const uint8_t *real, int size, float *net_composite,
                  float *net_mask, float *net_real) {
  window whole = whole_image(size, false);
  copy_whole(composite, size, false, net_composite);
  crop_mask_sharply(mask, size, &whole, net_mask);
  if (real != NULL) copy_whole(real, size, false, net_real);
}
