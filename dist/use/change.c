/* Changes of colour at the picture's size. Rows are handed out to threads in
 * bands; along a row values lie beside each other, for loops that become
 * vectors. */
#include "dist/use/change.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "base/wide_vectors.h"

enum { BAND = 16 /* rows */ };

/* ---- a pixel ---- */

void change_pixel(const data_picture *to, size_t at, const double change[3]) {
  size_t first = at * (size_t)to->channels;
  uint8_t *bytes = (uint8_t *)to->pixels + first;
  uint16_t *words = (uint16_t *)to->pixels + first;
  float *floats = (float *)to->pixels + first;
  for (size_t c = 0; c < 3; c++)
    if (to->bits == 32)
      floats[c] += (float)(change[c] / 255);
    else if (to->bits == 16)
      words[c] = (uint16_t)nearest_level(words[c] + 257 * change[c], 65535);
    else
      bytes[c] = (uint8_t)nearest_level(bytes[c] + change[c], 255);
}

/* ---- a change of colours ---- */

typedef struct colours_job {
  const nn_picture_change *change;
  const data_profile *profile;
  const data_image *mask;
  const data_picture *to;
} colours_job;

/* A stretch of a row on its way: `count` colours of three values in [0,1]. */
typedef struct stretch {
  size_t y, begin, count;
  float *own;     /* as they are */
  float *seen;    /* in sRGB, as far as that goes */
  float *out;     /* as they are to become */
  float *weights; /* the mask of each value, 0 to 255 */
  nn_real *row;   /* nn_picture_change_row */
} stretch;

/* As nearly all pictures are. */
static bool is_plain(const data_picture *picture) {
  return picture->bits == 8 && picture->channels == 3;
}

WIDE_VECTORS
static void bytes_to_unit(size_t count, const uint8_t *bytes, float *out) {
  for (size_t i = 0; i < count; i++) out[i] = (float)bytes[i] / 255;
}

void change_take_colours(const data_picture *from, size_t at, size_t count,
                         float *out) {
  size_t channels = (size_t)from->channels, first = at * channels;
  const uint8_t *bytes = (const uint8_t *)from->pixels + first;
  const uint16_t *words = (const uint16_t *)from->pixels + first;
  const float *floats = (const float *)from->pixels + first;
  if (is_plain(from)) {
    bytes_to_unit(3 * count, bytes, out);
    return;
  }
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < 3; c++) {
      size_t value = i * channels + c;
      out[3 * i + c] = from->bits == 32   ? floats[value]
                       : from->bits == 16 ? (float)words[value] / 65535
                                          : (float)bytes[value] / 255;
    }
}

WIDE_VECTORS
static void clamp_to_unit(size_t count, const float *in, float *out) {
  for (size_t i = 0; i < count; i++)
    out[i] = in[i] > 0 ? in[i] < 1 ? in[i] : 1 : 0;
}

/* The change of what was seen, of all that there was. */
WIDE_VECTORS
static void keep_beyond(size_t count, const float *before, const float *seen,
                        float *out) {
  for (size_t i = 0; i < count; i++) out[i] = before[i] + (out[i] - seen[i]);
}

/* What lies beyond sRGB stays. */
static void become(const colours_job *job, stretch *p) {
  size_t values = 3 * p->count;
  int begin = (int)p->begin, end = (int)(p->begin + p->count);
  float *srgb = p->own;
  if (job->profile != NULL) {
    srgb = p->weights; /* not needed yet */
    data_profile_to_srgb(job->profile, p->own, srgb, p->count);
  }
  clamp_to_unit(values, srgb, p->seen);
  nn_picture_change_row(job->change, (int)p->y, p->row);
  nn_picture_change_pixels(job->change, p->row, begin, end, p->seen, p->out);
  keep_beyond(values, srgb, p->seen, p->out);
  if (job->profile != NULL)
    data_profile_from_srgb(job->profile, p->out, p->out, p->count);
}

/* The mask of each value. */
WIDE_VECTORS
static void weigh(size_t count, const uint8_t *mask, float *weights) {
  for (size_t i = 0; i < count; i++) {
    weights[3 * i] = mask[i];
    weights[3 * i + 1] = mask[i];
    weights[3 * i + 2] = mask[i];
  }
}

