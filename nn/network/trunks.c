/* What trunks have in common. */
#include "nn/network/trunks.h"

#include <math.h>

nn_id nn_trunk_weight(const nn_layers *l, const char *name, nn_shape s,
                      double magnitude) {
  nn_layers own = *l;
  own.deviation = sqrt(magnitude / (s.n * s.h * (s.w + s.c) / 2.0));
  return nn_layer_weight(&own, name, s);
}

double nn_trunk_magnitude(const nn_model_options *o) {
  return o->generator == NN_GENERATOR_ISSAM && o->head == NN_HEAD_BLEND ? 1 : 2;
}

nn_id nn_trunk_input(const nn_generator_input *input) {
  nn_graph *g = input->layers.g;
  nn_id x = nn_concat(g, input->scene.normalised, input->scene.mask);
  return input->more != NN_NONE ? nn_concat(g, x, input->more) : x;
}

nn_trunk_options nn_trunk_options_of(const nn_generator_input *input) {
  return (nn_trunk_options){.width = input->options->ngf,
                            .norm = input->layers.norm,
                            .training = input->layers.training,
                            .magnitude = nn_trunk_magnitude(input->options),
                            .code_alone =
                                !nn_head_reads_map(input->options->head),
                            .prefix = input->layers.prefix};
}

nn_id nn_trunk_dense(const nn_layers *l, const char *name, int in, int out,
                     double magnitude) {
  nn_layers own = *l;
  own.deviation = sqrt(magnitude / ((in + out) / 2.0));
  return nn_layer_dense(&own, name, in, out);
}
