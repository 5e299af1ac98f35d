/* From a picture of any size to the network's size and back. */
#include "dist/use/apply.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "dist/feed/augment.h"

/* ---- what the network sees ---- */

static data_image view_of(const data_picture *picture) {
  return (data_image){picture->width, picture->height, 3, picture->pixels};
}

/* An image of the picture's own colours; *copied where it is to be freed. */
static status see(const data_picture *picture, data_image *out, bool *copied) {
  *copied = picture->bits != 8 || picture->channels != 3;
  if (*copied) return data_picture_see(picture, out);
  *out = view_of(picture);
  return STATUS_OK;
}

static status shrink_picture(const data_picture *picture, int size,
                             data_image *out) {
  data_image seen;
  bool copied;
  TRY(see(picture, &seen, &copied));
  status result = data_resize(&seen, size, size, DATA_BILINEAR, out);
  if (copied) data_image_free(&seen);
  return result;
}

/* The network's pixels are large ones: it may see an object and little of its
 * colours. */
static void warn_if_tiny(const data_image *mask, int size) {
  size_t count = (size_t)mask->width * (size_t)mask->height, object = 0;
  for (size_t i = 0; i < count; i++) object += mask->pixels[i] >= 128;
  if (object * (size_t)size * (size_t)size < count)
    log_warning("the object has %zu pixels, less than one of the %d x %d that "
                "the network sees: it sees mostly the colours around it",
                object, size, size);
}

static status shrink(const data_picture *picture, const data_image *mask,
                     int size, float *net_composite, float *net_mask) {
  data_image small = {0}, small_mask = {0};
  status result;
  warn_if_tiny(mask, size);
  TRY_OR(done, shrink_picture(picture, size, &small));
  TRY_OR(done, data_mask_shrink(mask, size, &small_mask));
  augment_none(small.pixels, small_mask.pixels, NULL, size, net_composite,
               net_mask, NULL);
done:
  data_image_free(&small);
  data_image_free(&small_mask);
  return result;
}

/* `net` in the picture's colours becomes sRGB, as far as sRGB goes; `srgb` are
 * the same colours in [0,1] and beyond. */
static void net_to_srgb(const data_profile *profile, size_t pixels, float *net,
                        float *srgb) {
  for (size_t i = 0; i < 3 * pixels; i++) srgb[i] = (net[i] + 1) / 2;
  data_profile_to_srgb(profile, srgb, srgb, pixels);
  for (size_t i = 0; i < 3 * pixels; i++)
    net[i] = 2 * fminf(fmaxf(srgb[i], 0), 1) - 1;
}

/* ---- the change that was made ---- */

/* In levels of 255. */
static void change_of(const nn_real *output, const float *net, size_t pixels,
                      float *change) {
  for (size_t i = 0; i < 3 * pixels; i++)
    change[i] = ((float)output[i] - net[i]) * 127.5f;
}

/* What a change of sRGB is in the picture's own colours, of which `srgb` are
 * those before it. Both arrays are spent. */
static void change_back(const data_profile *profile, size_t pixels, float *srgb,
                        float *change) {
  for (size_t i = 0; i < 3 * pixels; i++) change[i] = srgb[i] + change[i] / 255;
  data_profile_from_srgb(profile, change, change, pixels);
  data_profile_from_srgb(profile, srgb, srgb, pixels);
  for (size_t i = 0; i < 3 * pixels; i++)
    change[i] = (change[i] - srgb[i]) * 255;
}

/* To the nearest level of 0 to `most`; NaN to 0. */
static uint16_t to_level(double value, double most) {
  return (uint16_t)((value > 0 ? value < most ? value : most : 0) + 0.5);
}

