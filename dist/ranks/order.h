/* The order in which a run sees its samples.
 *
 * Position q of a run (step q / batch, place q % batch of it) is a sample of
 * epoch q / samples; each epoch is a permutation drawn from (seed, epoch). No
 * sample is left out at an epoch's end: a step may span two epochs. */
#ifndef HARMONIA_ORDER_H
#define HARMONIA_ORDER_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

typedef struct order {
  uint64_t seed;
  size_t samples;
  uint64_t epoch; /* of the permutation held */
  uint32_t *permutation;
} order;

status order_create(uint64_t seed, size_t samples, order *out);
void order_destroy(order *order);

/* The sample at a position; cheap while positions grow. */
uint32_t order_at(order *order, uint64_t position);

/* Micro-batches of a step that rank r of `ranks` computes: [*begin, *end). */
void order_share(int micro_batches, int rank, int ranks, int *begin, int *end);

#endif
