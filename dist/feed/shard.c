/* Rank 0 deals the samples of steps to come. */
#include "dist/feed/shard.h"

#include <mpi.h>
#include <string.h>

#include "base/memory.h"

/* Steps dealt at once: those of an epoch, within bounds that keep the messages
 * small (below 16 MB together) and their number smaller. */
enum { STEPS_MAX = 1024, DEAL_MAX = 1 << 22 };

static uint64_t steps_dealt(const shard *s, uint64_t step, uint64_t end_step) {
  uint64_t batch = (uint64_t)s->options.batch, samples = s->options.samples;
  uint64_t epoch = step * batch / samples;
  uint64_t next = ((epoch + 1) * samples + batch - 1) / batch;
  if (next <= step) next = step + 1;
  if (next > step + s->deal_max) next = step + s->deal_max;
  if (next > end_step) next = end_step;
  return next - step;
}

static size_t samples_of(const shard *s, int rank) {
  int begin, end;
  order_share(s->options.batch / s->options.micro_batch, rank,
              s->options.cluster->ranks, &begin, &end);
  return (size_t)(end - begin) * (size_t)s->options.micro_batch;
}

status shard_create(const shard_options *options, shard *out) {
  memset(out, 0, sizeof *out);
  out->options = *options;
  out->per_step = samples_of(out, options->cluster->rank);
  out->deal_max = (uint64_t)(DEAL_MAX / options->batch);
  if (out->deal_max < 1) out->deal_max = 1;
  if (out->deal_max > STEPS_MAX) out->deal_max = STEPS_MAX;
  out->ring_steps = SHARD_AHEAD + out->deal_max;
  status result;
  TRY_OR(failed,
         MEMORY_NEW(out->per_step * out->deal_max, "shard", &out->arrived));
  TRY_OR(failed,
         MEMORY_NEW(out->per_step * out->ring_steps, "shard", &out->samples));
  if (options->cluster->rank != 0) return STATUS_OK;
  size_t ranks = (size_t)options->cluster->ranks;
  TRY_OR(failed, MEMORY_NEW(ranks, "shard", &out->counts));
  TRY_OR(failed, MEMORY_NEW(ranks, "shard", &out->offsets));
  TRY_OR(failed, MEMORY_NEW((size_t)options->batch * out->deal_max, "shards",
                            &out->outgoing));
  TRY_OR(failed, order_create(options->seed, options->samples, &out->order));
  return STATUS_OK;
failed:
  shard_destroy(out);
  return result;
}

void shard_destroy(shard *s) {
  memory_free(s->arrived);
  memory_free(s->samples);
  memory_free(s->outgoing);
  memory_free(s->counts);
  memory_free(s->offsets);
  order_destroy(&s->order);
  memset(s, 0, sizeof *s);
}

/* Rank 0: sorts the positions of the steps by the rank that computes them. */
static void fill_outgoing(shard *s, uint64_t step, uint64_t steps) {
  int ranks = s->options.cluster->ranks, offset = 0;
  for (int rank = 0; rank < ranks; rank++) {
    s->counts[rank] = (int)(samples_of(s, rank) * steps);
    s->offsets[rank] = offset;
    offset += s->counts[rank];
  }
  for (uint64_t k = 0; k < steps; k++) {
    uint64_t position = (step + k) * (uint64_t)s->options.batch;
    for (int rank = 0; rank < ranks; rank++) {
      size_t count = samples_of(s, rank);
      uint32_t *to = s->outgoing + s->offsets[rank] + k * count;
      for (size_t i = 0; i < count; i++)
        to[i] = order_at(&s->order, position++);
    }
  }
}

static uint32_t *place_of(const shard *s, uint64_t step) {
  return s->samples + step % s->ring_steps * s->per_step;
}

void shard_deal(shard *s, uint64_t step, uint64_t end_step) {
  if (s->end_step < step) s->end_step = step;
  s->first_step = step;
  if (s->end_step >= end_step || s->end_step - step >= SHARD_AHEAD) return;
  uint64_t from = s->end_step, steps = steps_dealt(s, from, end_step);
  if (s->options.cluster->rank == 0) fill_outgoing(s, from, steps);
  MPI_Scatterv(s->outgoing, s->counts, s->offsets, MPI_UINT32_T, s->arrived,
               (int)(s->per_step * steps), MPI_UINT32_T, 0,
               s->options.cluster->world);
  for (uint64_t k = 0; k < steps; k++)
    memcpy(place_of(s, from + k), s->arrived + k * s->per_step,
           s->per_step * sizeof *s->arrived);
  s->end_step = from + steps;
}

const uint32_t *shard_step(const shard *s, uint64_t step) {
  INVARIANT(step >= s->first_step && step < s->end_step,
            "step %llu is not in the shard", (unsigned long long)step);
  return place_of(s, step);
}