/* The change of pixel `at`, in levels of 255. */
static void add_to_pixel(const data_picture *picture, size_t at,
                         const double change[3]) {
  size_t first = at * (size_t)picture->channels;
  uint8_t *bytes = (uint8_t *)picture->pixels + first;
  uint16_t *words = (uint16_t *)picture->pixels + first;
  float *floats = (float *)picture->pixels + first;
  for (size_t c = 0; c < 3; c++)
    if (picture->bits == 32)
      floats[c] += (float)(change[c] / 255);
    else if (picture->bits == 16)
      words[c] = to_level(words[c] + 257 * change[c], 65535);
    else
      bytes[c] = (uint8_t)to_level(bytes[c] + change[c], 255);
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

typedef struct change_job {
  const float *change; /* in levels of 255, [size,size,3] */
  int size;
  const between *columns; /* by the picture's */
  const data_image *mask;
  const data_picture *picture;
} change_job;

static status add_to_row(void *context, size_t y) {
  const change_job *job = context;
  size_t width = (size_t)job->picture->width, row = 3 * (size_t)job->size;
  between v = place_of((int)y, job->picture->height, job->size, row);
  const float *above = job->change + v.low, *below = job->change + v.high;
  const uint8_t *mask = job->mask->pixels + y * width;
  for (size_t x = 0; x < width; x++) {
    if (mask[x] == 0) continue;
    between h = job->columns[x];
    double change[3];
    for (size_t c = 0; c < 3; c++) {
      double top = mix(above[h.low + c], above[h.high + c], h.part);
      double bottom = mix(below[h.low + c], below[h.high + c], h.part);
      change[c] = mix(top, bottom, v.part) * mask[x] / 255;
    }
    add_to_pixel(job->picture, y * width + x, change);
  }
  return STATUS_OK;
}

static status add_change(const float *change, int size, int threads,
                         const data_picture *picture, const data_image *mask) {
  between *columns;
  TRY(MEMORY_NEW((size_t)picture->width, "columns of a picture", &columns));
  for (int x = 0; x < picture->width; x++)
    columns[x] = place_of(x, picture->width, size, 3);
  change_job job = {change, size, columns, mask, picture};
  status result =
      threads_for((size_t)picture->height, threads, add_to_row, &job);
  memory_free(columns);
  return result;
}

/* ---- a change of colours, made at the picture's size ---- */

typedef struct colours_job {
  const nn_picture_change *change;
  const data_profile *profile;
  const data_image *mask;
  const data_picture *picture;
} colours_job;

/* Colours of `count` pixels from pixel `at` on, in [0,1] of the picture's own.
 */
static void picture_colours(const data_picture *picture, size_t at,
                            size_t count, float *out) {
  size_t channels = (size_t)picture->channels;
  const uint8_t *bytes = (const uint8_t *)picture->pixels + at * channels;
  const uint16_t *words = (const uint16_t *)picture->pixels + at * channels;
  const float *floats = (const float *)picture->pixels + at * channels;
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < 3; c++) {
      size_t value = i * channels + c;
      out[3 * i + c] = picture->bits == 32   ? floats[value]
                       : picture->bits == 16 ? (float)words[value] / 65535
                                             : (float)bytes[value] / 255;
    }
}

/* `before` are the picture's own colours, `after` what sRGB they become. */
static void change_pixels(const colours_job *job, size_t at, size_t count,
                          const uint8_t *mask, const float *before,
                          const float *after) {
  for (size_t i = 0; i < count; i++) {
    if (mask[i] == 0) continue;
    double change[3];
    for (size_t c = 0; c < 3; c++)
      change[c] = ((double)after[3 * i + c] - before[3 * i + c]) * mask[i];
    add_to_pixel(job->picture, at + i, change);
  }
}

/* The colours `own` of a part of row y as they are to become: in sRGB, as far
 * as that goes; what lies beyond it stays. rows: memory for 6 * count values
 * and the change's scratch. */
static void become(const colours_job *job, size_t y, size_t begin, size_t count,
                   const float *own, float *rows, float *out) {
  float *srgb = rows, *seen = rows + 3 * count, *scratch = rows + 6 * count;
  memcpy(srgb, own, 3 * count * sizeof *srgb);
  if (job->profile != NULL)
    data_profile_to_srgb(job->profile, srgb, srgb, count);
  for (size_t i = 0; i < 3 * count; i++) seen[i] = fminf(fmaxf(srgb[i], 0), 1);
  nn_picture_change_row(job->change, (int)y, (int)begin, (int)(begin + count),
                        seen, scratch, out);
  for (size_t i = 0; i < 3 * count; i++) out[i] = srgb[i] + (out[i] - seen[i]);
  if (job->profile != NULL)
    data_profile_from_srgb(job->profile, out, out, count);
}

/* A row, from the first pixel of the mask to its last. */
static status change_row(void *context, size_t y) {
  const colours_job *job = context;
  size_t width = (size_t)job->picture->width, begin = 0, end = width;
  const uint8_t *mask = job->mask->pixels + y * width;
  while (begin < width && mask[begin] == 0) begin++;
  while (end > begin && mask[end - 1] == 0) end--;
  size_t count = end - begin, at = y * width + begin;
  if (count == 0) return STATUS_OK;
  float *rows;
  TRY(MEMORY_NEW(12 * count + nn_picture_change_scratch(job->change),
                 "rows of colours", &rows));
  float *own = rows, *out = rows + 3 * count;
  picture_colours(job->picture, at, count, own);
  become(job, y, begin, count, own, rows + 6 * count, out);
  change_pixels(job, at, count, mask + begin, own, out);
  memory_free(rows);
  return STATUS_OK;
}

static status change_colours(const nn_colour_change *colours, int threads,
                             const data_profile *profile,
                             const data_picture *picture,
                             const data_image *mask) {
  nn_picture_change *change;
  TRY(nn_picture_change_create(colours, picture->width, picture->height,
                               &change));
  colours_job job = {change, profile, mask, picture};
  status result =
      threads_for((size_t)picture->height, profile != NULL ? 1 : threads,
                  change_row, &job); /* profiles are for one thread */
  nn_picture_change_destroy(&change);
  return result;
}

/* ---- classical methods ---- */

/* Bytes of one row as floats of the picture's own colours. */
static void row_of(const data_profile *profile, const data_image *image,
                   size_t y, float *out) {
  size_t width = (size_t)image->width;
  const uint8_t *bytes = image->pixels + 3 * y * width;
  for (size_t i = 0; i < 3 * width; i++) out[i] = (float)bytes[i] / 255;
  if (profile != NULL) data_profile_from_srgb(profile, out, out, width);
}

