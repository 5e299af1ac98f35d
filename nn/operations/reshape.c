/* Operations that move values without changing them. */
#include <string.h>

#include "nn/operation.h"

/* ---- reshape: the same values in the same order ---- */

static void reshape_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_reshape(g, gy, nn_shape_of(g, nn_get(g, y).in[0]));
}

const nn_op nn_op_reshape = {
    .name = "reshape", .arity = 1, .gradient = reshape_gradient, .view = true};

nn_id nn_reshape(nn_graph *g, nn_id x, nn_shape shape) {
  INVARIANT(nn_shape_count(nn_shape_of(g, x)) == nn_shape_count(shape),
            "reshape changes the number of values");
  return nn_emit(g, (nn_node){.op = &nn_op_reshape, .in = {x}, .shape = shape});
}

/* ---- runs of channels: concat, slice, pad ---- */

/* `run` values a pixel; strides from pixel to pixel. */
static void copy_channels(size_t pixels, size_t run, const nn_real *from,
                          size_t from_stride, nn_real *to, size_t to_stride) {
  for (size_t pixel = 0; pixel < pixels; pixel++)
    memcpy(to + pixel * to_stride, from + pixel * from_stride,
           run * sizeof *to);
}

static void check_same_pixels(nn_shape a, nn_shape b, const char *name) {
  INVARIANT(a.n == b.n && a.h == b.h && a.w == b.w,
            "%s: [%d,%d,%d] and [%d,%d,%d] pixels", name, a.n, a.h, a.w, b.n,
            b.h, b.w);
}

static void concat_shape(const nn_graph *graph, nn_node *node) {
  nn_shape a = nn_shape_of(graph, node->in[0]);
  nn_shape b = nn_shape_of(graph, node->in[1]);
  check_same_pixels(a, b, "concat");
  node->shape = NN_SHAPE(a.n, a.h, a.w, a.c + b.c);
}

static void concat_pixels(const nn_call *call, size_t first, size_t count) {
  (void)first;
  size_t a = (size_t)call->in_shape[0].c, b = (size_t)call->in_shape[1].c;
  copy_channels(count, a, call->in[0], a, call->out, a + b);
  copy_channels(count, b, call->in[1], b, call->out + a, a + b);
}

static void concat_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  int a = nn_shape_of(g, node.in[0]).c, b = nn_shape_of(g, node.in[1]).c;
  gx[0] = nn_slice(g, gy, 0, a);
  gx[1] = nn_slice(g, gy, a, b);
}

const nn_op nn_op_concat = {.name = "concat",
                            .arity = 2,
                            .shape = concat_shape,
                            .pixels = concat_pixels,
                            .gradient = concat_gradient};

nn_id nn_concat(nn_graph *g, nn_id a, nn_id b) {
  return nn_emit(g, (nn_node){.op = &nn_op_concat, .in = {a, b}});
}

static void slice_pixels(const nn_call *call, size_t first, size_t count) {
  (void)first;
  size_t run = (size_t)call->shape.c;
  copy_channels(count, run, call->in[0] + call->node->begin,
                (size_t)call->in_shape[0].c, call->out, run);
}

/* Puts x at channels [begin, begin + c) of `total`, zeros elsewhere. */
static nn_id pad_channels(nn_graph *g, nn_id x, int begin, int total) {
  nn_shape s = nn_shape_of(g, x);
  return nn_emit(g, (nn_node){.op = &nn_op_pad_channels,
                              .in = {x},
                              .shape = NN_SHAPE(s.n, s.h, s.w, total),
                              .begin = begin});
}

static void slice_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = pad_channels(g, gy, node.begin, nn_shape_of(g, node.in[0]).c);
}

const nn_op nn_op_slice = {.name = "slice",
                           .arity = 1,
                           .pixels = slice_pixels,
                           .gradient = slice_gradient};

nn_id nn_slice(nn_graph *g, nn_id x, int begin, int count) {
  nn_shape s = nn_shape_of(g, x);
  INVARIANT(begin >= 0 && count > 0 && begin + count <= s.c,
            "channels [%d, %d) of %d", begin, begin + count, s.c);
  return nn_emit(g, (nn_node){.op = &nn_op_slice,
                              .in = {x},
                              .shape = NN_SHAPE(s.n, s.h, s.w, count),
                              .begin = begin});
}

static void pad_channels_pixels(const nn_call *call, size_t first,
                                size_t count) {
  (void)first;
  size_t run = (size_t)call->in_shape[0].c, all = (size_t)call->shape.c;
  memset(call->out, 0, count * all * sizeof *call->out);
  copy_channels(count, run, call->in[0], run, call->out + call->node->begin,
                all);
}

static void pad_channels_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = nn_slice(g, gy, node.begin, nn_shape_of(g, node.in[0]).c);
}

const nn_op nn_op_pad_channels = {.name = "pad_channels",
                                  .arity = 1,
                                  .pixels = pad_channels_pixels,
                                  .gradient = pad_channels_gradient};
