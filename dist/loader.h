/* Reads a rank's samples ahead of their use and makes network inputs of them:
 * bytes to [-1,1], flipped and cropped. One thread of its own; batches come out
 * in the order in which they were asked for. */
#ifndef HARMONIA_LOADER_H
#define HARMONIA_LOADER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/data.h"

typedef struct augmentation {
  uint64_t seed;
  bool flip;       /* mirror half of the samples */
  double crop_min; /* random resized crop: share of the area from crop_min to 1,
                      aspect 3/4 to 4/3; 1: no crop */
} augmentation;

/* A micro-batch of network inputs, [count,S,S,3], [count,S,S,1], [...,3]. */
typedef struct loaded {
  const float *composite, *mask, *real;
  const uint32_t *samples;
  int count;
} loaded;

typedef struct loader loader;

/* `set` stays the caller's, and belongs to the loader's thread until
 * loader_destroy. */
status loader_create(data_set *set, int micro_batch,
                     const augmentation *augmentation, loader **out);
void loader_destroy(loader **loader);

enum { LOADER_QUEUE = 64 };
/* Free places in the queue of requests. */
int loader_room(loader *loader);
/* Asks for the micro-batch of samples[0..count-1], the first of which has
 * place `position` in the run (augmentation is keyed by it). */
void loader_ask(loader *loader, const uint32_t *samples, uint64_t position);
/* Waits for the oldest batch asked for; it stays valid until the next call.
 * The failure is that of reading it. */
status loader_next(loader *loader, loaded *out);
/* Seconds that loader_next has waited so far. */
double loader_waited(const loader *loader);

#endif
