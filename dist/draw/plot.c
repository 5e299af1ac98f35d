/* A diagram: its places, curves, axes and legend. */
#include "dist/draw/plot.h"

#include <math.h>
#include <stdio.h>

#include "base/memory.h"

enum { TEXT = 2, MAX_TICKS = 64, FEW_POINTS = 60, COLOURS = 10 };

static const draw_colour paper = {255, 255, 255}, ink = {34, 38, 46},
                         pale_ink = {104, 112, 124}, grid = {228, 231, 236},
                         fine_grid = {243, 244, 247}, edge = {170, 176, 186};

static const draw_colour colours[COLOURS] = {
    {31, 105, 191}, {222, 108, 24}, {40, 145, 72},  {190, 40, 62},
    {122, 82, 176}, {18, 150, 160}, {200, 80, 150}, {130, 94, 60},
    {110, 120, 20}, {90, 90, 90}};

static draw_colour paler(draw_colour c) {
  return (draw_colour){(uint8_t)(255 - (255 - c.r) * 0.34),
                       (uint8_t)(255 - (255 - c.g) * 0.34),
                       (uint8_t)(255 - (255 - c.b) * 0.34)};
}

/* ---- places ---- */

static double share_of_axis(const plot_axis *axis, double value) {
  if (axis->logarithmic)
    return value > 0 ? log(value / axis->low) / log(axis->high / axis->low)
                     : -10;
  return (value - axis->low) / (axis->high - axis->low);
}

/* The row of a value in the frame; off it by no more than its height. */
static double row_of(const plot_axis *axis, double value) {
  double share = share_of_axis(axis, value);
  share = share < -1 ? -1 : share > 2 ? 2 : share;
  return (PLOT_HEIGHT - 1) * (1 - share);
}

/* ---- curves ---- */

static void point(data_image *frame, const plot_axis *axis, int bin,
                  double value, draw_colour colour) {
  draw_disc(frame, bin, row_of(axis, value), 3.5, colour);
}

/* The values as they are: each column's from low to high, joined. */
static void draw_raw(data_image *frame, const plot_axis *axis,
                     const plot_series *series, double width,
                     draw_colour colour) {
  int before = -1;
  for (int b = 0; b < PLOT_WIDTH; b++) {
    const plot_bin *bin = &series->bins[b];
    if (bin->count == 0) continue;
    if (before >= 0)
      draw_line(frame, before, row_of(axis, series->bins[before].last), b,
                row_of(axis, bin->first), width, colour);
    draw_line(frame, b, row_of(axis, bin->low), b, row_of(axis, bin->high),
              width, colour);
    before = b;
  }
}

/* The columns that hold something, and their means as shares of the axis. */
typedef struct curve {
  int bins[PLOT_WIDTH];
  double shares[PLOT_WIDTH];
  int count;
} curve;

static void collect(const plot_axis *axis, const plot_series *series,
                    curve *out) {
  out->count = 0;
  for (int b = 0; b < PLOT_WIDTH; b++) {
    const plot_bin *bin = &series->bins[b];
    if (bin->count == 0) continue;
    out->bins[out->count] = b;
    out->shares[out->count++] =
        share_of_axis(axis, bin->sum / (double)bin->count);
  }
}

/* A Gaussian over the columns that hold something. */
static double smoothed(const curve *c, int at) {
  double sigma = c->count / 50.0, sum = 0, weights = 0;
  int reach = (int)(3 * sigma);
  for (int i = at - reach; i <= at + reach; i++) {
    if (i < 0 || i >= c->count) continue;
    double t = (i - at) / sigma, weight = exp(-t * t / 2);
    sum += weight * c->shares[i], weights += weight;
  }
  return sum / weights;
}

static void draw_smooth(data_image *frame, const curve *c, draw_colour colour) {
  double before = 0;
  for (int i = 0; i < c->count; i++) {
    double row = (PLOT_HEIGHT - 1) * (1 - smoothed(c, i));
    if (i > 0)
      draw_line(frame, c->bins[i - 1], before, c->bins[i], row, 2.2, colour);
    before = row;
  }
}

static void draw_few(data_image *frame, const plot_axis *axis,
                     const plot_series *series, draw_colour colour) {
  draw_raw(frame, axis, series, 2.0, colour);
  for (int b = 0; b < PLOT_WIDTH; b++) {
    const plot_bin *bin = &series->bins[b];
    if (bin->count > 0) point(frame, axis, b, bin->last, colour);
  }
}

/* All raw curves lie below all smooth ones. */
static void draw_curves(data_image *frame, const plot_axis *axis, const plot *p,
                        curve *c) {
  for (int i = 0; i < p->count; i++) {
    collect(axis, p->series[i], c);
    if (c->count > FEW_POINTS)
      draw_raw(frame, axis, p->series[i], 1.0, paler(colours[i % COLOURS]));
  }
  for (int i = 0; i < p->count; i++) {
    collect(axis, p->series[i], c);
    if (c->count > FEW_POINTS)
      draw_smooth(frame, c, colours[i % COLOURS]);
    else
      draw_few(frame, axis, p->series[i], colours[i % COLOURS]);
  }
}

/* ---- axes ---- */

/* What lies between labels, for their number of digits. */
static double spacing_of(const plot_axis *axis, const plot_tick *ticks,
                         int count, int i) {
  if (axis->logarithmic) return pow(10, floor(log10(ticks[i].value) + 1e-9));
  return count > 1 ? ticks[1].value - ticks[0].value : fabs(ticks[0].value);
}

