/* Sine and cosine: each the other's derivative. */
#include <math.h>

#include "nn/operation.h"

static void same_shape(const nn_graph *graph, nn_node *node) {
  node->shape = nn_shape_of(graph, node->in[0]);
}

static void sin_pixels(const nn_call *call, size_t first, size_t count) {
  (void)first;
  for (size_t i = 0; i < count * (size_t)call->shape.c; i++)
    call->out[i] = (nn_real)sin((double)call->in[0][i]);
}

static void cos_pixels(const nn_call *call, size_t first, size_t count) {
  (void)first;
  for (size_t i = 0; i < count * (size_t)call->shape.c; i++)
    call->out[i] = (nn_real)cos((double)call->in[0][i]);
}

static void sin_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_mul(g, gy, nn_cos(g, nn_get(g, y).in[0]));
}

static void cos_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_id slope = nn_affine(g, nn_sin(g, nn_get(g, y).in[0]), -1, 0);
  gx[0] = nn_mul(g, gy, slope);
}

const nn_op nn_op_sin = {.name = "sin",
                         .arity = 1,
                         .shape = same_shape,
                         .pixels = sin_pixels,
                         .gradient = sin_gradient,
                         .inplace = 1};
const nn_op nn_op_cos = {.name = "cos",
                         .arity = 1,
                         .shape = same_shape,
                         .pixels = cos_pixels,
                         .gradient = cos_gradient,
                         .inplace = 1};

nn_id nn_sin(nn_graph *g, nn_id x) {
  return nn_emit(g, (nn_node){.op = &nn_op_sin, .in = {x}});
}

nn_id nn_cos(nn_graph *g, nn_id x) {
  return nn_emit(g, (nn_node){.op = &nn_op_cos, .in = {x}});
}
