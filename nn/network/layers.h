/* Layers with state. A parameter is made at its first use and shared by later
 * ones; a buffer's new value is what the next evaluation in the graph starts
 * from. So a network may be evaluated many times in one graph, as a
 * discriminator is. */
#ifndef HARMONIA_NN_LAYERS_H
#define HARMONIA_NN_LAYERS_H

#include "nn/operation.h"

typedef struct nn_layers {
  nn_graph *g;
  const char *prefix; /* of names: "D/" */
  nn_norm norm;
  bool training;    /* batch statistics, power iterations */
  double deviation; /* of initial weights */
  /* Batches that a value holds, one after the other, as if the network were
   * evaluated on each of them in turn; 0 is 1. */
  int evaluations;
} nn_layers;

/* PREFIX NAME.weight; of shape [kh,kw,a,b], normal around 0. */
nn_id nn_layer_weight(const nn_layers *l, const char *name, nn_shape shape);
/* That of a dense layer, [1,1,in,out]: its public form is [out,in]. */
nn_id nn_layer_dense(const nn_layers *l, const char *name, int in, int out);
/* A weight with spectral norm: NAME.weight_orig over sigma, of NAME.weight_u
 * and NAME.weight_v after one power iteration an evaluation. A convolution is
 * linear in its weight, so either has the factor: the weight, or, where that is
 * larger than the convolution's `results` or evaluations differ, what
 * nn_layer_scale is given: the result or a factor of it. `scale` is 1 / sigma
 * of each evaluation then, [evaluations,1,1,1], else NN_NONE. */
typedef struct nn_spectral_weight {
  nn_id weight, scale;
} nn_spectral_weight;
nn_spectral_weight nn_layer_spectral_weight(const nn_layers *l,
                                            const char *name, nn_shape shape,
                                            size_t results);
nn_id nn_layer_scale(const nn_layers *l, nn_id x, nn_id scale);
/* NAME.bias, zeros at first. */
nn_id nn_layer_bias(const nn_layers *l, const char *name, int channels);
/* Instance norm (no state), or batch norm NAME. */
nn_id nn_layer_norm(const nn_layers *l, const char *name, nn_id x);
/* The same of x + bias. Norms take away what a channel is shifted by: the bias
 * only moves the running mean, its gradient is zero, and no pass over the
 * pixels is spent on it. */
nn_id nn_layer_norm_biased(const nn_layers *l, const char *name, nn_id x,
                           nn_id bias);

#endif
