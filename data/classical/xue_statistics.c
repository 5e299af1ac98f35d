/* Zones and shape of a distribution. */
#include <math.h>
#include <string.h>

#include "data/classical/xue_internal.h"

enum { EXTREME = 1024 /* zones are means of its share */, PARTS = 20 };

/* Orders `values` so that the `count` largest come first (Hoare's quickselect,
 * the middle of three as pivot). */
static void select_largest(double *values, size_t total, size_t count) {
  size_t low = 0, high = total;
  while (high - low > 1) {
    double a = values[low], b = values[low + (high - low) / 2];
    double c = values[high - 1];
    double pivot = fmax(fmin(a, b), fmin(fmax(a, b), c));
    size_t above = low, at = low, below = high;
    while (at < below) {
      double value = values[at];
      if (value > pivot) {
        values[at++] = values[above];
        values[above++] = value;
      } else if (value < pivot) {
        values[at] = values[--below];
        values[below] = value;
      } else {
        at++;
      }
    }
    if (count < above)
      high = above;
    else if (count > below)
      low = below;
    else
      return;
  }
}

static double mean(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i];
  return sum / (double)count;
}

double xue_top_mean(double *values, size_t count) {
  size_t top = 1 + count / EXTREME;
  if (top > count) top = count;
  select_largest(values, count, top);
  return mean(values, top);
}

static double low_mean(double *values, size_t count) {
  size_t low = (count + EXTREME - 1) / EXTREME;
  select_largest(values, count, count - low);
  return mean(values + count - low, low);
}

/* Deviation, skewness and excess kurtosis. A region of one value has 0 for
 * all; MATLAB's functions give NaN, for which the authors' program leaves the
 * image as it is. */
static void moments(const double *values, size_t count, double centre,
                    double *shape) {
  double n = (double)count, square = 0, cube = 0, fourth = 0;
  for (size_t i = 0; i < count; i++) {
    double d = values[i] - centre;
    square += d * d;
    cube += d * d * d;
    fourth += d * d * d * d;
  }
  double variance = square / n;
  bool flat = !(variance > 1e-20);
  shape[0] = flat ? 0 : sqrt(square / (n - 1));
  shape[1] = flat ? 0 : cube / n / (variance * sqrt(variance));
  shape[2] = flat ? 0 : fourth / n / (variance * variance) - 3;
}

/* In bits, over 256 levels. (The authors hand levels 0 to 255 to a function
 * that expects 0 to 1, and so get next to nothing.) */
static double entropy(const double *values, size_t count, double least,
                      double most) {
  size_t level[256] = {0};
  for (size_t i = 0; i < count; i++) {
    double share = fmin(fmax((values[i] - least) / (most - least), 0), 1);
    level[(int)(255 * share + 0.5)]++;
  }
  double sum = 0;
  for (int k = 0; k < 256; k++) {
    double p = (double)level[k] / (double)count;
    if (p > 0) sum -= p * log2(p);
  }
  return sum;
}

/* Part k (from 0) of the range begins (k + 1) twentieths below its top; the
 * first and the last take what lies beyond. */
static void shares(const double *values, size_t count, double top, double low,
                   double *part) {
  double range = top - low;
  memset(part, 0, PARTS * sizeof *part);
  for (size_t i = 0; i < count; i++) {
    double below = top - values[i];
    double k = below > 0 && range > 0 ? ceil(below * PARTS / range) - 1 : 0;
    part[(int)fmin(fmax(k, 0), PARTS - 1)] += 1 / (double)count;
  }
}

void xue_describe(double *values, size_t count, double least, double most,
                  xue_region *out) {
  double part[PARTS];
  out->zone[XUE_MEAN] = mean(values, count);
  out->zone[XUE_TOP] = xue_top_mean(values, count);
  out->zone[XUE_LOW] = low_mean(values, count);
  moments(values, count, out->zone[XUE_MEAN], out->shape);
  out->shape[3] = entropy(values, count, least, most);
  shares(values, count, out->zone[XUE_TOP], out->zone[XUE_LOW], part);
  /* All 20 sum to one: the authors leave out the 18th. */
  memcpy(out->shape + 4, part, 17 * sizeof *part);
  memcpy(out->shape + 21, part + 18, 2 * sizeof *part);
}
