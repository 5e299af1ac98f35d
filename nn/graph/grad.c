/* Reverse-mode differentiation that emits nodes. */
#include <stdlib.h>

#include "nn/operation.h"

nn_id nn_accumulate(nn_graph *graph, nn_id a, nn_id b) {
  if (a == NN_NONE) return b;
  nn_id sum = nn_outer_onto(graph, a, b);
  return sum != NN_NONE ? sum : nn_add(graph, a, b);
}

nn_id nn_reduce_like(nn_graph *graph, nn_id x, nn_shape shape) {
  if (nn_shape_equal(nn_shape_of(graph, x), shape)) return x;
  return nn_sum_to(graph, x, shape);
}

/* reaches[i]: does a value of node i depend on one of wrt? */
static bool *find_dependents(const nn_graph *graph, const nn_id *wrt,
                             int count) {
  bool *reaches = calloc((size_t)graph->count, sizeof *reaches);
  INVARIANT(reaches != NULL, "no memory for a graph");
  for (int i = 0; i < count; i++) reaches[wrt[i]] = true;
  for (nn_id id = 0; id < graph->count; id++) {
    const nn_node *node = &graph->nodes[id];
    if (node->op->gradient == NULL) continue;
    for (int i = 0; i < node->op->arity; i++)
      if (reaches[node->in[i]]) reaches[id] = true;
  }
  return reaches;
}

nn_id nn_recompute(nn_graph *graph, nn_id x) {
  graph->nodes[x].recomputed = true;
  return x;
}

/* `id`, or where it is to be recomputed its copy, from copies of such inputs;
 * copies[]: by original, NN_NONE where there is none yet. */
static nn_id again(nn_graph *graph, nn_id id, nn_id *copies) {
  nn_node node = nn_get(graph, id);
  if (!node.recomputed) return id;
  if (copies[node.original] != NN_NONE) return copies[node.original];
  for (int i = 0; i < node.op->arity; i++)
    node.in[i] = again(graph, node.in[i], copies);
  nn_id copy = nn_emit(graph, node);
  graph->nodes[copy].original = node.original;
  return copies[node.original] = copy;
}

/* The gradients for a node's inputs, by rules that see copies of what is to be
 * recomputed: the node itself and its inputs. */
static void emit_gradient(nn_graph *graph, nn_id id, nn_id gy, nn_id *copies,
                          nn_id gx[]) {
  nn_node node = nn_get(graph, id);
  nn_id y = again(graph, id, copies);
  for (int i = 0; y == id && i < node.op->arity; i++) {
    nn_id in = again(graph, node.in[i], copies); /* may move the nodes */
    graph->nodes[id].in[i] = in;
  }
  node.op->gradient(graph, y, gy, gx);
  graph->nodes[id] = node;
}

void nn_grad_of(nn_graph *graph, nn_id y, nn_id gy, const nn_id *wrt, int count,
                nn_id *out) {
  INVARIANT(nn_shape_equal(nn_shape_of(graph, y), nn_shape_of(graph, gy)),
            "gradient of another shape");
  bool *reaches = find_dependents(graph, wrt, count);
  size_t count_before = (size_t)graph->count;
  nn_id *adjoint = malloc(2 * count_before * sizeof *adjoint);
  INVARIANT(adjoint != NULL, "no memory for a graph");
  nn_id *copies = adjoint + count_before;
  for (size_t i = 0; i < 2 * count_before; i++) adjoint[i] = NN_NONE;
  adjoint[y] = gy;
  for (nn_id id = y; id >= 0; id--) {
    if (adjoint[id] == NN_NONE || !reaches[id]) continue;
    nn_node node = nn_get(graph, id);
    if (node.op->gradient == NULL) continue;
    nn_id gx[NN_MAX_INPUTS];
    for (int i = 0; i < NN_MAX_INPUTS; i++) gx[i] = NN_NONE;
    emit_gradient(graph, id, adjoint[id], copies, gx);
    for (int i = 0; i < node.op->arity; i++) {
      nn_id in = nn_get(graph, node.in[i]).original;
      if (gx[i] != NN_NONE && reaches[in])
        adjoint[in] = nn_accumulate(graph, adjoint[in], gx[i]);
    }
  }
  for (int i = 0; i < count; i++) {
    out[i] = adjoint[wrt[i]];
    if (out[i] == NN_NONE)
      out[i] = nn_fill(graph, nn_shape_of(graph, wrt[i]), 0.0);
  }
  free(adjoint);
  free(reaches);
}

void nn_grad(nn_graph *graph, nn_id loss, const nn_id *wrt, int count,
             nn_id *out) {
  INVARIANT(nn_shape_count(nn_shape_of(graph, loss)) == 1, "loss is no scalar");
  nn_grad_of(graph, loss, nn_fill(graph, nn_shape_of(graph, loss), 1.0), wrt,
             count, out);
}
