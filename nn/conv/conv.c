/* Convolution and its two other partials. sum(y * conv(x, w)) is linear in x,
 * w and y, so the derivative by any one of them is a function of the other two:
 * conv, conv_data_grad and conv_weight_grad, each the others' gradient. */
#include "nn/conv/conv.h"

static int conv_extent(int size, int kernel, int stride, int pad) {
  INVARIANT(size + 2 * pad >= kernel,
            "kernel %d over %d pixels with padding %d", kernel, size, pad);
  return (size + 2 * pad - kernel) / stride + 1;
}

static double conv_multiply_adds(const nn_node *node, const nn_shape *in) {
  nn_conv_case c = nn_conv_case_of(node, in);
  return (double)c.batch * c.out_h * c.out_w * c.kernel_h * c.kernel_w *
         c.in_c * c.out_c;
}

/* x [N,H,W,Ci], w [kh,kw,Ci,Co] -> y [N,OH,OW,Co] */
static void conv_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  nn_shape w = nn_shape_of(graph, node->in[1]);
  INVARIANT(w.w == x.c, "conv: weights for %d channels, input has %d", w.w,
            x.c);
  node->shape = NN_SHAPE(x.n, conv_extent(x.h, w.n, node->stride, node->pad),
                         conv_extent(x.w, w.h, node->stride, node->pad), w.c);
}

/* gy [N,OH,OW,Co], w [kh,kw,Ci,Co] -> gx [N,H,W,Ci]; H, W from the builder */
static void conv_data_grad_shape(const nn_graph *graph, nn_node *node) {
  nn_shape gy = nn_shape_of(graph, node->in[0]);
  nn_shape w = nn_shape_of(graph, node->in[1]);
  INVARIANT(w.c == gy.c, "conv_data_grad: weights of %d channels, input has %d",
            w.c, gy.c);
  INVARIANT(conv_extent(node->shape.h, w.n, node->stride, node->pad) == gy.h &&
                conv_extent(node->shape.w, w.h, node->stride, node->pad) ==
                    gy.w,
            "conv_data_grad: extents do not fit");
  node->shape = NN_SHAPE(gy.n, node->shape.h, node->shape.w, w.w);
}

/* x [N,H,W,Ci], gy [N,OH,OW,Co] -> gw [kh,kw,Ci,Co]; kh, kw from the builder */
static void conv_weight_grad_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  nn_shape gy = nn_shape_of(graph, node->in[1]);
  INVARIANT(
      x.n == gy.n &&
          conv_extent(x.h, node->shape.n, node->stride, node->pad) == gy.h &&
          conv_extent(x.w, node->shape.h, node->stride, node->pad) == gy.w,
      "conv_weight_grad: extents do not fit");
  node->shape = NN_SHAPE(node->shape.n, node->shape.h, x.c, gy.c);
}

bool nn_is_conv(const nn_node *node) {
  return node->op == &nn_op_conv || node->op == &nn_op_conv_data_grad ||
         node->op == &nn_op_conv_weight_grad;
}

/* Where the shapes of x, w and y are found: those of the inputs, and the
 * result's in the place that is wanted. */
nn_conv_case nn_conv_case_of(const nn_node *node, const nn_shape *in) {
  nn_conv_partial partial = node->op == &nn_op_conv             ? NN_PARTIAL_Y
                            : node->op == &nn_op_conv_data_grad ? NN_PARTIAL_X
                                                                : NN_PARTIAL_W;
  nn_shape x = partial == NN_PARTIAL_X ? node->shape : in[0];
  nn_shape w = partial == NN_PARTIAL_W ? node->shape : in[1];
  nn_shape y = partial == NN_PARTIAL_Y   ? node->shape
               : partial == NN_PARTIAL_X ? in[0]
                                         : in[1];
  return (nn_conv_case){.batch = x.n,
                        .in_h = x.h,
                        .in_w = x.w,
                        .in_c = x.c,
                        .out_h = y.h,
                        .out_w = y.w,
                        .out_c = y.c,
                        .kernel_h = w.n,
                        .kernel_w = w.h,
                        .stride = node->stride,
                        .pad = node->pad,
                        .partial = partial,
                        .masked = node->masked};
}

bool nn_conv_case_equal(const nn_conv_case *a, const nn_conv_case *b) {
  return a->batch == b->batch && a->in_h == b->in_h && a->in_w == b->in_w &&
         a->in_c == b->in_c && a->out_h == b->out_h && a->out_w == b->out_w &&
         a->out_c == b->out_c && a->kernel_h == b->kernel_h &&
         a->kernel_w == b->kernel_w && a->stride == b->stride &&
         a->pad == b->pad && a->partial == b->partial && a->masked == b->masked;
}

/* ---- the kernel of all three: the solver that the shape gets ---- */

