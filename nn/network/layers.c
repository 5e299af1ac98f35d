/* Layers that make their parameters at first use. */
#include "nn/network/layers.h"

enum { NAME = 256 };

static void name_of(const nn_layers *l, const char *name, const char *what,
                    char text[NAME]) {
  snprintf(text, NAME, "%s%.200s.%s", l->prefix, name, what);
}

static nn_id parameter(const nn_layers *l, const char *name, const char *what,
                       nn_shape shape, int rank, double mean,
                       double deviation) {
  char text[NAME];
  name_of(l, name, what, text);
  nn_id known = nn_find_state(l->g, text);
  if (known != NN_NONE) return known;
  return nn_parameter(l->g, text, shape, rank,
                      deviation > 0 ? NN_INIT_NORMAL : NN_INIT_CONSTANT, mean,
                      deviation);
}

static nn_id buffer(const nn_layers *l, const char *name, const char *what,
                    nn_shape shape, int rank, nn_init init, double start) {
  char text[NAME];
  name_of(l, name, what, text);
  nn_id known = nn_find_state(l->g, text);
  if (known != NN_NONE) return known;
  return nn_buffer(l->g, text, shape, rank, init, start, 0);
}

static void replace(const nn_layers *l, nn_id state, nn_id value) {
  if (l->training) nn_set_buffer(l->g, state, value);
}

nn_id nn_layer_weight(const nn_layers *l, const char *name, nn_shape shape) {
  return parameter(l, name, "weight", shape, 4, 0, l->deviation);
}

nn_id nn_layer_dense(const nn_layers *l, const char *name, int in, int out) {
  return parameter(l, name, "weight", NN_SHAPE(1, 1, in, out), 2, 0,
                   l->deviation);
}

nn_id nn_layer_bias(const nn_layers *l, const char *name, int channels) {
  return parameter(l, name, "bias", NN_SHAPE(1, 1, 1, channels), 1, 0, 0);
}

static int evaluations(const nn_layers *l) {
  return l->evaluations > 1 ? l->evaluations : 1;
}

nn_spectral_weight nn_layer_spectral_weight(const nn_layers *l,
                                            const char *name, nn_shape s,
                                            size_t results) {
  nn_graph *g = l->g;
  nn_id w = parameter(l, name, "weight_orig", s, 4, 0, l->deviation);
  nn_id u =
      buffer(l, name, "weight_u", NN_SHAPE(1, 1, 1, s.c), 1, NN_INIT_UNIT, 0);
  /* one row of the weight: its public order follows from that of a weight */
  nn_shape row = NN_SHAPE(s.n, s.h, s.w, 1);
  nn_id v = buffer(l, name, "weight_v", row, 1, NN_INIT_UNIT, 0);
  nn_shape flat = NN_SHAPE(1, 1, 1, s.n * s.h * s.w);
  nn_id u_now = nn_buffer_value(g, u), all = NN_NONE;
  nn_id v_now = nn_reshape(g, nn_buffer_value(g, v), flat);
  for (int i = 0; i < evaluations(l); i++) {
    nn_id now = l->training ? nn_power_iteration(g, w, u_now)
                            : nn_singular_row(g, w, v_now, u_now);
    u_now = nn_singular_u(g, w, now);
    v_now = nn_singular_v(g, w, now);
    all = i == 0 ? now : nn_concat_samples(g, all, now);
  }
  replace(l, u, u_now);
  replace(l, v, nn_reshape(g, v_now, row));
  nn_id sigma = nn_spectral_sigma(g, w, all);
  nn_id scale = nn_div(g, nn_fill(g, nn_shape_of(g, sigma), 1), sigma);
  if (evaluations(l) > 1 || nn_shape_count(s) > results)
    return (nn_spectral_weight){w, scale};
  return (nn_spectral_weight){nn_mul(g, w, scale), NN_NONE};
}

nn_id nn_layer_scale(const nn_layers *l, nn_id x, nn_id scale) {
  nn_graph *g = l->g;
  if (scale == NN_NONE) return x;
  nn_id y = nn_mul(g, nn_batches_of(g, x, evaluations(l)), scale);
  return nn_reshape(g, y, nn_shape_of(g, x));
}

/* Of x + shift; NN_NONE: of x. */
static nn_id batch_norm(const nn_layers *l, const char *name, nn_id x,
                        nn_id shift) {
  nn_graph *g = l->g;
  nn_shape s = NN_SHAPE(1, 1, 1, nn_shape_of(g, x).c);
  nn_id weight = parameter(l, name, "weight", s, 1, 1, l->deviation);
  nn_id bias = nn_layer_bias(l, name, s.c);
  nn_id mean = buffer(l, name, "running_mean", s, 1, NN_INIT_CONSTANT, 0);
  nn_id var = buffer(l, name, "running_var", s, 1, NN_INIT_CONSTANT, 1);
  nn_id tracked =
      buffer(l, name, "num_batches_tracked", NN_SCALAR, 0, NN_INIT_CONSTANT, 0);
  nn_id mean_before = nn_buffer_value(g, mean);
  if (shift != NN_NONE) mean_before = nn_sub(g, mean_before, shift);
  nn_batch_norm result =
      nn_batch_norm_apply(g, x, evaluations(l), weight, bias, mean_before,
                          nn_buffer_value(g, var), l->training, 1e-5);
  if (shift != NN_NONE)
    result.running_mean =
        nn_add(g, result.running_mean, nn_stop_gradient(g, shift));
  replace(l, mean, result.running_mean);
  replace(l, var, result.running_var);
  replace(l, tracked,
          nn_affine(g, nn_buffer_value(g, tracked), 1, evaluations(l)));
  return result.y;
}

nn_id nn_layer_norm(const nn_layers *l, const char *name, nn_id x) {
  return nn_layer_norm_biased(l, name, x, NN_NONE);
}

nn_id nn_layer_norm_biased(const nn_layers *l, const char *name, nn_id x,
                           nn_id bias) {
  if (l->norm == NN_BATCH_NORM) return batch_norm(l, name, x, bias);
  return nn_normalise(l->g, x, true, 1e-5, NULL);
}