WIDE_VECTORS
static void add_to_bytes(size_t count, const float *weights,
                         const float *before, const float *after,
                         uint8_t *bytes) {
  for (size_t i = 0; i < count; i++) {
    double change = ((double)after[i] - before[i]) * weights[i];
    int level = nearest_level(bytes[i] + change, 255);
    bytes[i] = (uint8_t)(weights[i] > 0 ? level : bytes[i]);
  }
}

static void give_colours(const colours_job *job, const stretch *p) {
  const data_picture *to = job->to;
  size_t at = p->y * (size_t)to->width + p->begin;
  const uint8_t *mask = job->mask->pixels + at;
  if (is_plain(to)) {
    weigh(p->count, mask, p->weights);
    add_to_bytes(3 * p->count, p->weights, p->own, p->out,
                 (uint8_t *)to->pixels + 3 * at);
    return;
  }
  for (size_t i = 0; i < p->count; i++) {
    if (mask[i] == 0) continue;
    double change[3];
    for (size_t c = 0; c < 3; c++)
      change[c] = ((double)p->out[3 * i + c] - p->own[3 * i + c]) * mask[i];
    change_pixel(to, at + i, change);
  }
}

WIDE_VECTORS
static bool has_object(const uint8_t *mask, size_t count) {
  uint8_t any = 0;
  for (size_t i = 0; i < count; i++) any |= mask[i];
  return any != 0;
}

/* A row, from the first pixel of the mask to its last. */
static void change_row(const colours_job *job, size_t y, stretch *p) {
  size_t width = (size_t)job->to->width, begin = 0, end = width;
  const uint8_t *mask = job->mask->pixels + y * width;
  if (!has_object(mask, width)) return;
  while (mask[begin] == 0) begin++;
  while (mask[end - 1] == 0) end--;
  p->y = y;
  p->begin = begin;
  p->count = end - begin;
  change_take_colours(job->to, y * width + begin, p->count, p->own);
  become(job, p);
  give_colours(job, p);
}

static status change_band(void *context, size_t band) {
  const colours_job *job = context;
  size_t values = 3 * (size_t)job->to->width, end = (band + 1) * BAND;
  size_t height = (size_t)job->to->height;
  float *memory;
  TRY(MEMORY_NEW(4 * values + nn_picture_change_row_size(job->change),
                 "rows of colours", &memory));
  stretch p = {.own = memory,
               .seen = memory + values,
               .out = memory + 2 * values,
               .weights = memory + 3 * values,
               .row = memory + 4 * values};
  for (size_t y = band * BAND; y < end && y < height; y++)
    change_row(job, y, &p);
  memory_free(memory);
  return STATUS_OK;
}

status change_colours(const nn_colour_change *colours, int threads,
                      const data_profile *profile, const data_picture *to,
                      const data_image *mask) {
  nn_picture_change *change;
  TRY(nn_picture_change_create(colours, to->width, to->height, &change));
  colours_job job = {change, profile, mask, to};
  size_t bands = ((size_t)to->height + BAND - 1) / BAND;
  status result = threads_for(bands, profile != NULL ? 1 : threads, change_band,
                              &job); /* profiles are for one thread */
  nn_picture_change_destroy(&change);
  return result;
}

/* ---- a change of the small picture ---- */

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
  const data_picture *to;
} change_job;

static status add_to_row(void *context, size_t y) {
  const change_job *job = context;
  size_t width = (size_t)job->to->width, row = 3 * (size_t)job->size;
  between v = place_of((int)y, job->to->height, job->size, row);
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
    change_pixel(job->to, y * width + x, change);
  }
  return STATUS_OK;
}

status change_add(const float *change, int size, int threads,
                  const data_picture *to, const data_image *mask) {
  between *columns;
  TRY(MEMORY_NEW((size_t)to->width, "columns of a picture", &columns));
  for (int x = 0; x < to->width; x++)
    columns[x] = place_of(x, to->width, size, 3);
  change_job job = {change, size, columns, mask, to};
  status result = threads_for((size_t)to->height, threads, add_to_row, &job);
  memory_free(columns);
  return result;
}
