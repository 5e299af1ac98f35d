/* Layers made of operations. */
#include "nn/operation.h"

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
    nn_id scale = nn_div(g, weight, deviation); /* vectors, and so the shift */
    nn_id shift = nn_sub(g, bias, nn_mul(g, running_mean, scale));
    result.y = nn_add(g, nn_mul(g, x, scale), shift);
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
