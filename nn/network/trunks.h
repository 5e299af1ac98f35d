/* Trunks: what gives features, to be made colours by a head. */
#ifndef HARMONIA_NN_TRUNKS_H
#define HARMONIA_NN_TRUNKS_H

#include "nn/network/networks.h"

enum { NN_IDIH_MOST_BLOCKS = 12, NN_ISSAM_DEPTH = 4 };

/* PREFIX NAME.weight, normal around 0 with the variance magnitude / fan, fan
 * the mean of fan-in and fan-out ("Xavier" of Gluon). shape [kh,kw,a,b]. */
nn_id nn_trunk_weight(const nn_layers *l, const char *name, nn_shape shape,
                      double magnitude);
/* The same of a dense layer: [1,1,in,out]. */
nn_id nn_trunk_dense(const nn_layers *l, const char *name, int in, int out,
                     double magnitude);

/* A trunk in a system: what it sees, in ImageNet's units, and its options. */
nn_id nn_trunk_input(const nn_generator_input *input);
nn_trunk_options nn_trunk_options_of(const nn_generator_input *input);

/* The means of x [N,H,W,C] over regions [N,H,W,R]: [N,1,R,C]. They go to zero
 * with a region of less than a hundredth of a pixel. */
nn_id nn_region_means(nn_graph *g, nn_id x, nn_id regions);
/* Those and the deviations, 0.05 at least. */
typedef struct nn_moments {
  nn_id mean, deviation;
} nn_moments;
nn_moments nn_region_moments(nn_graph *g, nn_id x, nn_id regions);

#endif
