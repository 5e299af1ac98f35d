/* Rank 0 shards: it draws an epoch's order and hands every rank the samples of
 * the micro-batches that rank computes. */
#ifndef HARMONIA_SHARD_H
#define HARMONIA_SHARD_H

#include "dist/cluster.h"
#include "dist/order.h"

typedef struct shard_plan {
  const cluster *cluster;
  uint64_t seed;
  size_t samples;
  int batch, micro_batch;
} shard_plan;

typedef struct shard {
  shard_plan plan;
  order order;                   /* rank 0 */
  int *counts, *offsets;         /* rank 0: of the scatter, by rank */
  uint32_t *outgoing;            /* rank 0 */
  uint32_t *samples;             /* this rank's, in the order of their use */
  size_t per_step;               /* of them a step */
  uint64_t first_step, end_step; /* steps [first, end) are held */
} shard;

status shard_create(const shard_plan *plan, shard *out);
void shard_destroy(shard *shard);

/* Collective. Makes the shard hold `step` and the further steps that begin in
 * its epoch, not beyond end_step. */
void shard_deal(shard *shard, uint64_t step, uint64_t end_step);

/* This rank's samples of a step that is held, per_step of them. */
const uint32_t *shard_step(const shard *shard, uint64_t step);

#endif