static void run(const nn_call *call) {
  nn_conv_case c = nn_conv_case_of(call->node, call->in_shape);
  const nn_conv_solver *solver = nn_conv_choose(&c);
  nn_conv_map map = nn_conv_map_of(call, &c);
  nn_call own = *call;
  if (own.scratch != NULL)
    own.scratch = (char *)call->scratch + nn_conv_map_scratch(&c);
  solver->run(solver, &c, &own, &map);
}

static size_t scratch(const nn_node *node, const nn_shape *in, int threads) {
  nn_conv_case c = nn_conv_case_of(node, in);
  const nn_conv_solver *solver = nn_conv_choose(&c);
  return nn_conv_map_scratch(&c) + solver->scratch(solver, &c, threads);
}

/* ---- gradients: the other two ---- */

/* With stride, padding and mask of `like`. `result` gives what the shape rule
 * takes from the builder. */
static nn_id partial(nn_graph *g, const nn_op *op, nn_node like, nn_id a,
                     nn_id b, nn_shape result) {
  return nn_emit(g, (nn_node){.op = op,
                              .in = {a, b},
                              .shape = result,
                              .stride = like.stride,
                              .pad = like.pad,
                              .masked = like.masked});
}

static nn_id forward(nn_graph *g, nn_node like, nn_id x, nn_id w) {
  return partial(g, &nn_op_conv, like, x, w, (nn_shape){0});
}

static nn_id data_grad(nn_graph *g, nn_node like, nn_id gy, nn_id w,
                       nn_shape x) {
  return partial(g, &nn_op_conv_data_grad, like, gy, w, x);
}

static nn_id weight_grad(nn_graph *g, nn_node like, nn_id x, nn_id gy,
                         nn_shape w) {
  return partial(g, &nn_op_conv_weight_grad, like, x, gy, w);
}

static void conv_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id x = node.in[0], w = node.in[1];
  gx[0] = data_grad(g, node, gy, w, nn_shape_of(g, x));
  gx[1] = weight_grad(g, node, x, gy, nn_shape_of(g, w));
}

static void conv_data_grad_gradient(nn_graph *g, nn_id y, nn_id u, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id gy = node.in[0], w = node.in[1];
  gx[0] = forward(g, node, u, w);
  gx[1] = weight_grad(g, node, u, gy, nn_shape_of(g, w));
}

static void conv_weight_grad_gradient(nn_graph *g, nn_id y, nn_id u,
                                      nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id x = node.in[0], gy = node.in[1];
  gx[0] = data_grad(g, node, gy, u, nn_shape_of(g, x));
  gx[1] = forward(g, node, x, u);
}

const nn_op nn_op_conv = {.name = "conv",
                          .arity = 2,
                          .shape = conv_shape,
                          .kernel = run,
                          .reference = nn_conv_reference,
                          .gradient = conv_gradient,
                          .scratch = scratch,
                          .multiply_adds = conv_multiply_adds};
const nn_op nn_op_conv_data_grad = {.name = "conv_data_grad",
                                    .arity = 2,
                                    .shape = conv_data_grad_shape,
                                    .kernel = run,
                                    .reference = nn_conv_data_grad_reference,
                                    .gradient = conv_data_grad_gradient,
                                    .scratch = scratch,
                                    .multiply_adds = conv_multiply_adds};
const nn_op nn_op_conv_weight_grad = {.name = "conv_weight_grad",
                                      .arity = 2,
                                      .shape = conv_weight_grad_shape,
                                      .kernel = run,
                                      .reference =
                                          nn_conv_weight_grad_reference,
                                      .gradient = conv_weight_grad_gradient,
                                      .scratch = scratch,
                                      .multiply_adds = conv_multiply_adds};

nn_id nn_conv(nn_graph *g, nn_id x, nn_id w, int stride, int pad) {
  return forward(g, (nn_node){.stride = stride, .pad = pad}, x, w);
}

nn_id nn_conv_masked(nn_graph *g, nn_id x, nn_id w, int stride, int pad) {
  nn_node like = {.stride = stride, .pad = pad, .masked = true};
  return forward(g, like, x, w);
}

nn_id nn_conv_data_grad(nn_graph *g, nn_id gy, nn_id w, int stride, int pad,
                        int height, int width) {
  return data_grad(g, (nn_node){.stride = stride, .pad = pad}, gy, w,
                   (nn_shape){.h = height, .w = width});
}

nn_id nn_conv_transpose(nn_graph *g, nn_id gy, nn_id w, int stride, int pad,
                        int height, int width) {
  return nn_conv_data_grad(g, gy, w, stride, pad, height, width);
}

nn_id nn_conv_weight_grad(nn_graph *g, nn_id x, nn_id gy, int kernel_h,
                          int kernel_w, int stride, int pad) {
  return weight_grad(g, (nn_node){.stride = stride, .pad = pad}, x, gy,
                     (nn_shape){.n = kernel_h, .h = kernel_w});
}
