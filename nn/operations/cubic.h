/* Keys's cubic (1981) with a = -0.75: which four samples of a row make a value
 * of a longer one, and how much each counts. */
#ifndef HARMONIA_NN_CUBIC_H
#define HARMONIA_NN_CUBIC_H

#include <math.h>

#include "nn/nn.h"

enum { NN_CUBIC_TAPS = 4 };

typedef struct nn_cubic_taps {
  int at[NN_CUBIC_TAPS]; /* the border repeated outwards */
  nn_real weight[NN_CUBIC_TAPS];
} nn_cubic_taps;

/* Of a sample at distance x from the place. */
static inline double nn_cubic(double x) {
  static const double a = -0.75;
  x = fabs(x);
  if (x <= 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
}

/* Value i of `to`, made of `from` samples; both have their places in the middle
 * of pixels. */
static inline nn_cubic_taps nn_cubic_taps_at(int i, int from, int to) {
  double position = (i + 0.5) * from / to - 0.5, low = floor(position);
  nn_cubic_taps t;
  for (int k = 0; k < NN_CUBIC_TAPS; k++) {
    int at = (int)low + k - 1;
    t.at[k] = at < 0 ? 0 : at >= from ? from - 1 : at;
    t.weight[k] = (nn_real)nn_cubic(position - low - (k - 1));
  }
  return t;
}

/* The four rows of values by their weights (bicubic.c). */
void nn_cubic_blend(size_t count, const nn_real weight[NN_CUBIC_TAPS],
                    const nn_real *const from[NN_CUBIC_TAPS], nn_real *to);

#endif
