/* Resizing by Pillow's rules: a filter widened by the scale when shrinking,
 * coefficients of 22 bits, rows first, each pass rounded to 8 bits. All sums
 * are of integers, so vector code gives the same bits as scalar code. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/image/resize_internal.h"
#include "base/wide_vectors.h"

enum {
  LANES = 48, /* bytes that the horizontal pass handles at once */
  STRIP = 64, /* bytes that the vertical pass handles at once */
  NEAR = 128  /* pixels whose columns stay in the nearest cache */
};

void resize_taps_free(resize_taps *set) {
  memory_free(set->first);
  memory_free(set->count);
  memory_free(set->weights);
  *set = (resize_taps){0};
}

static double triangle(double x) {
  x = fabs(x);
  return x < 1 ? 1 - x : 0;
}

/* Keys 1981 with a = -0.5, in the order of operations of Pillow. */
static double cubic(double x) {
  const double a = -0.5;
  x = fabs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return (((x - 5) * x + 8) * x - 4) * a;
  return 0;
}

static int32_t to_fixed(double weight) {
  double scaled = weight * (1 << RESIZE_BITS);
  return (int32_t)(scaled < 0 ? scaled - 0.5 : scaled + 0.5);
}

/* The taps of one output pixel whose centre lies at `centre` in the source;
 * `work` has room for them. */
static void fill_taps(resize_taps *set, int i, int source, double centre,
                      double scale, double support, double (*filter)(double),
                      double *work) {
  int first = (int)(centre - support + 0.5);
  int last = (int)(centre + support + 0.5);
  if (first < 0) first = 0;
  if (last > source) last = source;
  double sum = 0;
  for (int t = 0; t < last - first; t++) {
    work[t] = filter((t + first - centre + 0.5) * (1.0 / scale));
    sum += work[t];
  }
  int32_t *weights = set->weights + (size_t)i * (size_t)set->width;
  for (int t = 0; t < last - first; t++)
    weights[t] = to_fixed(sum != 0 ? work[t] / sum : work[t]);
  set->first[i] = first;
  set->count[i] = last - first;
}

status resize_taps_create(int source, float begin, float end, int count,
                          data_filter kind, resize_taps *set) {
  double (*filter)(double) = kind == DATA_BICUBIC ? cubic : triangle;
  double step = (double)(end - begin) / count;
  double scale = step < 1 ? 1 : step;
  double support = (kind == DATA_BICUBIC ? 2.0 : 1.0) * scale;
  double *work = NULL;
  *set = (resize_taps){.width = (int)ceil(support) * 2 + 1};
  size_t outputs = (size_t)count, width = (size_t)set->width;
  status result;
  TRY_OR(done, MEMORY_NEW(outputs, "resizing taps", &set->first));
  TRY_OR(done, MEMORY_NEW(outputs, "resizing taps", &set->count));
  TRY_OR(done, MEMORY_NEW(outputs * width, "resizing taps", &set->weights));
  TRY_OR(done, MEMORY_NEW(width, "resizing taps", &work));
  for (int i = 0; i < count; i++)
    fill_taps(set, i, source, begin + (i + 0.5) * step, scale, support, filter,
              work);
done:
  memory_free(work);
  if (result != STATUS_OK) resize_taps_free(set);
  return result;
}

