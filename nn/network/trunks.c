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

nn_id nn_region_means(nn_graph *g, nn_id x, nn_id regions) {
  nn_shape s = nn_shape_of(g, regions);
  nn_id sums = nn_matmul(g, regions, x, true, false);
  nn_id area = nn_sum_to(g, regions, NN_SHAPE(s.n, 1, 1, s.c));
  area = nn_clamp_min(g, area, 0.01);
  return nn_div(g, sums, nn_reshape(g, area, NN_SHAPE(s.n, 1, s.c, 1)));
}

nn_moments nn_region_moments(nn_graph *g, nn_id x, nn_id regions) {
  int channels = nn_shape_of(g, x).c;
  nn_id both = nn_region_means(g, nn_concat(g, x, nn_square(g, x)), regions);
  nn_id mean = nn_slice(g, both, 0, channels);
  nn_id squares = nn_slice(g, both, channels, channels);
  nn_id variance = nn_sub(g, squares, nn_square(g, mean));
  variance = nn_clamp_min(g, variance, 0.0025); /* of 0.05 */
  return (nn_moments){.mean = mean, .deviation = nn_sqrt(g, variance)};
}
