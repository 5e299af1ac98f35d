/* Reverse-mode differentiation that emits nodes. */
#include <stdlib.h>

#include "nn/internal.h"

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

void nn_grad_of(nn_graph *graph, nn_id y, nn_id gy, const nn_id *wrt, int count,
                nn_id *out) {
  INVARIANT(nn_shape_equal(nn_shape_of(graph, y), nn_shape_of(graph, gy)),
            "gradient of another shape");
  bool *reaches = find_dependents(graph, wrt, count);
  nn_id *adjoint = malloc((size_t)graph->count * sizeof *adjoint);
  INVARIANT(adjoint != NULL, "no memory for a graph");
  for (nn_id id = 0; id < graph->count; id++) adjoint[id] = NN_NONE;
  adjoint[y] = gy;
  for (nn_id id = y; id >= 0; id--) {
    if (adjoint[id] == NN_NONE || !reaches[id]) continue;
    nn_node node = nn_get(graph, id);
    if (node.op->gradient == NULL) continue;
    nn_id gx[NN_MAX_INPUTS];
    for (int i = 0; i < NN_MAX_INPUTS; i++) gx[i] = NN_NONE;
    node.op->gradient(graph, id, adjoint[id], gx);
    for (int i = 0; i < node.op->arity; i++)
      if (gx[i] != NN_NONE && reaches[node.in[i]])
        adjoint[node.in[i]] = nn_accumulate(graph, adjoint[node.in[i]], gx[i]);
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