static uint8_t round_sum(int32_t sum) {
  int32_t value = sum >> RESIZE_BITS;
  return (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
}

/* out[i] = the rounded sum over t of columns[t * LANES + i] * weights[t]. */
WIDE_VECTORS
static void sum_lanes(const uint8_t *columns, const int32_t *weights, int count,
                      uint8_t *out) {
  int32_t sums[LANES];
  for (int i = 0; i < LANES; i++) sums[i] = 1 << (RESIZE_BITS - 1);
  for (int t = 0; t < count; t++, columns += LANES)
    for (int i = 0; i < LANES; i++) sums[i] += columns[i] * weights[t];
  for (int i = 0; i < LANES; i++) out[i] = round_sum(sums[i]);
}

/* out[i] = the rounded sum over t of rows[t * stride + i] * weights[t]. */
WIDE_VECTORS
static void sum_rows(const uint8_t *rows, size_t stride, size_t width,
                     const int32_t *weights, int count, uint8_t *out) {
  int32_t sums[STRIP];
  size_t x = 0;
  for (; x + STRIP <= width; x += STRIP) {
    for (int i = 0; i < STRIP; i++) sums[i] = 1 << (RESIZE_BITS - 1);
    const uint8_t *row = rows + x;
    for (int t = 0; t < count; t++, row += stride)
      for (int i = 0; i < STRIP; i++) sums[i] += row[i] * weights[t];
    for (int i = 0; i < STRIP; i++) out[x + (size_t)i] = round_sum(sums[i]);
  }
  for (; x < width; x++) {
    int32_t sum = 1 << (RESIZE_BITS - 1);
    for (int t = 0; t < count; t++)
      sum += rows[(size_t)t * stride + x] * weights[t];
    out[x] = round_sum(sum);
  }
}

/* Lays the pixels [begin, end) of some rows out column by column, LANES bytes
 * each, so that the taps of a pixel lie below each other for all of the rows.
 */
static inline void rows_to_columns(const uint8_t *rows, size_t stride,
                                   int count, int channels, int begin, int end,
                                   uint8_t *columns) {
  for (int x0 = begin; x0 < end; x0 += NEAR) {
    int x1 = x0 + NEAR < end ? x0 + NEAR : end;
    for (int r = 0; r < count; r++) {
      const uint8_t *in =
          rows + (size_t)r * stride + (size_t)x0 * (size_t)channels;
      uint8_t *out = columns + (ptrdiff_t)(x0 - begin) * LANES + r * channels;
      for (int x = x0; x < x1; x++, in += channels, out += LANES)
        for (int c = 0; c < channels; c++) out[c] = in[c];
    }
  }
}

/* Rows [top, top + out->height) of `image`, each to out->width pixels. */
static status horizontal_pass(const data_image *image, int top,
                              const resize_taps *across, data_image *out) {
  int channels = image->channels, together = LANES / channels;
  int last = out->width - 1, begin = across->first[0];
  int end = across->first[last] + across->count[last];
  size_t in_stride = (size_t)image->width * (size_t)channels;
  size_t out_stride = (size_t)out->width * (size_t)channels;
  uint8_t *columns;
  TRY(MEMORY_NEW((size_t)(end - begin) * LANES, "rows to resize", &columns));
  for (int y = 0; y < out->height; y += together) {
    int rows = out->height - y < together ? out->height - y : together;
    const uint8_t *from = image->pixels + (size_t)(top + y) * in_stride;
    if (channels == 3) /* a constant makes a fast copy */
      rows_to_columns(from, in_stride, rows, 3, begin, end, columns);
    else
      rows_to_columns(from, in_stride, rows, 1, begin, end, columns);
    uint8_t *to = out->pixels + (size_t)y * out_stride;
    for (int x = 0; x < out->width; x++, to += channels) {
      uint8_t sums[LANES];
      sum_lanes(columns + (size_t)(across->first[x] - begin) * LANES,
                across->weights + (size_t)x * (size_t)across->width,
                across->count[x], sums);
      for (int r = 0; r < rows; r++)
        for (int c = 0; c < channels; c++)
          to[(size_t)r * out_stride + (size_t)c] = sums[r * channels + c];
    }
  }
  memory_free(columns);
  return STATUS_OK;
}

/* `top` is the source row that is row 0 of `image`. */
static void vertical_pass(const data_image *image, int top,
                          const resize_taps *down, data_image *out) {
  size_t stride = (size_t)out->width * (size_t)out->channels;
  for (int y = 0; y < out->height; y++)
    sum_rows(image->pixels + (size_t)(down->first[y] - top) * stride, stride,
             stride, down->weights + (size_t)y * (size_t)down->width,
             down->count[y], out->pixels + (size_t)y * stride);
}

/* Both passes; a pass that changes nothing is left out, as in Pillow (its
 * result would be the same). */
static status resize_pillow(const data_image *image, const resize_box *box,
                            data_filter filter, data_image *out) {
  bool across_needed =
      out->width != image->width || box->x0 != 0 || box->x1 != image->width;
  bool down_needed =
      out->height != image->height || box->y0 != 0 || box->y1 != image->height;
  resize_taps across = {0}, down = {0};
  data_image narrow = {0};
  status result;
  TRY_OR(done, resize_taps_create(image->width, box->x0, box->x1, out->width,
                                  filter, &across));
  TRY_OR(done, resize_taps_create(image->height, box->y0, box->y1, out->height,
                                  filter, &down));
  int last = out->height - 1, top = down_needed ? down.first[0] : 0;
  int rows =
      down_needed ? down.first[last] + down.count[last] - top : out->height;
  if (!down_needed) {
    result = horizontal_pass(image, 0, &across, out);
  } else if (!across_needed) {
    vertical_pass(image, 0, &down, out);
  } else {
    TRY_OR(done, data_image_create(out->width, rows, image->channels, &narrow));
    TRY_OR(done, horizontal_pass(image, top, &across, &narrow));
    vertical_pass(&narrow, top, &down, out);
  }
done:
  data_image_free(&narrow);
  resize_taps_free(&across);
  resize_taps_free(&down);
  return result;
}

static status check_box(const data_image *image, double x0, double y0, double w,
                        double h, resize_box *box) {
  *box = (resize_box){(float)x0, (float)y0, (float)(x0 + w), (float)(y0 + h)};
  if (box->x0 >= 0 && box->y0 >= 0 && box->x1 > box->x0 && box->y1 > box->y0 &&
      box->x1 <= (float)image->width && box->y1 <= (float)image->height)
    return STATUS_OK;
  return status_error(
      STATUS_USAGE,
      "resizing the part %g x %g at (%g, %g) of an image of %d x %d pixels: "
      "expected a part inside of it",
      w, h, x0, y0, image->width, image->height);
}

status data_resize_box(const data_image *image, double x0, double y0, double w,
                       double h, int width, int height, data_filter filter,
                       data_image *out) {
  *out = (data_image){0};
  INVARIANT(image->pixels != NULL, "an empty image to resize");
  resize_box box;
  data_image result;
  TRY(check_box(image, x0, y0, w, h, &box));
  TRY(data_image_create(width, height, image->channels, &result));
  status done = STATUS_OK;
  if (width == image->width && height == image->height && box.x0 == 0 &&
      box.y0 == 0 && box.x1 == width && box.y1 == height)
    memcpy(result.pixels, image->pixels,
           (size_t)width * (size_t)height * (size_t)image->channels);
  else if (filter == DATA_NEAREST)
    done = resize_nearest(image, &box, &result);
  else if (filter == DATA_CV_LINEAR)
    done = resize_cv_linear(image, &box, &result);
  else
    done = resize_pillow(image, &box, filter, &result);
  if (done == STATUS_OK)
    *out = result;
  else
    data_image_free(&result);
  return done;
}

status data_resize(const data_image *image, int width, int height,
                   data_filter filter, data_image *out) {
  return data_resize_box(image, 0, 0, image->width, image->height, width,
                         height, filter, out);
}
