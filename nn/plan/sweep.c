/* Sweeps: nodes that pass over the pixels together.
 *
 * Most time of an elementwise node is spent on moving its values to memory and
 * back. Neighbours in the order of computing whose results have the same pixels
 * go over them together, a block of pixels at a time, so that what one of them
 * has made is still in the cache when the next one reads it. A value that
 * nothing behind the sweep reads has memory for a block alone, a thread.
 *
 * All of a sweep happens at the same time: what dies in it keeps its place to
 * the end, unless it is taken over pixel by pixel. A pixel is computed the same
 * way in any block, so the bits depend on neither blocks nor threads. */
#include "base/memory.h"
#include "nn/plan/planner.h"

enum { BLOCK_VALUES = 1 << 15 }; /* of a sweep: they stay in the cache */

static bool is_pixelwise(const nn_graph *g, nn_id id) {
  return g->nodes[id].op->pixels != NULL;
}

static bool is_step(const nn_planner *p, nn_id id) {
  const nn_op *op = p->graph->nodes[id].op;
  return nn_is_computed(p, id) && op->binding == NN_COMPUTED && !op->view;
}

/* Whether a node can read an input that a member of the sweep computes: the
 * same channels of the same pixel. */
static bool can_read(const nn_graph *g, nn_id id, int input, nn_id first) {
  const nn_node *node = &g->nodes[id];
  nn_id source = node->in[input];
  nn_shape seen = g->nodes[source].shape;
  while (g->nodes[source].op->view) source = g->nodes[source].in[0];
  if (source < first || g->nodes[source].op->binding != NN_COMPUTED)
    return true;
  if (node->op->prepare != NULL && input > 0) return false; /* too late */
  return nn_same_pixels(seen, node->shape) &&
         g->nodes[source].shape.c == seen.c;
}

/* Whether a node can join the sweep that begins with node `first`. */
static bool joins(const nn_planner *p, nn_id first, nn_id id) {
  const nn_graph *g = p->graph;
  const nn_node *node = &g->nodes[id];
  if (!is_pixelwise(g, id) ||
      nn_pixels(node->shape) != nn_pixels(g->nodes[first].shape))
    return false;
  for (int i = 0; i < node->op->arity; i++)
    if (!can_read(g, id, i, first)) return false;
  return true;
}

/* Values a pixel that a node reads and writes. */
static size_t values_of(const nn_graph *g, nn_id id) {
  const nn_node *node = &g->nodes[id];
  size_t values = (size_t)node->shape.c;
  for (int i = 0; i < node->op->arity; i++) {
    nn_shape in = g->nodes[node->in[i]].shape;
    if (nn_same_pixels(in, node->shape)) values += (size_t)in.c;
  }
  return values;
}

static size_t block_of(const nn_planner *p, nn_id first, nn_id last) {
  size_t values = 1, pixels = nn_pixels(p->graph->nodes[first].shape);
  for (nn_id id = first; id <= last; id++)
    if (is_step(p, id)) values += values_of(p->graph, id);
  size_t block = BLOCK_VALUES / values;
  return block < 1 ? 1 : block > pixels ? pixels : block;
}

static void close_sweep(nn_planner *p, nn_id first, nn_id last, int nodes) {
  size_t block = block_of(p, first, last);
  for (nn_id id = first; id <= last; id++)
    p->sweeps[id] = (nn_sweep){first, last, nodes, is_step(p, id) ? block : 0};
}

void nn_find_sweeps(nn_planner *p, bool apart) {
  nn_id first = NN_NONE, last = NN_NONE;
  int nodes = 0;
  for (nn_id id = 0; id < p->graph->count; id++) {
    p->sweeps[id] = (nn_sweep){id, id, 1, 0};
    if (!is_step(p, id)) continue;
    if (first != NN_NONE && !apart && nodes < NN_SWEEP_NODES &&
        joins(p, first, id)) {
      last = id;
      nodes++;
      continue;
    }
    if (first != NN_NONE) close_sweep(p, first, last, nodes);
    first = last = is_pixelwise(p->graph, id) ? id : NN_NONE;
    nodes = 1;
  }
  if (first != NN_NONE) close_sweep(p, first, last, nodes);
}

bool nn_is_passing(const nn_planner *p, nn_id id) {
  const nn_sweep *sweep = &p->sweeps[id];
  return sweep->last > sweep->first && !p->is_result[id] &&
         !p->is_given_away[id] &&
         p->read_until[id] <= nn_step_of(p, sweep->last);
}

/* Whether a member of the sweep reads values of the storage that are not those
 * of the pixels that node `id` writes there, or not before it does. */
static bool reads_otherwise(const nn_planner *p, nn_id reader, int storage,
                            nn_id id) {
  const nn_node *node = &p->graph->nodes[reader];
  nn_shape shape = p->graph->nodes[id].shape;
  for (int i = 0; i < node->op->arity; i++) {
    if (p->storage_of[node->in[i]] != storage) continue;
    nn_shape in = p->graph->nodes[node->in[i]].shape;
    if (nn_pixels(in) != nn_pixels(shape) || in.c != shape.c) return true;
    if (reader == id && !(node->op->inplace >> i & 1)) return true;
  }
  return false;
}

static bool can_take(const nn_planner *p, nn_id id, int storage) {
  const nn_storage *s = &p->storages->items[storage];
  if (s->death > nn_step_of(p, id) || s->passing != nn_is_passing(p, id))
    return false;
  for (nn_id reader = p->sweeps[id].first; reader <= id; reader++)
    if (is_step(p, reader) && reads_otherwise(p, reader, storage, id))
      return false;
  return true;
}

int nn_storage_to_take(const nn_planner *p, nn_id id) {
  for (nn_id member = id; member >= p->sweeps[id].first; member--) {
    const nn_node *node = &p->graph->nodes[member];
    for (int i = 0; is_step(p, member) && i < node->op->arity; i++) {
      int storage = p->storage_of[node->in[i]];
      if (storage >= 0 && can_take(p, id, storage)) return storage;
    }
  }
  return -1;
}

size_t nn_passing_stride(size_t block, nn_shape shape) {
  return nn_aligned(block * (size_t)shape.c);
}

size_t nn_passing_size(const nn_planner *p, nn_id id) {
  size_t block = p->sweeps[id].block;
  nn_shape shape = p->graph->nodes[id].shape;
  size_t blocks = (nn_pixels(shape) + block - 1) / block;
  size_t threads = (size_t)p->plan->threads;
  return nn_passing_stride(block, shape) *
         (blocks < threads ? blocks : threads);
}

void nn_live_for_sweeps(const nn_planner *p, nn_storage *s) {
  int nodes = p->graph->count;
  if (s->death >= p->start && s->death < p->start + nodes)
    s->death = nn_step_of(p, p->sweeps[s->death - p->start].last);
}