static void draw_y_axis(data_image *canvas, data_image *frame, int x, int y,
                        const plot_axis *axis) {
  plot_tick ticks[MAX_TICKS];
  int count = plot_ticks(axis, 6, ticks, MAX_TICKS);
  for (int i = 0; i < count; i++) {
    int row = (int)lround(row_of(axis, ticks[i].value));
    draw_rectangle(frame, 0, row, PLOT_WIDTH, 1,
                   ticks[i].labelled ? grid : fine_grid);
    if (!ticks[i].labelled) continue;
    char text[32];
    plot_label(ticks[i].value, spacing_of(axis, ticks, count, i), text,
               sizeof text);
    draw_rectangle(canvas, x - 6, y + row, 6, 1, edge);
    draw_text(canvas, x - 12 - draw_text_width(text, TEXT), y + row - 6, TEXT,
              pale_ink, text);
  }
}

static void draw_x_axis(data_image *canvas, data_image *frame, int x, int y,
                        const plot *p) {
  if (!(p->last_step >= p->first_step)) return;
  bool single = p->first_step == p->last_step;
  plot_axis axis = {p->first_step, p->last_step, false};
  plot_tick ticks[MAX_TICKS] = {{p->first_step, true}};
  int count = single ? 1 : plot_ticks(&axis, 8, ticks, MAX_TICKS);
  for (int i = 0; i < count; i++) {
    double share = single ? 0.5 : share_of_axis(&axis, ticks[i].value);
    int column = (int)lround((PLOT_WIDTH - 1) * share);
    draw_rectangle(frame, column, 0, 1, PLOT_HEIGHT, grid);
    char text[32];
    plot_label(ticks[i].value, spacing_of(&axis, ticks, count, i), text,
               sizeof text);
    draw_rectangle(canvas, x + column, y + PLOT_HEIGHT, 1, 6, edge);
    draw_text(canvas, x + column - draw_text_width(text, TEXT) / 2,
              y + PLOT_HEIGHT + 10, TEXT, pale_ink, text);
  }
  draw_text(canvas, x + PLOT_WIDTH + 50, y + PLOT_HEIGHT + 10, TEXT, pale_ink,
            "step");
}

/* ---- legend ---- */

/* The last value of the curve, smoothed if the curve is. */
static double last_value(const plot_axis *axis, const curve *c) {
  double share = c->count > FEW_POINTS ? smoothed(c, c->count - 1)
                                       : c->shares[c->count - 1];
  return axis->logarithmic ? axis->low * pow(axis->high / axis->low, share)
                           : axis->low + share * (axis->high - axis->low);
}

static void draw_legend(data_image *canvas, int x, int y, const plot_axis *axis,
                        const plot *p, curve *c) {
  int room = canvas->width - x - 34;
  int line = 2 * DRAW_FONT_HEIGHT * TEXT + 8;
  if (line * p->count > PLOT_HEIGHT) line = DRAW_FONT_HEIGHT * TEXT + 4;
  for (int i = 0; i < p->count; i++) {
    int top = y + i * line;
    draw_line(canvas, x, top + 7, x + 22, top + 7, 4, colours[i % COLOURS]);
    draw_text_within(canvas, x + 32, top, room, TEXT, ink, p->series[i]->name);
    collect(axis, p->series[i], c);
    if (line < 2 * DRAW_FONT_HEIGHT * TEXT) continue;
    char text[32] = "no values";
    if (c->count > 0) snprintf(text, sizeof text, "%.4g", last_value(axis, c));
    draw_text(canvas, x + 32, top + DRAW_FONT_HEIGHT * TEXT + 1, TEXT, pale_ink,
              text);
  }
}

/* ---- all ---- */

static bool has_values(const plot *p) {
  for (int i = 0; i < p->count; i++)
    for (int b = 0; b < PLOT_WIDTH; b++)
      if (p->series[i]->bins[b].count > 0) return true;
  return false;
}

static void draw_inside(data_image *canvas, data_image *frame, int x, int y,
                        const plot *p, curve *c) {
  plot_axis axis = plot_choose_axis(p);
  if (has_values(p)) {
    draw_y_axis(canvas, frame, x, y, &axis);
    draw_x_axis(canvas, frame, x, y, p);
    draw_curves(frame, &axis, p, c);
  } else {
    draw_text(frame, (PLOT_WIDTH - draw_text_width(p->nothing, TEXT)) / 2,
              PLOT_HEIGHT / 2 - 7, TEXT, pale_ink, p->nothing);
  }
  draw_picture(canvas, x, y, frame, 1);
  draw_frame(canvas, x - 1, y - 1, PLOT_WIDTH + 2, PLOT_HEIGHT + 2, edge);
  draw_legend(canvas, x + PLOT_WIDTH + 20, y + 4, &axis, p, c);
  draw_text(canvas, x, y - 12 - 7 * TEXT, TEXT, ink, p->title);
  if (axis.logarithmic)
    draw_text(canvas, x + draw_text_width(p->title, TEXT) + 14,
              y - 12 - 7 * TEXT, TEXT, pale_ink, "(logarithmic)");
}

status plot_draw(data_image *canvas, int x, int y, const plot *p) {
  data_image frame;
  TRY(draw_canvas(PLOT_WIDTH, PLOT_HEIGHT, paper, &frame));
  curve *c;
  status result = MEMORY_NEW(1, "curve", &c);
  if (result == STATUS_OK) draw_inside(canvas, &frame, x, y, p, c);
  memory_free(c);
  data_image_free(&frame);
  return result;
}
