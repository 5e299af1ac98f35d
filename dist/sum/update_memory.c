/* What an update keeps in the memory of the node, and where. */
#include "base/memory.h"
#include "dist/ranks/order.h"
#include "dist/sum/update_internal.h"

/* Lines of the cache, in values. */
static size_t aligned(size_t count) {
  return (count + PIECES_ALIGN - 1) / PIECES_ALIGN * PIECES_ALIGN;
}

/* A rank's part, in values from its beginning: every rank of the node can tell
 * where its neighbours keep what. */
typedef struct memory_part {
  size_t state, averaged; /* of the node's first rank */
  size_t buffers[NN_MAX_PHASES], moments[NN_MAX_PHASES];
  size_t size;
} memory_part;

static int buffers_of(const update *u, int rank) {
  int begin, end;
  order_share(u->options.micro_batches, rank, u->options.cluster->ranks, &begin,
              &end);
  return tree_depth(u->options.micro_batches, begin, end);
}

static size_t moments_of(const pieces *learned, int rank) {
  return aligned(pieces_before(learned, learned->buckets, rank));
}

static memory_part part_of(const update *u, int node_rank) {
  const cluster *c = u->options.cluster;
  int rank = c->first_ranks[c->node] + node_rank;
  size_t buffers = (size_t)buffers_of(u, rank);
  memory_part part = {0};
  if (node_rank == 0) {
    part.averaged = part.size = aligned(u->options.layout->vector_size);
    if (u->options.average > 0)
      part.size += aligned(u->options.layout->state_size);
  }
  for (int k = 0; k < u->options.phase_count; k++) {
    part.buffers[k] = part.size;
    part.size += buffers * aligned(u->options.phases[k]->result_size);
    part.moments[k] = part.size;
    part.size += 2 * moments_of(&u->phases[k].learned, rank);
  }
  return part;
}

static nn_real *buffer_at(const update *u, int phase_index, int node_rank,
                          int buffer) {
  memory_part part = part_of(u, node_rank);
  nn_real *values = node_memory_part(u->memory, node_rank);
  size_t size = aligned(u->options.phases[phase_index]->result_size);
  return values + part.buffers[phase_index] + (size_t)buffer * size;
}

static status allocate_phase(update *u, int index) {
  const cluster *c = u->options.cluster;
  const nn_layout *layout = u->options.phases[index];
  phase *p = &u->phases[index];
  size_t learned = layout->parameters.end - layout->parameters.begin;
  size_t summed = layout->gradients;
  size_t count = summed + layout->rest.end - layout->rest.begin;
  INVARIANT(summed == learned ||
                (c->ranks == 1 && u->options.micro_batches == 1),
            "gradients of several micro-batches are handed over");
  p->exchanged.layout = layout;
  p->exchanged.cut = pieces_cut(summed, count, c->ranks);
  p->learned = pieces_cut(learned, learned, c->ranks);
  p->stack.total = u->options.micro_batches;
  TRY(MEMORY_NEW((size_t)buffers_of(u, c->rank), "buffers", &p->buffers));
  return MEMORY_NEW((size_t)u->routes.leaf_count, "buffers",
                    &p->exchanged.leaves);
}

/* What this rank needs beside the node's memory. */
static status allocate_own(update *u) {
  const cluster *c = u->options.cluster;
  exchange_phase phases[NN_MAX_PHASES];
  order_share(u->options.micro_batches, c->rank, c->ranks, &u->own_begin,
              &u->own_end);
  TRY(routes_create(c->first_ranks, c->nodes, c->rank, u->options.micro_batches,
                    &u->routes));
  for (int k = 0; k < u->options.phase_count; k++) {
    TRY(allocate_phase(u, k));
    phases[k] = u->phases[k].exchanged;
  }
  return exchange_create(c, &u->routes, phases, u->options.phase_count,
                         u->options.rounded, u->options.threads, &u->exchange);
}

static void place_phase(update *u, int index) {
  const cluster *c = u->options.cluster;
  phase *p = &u->phases[index];
  for (int i = 0; i < buffers_of(u, c->rank); i++)
    p->buffers[i] = buffer_at(u, index, c->node_rank, i);
  p->exchanged.own = p->buffers[0];
  for (int i = 0; i < u->routes.leaf_count; i++)
    p->exchanged.leaves[i] =
        buffer_at(u, index, u->routes.leaf_ranks[i], u->routes.leaf_buffers[i]);
  memory_part part = part_of(u, c->node_rank);
  nn_real *values = node_memory_part(u->memory, c->node_rank);
  p->moments[0] = values + part.moments[index];
  p->moments[1] = p->moments[0] + moments_of(&p->learned, c->rank);
}

status update_allocate(update *u) {
  const cluster *c = u->options.cluster;
  TRY(cluster_agree(c, allocate_own(u)));
  memory_part part = part_of(u, c->node_rank);
  TRY(node_memory_create(c, part.size * sizeof(nn_real), &u->memory));
  u->state = node_memory_part(u->memory, 0);
  if (u->options.average > 0) u->averaged = u->state + part_of(u, 0).averaged;
  for (int k = 0; k < u->options.phase_count; k++) place_phase(u, k);
  exchange_use(u->exchange, u->memory);
  return STATUS_OK;
}
