/* The worst, the median and the best sample. */
#include "dist/score/standing.h"

#include <math.h>
#include <stdlib.h>

static int by_ratio(const void *a, const void *b) {
  const standing_sample *x = a, *y = b;
  int unfit = !isfinite(x->ratio) - !isfinite(y->ratio);
  if (unfit != 0) return unfit;
  if (isfinite(x->ratio) && x->ratio != y->ratio)
    return x->ratio < y->ratio ? -1 : 1;
  return (x->sample > y->sample) - (x->sample < y->sample);
}

size_t standing_find(standing_sample *samples, size_t count,
                     standing_sample out[STANDINGS]) {
  qsort(samples, count, sizeof *samples, by_ratio);
  while (count > 0 && !isfinite(samples[count - 1].ratio)) count--;
  if (count == 0) return 0;
  out[STANDING_WORST] = samples[count - 1];
  out[STANDING_MEDIAN] = samples[count / 2];
  out[STANDING_BEST] = samples[0];
  return count;
}
