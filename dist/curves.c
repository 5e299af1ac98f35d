#include "dist/curves.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "dist/csv.h"
#include "dist/plot.h"

enum { MAX_SERIES = 32, LEFT = 120, TOP = 100, RIGHT = 300, BETWEEN = 100 };

static const draw_colour paper = {255, 255, 255}, ink = {34, 38, 46};

typedef struct gather {
  int step, columns[MAX_SERIES];
  plot_series *series[MAX_SERIES]; /* losses first, then validation */
  int losses, count;
  double first_step, last_step;
  size_t rows;
  double *row; /* one line of the table */
} gather;

static void free_gather(gather *g) {
  for (int i = 0; i < g->count; i++) memory_free(g->series[i]);
  memory_free(g->row);
}

static status add_series(gather *g, const csv_reader *table, int column) {
  if (g->count == MAX_SERIES) return STATUS_OK;
  TRY(MEMORY_NEW(1, "curve", &g->series[g->count]));
  snprintf(g->series[g->count]->name, PLOT_NAME, "%s",
           csv_heading(table, column));
  g->columns[g->count++] = column;
  return STATUS_OK;
}

static status add_all_series(gather *g, const csv_reader *table,
                             const char *beginning) {
  for (int i = 0; i < csv_columns(table); i++)
    if (strncmp(csv_heading(table, i), beginning, strlen(beginning)) == 0)
      TRY(add_series(g, table, i));
  return STATUS_OK;
}

static status choose_columns(gather *g, const csv_reader *table,
                             const char *path) {
  g->step = csv_find(table, "step");
  if (g->step < 0)
    return status_error(STATUS_FORMAT,
                        "%s: no training log (expected a column 'step')", path);
  TRY(add_all_series(g, table, "loss"));
  g->losses = g->count;
  TRY(add_all_series(g, table, "val"));
  return MEMORY_NEW((size_t)csv_columns(table), "row", &g->row);
}

/* The first pass: how far the steps go. */
static void find_steps(gather *g, csv_reader *table) {
  g->first_step = INFINITY, g->last_step = -INFINITY;
  while (csv_next(table, g->row)) {
    double step = g->row[g->step];
    if (!isfinite(step)) continue;
    g->first_step = fmin(g->first_step, step);
    g->last_step = fmax(g->last_step, step);
    g->rows++;
  }
}

static void put(plot_bin *bin, double value) {
  if (bin->count == 0) bin->first = bin->low = bin->high = value;
  bin->low = fmin(bin->low, value);
  bin->high = fmax(bin->high, value);
  bin->last = value;
  bin->sum += value;
  bin->count++;
}

/* The second pass: values into the columns of the picture. */
static void fill_bins(gather *g, csv_reader *table) {
  double span = g->last_step - g->first_step;
  while (csv_next(table, g->row)) {
    double step = g->row[g->step];
    double share = span > 0 ? (step - g->first_step) / span : 0.5;
    if (!(share >= 0 && share <= 1)) continue;
    int bin = (int)lround(share * (PLOT_WIDTH - 1));
    for (int i = 0; i < g->count; i++) {
      double value = g->row[g->columns[i]];
      /* Beyond it sums and squares of values would overflow. */
      if (isfinite(value) && fabs(value) < 1e100)
        put(&g->series[i]->bins[bin], value);
    }
  }
}

static status read_log(const char *path, gather *g) {
  csv_reader *table;
  TRY(csv_open(path, &table));
  status result = choose_columns(g, table, path);
  if (result == STATUS_OK) find_steps(g, table);
  csv_close(&table);
  TRY(result);
  TRY(csv_open(path, &table));
  fill_bins(g, table);
  csv_close(&table);
  return STATUS_OK;
}

static status draw_all(data_image *canvas, gather *g, const char *path) {
  char title[512];
  snprintf(title, sizeof title, "%s", path);
  draw_text_within(canvas, LEFT, 22, canvas->width - LEFT - 20, 3, ink, title);
  plot losses = {.title = "Loss",
                 .nothing = g->losses > 0 ? "no rows yet" : "no loss columns",
                 .series = g->series,
                 .count = g->losses,
                 .first_step = g->first_step,
                 .last_step = g->last_step};
  TRY(plot_draw(canvas, LEFT, TOP, &losses));
  if (g->count == g->losses) return STATUS_OK;
  plot validation = losses;
  validation.title = "Validation";
  validation.nothing = "no values yet";
  validation.series = g->series + g->losses;
  validation.count = g->count - g->losses;
  return plot_draw(canvas, LEFT, TOP + PLOT_HEIGHT + BETWEEN, &validation);
}

status curves_write(const char *csv_path, const char *png_path) {
  gather g = {0};
  data_image canvas = {0};
  status result = read_log(csv_path, &g);
  int panels = g.count > g.losses ? 2 : 1;
  int height = TOP + panels * (PLOT_HEIGHT + BETWEEN) - BETWEEN + 50;
  if (result == STATUS_OK)
    result = draw_canvas(LEFT + PLOT_WIDTH + RIGHT, height, paper, &canvas);
  if (result == STATUS_OK) result = draw_all(&canvas, &g, csv_path);
  if (result == STATUS_OK) result = data_image_write(png_path, &canvas, 95);
  data_image_free(&canvas);
  free_gather(&g);
  return result;
}
