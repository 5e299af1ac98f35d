/* One sample through one method: what scores and sheets are made of. */
#ifndef HARMONIA_EVALUATOR_H
#define HARMONIA_EVALUATOR_H

#include "dist/score/evaluate.h"

/* What one rank works with. The caller reads samples into composite, mask and
 * real (size*size*3 bytes, the mask size*size). */
typedef struct evaluator {
  data_set *set;
  const protocol *protocol;
  int size;
  uint8_t *composite, *mask, *real;
  float *net_composite, *net_mask, *net_real;
  float *output, *target, *scratch; /* levels 0..255 */
} evaluator;

/* On failure too, evaluator_close. */
status evaluator_open(evaluator *e, data_set *set, const protocol *protocol);
void evaluator_close(evaluator *e);

/* Leaves in `output` what the method makes of the sample that was read.
 * `sample`, its place among those evaluated, keys dropout in train mode. */
status evaluator_run(evaluator *e, const method *how, size_t sample);

#endif
