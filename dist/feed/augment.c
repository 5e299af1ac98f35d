/* Flips, crops and the networks' range. */
#include "dist/feed/augment.h"

#include <math.h>
#include <stddef.h>

#include "base/random.h"

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

static void crop_image(const uint8_t *image, int size, const window *w,
                       float *out) {
  for (int row = 0; row < size; row++) {
    double fy = w->y + (row + 0.5) * w->height / size - 0.5;
    fy = fmin(fmax(fy, w->y), w->y + w->height - 1);
    int y0 = (int)fy, y1 = y0 + 1 < size ? y0 + 1 : y0;
    double b = fy - y0;
    for (int column = 0; column < size; column++, out += 3) {
      int at = w->mirrored ? size - 1 - column : column;
      double fx = w->x + (at + 0.5) * w->width / size - 0.5;
      fx = fmin(fmax(fx, w->x), w->x + w->width - 1);
      int x0 = (int)fx, x1 = x0 + 1 < size ? x0 + 1 : x0;
      double a = fx - x0;
      const uint8_t *p00 = image + 3 * (y0 * size + x0);
      const uint8_t *p01 = image + 3 * (y0 * size + x1);
      const uint8_t *p10 = image + 3 * (y1 * size + x0);
      const uint8_t *p11 = image + 3 * (y1 * size + x1);
      for (int c = 0; c < 3; c++)
        out[c] = to_net((1 - b) * ((1 - a) * p00[c] + a * p01[c]) +
                        b * ((1 - a) * p10[c] + a * p11[c]));
    }
  }
}

static void crop_mask(const uint8_t *mask, int size, const window *w,
                      float *out) {
  for (int row = 0; row < size; row++)
    for (int column = 0; column < size; column++) {
      int at = w->mirrored ? size - 1 - column : column;
      int x = (int)(w->x + (at + 0.5) * w->width / size);
      int y = (int)(w->y + (row + 0.5) * w->height / size);
      *out++ = mask[y * size + x] >= 128 ? 1.0f : 0.0f;
    }
}

void augment_sample(const augmentation *how, uint64_t position, int size,
                    const uint8_t *composite, const uint8_t *mask,
                    const uint8_t *real, float *net_composite, float *net_mask,
                    float *net_real) {
  random_stream random =
      random_stream_make(how->seed, RANDOM_AUGMENT, position, 0);
  bool mirrored = how->flip && random_below(&random, 2) == 1;
  window w = {0, 0, size, size, mirrored};
  for (int tries = 0; how->crop_min < 1 && tries < 10; tries++) {
    window drawn = draw_crop(&random, how->crop_min, size);
    if (!has_foreground(mask, size, &drawn)) continue;
    w = drawn;
    w.mirrored = mirrored;
    break;
  }
  crop_mask(mask, size, &w, net_mask);
  if (w.width == size && w.height == size) {
    copy_whole(composite, size, mirrored, net_composite);
    copy_whole(real, size, mirrored, net_real);
  } else {
    crop_image(composite, size, &w, net_composite);
    crop_image(real, size, &w, net_real);
  }
}

void augment_none(const uint8_t *composite, const uint8_t *mask,
                  const uint8_t *real, int size, float *net_composite,
                  float *net_mask, float *net_real) {
  window whole = {0, 0, size, size, false};
  copy_whole(composite, size, false, net_composite);
  crop_mask(mask, size, &whole, net_mask);
  if (real != NULL) copy_whole(real, size, false, net_real);
}
