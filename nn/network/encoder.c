/* BargainNet's domain code extractor: five partial convolutions (3x3, stride 2,
 * no padding), the mean over all positions (empty ones included), 1x1 to the
 * code. */
#include <math.h>

#include "nn/network/networks.h"

enum { NAME = 32, STAGES = 5, WIDEST = 8 };

nn_id nn_encoder(const nn_layers *layers, nn_id x, nn_id mask, int width) {
  nn_graph *g = layers->g;
  nn_layers own = *layers;
  own.norm = NN_BATCH_NORM;
  for (int i = 1; i <= STAGES; i++) {
    int channels = width * (i <= 3 ? 1 << (i - 1) : WIDEST);
    char name[NAME];
    snprintf(name, sizeof name, "conv%df", i);
    nn_shape shape = NN_SHAPE(3, 3, nn_shape_of(g, x).c, channels);
    nn_id w = nn_layer_weight(&own, name, shape);
    nn_id bias = i == 1 ? nn_layer_bias(&own, name, channels) : NN_NONE;
    x = nn_partial_conv(g, x, mask, w, bias, 2, 0, &mask);
    snprintf(name, sizeof name, "norm%df", i);
    if (i > 1 && i < STAGES) x = nn_layer_norm(&own, name, x);
    if (i < STAGES) x = nn_leaky_relu(g, x, 0);
  }
  nn_shape shape = NN_SHAPE(1, 1, nn_shape_of(g, x).c, NN_CODE_CHANNELS);
  nn_id w = nn_layer_weight(&own, "convs", shape);
  return nn_add(g, nn_conv(g, nn_global_average(g, x), w, 1, 0),
                nn_layer_bias(&own, "convs", NN_CODE_CHANNELS));
}

double nn_harmony_score(const nn_real *background, const nn_real *foreground) {
  double sum = 0;
  for (int i = 0; i < NN_CODE_CHANNELS; i++) {
    double difference = (double)foreground[i] - (double)background[i];
    sum += difference * difference;
  }
  return exp(-0.04212 * sqrt(sum));
}
