#include "dist/apply.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "dist/augment.h"

static bool is_empty(const data_image *mask) {
  size_t count = (size_t)mask->width * (size_t)mask->height;
  for (size_t i = 0; i < count; i++)
    if (mask->pixels[i] > 0) return false;
  return true;
}

/* The network saw binary masks of the nearest pixel: so it does here. */
static status shrink(const data_image *image, const data_image *mask, int size,
                     float *net_composite, float *net_mask) {
  data_image small = {0}, binary = {0}, small_mask = {0};
  status result;
  TRY_OR(done, data_resize(image, size, size, DATA_BILINEAR, &small));
  TRY_OR(done, data_mask_binarize(mask, DATA_THRESHOLD, &binary));
  TRY_OR(done, data_resize(&binary, size, size, DATA_NEAREST, &small_mask));
  augment_none(small.pixels, small_mask.pixels, NULL, size, net_composite,
               net_mask, NULL);
done:
  data_image_free(&small);
  data_image_free(&binary);
  data_image_free(&small_mask);
  return result;
}

/* The change at picture coordinates (x, y), in levels. */
static void change_at(const float *change, int size, double x, double y,
                      double level[3]) {
  double limit = size - 1;
  x = fmin(fmax(x, 0), limit);
  y = fmin(fmax(y, 0), limit);
  int x0 = (int)x, y0 = (int)y;
  int x1 = x0 + 1 < size ? x0 + 1 : x0, y1 = y0 + 1 < size ? y0 + 1 : y0;
  double a = x - x0, b = y - y0;
  for (int c = 0; c < 3; c++) {
    double top = (1 - a) * change[3 * (y0 * size + x0) + c] +
                 a * change[3 * (y0 * size + x1) + c];
    double bottom = (1 - a) * change[3 * (y1 * size + x0) + c] +
                    a * change[3 * (y1 * size + x1) + c];
    level[c] = (1 - b) * top + b * bottom;
  }
}

static void add_change(const data_image *image, const data_image *mask,
                       const float *change, int size, data_image *out) {
  for (int y = 0; y < image->height; y++)
    for (int x = 0; x < image->width; x++) {
      size_t at = (size_t)y * (size_t)image->width + (size_t)x;
      uint8_t weight = mask->pixels[at];
      if (weight == 0) continue;
      double level[3];
      change_at(change, size, (x + 0.5) * size / image->width - 0.5,
                (y + 0.5) * size / image->height - 0.5, level);
      for (int c = 0; c < 3; c++) {
        double value =
            image->pixels[3 * at + (size_t)c] + level[c] * weight / 255.0;
        out->pixels[3 * at + (size_t)c] =
            (uint8_t)lround(fmin(fmax(value, 0), 255));
      }
    }
}

/* A classical method compares what is inside with what is outside. */
static bool has_no_side(const data_image *mask, bool inside) {
  size_t count = (size_t)mask->width * (size_t)mask->height;
  for (size_t i = 0; i < count; i++)
    if ((mask->pixels[i] >= 128) == inside) return false;
  return true;
}

status apply_classical(const classical *method, const data_xue_model *model,
                       const data_image *image, const data_image *mask,
                       data_image *out) {
  *out = (data_image){0};
  if (has_no_side(mask, true))
    return status_error(STATUS_MISFIT,
                        "the mask is empty: nothing is to be harmonized");
  if (has_no_side(mask, false))
    return status_error(STATUS_MISFIT,
                        "the mask is all foreground: there is no background to "
                        "harmonize it with");
  return method->run(model, image, mask, out);
}

status apply_score(harmonizer *h, const data_image *image,
                   const data_image *mask, double *score) {
  size_t count = (size_t)mask->width * (size_t)mask->height, inside = 0;
  for (size_t i = 0; i < count; i++) inside += mask->pixels[i] > 127;
  if (inside == 0 || inside == count)
    return status_error(STATUS_MISFIT,
                        "the mask has no %s: there is nothing to compare",
                        inside == 0 ? "foreground" : "background");
  int size = harmonizer_size(h);
  size_t pixels = (size_t)size * (size_t)size;
  float *inputs;
  TRY(MEMORY_NEW(4 * pixels, "network inputs", &inputs));
  status result = shrink(image, mask, size, inputs, inputs + 3 * pixels);
  if (result == STATUS_OK)
    *score = harmonizer_score(h, inputs, inputs + 3 * pixels);
  memory_free(inputs);
  return result;
}

status apply_network(harmonizer *h, const data_image *image,
                     const data_image *mask, data_image *out) {
  *out = (data_image){0};
  if (is_empty(mask))
    return status_error(STATUS_MISFIT,
                        "the mask is empty: nothing is to be harmonized");
  int size = harmonizer_size(h);
  size_t pixels = (size_t)size * (size_t)size;
  float *inputs = NULL, *change = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(4 * pixels, "network inputs", &inputs));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "network output", &change));
  TRY_OR(done, shrink(image, mask, size, inputs, inputs + 3 * pixels));
  const nn_real *output =
      harmonizer_run(h, inputs, inputs + 3 * pixels, NULL, 0);
  for (size_t i = 0; i < 3 * pixels; i++)
    change[i] = ((float)output[i] - inputs[i]) * 127.5f;
  TRY_OR(done, data_image_create(image->width, image->height, 3, out));
  memcpy(out->pixels, image->pixels,
         (size_t)image->width * (size_t)image->height * 3);
  add_change(image, mask, change, size, out);
done:
  memory_free(inputs);
  memory_free(change);
  return result;
}
