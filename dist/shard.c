#include "dist/shard.h"

#include <mpi.h>
#include <string.h>

#include "base/memory.h"

/* Steps dealt at once: those of an epoch, within bounds that keep the message
 * small and the number of messages smaller. */
enum { STEPS_MAX = 1024 };

static uint64_t steps_dealt(const shard *s, uint64_t step, uint64_t end_step) {
  uint64_t batch = (uint64_t)s->plan.batch, samples = s->plan.samples;
  uint64_t epoch = step * batch / samples;
  uint64_t next = ((epoch + 1) * samples + batch - 1) / batch;
  if (next <= step) next = step + 1;
  if (next > step + STEPS_MAX) next = step + STEPS_MAX;
  if (next > end_step) next = end_step;
  return next - step;
}

static size_t samples_of(const shard *s, int rank) {
  int begin, end;
  order_share(s->plan.batch / s->plan.micro_batch, rank, s->plan.cluster->ranks,
              &begin, &end);
  return (size_t)(end - begin) * (size_t)s->plan.micro_batch;
}

status shard_create(const shard_plan *plan, shard *out) {
  memset(out, 0, sizeof *out);
  out->plan = *plan;
  out->per_step = samples_of(out, plan->cluster->rank);
  status result;
  TRY_OR(failed, MEMORY_NEW(out->per_step * STEPS_MAX, "shard", &out->samples));
  if (plan->cluster->rank != 0) return STATUS_OK;
  size_t ranks = (size_t)plan->cluster->ranks;
  TRY_OR(failed, MEMORY_NEW(ranks, "shard", &out->counts));
  TRY_OR(failed, MEMORY_NEW(ranks, "shard", &out->offsets));
  TRY_OR(failed,
         MEMORY_NEW((size_t)plan->batch * STEPS_MAX, "shards", &out->outgoing));
  TRY_OR(failed, order_create(plan->seed, plan->samples, &out->order));
  return STATUS_OK;
failed:
  shard_destroy(out);
  return result;
}

void shard_destroy(shard *s) {
  memory_free(s->samples);
  memory_free(s->outgoing);
  memory_free(s->counts);
  memory_free(s->offsets);
  order_destroy(&s->order);
  memset(s, 0, sizeof *s);
}

/* Rank 0: sorts the positions of the steps by the rank that computes them. */
static void fill_outgoing(shard *s, uint64_t step, uint64_t steps) {
  int ranks = s->plan.cluster->ranks, offset = 0;
  for (int rank = 0; rank < ranks; rank++) {
    s->counts[rank] = (int)(samples_of(s, rank) * steps);
    s->offsets[rank] = offset;
    offset += s->counts[rank];
  }
  for (uint64_t k = 0; k < steps; k++) {
    uint64_t position = (step + k) * (uint64_t)s->plan.batch;
    for (int rank = 0; rank < ranks; rank++) {
      size_t count = samples_of(s, rank);
      uint32_t *to = s->outgoing + s->offsets[rank] + k * count;
      for (size_t i = 0; i < count; i++)
        to[i] = order_at(&s->order, position++);
    }
  }
}

void shard_deal(shard *s, uint64_t step, uint64_t end_step) {
  uint64_t steps = steps_dealt(s, step, end_step);
  if (s->plan.cluster->rank == 0) fill_outgoing(s, step, steps);
  MPI_Scatterv(s->outgoing, s->counts, s->offsets, MPI_UINT32_T, s->samples,
               (int)(s->per_step * steps), MPI_UINT32_T, 0,
               s->plan.cluster->world);
  s->first_step = step;
  s->end_step = step + steps;
}

const uint32_t *shard_step(const shard *s, uint64_t step) {
  INVARIANT(step >= s->first_step && step < s->end_step,
            "step %llu is not in the shard", (unsigned long long)step);
  return s->samples + (step - s->first_step) * s->per_step;
}
