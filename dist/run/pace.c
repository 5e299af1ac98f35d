/* Steps, minutes and what of them is done. */
#include "dist/run/pace.h"

#include <mpi.h>

#include "base/log.h"

uint64_t pace_end_step(const train_options *o, uint64_t samples) {
  uint64_t batch = (uint64_t)o->batch;
  if (o->steps > 0) return (uint64_t)o->steps;
  if (o->lr_horizon == LR_BY_TIME) return PACE_NO_END;
  return ((uint64_t)o->epochs * samples + batch - 1) / batch;
}

double pace_spent(const pace *p) {
  return p->before + clock_seconds() - p->started;
}

bool pace_is_over(const pace *p) {
  double minutes = p->options->max_minutes;
  return minutes > 0 && pace_spent(p) > 60 * minutes;
}

double pace_progress(const pace *p, uint64_t step) {
  const train_options *o = p->options;
  double progress;
  if (o->lr_horizon == LR_BY_TIME) {
    progress = pace_spent(p) / (60 * o->max_minutes);
    MPI_Bcast(&progress, 1, MPI_DOUBLE, 0, p->cluster->world);
  } else {
    uint64_t steps = o->lr_steps > 0 ? (uint64_t)o->lr_steps : p->end_step;
    progress = (double)step / (double)steps;
  }
  return progress < 1 ? progress : 1;
}
