/* How far a run is: by its steps, or by the minutes it was given. */
#ifndef HARMONIA_PACE_H
#define HARMONIA_PACE_H

#include "dist/ranks/cluster.h"
#include "dist/state/train_options.h"

/* end_step of a run that time alone ends. */
#define PACE_NO_END UINT64_MAX

typedef struct pace {
  const cluster *cluster;
  const train_options *options;
  double started; /* of clock_seconds */
  double before;  /* seconds of the run that were before, of one by time */
  uint64_t end_step;
} pace;

/* The steps after which a run over `samples` ends. */
uint64_t pace_end_step(const train_options *o, uint64_t samples);

/* Seconds so far: of a run by time in all, else since it was started. */
double pace_spent(const pace *p);
/* Whether --max-minutes are over. */
bool pace_is_over(const pace *p);
/* The share of the schedule, 0 to 1, that is done after `step` steps. By time
 * it is collective, and what rank 0's clock tells. */
double pace_progress(const pace *p, uint64_t step);

#endif
