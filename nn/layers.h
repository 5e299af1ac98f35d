/* Layers with state. A parameter is made at its first use and shared by later
 * ones; a buffer's new value is what the next evaluation in the graph starts
 * from. So a network may be evaluated many times in one graph, as a
 * discriminator is. */
#ifndef HARMONIA_NN_LAYERS_H
#define HARMONIA_NN_LAYERS_H

#include "nn/internal.h"

typedef struct nn_layers {
  nn_graph *g;
  const char *prefix; /* of names: "D/" */
  nn_norm norm;
  bool training;    /* batch statistics, power iterations */
  bool keep_state;  /* buffers stay as they are, also in training */
  double deviation; /* of initial weights */
} nn_layers;

/* PREFIX NAME.weight; of shape [kh,kw,a,b], normal around 0. */
nn_id nn_layer_weight(const nn_layers *l, const char *name, nn_shape shape);
/* The same weight divided by its spectral norm, from NAME.weight_orig,
 * NAME.weight_u and NAME.weight_v; one power iteration an evaluation. */
nn_id nn_layer_spectral_weight(const nn_layers *l, const char *name,
                               nn_shape shape);
/* NAME.bias, zeros at first. */
nn_id nn_layer_bias(const nn_layers *l, const char *name, int channels);
/* Instance norm (no state), or batch norm NAME. */
nn_id nn_layer_norm(const nn_layers *l, const char *name, nn_id x);

#endif
