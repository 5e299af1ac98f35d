/* The picture sheet of an evaluation. */
#include "dist/score/evaluate_sheet.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dist/score/evaluator.h"
#include "dist/draw/sheet.h"

typedef struct gallery {
  int columns, rows;
  const char **headings, **labels;
  const method **methods; /* of the columns between composite and real */
  data_image *cells;
} gallery;

static bool changes(const method *m) {
  return m->network != NULL || m->classical != NULL;
}

static status gallery_open(gallery *g, const method *methods, int method_count,
                           int rows) {
  *g = (gallery){.rows = rows};
  size_t most = (size_t)method_count + 3;
  TRY(MEMORY_NEW(most, "sheet", &g->headings));
  TRY(MEMORY_NEW(most, "sheet", &g->methods));
  TRY(MEMORY_NEW((size_t)rows, "sheet", &g->labels));
  g->headings[g->columns++] = "mask";
  g->headings[g->columns++] = "composite";
  for (int m = 0; m < method_count; m++) {
    if (!changes(&methods[m])) continue;
    g->methods[g->columns] = &methods[m];
    g->headings[g->columns++] = methods[m].name;
  }
  g->headings[g->columns++] = "real";
  return MEMORY_NEW((size_t)rows * (size_t)g->columns, "sheet", &g->cells);
}

static void gallery_close(gallery *g) {
  for (int i = 0; g->cells != NULL && i < g->rows * g->columns; i++)
    data_image_free(&g->cells[i]);
  memory_free(g->cells);
  memory_free(g->headings);
  memory_free(g->methods);
  memory_free(g->labels);
}

/* Of a level, which may be no number: then black. */
static uint8_t to_byte(float level) {
  return level > 0 ? (uint8_t)lroundf(level) : 0;
}

static status make_row(const gallery *g, evaluator *e, size_t first,
                       size_t sample, data_image *cells) {
  size_t values = 3 * (size_t)e->size * (size_t)e->size;
  int last = g->columns - 1;
  for (int k = 0; k <= last; k++)
    TRY(data_image_create(e->size, e->size, k == 0 ? 1 : 3, &cells[k]));
  TRY(data_set_read(e->set, first + sample, e->composite, e->mask, e->real));
  memcpy(cells[0].pixels, e->mask, values / 3);
  memcpy(cells[1].pixels, e->composite, values);
  memcpy(cells[last].pixels, e->real, values);
  for (int k = 2; k < last; k++) {
    TRY(evaluator_run(e, g->methods[k], sample));
    for (size_t i = 0; i < values; i++)
      cells[k].pixels[i] = to_byte(e->output[i]);
  }
  return STATUS_OK;
}

static status fill(gallery *g, evaluator *e, size_t count) {
  const data_set_info *info = data_set_describe(e->set);
  size_t first = info->split_begin[e->protocol->split];
  for (int row = 0; row < g->rows; row++) {
    size_t sample = (size_t)row * count / (size_t)g->rows;
    g->labels[row] = data_set_name(e->set, first + sample);
    TRY(make_row(g, e, first, sample, g->cells + row * g->columns));
  }
  return STATUS_OK;
}

status evaluate_sheet(const char *path, data_set *set, const protocol *how,
                      const method *methods, int method_count, int rows) {
  size_t count = evaluate_count(set, how);
  if ((size_t)rows > count) rows = (int)count;
  gallery g = {0};
  evaluator e;
  char title[256];
  snprintf(title, sizeof title, "%d of %zu %s samples", rows, count,
           data_split_name(how->split));
  status result = evaluator_open(&e, set, how);
  if (result == STATUS_OK)
    result = gallery_open(&g, methods, method_count, rows);
  if (result == STATUS_OK) result = fill(&g, &e, count);
  if (result == STATUS_OK)
    result = sheet_write(path, title, g.columns, g.headings, g.rows, g.labels,
                         g.cells);
  gallery_close(&g);
  evaluator_close(&e);
  return result;
}
