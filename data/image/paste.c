/* Laying a cut-out over a picture: resized, brought to the picture's colours,
 * and mixed by its alpha. In float, by rows: those of the cut-out are made as
 * wide as they will be one after the other, and as many are kept as a row of
 * the picture is made of. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/threads.h"
#include "data/image/image_internal.h"
#include "data/image/resize_internal.h"

enum { BAND = 64 /* rows that a thread takes */, VALUES = 4 };

static const double scale_least = 0.001, scale_most = 1000;

/* ---- where ---- */

/* A whole number up to the character `end`, behind which *text is then. */
static bool read_whole(const char **text, char end, int *out) {
  char *stop;
  errno = 0;
  long value = strtol(*text, &stop, 10);
  if (stop == *text || *stop != end || errno != 0 || value < -INT32_MAX ||
      value > INT32_MAX)
    return false;
  *out = (int)value;
  *text = stop + 1;
  return true;
}

status data_placing_read(const char *where, const char *at, const char *scale,
                         data_placing *out) {
  char *end;
  const char *rest = at;
  *out = (data_placing){.scale = 1};
  if (at[0] != '\0' &&
      !(read_whole(&rest, ',', &out->x) && read_whole(&rest, '\0', &out->y)))
    return status_error(STATUS_USAGE,
                        "%sat: '%s'; expected X,Y, whole pixels from the left "
                        "and from the top",
                        where, at);
  if (scale[0] == '\0') return STATUS_OK;
  out->scale = strtod(scale, &end);
  if (*end == '\0' && out->scale >= scale_least && out->scale <= scale_most)
    return STATUS_OK;
  return status_error(STATUS_USAGE, "%sscale: '%s'; expected %g to %g", where,
                      scale, scale_least, scale_most);
}

/* The part of a side that lies in the picture: [begin, end) of its pixels. */
typedef struct span {
  int begin, end;
} span;

static span visible(int at, int length, int side) {
  int64_t end = (int64_t)at + length;
  return (span){at > 0 ? at : 0, (int)(end < side ? end : side)};
}

/* What threads have in common. */
typedef struct job {
  const data_cutout *cutout;
  const data_profile *profile; /* of the picture */
  data_picture *picture, *placed;
  data_image *mask;
  span across, down;
  resize_taps columns, rows; /* by the resized cut-out's pixels */
} job;

static status find_place(const data_cutout *cutout, const char *path, job *j) {
  const data_picture *from = cutout->picture, *to = j->picture;
  const data_placing *at = &cutout->at;
  double width = fmax(1, floor(from->width * at->scale + 0.5));
  double height = fmax(1, floor(from->height * at->scale + 0.5));
  if (image_check_size(cutout->path, (int64_t)width, (int64_t)height) !=
      STATUS_OK)
    return status_context(STATUS_MISFIT, "by --scale %g", at->scale);
  j->across = visible(at->x, (int)width, to->width);
  j->down = visible(at->y, (int)height, to->height);
  if (j->across.begin >= j->across.end || j->down.begin >= j->down.end)
    return status_error(STATUS_MISFIT,
                        "%s: by --at %d,%d and --scale %g nothing of its %g x "
                        "%g pixels lies in %s, of %d x %d",
                        cutout->path, at->x, at->y, at->scale, width, height,
                        path, to->width, to->height);
  TRY(resize_taps_create(from->width, 0, (float)from->width, (int)width,
                         DATA_BICUBIC, &j->columns));
  return resize_taps_create(from->height, 0, (float)from->height, (int)height,
                            DATA_BICUBIC, &j->rows);
}

/* ---- values ---- */

static float value_at(const data_picture *picture, size_t at) {
  if (picture->bits == 16)
    return (float)((const uint16_t *)picture->pixels)[at] / 65535;
  return (float)((const uint8_t *)picture->pixels)[at] / 255;
}

static float clamped(float x) { return x > 0 ? x < 1 ? x : 1 : 0; }

