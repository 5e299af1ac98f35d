#include "dist/apply.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "dist/augment.h"

/* The network's pixels are large ones: it may see an object and little of its
 * colours. */
static void warn_if_tiny(const data_image *mask, int size) {
  size_t count = (size_t)mask->width * (size_t)mask->height, object = 0;
  for (size_t i = 0; i < count; i++) object += mask->pixels[i] >= 128;
  if (object * (size_t)size * (size_t)size < count)
    log_warning(
        "the object has %zu pixels, less than one of the %d x %d that "
        "the network sees: its colours there are mostly those around it",
        object, size, size);
}

static status shrink(const data_image *image, const data_image *mask, int size,
                     float *net_composite, float *net_mask) {
  data_image small = {0}, small_mask = {0};
  status result;
  warn_if_tiny(mask, size);
  TRY_OR(done, data_resize(image, size, size, DATA_BILINEAR, &small));
  TRY_OR(done, data_mask_shrink(mask, size, &small_mask));
  augment_none(small.pixels, small_mask.pixels, NULL, size, net_composite,
               net_mask, NULL);
done:
  data_image_free(&small);
  data_image_free(&small_mask);
  return result;
}

/* ---- the change at the picture's size ---- */

/* Between two of the network's pixels: (1 - part) of `low`, `part` of `high`,
 * as places in a row of pixels or a column of rows. */
typedef struct between {
  size_t low, high;
  double part;
} between;

/* Pixel i of `count`, on the network's scale; `step` from pixel to pixel. */
static between place_of(int i, int count, int size, size_t step) {
  double at = (i + 0.5) * size / count - 0.5;
  at = fmin(fmax(at, 0), size - 1);
  int low = (int)at, high = low + 1 < size ? low + 1 : low;
  return (between){(size_t)low * step, (size_t)high * step, at - low};
}

static double mix(double low, double high, double part) {
  return (1 - part) * low + part * high;
}

/* To the nearest level; NaN to 0. */
static uint8_t to_byte(double value) {
  return (uint8_t)((value > 0 ? value < 255 ? value : 255 : 0) + 0.5);
}

typedef struct change_job {
  const float *change; /* in levels, [size,size,3] */
  int size;
  const between *columns; /* by the picture's */
  const data_image *mask;
  data_image *image;
} change_job;

static status add_to_row(void *context, size_t y) {
  const change_job *job = context;
  size_t width = (size_t)job->image->width, row = 3 * (size_t)job->size;
  between v = place_of((int)y, job->image->height, job->size, row);
  const float *above = job->change + v.low, *below = job->change + v.high;
  const uint8_t *mask = job->mask->pixels + y * width;
  uint8_t *pixel = job->image->pixels + 3 * y * width;
  for (size_t x = 0; x < width; x++, pixel += 3) {
    if (mask[x] == 0) continue;
    between h = job->columns[x];
    for (size_t c = 0; c < 3; c++) {
      double top = mix(above[h.low + c], above[h.high + c], h.part);
      double bottom = mix(below[h.low + c], below[h.high + c], h.part);
      double level = mix(top, bottom, v.part);
      pixel[c] = to_byte(pixel[c] + level * mask[x] / 255);
    }
  }
  return STATUS_OK;
}

static status add_change(const float *change, int size, int threads,
                         data_image *image, const data_image *mask) {
  between *columns;
  TRY(MEMORY_NEW((size_t)image->width, "columns of a picture", &columns));
  for (int x = 0; x < image->width; x++)
    columns[x] = place_of(x, image->width, size, 3);
  change_job job = {change, size, columns, mask, image};
  status result = threads_for((size_t)image->height, threads, add_to_row, &job);
  memory_free(columns);
  return result;
}

status apply_classical(const classical *method, const data_xue_model *model,
                       const data_image *image, const data_image *mask,
                       data_image *out) {
  TRY(method->run(model, image, mask, out));
  size_t bytes = 3 * (size_t)image->width * (size_t)image->height;
  if (memcmp(image->pixels, out->pixels, bytes) == 0)
    log_warning("method %s leaves the picture as it is", method->name);
  return STATUS_OK;
}

status apply_score(harmonizer *h, const data_image *image,
                   const data_image *mask, double *score) {
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

status apply_network(harmonizer *h, int threads, data_image *image,
                     const data_image *mask) {
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
  result = add_change(change, size, threads, image, mask);
done:
  memory_free(inputs);
  memory_free(change);
  return result;
}
