/* What a masked convolution leaves out. */
#include <string.h>

#include "nn/conv/conv.h"

typedef struct map_job {
  const nn_real *values;
  size_t channels;
  unsigned char *active;
} map_job;

/* A NaN is no zero. Most pixels are told by their first values. */
static inline __attribute__((always_inline)) bool any(const nn_real *values,
                                                      size_t count) {
  enum { LANES = 32 };
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    int found = 0;
    for (size_t k = 0; k < LANES; k++) found |= values[i + k] != 0;
    if (found) return true;
  }
  for (; i < count; i++)
    if (values[i] != 0) return true;
  return false;
}

NN_CLONES static void look_at(const map_job *job, size_t begin, size_t end) {
  for (size_t pixel = begin; pixel < end; pixel++)
    job->active[pixel] =
        any(job->values + pixel * job->channels, job->channels);
}

static void look(void *context, size_t begin, size_t end) {
  look_at(context, begin, end);
}

/* Pixels of x or of y, whichever are more, in whole lines of the cache. */
static size_t most_pixels(const nn_conv_case *c) {
  enum { LINE = 64 /* bytes */ };
  size_t x = (size_t)c->batch * (size_t)c->in_h * (size_t)c->in_w;
  size_t y = nn_conv_pixels(c);
  return ((x > y ? x : y) + LINE - 1) / LINE * LINE;
}

size_t nn_conv_map_scratch(const nn_conv_case *c) {
  if (!c->masked || nn_conv_is_pointwise(c)) return 0;
  return most_pixels(c) * (sizeof(unsigned char) + 2 * sizeof(uint32_t));
}

nn_conv_map nn_conv_map_of(const nn_call *call, const nn_conv_case *c) {
  nn_conv_map map = {.height = c->out_h, .width = c->out_w};
  if (nn_conv_map_scratch(c) == 0) return map;
  int source = c->partial == NN_PARTIAL_W; /* gy; of the forward pass x */
  nn_shape s = call->in_shape[source];
  size_t pixels = (size_t)s.n * (size_t)s.h * (size_t)s.w;
  map_job job = {call->in[source], (size_t)s.c, call->scratch};
  nn_parallel(call->threads, pixels, 1 << 10, look, &job);
  if (memchr(job.active, 0, pixels) == NULL) return map;
  size_t most = most_pixels(c);
  map.active = job.active;
  map.height = s.h;
  map.width = s.w;
  map.list = (uint32_t *)(void *)(job.active + most);
  map.places = map.list + most;
  return map;
}

bool nn_conv_map_meets(const nn_conv_map *map, size_t image, int y, int x,
                       int height, int width) {
  int bottom = y + height < map->height ? y + height : map->height;
  int right = x + width < map->width ? x + width : map->width;
  if (x < 0) x = 0;
  for (y = y < 0 ? 0 : y; y < bottom && x < right; y++) {
    size_t row = image * (size_t)map->height + (size_t)y;
    if (memchr(map->active + row * (size_t)map->width + (size_t)x, 1,
               (size_t)(right - x)) != NULL)
      return true;
  }
  return false;
}

bool nn_conv_map_has(const void *unused, const nn_conv_map *map, size_t pixel) {
  (void)unused;
  return map->active[pixel];
}

nn_conv_rows nn_conv_rows_of(const nn_conv_map *map, size_t count,
                             bool (*meets)(const void *context,
                                           const nn_conv_map *map, size_t row),
                             const void *context) {
  if (map->active == NULL) return (nn_conv_rows){NULL, count};
  size_t kept = 0;
  for (size_t row = 0; row < count; row++)
    if (meets(context, map, row)) map->list[kept++] = (uint32_t)row;
  return (nn_conv_rows){kept < count ? map->list : NULL, kept};
}

void nn_conv_rows_gather(const nn_conv_rows *rows, size_t begin, size_t end,
                         const nn_real *from, size_t stride, size_t width,
                         nn_real *to) {
  for (size_t i = begin; i < end; i++, to += width)
    memcpy(to, from + nn_conv_row(rows, i) * stride, width * sizeof *to);
}

void nn_conv_rows_scatter(const nn_conv_rows *rows, size_t begin, size_t end,
                          const nn_real *from, size_t width, nn_real *to) {
  for (size_t i = begin; i < end; i++, from += width)
    memcpy(to + nn_conv_row(rows, i) * width, from, width * sizeof *to);
}
