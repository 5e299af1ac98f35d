/* The picture sheet of an evaluation. */
#include "dist/score/evaluate_sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dist/score/evaluator.h"
#include "dist/draw/sheet.h"

enum { NOTE = 32, NAME = 256 };

typedef struct gallery {
  int columns, rows;
  const char **headings;
  const method **methods; /* of the columns between composite and real */
  sheet_sample *samples;
  char (*notes)[NOTE], (*names)[NAME];
} gallery;

static bool changes(const method *m) {
  return m->network != NULL || m->classical != NULL;
}

const method *evaluate_sheet_judged(const method *methods, int method_count) {
  for (int m = method_count - 1; m >= 0; m--)
    if (changes(&methods[m]))
      return methods[m].ranked >= STANDINGS ? &methods[m] : NULL;
  return NULL;
}

static status gallery_open(gallery *g, const method *methods, int method_count,
                           int rows) {
  size_t most = (size_t)method_count + 2, count = (size_t)rows;
  TRY(MEMORY_NEW(most, "sheet", &g->headings));
  TRY(MEMORY_NEW(most, "sheet", &g->methods));
  TRY(MEMORY_NEW(count, "sheet", &g->samples));
  TRY(MEMORY_NEW(count, "sheet", &g->notes));
  TRY(MEMORY_NEW(count, "sheet", &g->names));
  g->headings[g->columns++] = "composite";
  for (int m = 0; m < method_count; m++) {
    if (!changes(&methods[m])) continue;
    g->methods[g->columns] = &methods[m];
    g->headings[g->columns++] = methods[m].name;
  }
  g->headings[g->columns++] = "real";
  for (g->rows = 0; g->rows < rows; g->rows++)
    TRY(MEMORY_NEW((size_t)g->columns, "sheet", &g->samples[g->rows].pictures));
  return STATUS_OK;
}

static void gallery_close(gallery *g) {
  for (int i = 0; i < g->rows; i++) {
    sheet_sample *sample = &g->samples[i];
    for (int k = 0; k < g->columns; k++) data_image_free(&sample->pictures[k]);
    data_image_free(&sample->mask);
    memory_free(sample->pictures);
  }
  memory_free(g->samples);
  memory_free(g->headings);
  memory_free(g->methods);
  memory_free(g->notes);
  memory_free(g->names);
}

/* Of a level, which may be no number: then black. */
static uint8_t to_byte(float level) {
  return level > 0 ? (uint8_t)lroundf(level) : 0;
}

static status make_row(const gallery *g, evaluator *e, size_t first,
                       size_t sample, int row) {
  size_t values = 3 * (size_t)e->size * (size_t)e->size;
  sheet_sample *out = &g->samples[row];
  data_image *pictures = out->pictures;
  int last = g->columns - 1;
  TRY(data_image_create(e->size, e->size, 1, &out->mask));
  for (int k = 0; k <= last; k++)
    TRY(data_image_create(e->size, e->size, 3, &pictures[k]));
  TRY(data_set_read(e->set, first + sample, e->composite, e->mask, e->real));
  memcpy(out->mask.pixels, e->mask, values / 3);
  memcpy(pictures[0].pixels, e->composite, values);
  memcpy(pictures[last].pixels, e->real, values);
  for (int k = 1; k < last; k++) {
    TRY(evaluator_run(e, g->methods[k], sample));
    for (size_t i = 0; i < values; i++)
      pictures[k].pixels[i] = to_byte(e->output[i]);
  }
  snprintf(g->names[row], NAME, "%s", data_set_name(e->set, first + sample));
  out->label = g->names[row];
  out->note = g->notes[row];
  return STATUS_OK;
}

/* The sample of a row, and what is to be said of it. */
static size_t choose(const method *judged, int row, int spread, size_t count,
                     char note[NOTE]) {
  static const char *const names[STANDINGS] = {"worst", "median", "best"};
  if (judged == NULL) return (size_t)row * count / (size_t)spread;
  if (row >= STANDINGS)
    return (size_t)(row - STANDINGS) * count / (size_t)spread;
  const standing_sample *found = &judged->standing[row];
  snprintf(note, NOTE, "%s, %.2f", names[row], found->ratio);
  return found->sample;
}

static status fill(gallery *g, evaluator *e, const method *judged, int spread,
                   size_t count, sheet_pace pace) {
  size_t first = data_set_describe(e->set)->split_begin[e->protocol->split];
  for (int row = 0; row < g->rows; row++) {
    if (pace.go_on != NULL && !pace.go_on(pace.context))
      return status_error(STATUS_STOPPED, "the sheet is given up");
    size_t sample = choose(judged, row, spread, count, g->notes[row]);
    TRY(make_row(g, e, first, sample, row));
  }
  return STATUS_OK;
}

status evaluate_sheet(const char *path, const char *title, data_set *set,
                      const protocol *how, const method *methods,
                      int method_count, int rows, sheet_pace pace) {
  size_t count = evaluate_count(set, how);
  int spread = (size_t)rows > count ? (int)count : rows;
  const method *judged = evaluate_sheet_judged(methods, method_count);
  gallery g = {0};
  evaluator e;
  status result = evaluator_open(&e, set, how);
  if (result == STATUS_OK)
    result = gallery_open(&g, methods, method_count,
                          spread + (judged != NULL ? STANDINGS : 0));
  if (result == STATUS_OK) result = fill(&g, &e, judged, spread, count, pace);
  if (result == STATUS_OK)
    result = sheet_write(path, title, g.columns, g.headings, g.rows, g.samples);
  gallery_close(&g);
  evaluator_close(&e);
  return result;
}
