/* Which samples a method leaves worst and best. */
#ifndef HARMONIA_STANDING_H
#define HARMONIA_STANDING_H

#include <stddef.h>

typedef enum standing {
  STANDING_WORST,
  STANDING_MEDIAN,
  STANDING_BEST,
  STANDINGS
} standing;

/* A sample, counted in the split, and its squared error over the composite's
 * own. */
typedef struct standing_sample {
  double ratio;
  size_t sample;
} standing_sample;

/* Sorts `count` samples, those whose ratio is no number at the end, and gives
 * the worst, the median and the best of the others. Returns how many these are:
 * 0, and nothing is given. */
size_t standing_find(standing_sample *samples, size_t count,
                     standing_sample out[STANDINGS]);

#endif
