/* Partial convolution: a convolution of what a mask leaves, made up for what is
 * missing. Everything behind the convolution is one pass over its result. */
#include "nn/operation.h"

/* ---- (z ratio + bias) update ---- */

/* Values of a pixel: the same ratio and update for all channels. */
NN_CLONES static void partial_run(size_t pixels, size_t channels,
                                  const nn_real *z, const nn_real *ratio,
                                  const nn_real *bias, const nn_real *update,
                                  nn_real *y) {
  for (size_t p = 0; p < pixels; p++, z += channels, y += channels) {
    nn_real q = ratio[p], u = update[p];
    for (size_t c = 0; c < channels; c++) y[c] = (z[c] * q + bias[c]) * u;
  }
}

static void partial_pixels(const nn_call *call, size_t first, size_t count) {
  (void)first;
  partial_run(count, (size_t)call->shape.c, call->in[0], call->in[1],
              call->in[2], call->in[3], call->out);
}

static void partial_shape(const nn_graph *graph, nn_node *node) {
  nn_shape z = nn_shape_of(graph, node->in[0]);
  nn_shape map = NN_SHAPE(z.n, z.h, z.w, 1), row = NN_SHAPE(1, 1, 1, z.c);
  INVARIANT(nn_shape_equal(nn_shape_of(graph, node->in[1]), map) &&
                nn_shape_equal(nn_shape_of(graph, node->in[2]), row) &&
                nn_shape_equal(nn_shape_of(graph, node->in[3]), map),
            "partial: maps or bias of another shape");
  node->shape = z;
}

static void partial_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id z = node.in[0], ratio = node.in[1], bias = node.in[2],
        update = node.in[3];
  nn_shape map = nn_shape_of(g, update);
  gx[0] = nn_mul(g, gy, nn_mul(g, ratio, update));
  gx[1] = nn_mul(g, nn_dot_to(g, gy, z, map), update);
  gx[2] = nn_sum_to(g, nn_mul(g, gy, update), nn_shape_of(g, bias));
  gx[3] = nn_dot_to(g, gy, nn_add(g, nn_mul(g, z, ratio), bias), map);
}

const nn_op nn_op_partial = {.name = "partial",
                             .arity = 4,
                             .shape = partial_shape,
                             .pixels = partial_pixels,
                             .gradient = partial_gradient,
                             .inplace = 1};

/* ---- the convolution ---- */

nn_partial_mask nn_partial_mask_of(nn_graph *g, nn_id mask, int kernel_h,
                                   int kernel_w, int stride, int pad) {
  nn_partial_mask m = {.mask = nn_stop_gradient(g, mask)};
  nn_id ones = nn_fill(g, NN_SHAPE(kernel_h, kernel_w, 1, 1), 1);
  nn_id count = nn_conv(g, m.mask, ones, stride, pad);
  /* min(count, 1) = 1 - max(1 - count, 0) */
  m.update =
      nn_affine(g, nn_clamp_min(g, nn_affine(g, count, -1, 1), 0), -1, 1);
  m.ratio = nn_div(g, nn_affine(g, m.update, (double)kernel_h * kernel_w, 0),
                   nn_affine(g, count, 1, 1e-8));
  return m;
}

nn_id nn_partial_conv_masked(nn_graph *g, nn_id x, nn_partial_mask m, nn_id w,
                             nn_id bias, int stride, int pad) {
  if (m.mask != NN_NONE) x = nn_recompute(g, nn_mul(g, x, m.mask));
  nn_id z = nn_conv_masked(g, x, w, stride, pad);
  if (bias == NN_NONE) return nn_mul(g, z, m.ratio);
  return nn_emit(
      g, (nn_node){.op = &nn_op_partial, .in = {z, m.ratio, bias, m.update}});
}

nn_id nn_partial_conv(nn_graph *g, nn_id x, nn_id mask, nn_id w, nn_id bias,
                      int stride, int pad, nn_id *new_mask) {
  nn_shape kernel = nn_shape_of(g, w);
  if (mask == NN_NONE && pad > 0) { /* the padding counts as empty */
    nn_shape s = nn_shape_of(g, x);
    mask = nn_fill(g, NN_SHAPE(s.n, s.h, s.w, 1), 1);
  }
  if (mask == NN_NONE) {
    nn_id y = nn_conv(g, x, w, stride, pad);
    double area = (double)kernel.n * kernel.h;
    double full = area / (area + 1e-8); /* q: rounds to 1 in float */
    if ((nn_real)full != 1) y = nn_affine(g, y, full, 0);
    if (new_mask != NULL) *new_mask = NN_NONE;
    return bias == NN_NONE ? y : nn_add(g, y, bias);
  }
  nn_partial_mask m =
      nn_partial_mask_of(g, mask, kernel.n, kernel.h, stride, pad);
  if (new_mask != NULL) *new_mask = m.update;
  return nn_partial_conv_masked(g, x, m, w, bias, stride, pad);
}
