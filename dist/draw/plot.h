/* One diagram: axes with ticks, curves of values gathered in the columns of
 * the picture, a legend. */
#ifndef HARMONIA_PLOT_H
#define HARMONIA_PLOT_H

#include <stdbool.h>
#include <stddef.h>

#include "dist/draw/draw.h"

enum { PLOT_WIDTH = 960, PLOT_HEIGHT = 380, PLOT_NAME = 48 };

/* The values that fall on one column of pixels. */
typedef struct plot_bin {
  double first, last, low, high, sum;
  size_t count;
} plot_bin;

typedef struct plot_series {
  char name[PLOT_NAME];
  plot_bin bins[PLOT_WIDTH];
} plot_series;

typedef struct plot_axis {
  double low, high;
  bool logarithmic;
} plot_axis;

/* What is drawn: the series with their common y axis over steps. */
typedef struct plot {
  const char *title, *nothing; /* `nothing`: said where there are no values */
  plot_series **series;
  int count;
  double first_step, last_step;
} plot;

/* The y axis that fits the series. */
plot_axis plot_choose_axis(const plot *p);

/* Places of ticks within the axis, at most `room`; *minor of them are without
 * labels. Returns their number. */
typedef struct plot_tick {
  double value;
  bool labelled;
} plot_tick;
int plot_ticks(const plot_axis *axis, int wanted, plot_tick *ticks, int room);
/* A tick's value as text, short and exact. */
void plot_label(double value, double spacing, char *text, size_t size);

/* Draws at (x, y), the upper left of the frame around the curves: the title
 * goes above, labels to the left and below, the legend to the right. */
status plot_draw(data_image *canvas, int x, int y, const plot *p);

#endif
