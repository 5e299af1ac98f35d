/* One sample through one method: what scores and sheets are made of. */
#ifndef HARMONIA_EVALUATOR_H
#define HARMONIA_EVALUATOR_H

#include "dist/score/evaluate.h"

/* What one rank works with. Of a packed set the caller may also read samples
 * into composite, mask and real itself (data_set_read). */
typedef struct evaluator {
  data_set *set;
  const protocol *protocol;
  int size;                         /* of a packed set's images; 0: of files */
  int width, height;                /* of the sample that was read */
  uint8_t *composite, *mask, *real; /* [H,W,3], [H,W], [H,W,3] */
  float *net_composite, *net_mask, *net_real; /* without full_res */
  float *output, *target, *scratch;           /* levels 0..255 */
  size_t room, scratch_room; /* pixels and values that there is memory for */
} evaluator;

/* On failure too, evaluator_close. */
status evaluator_open(evaluator *e, data_set *set, const protocol *protocol);
void evaluator_close(evaluator *e);

/* Reads sample `index` of the set. */
status evaluator_read(evaluator *e, size_t index);

/* Leaves in `output` what the method makes of the sample that was read.
 * `sample`, its place among those evaluated, keys dropout in train mode. */
status evaluator_run(evaluator *e, const method *how, size_t sample);

#endif
