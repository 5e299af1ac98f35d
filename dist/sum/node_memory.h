/* Memory that the ranks of a node read and write as their own, and counters by
 * which they tell each other how far they are. */
#ifndef HARMONIA_NODE_MEMORY_H
#define HARMONIA_NODE_MEMORY_H

#include <stdint.h>

#include "dist/ranks/cluster.h"

typedef struct node_memory node_memory;

/* Collective over all ranks, and agreed upon by them. `bytes`: this rank's
 * part, which starts at a 64-byte boundary, zeroed. Parts may differ. Of a rank
 * that is alone on its node the memory is its own, and no window. */
status node_memory_create(const cluster *c, size_t bytes, node_memory **out);
/* Collective over the node. */
void node_memory_destroy(node_memory **memory);

/* The part of a rank of the node. */
void *node_memory_part(const node_memory *m, int node_rank);

/* Each rank has its own of these, from 0, and raises it alone. */
typedef enum node_counter {
  NODE_CLOSED,
  NODE_PUBLISHED,
  NODE_AVERAGED,
  NODE_COUNTERS
} node_counter;

/* What this rank wrote before is seen by whoever sees the new value. */
void node_memory_raise(node_memory *m, node_counter which, uint64_t value);
/* The lowest value among the ranks of the node. */
uint64_t node_memory_lowest(const node_memory *m, node_counter which);

/* Between two looks at something that others are to change: gives the core
 * away, for longer after a while. *tries starts at 0. */
void node_memory_pause(int *tries);

#endif
