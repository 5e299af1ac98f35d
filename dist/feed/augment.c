/* Flips, crops and the networks' range. */
#include "dist/feed/augment.h"

#include <math.h>
#include <stddef.h>

#include "base/memory.h"
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
struct between {
  int low, high;
  double share; /* of the higher */
};
typedef struct between between;

static between locate(int at, double begin, double length, int size) {
  double place = begin + (at + 0.5) * length / size - 0.5;
  place = fmin(fmax(place, begin), begin + length - 1);
  int low = (int)place, high = low + 1 < size ? low + 1 : low;
  return (between){low, high, place - low};
}

/* Those of all columns of a crop, for the images and the mask it is cut of. */
static void locate_columns(const augmenter *a, const window *w) {
  int size = a->size;
  between *columns = a->columns;
  for (int column = 0; column < size; column++) {
    int at = w->mirrored ? size - 1 - column : column;
    columns[column] = locate(at, w->x, w->width, size);
  }
}

/* The value at a place of two rows; `x` counts values of them. */
static inline double mix(const uint8_t *upper, const uint8_t *lower,
                         const between *x, int channels, int c, double b) {
  int low = channels * x->low + c, high = channels * x->high + c;
  double a = x->share;
  return (1 - b) * ((1 - a) * upper[low] + a * upper[high]) +
         b * ((1 - a) * lower[low] + a * lower[high]);
}

/* Of the columns that were located. */
static void crop_image(const uint8_t *image, int size, const window *w,
                       const between *columns, float *out) {
  for (int row = 0; row < size; row++) {
    between y = locate(row, w->y, w->height, size);
    const uint8_t *upper = image + 3 * size * y.low;
    const uint8_t *lower = image + 3 * size * y.high;
    for (int column = 0; column < size; column++, out += 3)
      for (int c = 0; c < 3; c++)
        out[c] = to_net(mix(upper, lower, &columns[column], 3, c, y.share));
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
                               const between *columns, float *out) {
  double sum = 0;
  for (int row = 0; row < size; row++) {
    between y = locate(row, w->y, w->height, size);
    const uint8_t *upper = mask + size * y.low, *lower = mask + size * y.high;
    for (int column = 0; column < size; column++) {
      double value = mix(upper, lower, &columns[column], 1, 0, y.share) / 255;
      sum += value;
      *out++ = (float)value;
    }
  }
  return sum;
}

static window whole_image(int size, bool mirrored) {
  return (window){0, 0, size, size, mirrored};
}

static window choose_crop(const augmenter *a, const augmentation *how,
                          random_stream *random, const uint8_t *mask,
                          bool mirrored, float *net_mask) {
  window w = whole_image(a->size, mirrored);
  for (int tries = 0; how->crop_min < 1 && tries < 10; tries++) {
    window drawn = draw_crop(random, how->crop_min, a->size);
    if (!has_foreground(mask, a->size, &drawn)) continue;
    w = drawn;
    w.mirrored = mirrored;
    locate_columns(a, &w);
    break;
  }
  crop_mask_sharply(mask, a->size, &w, net_mask);
  return w;
}

static window choose_soft_crop(const augmenter *a, const augmentation *how,
                               random_stream *random, const uint8_t *mask,
                               bool mirrored, float *net_mask) {
  for (int tries = 0; how->crop_min < 1 && tries < SOFT_TRIES; tries++) {
    window w = draw_crop(random, how->crop_min, a->size);
    w.mirrored = mirrored;
    locate_columns(a, &w);
    double sum = crop_mask_softly(mask, a->size, &w, a->columns, net_mask);
    if (sum > 1 || random_uniform(random) < keep_empty) return w;
  }
  window w = whole_image(a->size, mirrored);
  crop_mask_sharply(mask, a->size, &w, net_mask);
  return w;
}

static void set_image(const augmenter *a, const uint8_t *image, const window *w,
                      float *out) {
  if (w->width == a->size && w->height == a->size)
    copy_whole(image, a->size, w->mirrored, out);
  else
    crop_image(image, a->size, w, a->columns, out);
}

static void jitter_mask(const augmenter *a, const augmentation *how,
                        uint64_t position, float *mask) {
  if (!(how->mask_jitter > 0)) return;
  random_stream random =
      random_stream_make(how->seed, RANDOM_MASK, position, 0);
  if (random_uniform(&random) >= how->mask_jitter) return;
  mask_edge edge = (mask_edge)random_below(&random, MASK_EDGES);
  int pixels = 1 + (int)random_below(&random, 2);
  mask_edge_change(edge, pixels, a->size, a->masks, mask);
}

void augment_sample(const augmenter *a, const augmentation *how,
                    uint64_t position, const sample_bytes *sample,
                    const sample_inputs *out) {
  random_stream random =
      random_stream_make(how->seed, RANDOM_AUGMENT, position, 0);
  bool mirrored = how->flip && random_below(&random, 2) == 1;
  bool soft = how->crop_mask == CROP_MASK_SOFT;
  window w = (soft ? choose_soft_crop : choose_crop)(
      a, how, &random, sample->mask, mirrored, out->mask);
  set_image(a, sample->composite, &w, out->composite);
  set_image(a, sample->real, &w, out->real);
  jitter_mask(a, how, position, out->mask);
}

status augmenter_create(int size, augmenter *out) {
  out->size = size;
  status result = MEMORY_NEW((size_t)size, "a crop", &out->columns);
  if (result == STATUS_OK)
    result = MEMORY_NEW(mask_edge_scratch(size), "a mask", &out->masks);
  if (result != STATUS_OK) augmenter_destroy(out);
  return result;
}

void augmenter_destroy(augmenter *a) {
  memory_free(a->columns);
  memory_free(a->masks);
  *a = (augmenter){0};
}

size_t augmenter_bytes(int size) {
  return (size_t)size * sizeof(struct between) +
         mask_edge_scratch(size) * sizeof(float);
}

void augment_none(const uint8_t *composite, const uint8_t *mask,
                  const uint8_t *real, int size, float *net_composite,
                  float *net_mask, float *net_real) {
  window whole = whole_image(size, false);
  copy_whole(composite, size, false, net_composite);
  crop_mask_sharply(mask, size, &whole, net_mask);
  if (real != NULL) copy_whole(real, size, false, net_real);
}
