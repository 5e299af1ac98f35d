/* The permutation of an epoch, and the ranks' shares of a step. */
#include "dist/ranks/order.h"

#include "base/memory.h"
#include "base/random.h"

static void draw(order *o, uint64_t epoch) {
  random_stream stream = random_stream_make(o->seed, RANDOM_ORDER, epoch, 0);
  for (size_t i = 0; i < o->samples; i++) o->permutation[i] = (uint32_t)i;
  for (size_t i = o->samples; i > 1; i--) { /* Fisher and Yates */
    size_t k = random_below(&stream, (uint32_t)i);
    uint32_t kept = o->permutation[i - 1];
    o->permutation[i - 1] = o->permutation[k];
    o->permutation[k] = kept;
  }
  o->epoch = epoch;
}

status order_create(uint64_t seed, size_t samples, order *out) {
  *out = (order){.seed = seed, .samples = samples};
  TRY(MEMORY_NEW(samples, "order of samples", &out->permutation));
  draw(out, 0);
  return STATUS_OK;
}

void order_destroy(order *o) {
  memory_free(o->permutation);
  o->permutation = NULL;
}

uint32_t order_at(order *o, uint64_t position) {
  uint64_t epoch = position / o->samples;
  if (epoch != o->epoch) draw(o, epoch);
  return o->permutation[position % o->samples];
}

void order_share(int micro_batches, int rank, int ranks, int *begin, int *end) {
  *begin = (int)((long)micro_batches * rank / ranks);
  *end = (int)((long)micro_batches * (rank + 1) / ranks);
}
