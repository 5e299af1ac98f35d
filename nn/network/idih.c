/* iDIH (Sofiiuk, Popenova and Konushin, WACV 2021): an encoder that halves an
 * image to one pixel, and a decoder that adds what the encoder had at the same
 * size. Of log2(S) - 1 blocks each,
 *
 *   down: elu(norm(conv4x4 stride 2)), no norm in the first two; the last one,
 *         without padding, makes 4x4 pixels one
 *   up:   elu(norm(transposed conv4x4 stride 2)), the first one without padding
 *
 * Channels double at every second block from the third on, up to 512; the last
 * one up has half of the first one's. Names are the reference's state_dict
 * keys. */
#include <math.h>

#include "nn/network/trunks.h"

enum { NAME = 96, NORM_FROM = 2, CONNECTED_FROM = 2, MOST_CHANNELS = 512 };

typedef struct idih {
  nn_graph *g;
  const nn_trunk_options *options;
  nn_layers layers;
  int depth;
} idih;

static int channels_of(const idih *net, int block) {
  int channels = net->options->width << block / 2;
  return channels < MOST_CHANNELS ? channels : MOST_CHANNELS;
}

/* norm(x + bias) and elu. Of single pixels instance norm would leave nothing:
 * they go without. */
static nn_id finish(const idih *net, const char *module, nn_id x, bool norm) {
  nn_graph *g = net->g;
  char conv[NAME + 2], bn[NAME + 2];
  nn_shape s = nn_shape_of(g, x);
  snprintf(conv, sizeof conv, "%s.0", module);
  snprintf(bn, sizeof bn, "%s.1", module);
  nn_id bias = nn_layer_bias(&net->layers, conv, s.c);
  if (s.h * s.w == 1 && net->layers.norm == NN_INSTANCE_NORM) norm = false;
  nn_id y = norm ? nn_layer_norm_biased(&net->layers, bn, x, bias)
                 : nn_add(g, x, bias);
  return nn_elu(g, y);
}

static nn_id weight(const idih *net, const char *module, nn_shape shape) {
  char conv[NAME + 2];
  snprintf(conv, sizeof conv, "%s.0", module);
  return nn_trunk_weight(&net->layers, conv, shape, net->options->magnitude);
}

static nn_id down(const idih *net, int block, nn_id x) {
  char module[NAME];
  snprintf(module, sizeof module, "encoder.%sblock%d.block",
           block < CONNECTED_FROM ? "" : "blocks_connected.", block);
  nn_shape shape =
      NN_SHAPE(4, 4, nn_shape_of(net->g, x).c, channels_of(net, block));
  nn_id w = weight(net, module, shape);
  nn_id y = nn_conv(net->g, x, w, 2, block < net->depth - 1 ? 1 : 0);
  return finish(net, module, y, block >= NORM_FROM);
}

static nn_id up(const idih *net, int block, nn_id x) {
  char module[NAME];
  snprintf(module, sizeof module, "decoder.deconv_blocks.%d.block", block);
  int skip = net->depth - 2 - block; /* the encoder's block of this size */
  int channels = skip >= 0 ? channels_of(net, skip) : net->options->width / 2;
  nn_shape s = nn_shape_of(net->g, x);
  nn_id w = weight(net, module, NN_SHAPE(4, 4, channels, s.c));
  int size = block == 0 ? 4 : 2 * s.h;
  nn_id y = nn_conv_transpose(net->g, x, w, 2, block == 0 ? 0 : 1, size, size);
  return finish(net, module, y, true);
}

nn_features nn_idih(nn_graph *g, nn_id x, const nn_trunk_options *options) {
  nn_shape s = nn_shape_of(g, x);
  idih net = {.g = g,
              .options = options,
              .layers = {.g = g,
                         .prefix = options->prefix,
                         .norm = options->norm,
                         .training = options->training}};
  while (4 << net.depth < s.h) net.depth++;
  net.depth++;
  INVARIANT(s.h == s.w && 2 << net.depth == s.h && net.depth >= 3 &&
                net.depth <= NN_IDIH_MOST_BLOCKS,
            "iDIH of %d x %d pixels", s.h, s.w);
  nn_id skips[NN_IDIH_MOST_BLOCKS] = {NN_NONE};
  for (int block = 0; block < net.depth; block++)
    skips[block] = x = down(&net, block, x);
  nn_features features = {.code = x, .map = NN_NONE};
  if (options->code_alone) return features;
  for (int block = 0; block < net.depth; block++) {
    x = up(&net, block, x);
    if (block < net.depth - 1) x = nn_add(g, x, skips[net.depth - 2 - block]);
  }
  features.map = x;
  return features;
}

nn_generated nn_generate_idih(const nn_generator_input *input) {
  nn_trunk_options how = nn_trunk_options_of(input);
  return (nn_generated){
      .features = nn_idih(input->layers.g, nn_trunk_input(input), &how)};
}