static void put_value(const data_picture *picture, size_t at, float value) {
  if (picture->bits == 16)
    ((uint16_t *)picture->pixels)[at] =
        (uint16_t)(65535 * clamped(value) + 0.5f);
  else
    ((uint8_t *)picture->pixels)[at] = (uint8_t)(255 * clamped(value) + 0.5f);
}

/* ---- rows of the cut-out ---- */

/* Memory of a thread. */
typedef struct rows {
  float *colours;    /* of a row of the cut-out: [width,3] */
  float *values;     /* the same weighted by alpha, and alpha */
  float *kept;       /* rows as wide as they will be, row y at y mod count */
  float *out;        /* a row of the resized cut-out */
  size_t kept_count; /* rows */
  int next;          /* the first that is not made yet */
} rows;

/* In the picture's colours. */
static void read_row(const job *j, size_t y, rows *r) {
  const data_picture *from = j->cutout->picture;
  const data_image *mask = j->cutout->mask;
  size_t width = (size_t)from->width, channels = (size_t)from->channels;
  for (size_t x = 0; x < width; x++)
    for (size_t c = 0; c < 3; c++)
      r->colours[3 * x + c] = value_at(from, (y * width + x) * channels + c);
  if (j->cutout->profile != NULL)
    data_profile_to_srgb(j->cutout->profile, r->colours, r->colours, width);
  if (j->profile != NULL)
    data_profile_from_srgb(j->profile, r->colours, r->colours, width);
  for (size_t x = 0; x < width; x++) {
    size_t i = y * width + x;
    float alpha = mask != NULL ? (float)mask->pixels[i] / 255
                               : value_at(from, i * channels + 3);
    for (size_t c = 0; c < 3; c++)
      r->values[VALUES * x + c] = alpha * r->colours[3 * x + c];
    r->values[VALUES * x + 3] = alpha;
  }
}

static size_t visible_values(const job *j) {
  return VALUES * (size_t)(j->across.end - j->across.begin);
}

static float weight_of(const resize_taps *taps, size_t i, int t) {
  size_t at = i * (size_t)taps->width + (size_t)t;
  return (float)taps->weights[at] / (1 << RESIZE_BITS);
}

static void make_row(const job *j, rows *r) {
  const resize_taps *taps = &j->columns;
  size_t values = visible_values(j);
  float *out = r->kept + ((size_t)r->next % r->kept_count) * values;
  size_t x = (size_t)(j->across.begin - j->cutout->at.x);
  read_row(j, (size_t)r->next, r);
  for (size_t i = 0; i < values; i += VALUES, x++) {
    const float *from = r->values + VALUES * (size_t)taps->first[x];
    float sum[VALUES] = {0};
    for (int t = 0; t < taps->count[x]; t++, from += VALUES)
      for (int c = 0; c < VALUES; c++)
        sum[c] += weight_of(taps, x, t) * from[c];
    memcpy(out + i, sum, sizeof sum);
  }
  r->next++;
}

/* Row y of the resized cut-out; they are asked for in order. */
static void resized_row(const job *j, size_t y, rows *r) {
  const resize_taps *taps = &j->rows;
  size_t values = visible_values(j);
  int first = taps->first[y], end = first + taps->count[y];
  if (r->next < first) r->next = first;
  while (r->next < end) make_row(j, r);
  memset(r->out, 0, values * sizeof *r->out);
  for (int t = 0; t < end - first; t++) {
    float weight = weight_of(taps, y, t);
    const float *row = r->kept + ((size_t)(first + t) % r->kept_count) * values;
    for (size_t i = 0; i < values; i++) r->out[i] += weight * row[i];
  }
}

/* ---- over the picture ---- */

/* colour: with its own alpha, which is not 0. */
static void lay_pixel(const data_picture *picture, size_t at,
                      const float colour[3], float alpha) {
  size_t channels = (size_t)picture->channels, first = at * channels;
  float below = channels > 3 ? value_at(picture, first + 3) : 1;
  float behind = below * (1 - alpha), all = alpha + behind;
  for (size_t c = 0; c < 3; c++) {
    float own = value_at(picture, first + c);
    put_value(picture, first + c, (alpha * colour[c] + behind * own) / all);
  }
  if (channels > 3) put_value(picture, first + 3, all);
}

