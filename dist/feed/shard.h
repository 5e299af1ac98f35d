/* Rank 0 shards: it draws each epoch's order and hands every rank the samples
 * of the micro-batches that rank computes, some steps before they are begun. */
#ifndef HARMONIA_SHARD_H
#define HARMONIA_SHARD_H

#include "dist/ranks/cluster.h"
#include "dist/ranks/order.h"

/* Steps after the one under way that are known, so that nobody waits for data
 * where an epoch ends. */
enum { SHARD_AHEAD = 64 };

typedef struct shard_options {
  const cluster *cluster;
  uint64_t seed;
  size_t samples;
  int batch, micro_batch;
} shard_options;

typedef struct shard {
  shard_options options;
  order order;                   /* rank 0 */
  int *counts, *offsets;         /* rank 0: of the scatter, by rank */
  uint32_t *outgoing;            /* rank 0 */
  uint32_t *arrived, *samples;   /* this rank's: as dealt; a ring of steps */
  size_t per_step;               /* of them a step */
  uint64_t deal_max, ring_steps; /* steps dealt at once; steps of the ring */
  uint64_t first_step, end_step; /* steps [first, end) are held */
} shard;

status shard_create(const shard_options *options, shard *out);
void shard_destroy(shard *shard);

/* Collective, before each step. Makes the shard hold `step` and, where fewer
 * than SHARD_AHEAD steps are held, the further ones of one epoch, not beyond
 * end_step. Steps before `step` are forgotten. */
void shard_deal(shard *shard, uint64_t step, uint64_t end_step);

/* This rank's samples of a step that is held, per_step of them. */
const uint32_t *shard_step(const shard *shard, uint64_t step);

#endif