/* The picture's own colours become those of sRGB. */
static status see_srgb(const data_profile *profile, data_image *seen) {
  size_t width = (size_t)seen->width;
  float *row;
  TRY(MEMORY_NEW(3 * width, "a row of colours", &row));
  for (size_t y = 0; y < (size_t)seen->height; y++) {
    uint8_t *bytes = seen->pixels + 3 * y * width;
    row_of(NULL, seen, y, row);
    data_profile_to_srgb(profile, row, row, width);
    for (size_t i = 0; i < 3 * width; i++)
      bytes[i] = (uint8_t)to_level(255 * (double)row[i], 255);
  }
  memory_free(row);
  return STATUS_OK;
}

/* What `after` has more than `before`, in the picture's own colours. */
static status add_difference(const data_profile *profile,
                             const data_image *before, const data_image *after,
                             const data_image *mask, data_picture *picture) {
  size_t width = (size_t)picture->width;
  float *rows;
  TRY(MEMORY_NEW(6 * width, "rows of colours", &rows));
  for (size_t y = 0; y < (size_t)picture->height; y++) {
    row_of(profile, before, y, rows);
    row_of(profile, after, y, rows + 3 * width);
    for (size_t x = 0; x < width; x++) {
      if (mask->pixels[y * width + x] == 0) continue;
      double change[3];
      for (size_t c = 0; c < 3; c++)
        change[c] = 255 * ((double)rows[3 * (width + x) + c] - rows[3 * x + c]);
      add_to_pixel(picture, y * width + x, change);
    }
  }
  memory_free(rows);
  return STATUS_OK;
}

static bool is_same(const data_image *a, const data_image *b) {
  size_t bytes = 3 * (size_t)a->width * (size_t)a->height;
  return memcmp(a->pixels, b->pixels, bytes) == 0;
}

status apply_classical(const classical *method, const data_xue_model *model,
                       const data_profile *profile, data_picture *picture,
                       const data_image *mask) {
  data_image before = {0}, after = {0};
  bool copied = profile != NULL;
  status result;
  if (profile != NULL) {
    TRY(data_picture_see(picture, &before));
    TRY_OR(done, see_srgb(profile, &before));
  } else {
    TRY(see(picture, &before, &copied));
  }
  TRY_OR(done, method->run(model, &before, mask, &after));
  if (is_same(&before, &after))
    log_warning("method %s leaves the picture as it is", method->name);
  result = add_difference(profile, &before, &after, mask, picture);
done:
  data_image_free(&after);
  if (copied) data_image_free(&before);
  return result;
}

/* ---- the network ---- */

status apply_score(harmonizer *h, const data_profile *profile,
                   const data_picture *picture, const data_image *mask,
                   double *score) {
  int size = harmonizer_size(h);
  size_t pixels = (size_t)size * (size_t)size;
  float *inputs = NULL, *srgb = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(4 * pixels, "network inputs", &inputs));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "colours in sRGB", &srgb));
  TRY_OR(done, shrink(picture, mask, size, inputs, inputs + 3 * pixels));
  if (profile != NULL) net_to_srgb(profile, pixels, inputs, srgb);
  *score = harmonizer_score(h, inputs, inputs + 3 * pixels);
done:
  memory_free(inputs);
  memory_free(srgb);
  return result;
}

status apply_network(harmonizer *h, int threads, const data_profile *profile,
                     data_picture *picture, const data_image *mask,
                     const data_image *weights) {
  int size = harmonizer_size(h);
  size_t pixels = (size_t)size * (size_t)size;
  float *inputs = NULL, *srgb = NULL, *change = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(4 * pixels, "network inputs", &inputs));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "colours in sRGB", &srgb));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "network output", &change));
  TRY_OR(done, shrink(picture, mask, size, inputs, inputs + 3 * pixels));
  if (profile != NULL) net_to_srgb(profile, pixels, inputs, srgb);
  const nn_real *output =
      harmonizer_run(h, inputs, inputs + 3 * pixels, NULL, 0);
  nn_colour_change colours;
  if (harmonizer_change(h, &colours)) {
    result = change_colours(&colours, threads, profile, picture, weights);
    goto done;
  }
  change_of(output, inputs, pixels, change);
  if (profile != NULL) change_back(profile, pixels, srgb, change);
  result = add_change(change, size, threads, picture, weights);
done:
  memory_free(inputs);
  memory_free(srgb);
  memory_free(change);
  return result;
}

/* ---- pictures ---- */

status apply_read(const char *path, data_picture *picture,
                  data_profile **profile) {
  *profile = NULL;
  TRY(data_picture_read(path, picture));
  TRY(data_picture_colour(picture));
  if (picture->metadata.other_colours)
    log_warning("%s: a gamma or primaries without a profile: its colours are "
                "taken for sRGB",
                path);
  if (picture->inks ||
      data_profile_open(&picture->metadata.profile, profile) == STATUS_OK)
    return STATUS_OK;
  log_warning("%s: %s: its colours are taken for sRGB", path, status_message());
  return STATUS_OK;
}
