/* Layers made of operations. */
#include "nn/internal.h"

nn_id nn_sum(nn_graph *g, nn_id x) { return nn_reduce_like(g, x, NN_SCALAR); }

nn_id nn_mean(nn_graph *g, nn_id x) {
  double count = (double)nn_shape_count(nn_shape_of(g, x));
  return nn_affine(g, nn_sum(g, x), 1 / count, 0);
}

nn_id nn_square(nn_graph *g, nn_id x) { return nn_mul(g, x, x); }

nn_id nn_global_average(nn_graph *g, nn_id x) {
  nn_shape s = nn_shape_of(g, x);
  return nn_affine(g, nn_reduce_like(g, x, NN_SHAPE(s.n, 1, 1, s.c)),
                   1.0 / s.h / s.w, 0);
}

/* All values of one sample, or of one after the other, as a row of channels. */
static nn_id as_row(nn_graph *g, nn_id x) {
  return nn_reshape(g, x,
                    NN_SHAPE(1, 1, 1, (int)nn_shape_count(nn_shape_of(g, x))));
}

nn_id nn_concat_samples(nn_graph *g, nn_id a, nn_id b) {
  nn_shape s = nn_shape_of(g, a), t = nn_shape_of(g, b);
  INVARIANT(s.h == t.h && s.w == t.w && s.c == t.c,
            "samples of different shapes");
  nn_id row = nn_concat(g, as_row(g, a), as_row(g, b));
  return nn_reshape(g, row, NN_SHAPE(s.n + t.n, s.h, s.w, s.c));
}

nn_id nn_slice_samples(nn_graph *g, nn_id x, int begin, int count) {
  nn_shape s = nn_shape_of(g, x);
  if (begin == 0 && count == s.n) return x;
  int size = s.h * s.w * s.c;
  nn_id row = nn_slice(g, as_row(g, x), begin * size, count * size);
  return nn_reshape(g, row, NN_SHAPE(count, s.h, s.w, s.c));
}

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
  nn_id inside = nn_recompute(g, nn_mul(g, x, m.mask));
  nn_id z = nn_conv(g, inside, w, stride, pad);
  nn_id y = nn_mul(g, z, m.ratio);
  if (bias != NN_NONE) y = nn_mul(g, nn_add(g, y, bias), m.update);
  return y;
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

/* x / max(|x|, 1e-12) */
static nn_id unit_vector(nn_graph *g, nn_id x) {
  nn_id norm = nn_sqrt(g, nn_dot_to(g, x, x, NN_SCALAR));
  return nn_div(g, x, nn_clamp_min(g, norm, 1e-12));
}

/* As a 1x1 convolution's weights [1,1,depth,Co] the matrix is W transposed: its
 * data gradient is W'u, its forward pass Wv. v is kept as [kh,kw,Ci]. */
static nn_id as_matrix(nn_graph *g, nn_id w) {
  nn_shape s = nn_shape_of(g, w);
  return nn_reshape(g, w, NN_SHAPE(1, 1, s.n * s.h * s.w, s.c));
}

void nn_power_iteration(nn_graph *g, nn_id w, nn_id *u, nn_id *v) {
  nn_id fixed = nn_stop_gradient(g, as_matrix(g, w));
  *v = unit_vector(g, nn_conv_data_grad(g, *u, fixed, 1, 0, 1, 1));
  *u = unit_vector(g, nn_conv(g, *v, fixed, 1, 0));
}

nn_id nn_spectral_sigma(nn_graph *g, nn_id w, nn_id u, nn_id v) {
  nn_id product = nn_conv(g, nn_stop_gradient(g, v), as_matrix(g, w), 1, 0);
  return nn_dot_to(g, nn_stop_gradient(g, u), product,
                   NN_SHAPE(nn_shape_of(g, u).n, 1, 1, 1));
}

/* x [B N,H,W,C] as [B,N H,W,C]: a batch in place of a sample. */
nn_id nn_batches_of(nn_graph *g, nn_id x, int batches) {
  nn_shape s = nn_shape_of(g, x);
  INVARIANT(s.n % batches == 0, "%d batches of %d samples", batches, s.n);
  return nn_reshape(g, x, NN_SHAPE(batches, s.n / batches * s.h, s.w, s.c));
}

nn_batch_norm nn_batch_norm_apply(nn_graph *g, nn_id x, int batches,
                                  nn_id weight, nn_id bias, nn_id running_mean,
                                  nn_id running_var, bool training,
                                  double eps) {
  nn_batch_norm result = {NN_NONE, running_mean, running_var};
  if (!training) {
    nn_id deviation = nn_sqrt(g, nn_affine(g, running_var, 1, eps));
    nn_id centred = nn_sub(g, x, running_mean);
    nn_id scale = nn_div(g, weight, deviation);
    result.y = nn_add(g, nn_mul(g, centred, scale), bias);
    return result;
  }
  nn_shape s = nn_shape_of(g, x);
  nn_id moments;
  nn_id y = nn_normalise(g, nn_batches_of(g, x, batches), true, eps, &moments);
  nn_id scaled = nn_recompute(g, nn_mul(g, nn_reshape(g, y, s), weight));
  result.y = nn_recompute(g, nn_add(g, scaled, bias));
  double n = (double)s.n / batches * s.h * s.w, momentum = 0.1;
  nn_id fixed = nn_stop_gradient(g, moments);
  for (int i = 0; i < batches; i++) {
    nn_id own = nn_slice_samples(g, fixed, i, 1);
    result.running_mean = nn_axpby(g, 1 - momentum, result.running_mean,
                                   momentum, nn_slice(g, own, 0, s.c));
    result.running_var = nn_axpby(g, 1 - momentum, result.running_var,
                                  momentum * (n > 1 ? n / (n - 1) : 1),
                                  nn_slice(g, own, s.c, s.c));
  }
  return result;
}
