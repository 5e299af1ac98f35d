/* Composites made anew: the real image and the mask of a training sample stay,
 * and its foreground takes the colours of another sample's, or a colour jitter.
 * What becomes of a sample follows from (seed, its place in the run) alone. */
#ifndef HARMONIA_RECOMPOSE_H
#define HARMONIA_RECOMPOSE_H

#include <stdbool.h>
#include <stdint.h>

#include "dist/feed/sample_groups.h"
#include "dist/feed/sample_source.h"

typedef struct recomposition {
  double share; /* of samples whose composite is made anew; 0: none */
  uint64_t seed;
  data_methods methods;
  const sample_groups *groups; /* of the training split; a reference is of its
                                  sample's group */
} recomposition;

/* What is to be done with the sample at a place of the run. */
typedef struct recompose_draft {
  bool wanted;        /* else the sample is taken as it is stored */
  bool has_reference; /* jitter has none */
  uint32_t reference; /* another sample of the training split */
  int method;
  uint64_t seed;
} recompose_draft;

recompose_draft recompose_draw(const recomposition *how, uint64_t position,
                               uint32_t sample);

/* Memory to make composites in. */
typedef struct recomposer {
  data_recolour *recolour;
  uint8_t *composite; /* [S,S,3] */
} recomposer;

status recomposer_create(int size, recomposer *out);
void recomposer_destroy(recomposer *r); /* accepts zeros */
size_t recomposer_bytes(int size);

/* Keeps the foreground of what was read as the reference of the draft. */
void recomposer_reference(recomposer *r, const sample_bytes *reference);
/* Makes the composite of `sample` that the draft wants: it takes the place of
 * the one stored, until the next call. */
status recomposer_run(recomposer *r, const recompose_draft *draft,
                      sample_bytes *sample);

#endif
