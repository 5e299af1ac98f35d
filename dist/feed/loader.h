/* Fetches a rank's samples ahead of their use and makes network inputs of them:
 * composed anew, flipped and cropped, bytes to [-1,1]. One thread of its own;
 * batches come out in the order in which they were asked for. */
#ifndef HARMONIA_LOADER_H
#define HARMONIA_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "dist/feed/augment.h"
#include "dist/feed/recompose.h"
#include "dist/feed/sample_source.h"

/* A micro-batch of network inputs, [count,S,S,3], [count,S,S,1], [...,3]. */
typedef struct loaded {
  const float *composite, *mask, *real;
  const char (*names)[SAMPLE_NAME];
  int count;
} loaded;

typedef struct loader loader;

typedef struct loader_options {
  sample_source source; /* the loader's thread's until loader_destroy */
  int size, micro_batch;
  int kept; /* micro-batches handed out that stay valid, at least 1 */
  augmentation augmentation;
  recomposition recomposition; /* its groups live as long as the loader */
} loader_options;

status loader_create(const loader_options *options, loader **out);
void loader_destroy(loader **loader);
/* What a step of `phases` phases wants for `kept`: all of a rank's `per_step`
 * micro-batches if its phases can share them in little memory; else 1. */
int loader_kept(int size, int micro_batch, int per_step, int phases);
/* Bytes of all that a loader has: micro-batches, and what samples are augmented
 * in or, with `recomposes`, composed anew. */
size_t loader_bytes(int size, int micro_batch, int kept, bool recomposes);

enum { LOADER_QUEUE = 64 };
/* Free places in the queue of requests. */
int loader_room(loader *loader);
/* Asks for the micro-batch of samples[0..count-1], the first of which has
 * place `position` in the run (augmentation is keyed by it). */
void loader_ask(loader *loader, const uint32_t *samples, uint64_t position);
/* Waits for the oldest batch asked for and not yet handed out. The failure is
 * that of reading it. */
status loader_next(loader *loader, loaded *out);
/* Batch `index` of the last `kept` that were handed out, 0 the oldest. */
loaded loader_again(const loader *loader, int index);
/* Seconds that loader_next has waited so far. */
double loader_waited(const loader *loader);

#endif
