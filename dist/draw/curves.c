/* The curves of a run: losses and scores by step. */
#include "dist/draw/curves.h"

#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "dist/draw/csv.h"
#include "dist/draw/plot.h"

enum { MAX_SERIES = 32, LEFT = 120, TOP = 100, RIGHT = 300, BETWEEN = 100 };

static const draw_colour paper = {255, 255, 255}, ink = {34, 38, 46};

/* The curves of one table. */
typedef struct gather {
  int step, columns[MAX_SERIES];
  plot_series *series[MAX_SERIES];
  int count;
  double first_step, last_step; /* infinite where there are no rows */
  double *row;                  /* one line of the table */
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

static bool is_discriminator_loss(const char *heading) {
  return strncmp(heading, "loss_D", 6) == 0;
}

static bool is_loss(const char *heading) {
  return strncmp(heading, "loss", 4) == 0 && !is_discriminator_loss(heading);
}

static bool is_score(const char *heading) {
  return strcmp(heading, "mse") == 0 || strcmp(heading, "fmse") == 0;
}

static status choose_columns(gather *g, const csv_reader *table,
                             const char *path,
                             bool (*is_wanted)(const char *heading)) {
  g->step = csv_find(table, "step");
  if (g->step < 0)
    return status_error(STATUS_FORMAT,
                        "%s: no training log (expected a column 'step')", path);
  for (int i = 0; i < csv_columns(table); i++)
    if (is_wanted(csv_heading(table, i))) TRY(add_series(g, table, i));
  return MEMORY_NEW((size_t)csv_columns(table), "row", &g->row);
}

/* How far the steps go. */
static void find_steps(gather *g, csv_reader *table) {
  g->first_step = INFINITY, g->last_step = -INFINITY;
  while (csv_next(table, g->row)) {
    double step = g->row[g->step];
    if (!isfinite(step)) continue;
    g->first_step = fmin(g->first_step, step);
    g->last_step = fmax(g->last_step, step);
  }
}

/* The first pass. */
static status survey(const char *path, bool (*is_wanted)(const char *heading),
                     gather *g) {
  csv_reader *table;
  TRY(csv_open(path, &table));
  status result = choose_columns(g, table, path, is_wanted);
  if (result == STATUS_OK) find_steps(g, table);
  if (result == STATUS_OK) result = csv_end(table, path);
  csv_close(&table);
  return result;
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
static status fill_bins(const char *path, gather *g) {
  csv_reader *table;
  TRY(csv_open(path, &table));
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
  status result = csv_end(table, path);
  csv_close(&table);
  return result;
}

/* ---- the diagrams, one below the other ---- */

enum { LOSSES, DISCRIMINATOR_LOSSES, SCORES, PANELS };
static const struct panel {
  const char *title;
  bool (*is_wanted)(const char *heading);
} panels[PANELS] = {{"Loss", is_loss},
                    {"Discriminator's loss", is_discriminator_loss},
                    {"Validation", is_score}};

/* All have the same steps. */
static void join_steps(gather gathers[PANELS]) {
  double first = INFINITY, last = -INFINITY;
  for (int i = 0; i < PANELS; i++) {
    if (gathers[i].count == 0) continue;
    first = fmin(first, gathers[i].first_step);
    last = fmax(last, gathers[i].last_step);
  }
  for (int i = 0; i < PANELS; i++)
    gathers[i].first_step = first, gathers[i].last_step = last;
}

/* paths: of each diagram's table, or NULL. */
static status read_tables(const char *const paths[PANELS],
                          gather gathers[PANELS]) {
  for (int i = 0; i < PANELS; i++)
    if (paths[i] != NULL)
      TRY(survey(paths[i], panels[i].is_wanted, &gathers[i]));
  join_steps(gathers);
  for (int i = 0; i < PANELS; i++)
    if (gathers[i].count > 0) TRY(fill_bins(paths[i], &gathers[i]));
  return STATUS_OK;
}

/* The first is drawn in any case. */
static bool is_drawn(const gather gathers[PANELS], int panel) {
  return panel == LOSSES || gathers[panel].count > 0;
}

static status draw_all(data_image *canvas, const char *path,
                       gather gathers[PANELS]) {
  draw_text_within(canvas, LEFT, 22, canvas->width - LEFT - 20, 3, ink, path);
  int y = TOP;
  for (int i = 0; i < PANELS; i++) {
    const gather *g = &gathers[i];
    if (!is_drawn(gathers, i)) continue;
    plot curves = {.title = panels[i].title,
                   .nothing = g->count > 0 ? "no rows yet" : "no loss columns",
                   .series = gathers[i].series,
                   .count = g->count,
                   .first_step = g->first_step,
                   .last_step = g->last_step};
    TRY(plot_draw(canvas, LEFT, y, &curves));
    y += PLOT_HEIGHT + BETWEEN;
  }
  return STATUS_OK;
}

status curves_write(const char *log_path, const char *validation_path,
                    const char *png_path) {
  gather gathers[PANELS] = {0};
  data_image canvas = {0};
  if (validation_path != NULL && access(validation_path, F_OK) != 0)
    validation_path = NULL;
  const char *const paths[PANELS] = {log_path, log_path, validation_path};
  status result = read_tables(paths, gathers);
  int height = TOP - BETWEEN + 50;
  for (int i = 0; i < PANELS; i++)
    if (is_drawn(gathers, i)) height += PLOT_HEIGHT + BETWEEN;
  if (result == STATUS_OK)
    result = draw_canvas(LEFT + PLOT_WIDTH + RIGHT, height, paper, &canvas);
  if (result == STATUS_OK) result = draw_all(&canvas, log_path, gathers);
  if (result == STATUS_OK) result = data_image_write(png_path, &canvas, 95);
  data_image_free(&canvas);
  for (int i = 0; i < PANELS; i++) free_gather(&gathers[i]);
  return result;
}
