/* Axes: ranges, ticks and their labels. */
#include <math.h>
#include <stdio.h>

#include "dist/draw/plot.h"

static const double log_span = 50; /* beyond it an axis is logarithmic */

/* The range of the columns' means: single outliers are not to flatten all. */
static bool range_of(const plot *p, double *low, double *high, double *least) {
  *low = *least = INFINITY, *high = -INFINITY;
  for (int i = 0; i < p->count; i++)
    for (int b = 0; b < PLOT_WIDTH; b++) {
      const plot_bin *bin = &p->series[i]->bins[b];
      if (bin->count == 0) continue;
      double mean = bin->sum / (double)bin->count;
      *low = fmin(*low, mean), *high = fmax(*high, mean);
      *least = fmin(*least, bin->low);
    }
  return *low <= *high;
}

plot_axis plot_choose_axis(const plot *p) {
  double low, high, least;
  if (!range_of(p, &low, &high, &least)) return (plot_axis){0, 1, false};
  if (least > 0 && high / low > log_span) {
    double margin = pow(high / low, 0.04);
    return (plot_axis){low / margin, high * margin, true};
  }
  if (!(high > low)) { /* one value: a range around it */
    double around = high != 0 ? fabs(high) * 0.5 : 1;
    return (plot_axis){low - around, high + around, false};
  }
  double margin = (high - low) * 0.05;
  bool from_zero = low >= 0 && low < 0.4 * high;
  return (plot_axis){from_zero ? 0 : low - margin, high + margin, false};
}

/* 1, 2 or 5 times a power of ten, near `spacing`. */
static double nice(double spacing) {
  double power = pow(10, floor(log10(spacing)));
  double part = spacing / power;
  return power * (part < 1.5 ? 1 : part < 3.5 ? 2 : part < 7.5 ? 5 : 10);
}

static int linear_ticks(const plot_axis *axis, int wanted, plot_tick *ticks,
                        int room) {
  double spacing = nice((axis->high - axis->low) / wanted);
  if (!isfinite(spacing) || spacing <= 0) return 0;
  double first = ceil(axis->low / spacing - 1e-9);
  int count = 0;
  for (int i = 0; count < room; i++) {
    double value = (first + i) * spacing;
    if (value > axis->high + spacing * 1e-9) break;
    ticks[count++] = (plot_tick){value == 0 ? 0 : value, true};
  }
  return count;
}

/* Decades are labelled; where they are few, 2 and 5 too. */
static int log_ticks(const plot_axis *axis, int wanted, plot_tick *ticks,
                     int room) {
  int first = (int)floor(log10(axis->low)), last = (int)ceil(log10(axis->high));
  double decades = log10(axis->high / axis->low);
  int every = 1 + (int)(decades / wanted), count = 0;
  for (int k = first; k <= last; k++)
    for (int digit = 1; digit < 10 && count < room; digit++) {
      double value = digit * pow(10, k);
      if (value < axis->low || value > axis->high) continue;
      bool labelled = digit == 1 ? k % every == 0
                                 : decades < 2.5 && (digit == 2 || digit == 5);
      if (labelled || decades < 8)
        ticks[count++] = (plot_tick){value, labelled};
    }
  return count;
}

int plot_ticks(const plot_axis *axis, int wanted, plot_tick *ticks, int room) {
  return axis->logarithmic ? log_ticks(axis, wanted, ticks, room)
                           : linear_ticks(axis, wanted, ticks, room);
}

void plot_label(double value, double spacing, char *text, size_t size) {
  double large = fabs(value);
  if (large >= 1e9 || (large > 0 && large < 1e-4 && spacing < 1e-4)) {
    snprintf(text, size, "%.3g", value);
  } else if (large > 0 && spacing >= 1e6) {
    snprintf(text, size, "%gM", value / 1e6);
  } else if (large > 0 && spacing >= 1e3) {
    snprintf(text, size, "%gk", value / 1e3);
  } else {
    int digits =
        spacing > 0 && spacing < 1 ? (int)ceil(-log10(spacing) - 1e-9) : 0;
    snprintf(text, size, "%.*f", digits > 9 ? 9 : digits, value);
  }
}