static void lay_row(const job *j, size_t y, const float *row) {
  size_t at = y * (size_t)j->picture->width + (size_t)j->across.begin;
  size_t values = visible_values(j);
  for (size_t i = 0; i < values; i += VALUES, at++) {
    float alpha = clamped(row[i + 3]), colour[3];
    uint8_t level = (uint8_t)(255 * alpha + 0.5f);
    if (level == 0) continue;
    for (size_t c = 0; c < 3; c++) colour[c] = clamped(row[i + c] / row[i + 3]);
    j->mask->pixels[at] = level;
    lay_pixel(j->picture, at, colour, alpha);
    if (j->placed == NULL) continue;
    for (size_t c = 0; c < 3; c++)
      put_value(j->placed, VALUES * at + c, colour[c]);
    put_value(j->placed, VALUES * at + 3, (float)level / 255);
  }
}

static status lay_band(void *context, size_t band) {
  const job *j = context;
  size_t width = (size_t)j->cutout->picture->width, values = visible_values(j);
  size_t kept = (size_t)j->rows.width;
  float *memory;
  TRY(MEMORY_NEW((3 + VALUES) * width + (kept + 1) * values,
                 "rows of a cut-out", &memory));
  rows r = {.colours = memory,
            .values = memory + 3 * width,
            .kept = memory + (3 + VALUES) * width,
            .kept_count = kept};
  r.out = r.kept + kept * values;
  int begin = j->down.begin + (int)band * BAND;
  for (int y = begin; y < begin + BAND && y < j->down.end; y++) {
    resized_row(j, (size_t)(y - j->cutout->at.y), &r);
    lay_row(j, (size_t)y, r.out);
  }
  memory_free(memory);
  return STATUS_OK;
}

/* ---- all of it ---- */

static status check_mask(const data_cutout *cutout, const char *path,
                         const data_image *mask) {
  size_t count = (size_t)mask->width * (size_t)mask->height, object = 0;
  for (size_t i = 0; i < count; i++) object += mask->pixels[i] >= 128;
  if (object > 0 && object < count) return STATUS_OK;
  return status_error(
      STATUS_MISFIT, "%s: by --at %d,%d and --scale %g it %s %s", cutout->path,
      cutout->at.x, cutout->at.y, cutout->at.scale,
      object == 0 ? "has no pixel of half its alpha or more in" : "covers",
      path);
}

static status paste(job *j, const char *path, int threads) {
  const data_picture *to = j->picture;
  TRY(find_place(j->cutout, path, j));
  TRY(data_image_create(to->width, to->height, 1, j->mask));
  if (j->placed != NULL)
    TRY(data_picture_create(to->width, to->height, VALUES, to->bits,
                            j->placed));
  size_t bands = (size_t)(j->down.end - j->down.begin + BAND - 1) / BAND;
  bool profiles = j->profile != NULL || j->cutout->profile != NULL;
  TRY(threads_for(bands, profiles ? 1 : threads, lay_band, j));
  return check_mask(j->cutout, path, j->mask);
}

status data_picture_paste(const data_cutout *cutout, const char *path,
                          const data_profile *profile, int threads,
                          data_picture *picture, data_image *mask,
                          data_picture *placed) {
  job j = {.cutout = cutout,
           .profile = profile,
           .picture = picture,
           .placed = placed,
           .mask = mask};
  *mask = (data_image){0};
  if (placed != NULL) *placed = (data_picture){0};
  status result = paste(&j, path, threads);
  resize_taps_free(&j.columns);
  resize_taps_free(&j.rows);
  if (result == STATUS_OK) return STATUS_OK;
  data_image_free(mask);
  if (placed != NULL) data_picture_free(placed);
  return result;
}
