/* 3D tables of colours, and how near they come. */
#include "dist/use/lut.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/publish.h"
#include "base/threads.h"
#include "dist/use/change.h"

enum { MOST_NUMBERS = 64, AT_ONCE = LUT_SIZE_MAX };

/* What colours become, exactly. */
typedef struct grade {
  nn_head head;
  const data_profile *profile;
  nn_real numbers[MOST_NUMBERS];
  float strength;
} grade;

static float clamped(float x) { return x > 0 ? x < 1 ? x : 1 : 0; }

/* As change.c has it for a white mask, but not yet clamped to [0,1]. With
 * `straight` the network's own clamping is left out: all of the change would be
 * clamped there anyway, and a straight line is interpolated without an error.
 * At most AT_ONCE colours of three. */
static void become(const grade *g, bool straight, size_t count,
                   const float *own, float *out) {
  float srgb[3 * AT_ONCE], seen[3 * AT_ONCE];
  for (size_t i = 0; i < 3 * count; i++) srgb[i] = own[i];
  if (g->profile != NULL) data_profile_to_srgb(g->profile, own, srgb, count);
  for (size_t i = 0; i < 3 * count; i++) seen[i] = clamped(srgb[i]);
  nn_change_by_numbers(g->head, g->numbers, count, seen, out);
  for (size_t i = 0; i < 3 * count; i++)
    out[i] = srgb[i] + ((straight ? out[i] : clamped(out[i])) - seen[i]);
  if (g->profile != NULL) data_profile_from_srgb(g->profile, out, out, count);
  for (size_t i = 0; i < 3 * count; i++)
    out[i] = own[i] + g->strength * (out[i] - own[i]);
}

/* ---- the table: red goes fastest ---- */

static void fill(const grade *g, int size, float *table) {
  bool straight = g->profile == NULL && g->strength >= 1;
  float row[3 * AT_ONCE];
  size_t length = 3 * (size_t)size;
  for (int b = 0; b < size; b++)
    for (int green = 0; green < size; green++, table += length) {
      for (int r = 0; r < size; r++) {
        const int place[3] = {r, green, b};
        for (int c = 0; c < 3; c++)
          row[3 * r + c] = (float)place[c] / (float)(size - 1);
      }
      become(g, straight, (size_t)size, row, table);
    }
}

static float mix(float a, float b, float part) { return a + part * (b - a); }

/* Trilinear, as those who read the file do it. */
static void look_up(const float *table, int size, const float in[3],
                    float out[3]) {
  size_t step[3] = {3, 3 * (size_t)size, 3 * (size_t)size * (size_t)size};
  float part[3];
  for (int c = 0; c < 3; c++) {
    float at = clamped(in[c]) * (float)(size - 1);
    int low = at < (float)(size - 1) ? (int)at : size - 2;
    part[c] = at - (float)low;
    table += (size_t)low * step[c];
  }
  for (int c = 0; c < 3; c++, table++) {
    float edge[4];
    for (size_t k = 0; k < 4; k++) {
      const float *e = table + (k & 1) * step[1] + (k >> 1) * step[2];
      edge[k] = mix(e[0], e[step[0]], part[0]);
    }
    out[c] = mix(mix(edge[0], edge[1], part[1]), mix(edge[2], edge[3], part[1]),
                 part[2]);
  }
}

/* ---- how near it comes ---- */

typedef struct comparison {
  const grade *grade;
  const float *table;
  int size;
  const data_picture *picture;
  const data_image *mask;
  float *worst; /* by row */
} comparison;

static float farthest(const comparison *job, size_t count, const float *own,
                      const uint8_t *mask) {
  float exact[3 * AT_ONCE], found[3], worst = 0;
  become(job->grade, false, count, own, exact);
  for (size_t i = 0; i < count; i++) {
    if (mask[i] == 0) continue;
    look_up(job->table, job->size, own + 3 * i, found);
    for (size_t c = 0; c < 3; c++)
      worst =
          fmaxf(worst, fabsf(clamped(found[c]) - clamped(exact[3 * i + c])));
  }
  return worst;
}

static status compare_row(void *context, size_t y) {
  const comparison *job = context;
  float own[3 * AT_ONCE];
  size_t width = (size_t)job->picture->width;
  const uint8_t *mask = job->mask->pixels + y * width;
  for (size_t x = 0; x < width; x += AT_ONCE) {
    size_t count = width - x < AT_ONCE ? width - x : AT_ONCE;
    bool any = false;
    for (size_t i = 0; i < count; i++) any = any || mask[x + i] > 0;
    if (!any) continue;
    change_take_colours(job->picture, y * width + x, count, own);
    job->worst[y] = fmaxf(job->worst[y], farthest(job, count, own, mask + x));
  }
  return STATUS_OK;
}

static status tell_distance(const char *path, const grade *g, int threads,
                            const float *table, int size,
                            const data_picture *picture,
                            const data_image *mask) {
  comparison job = {g, table, size, picture, mask, NULL};
  size_t height = (size_t)picture->height;
  float worst = 0;
  TRY(MEMORY_NEW(height, "distances of a table", &job.worst));
  status result = threads_for(height, g->profile != NULL ? 1 : threads,
                              compare_row, &job); /* as in change.c */
  for (size_t y = 0; y < height; y++) worst = fmaxf(worst, job.worst[y]);
  memory_free(job.worst);
  if (result == STATUS_OK && 255 * worst >= 1)
    log_warning("%s: up to %.1f levels of 255 from the output, as colours are "
                "clipped or curved between its entries: a larger --lut-size is "
                "nearer",
                path, 255 * (double)worst);
  return result;
}

/* ---- the file ---- */

static status write_table(const char *path, int size, const float *table) {
  char *text = NULL;
  size_t length = 0, entries = (size_t)size * (size_t)size * (size_t)size;
  FILE *file = open_memstream(&text, &length);
  if (file == NULL)
    return status_error(STATUS_MEMORY, "%s: not enough memory", path);
  fprintf(file,
          "# harmonia apply: what colours of the object become\n"
          "LUT_3D_SIZE %d\nDOMAIN_MIN 0 0 0\nDOMAIN_MAX 1 1 1\n",
          size);
  for (size_t i = 0; i < entries; i++, table += 3)
    fprintf(file, "%.7f %.7f %.7f\n", (double)table[0], (double)table[1],
            (double)table[2]);
  bool failed = ferror(file) != 0;
  status result = STATUS_OK;
  if (fclose(file) != 0 || failed)
    result = status_error(STATUS_MEMORY, "%s: not enough memory", path);
  if (result == STATUS_OK) result = publish_bytes(path, text, length);
  free(text);
  return result;
}

status lut_write(const char *path, const apply_change *change, int threads,
                 double strength, int size, const data_picture *picture,
                 const data_image *mask) {
  const nn_colour_change *colours = &change->colours;
  size_t numbers = nn_change_number_count(colours->head, colours->size);
  INVARIANT(nn_head_changes_evenly(colours->head) && numbers <= MOST_NUMBERS,
            "head %d", colours->head);
  grade g = {.head = colours->head,
             .profile = change->profile,
             .strength = (float)strength};
  nn_change_numbers(colours, g.numbers);
  float *table;
  size_t side = (size_t)size;
  TRY(MEMORY_NEW(3 * side * side * side, "a table of colours", &table));
  fill(&g, size, table);
  status result = write_table(path, size, table);
  if (result == STATUS_OK)
    result = tell_distance(path, &g, threads, table, size, picture, mask);
  memory_free(table);
  if (result == STATUS_OK)
    log_info("wrote %s (%d x %d x %d colours)", path, size, size, size);
  return result;
}
