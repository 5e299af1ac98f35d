/* iSSAM (Sofiiuk, Popenova and Konushin, WACV 2021), the trunk of PCT-Net's CNN
 * (Guerreiro, Nakazawa and Stenger, CVPR 2023) as well: a U-Net of four sizes,
 * block = relu(norm(conv3x3)) twice, with the attention of S2AM (Cun and Pun,
 * TIP 2020) where the decoder is at full size:
 *
 *   m (f + mix(x)) + (1 - m) background(x),  f = block(foreground(x)),
 *
 * m the mask under a 7x7 blur; the three gates each scale the channels of x by
 * what a dense network makes of their averages and maxima. Names are the
 * reference's state_dict keys.
 *
 * The blur is a buffer. In released files it holds random numbers, which the
 * reference's initialiser writes over the Gaussian it was made as; a file's own
 * are taken as they are, and what is trained here has the Gaussian. */
#include "nn/network/trunks.h"

enum {
  NAME = 160,
  DEPTH = NN_ISSAM_DEPTH,
  NORM_FROM = 2,
  CONNECTED_FROM = 2,
  MOST_CHANNELS = 512,
  BLUR = 7
};

typedef struct issam {
  nn_graph *g;
  const nn_trunk_options *options;
  nn_layers layers;
  nn_id mask;
} issam;

static int channels_of(const issam *net, int block) {
  int channels = net->options->width << block;
  return channels < MOST_CHANNELS ? channels : MOST_CHANNELS;
}

static nn_id weight(const issam *net, const char *name, nn_shape shape) {
  return nn_trunk_weight(&net->layers, name, shape, net->options->magnitude);
}

/* What a convolution has beside its weight. */
typedef struct parts {
  bool bias, norm;
} parts;

/* relu(norm(conv3x3)) at MODULE.block.0 and 1. */
static nn_id conv(const issam *net, const char *module, nn_id x, int channels,
                  parts has) {
  nn_graph *g = net->g;
  char name[NAME + 16], norm[NAME + 16];
  snprintf(name, sizeof name, "%s.block.0", module);
  snprintf(norm, sizeof norm, "%s.block.1", module);
  int in = nn_shape_of(g, x).c;
  nn_id w = weight(net, name, NN_SHAPE(3, 3, in, channels));
  nn_id y = nn_conv(g, x, w, 1, 1);
  nn_id bias = has.bias ? nn_layer_bias(&net->layers, name, channels) : NN_NONE;
  if (has.norm)
    y = nn_layer_norm_biased(&net->layers, norm, y, bias);
  else
    y = nn_add(g, y, bias);
  return nn_leaky_relu(g, y, 0);
}

/* Two of them, at MODULE.convs.block.0 and 1. */
static nn_id block(const issam *net, const char *module, nn_id x, int channels,
                   bool norm) {
  for (int i = 0; i < 2; i++) {
    char name[NAME];
    snprintf(name, sizeof name, "%.120s.convs.block.%d", module, i);
    x = conv(net, name, x, channels, (parts){.bias = true, .norm = norm});
  }
  return x;
}

/* ---- attention ---- */

static nn_id dense(const issam *net, const char *name, nn_id x, int channels) {
  nn_graph *g = net->g;
  int in = nn_shape_of(g, x).c;
  nn_id w =
      nn_trunk_dense(&net->layers, name, in, channels, net->options->magnitude);
  return nn_add(g, nn_conv(g, x, w, 1, 0),
                nn_layer_bias(&net->layers, name, channels));
}

/* x by a factor of each channel, in (0,1); pooled: its averages and maxima. */
static nn_id gate(const issam *net, const char *module, const char *kind,
                  nn_id x, nn_id pooled) {
  nn_graph *g = net->g;
  char name[NAME];
  int channels = nn_shape_of(g, x).c;
  int hidden = channels / 16 > 8 ? channels / 16 : 8;
  snprintf(name, sizeof name, "%.60s.%s_gate.attention_transform.0", module,
           kind);
  nn_id y = nn_leaky_relu(g, dense(net, name, pooled, hidden), 0);
  snprintf(name, sizeof name, "%.60s.%s_gate.attention_transform.2", module,
           kind);
  y = nn_sigmoid(g, dense(net, name, y, channels));
  return nn_mul(g, x, y);
}

static nn_id blurred_mask(const issam *net, const char *module) {
  char name[NAME];
  snprintf(name, sizeof name, "%s%.60s.mask_blurring.weight",
           net->options->prefix, module);
  nn_id kernel = nn_fixed_buffer(net->g, name, NN_SHAPE(BLUR, BLUR, 1, 1), 4,
                                 NN_INIT_GAUSSIAN, 1, 0);
  return nn_conv(net->g, net->mask, kernel, 1, BLUR / 2);
}

static nn_id attention(const issam *net, const char *module, nn_id x) {
  nn_graph *g = net->g;
  int channels = nn_shape_of(g, x).c;
  nn_id pooled = nn_concat(g, nn_global_average(g, x), nn_global_max(g, x));
  nn_id mask = blurred_mask(net, module);
  nn_id background = gate(net, module, "background", x, pooled);
  nn_id mix = gate(net, module, "mix", x, pooled);
  nn_id f = gate(net, module, "foreground", x, pooled);
  for (int i = 0; i < 2; i++) {
    char name[NAME];
    snprintf(name, sizeof name, "%.60s.learning_block.%d", module, i);
    f = conv(net, name, f, i == 0 ? channels / 2 : channels,
             (parts){.norm = true});
  }
  nn_id change = nn_sub(g, nn_add(g, f, mix), background);
  return nn_add(g, background, nn_mul(g, change, mask));
}

/* ---- encoder and decoder ---- */

static nn_id encode(const issam *net, nn_id x, nn_id skips[DEPTH]) {
  for (int i = 0; i < DEPTH; i++) {
    char name[NAME];
    snprintf(name, sizeof name, "encoder.%sblock%d",
             i < CONNECTED_FROM ? "" : "blocks_connected.", i);
    if (i > 0) x = nn_max_pool2(net->g, x);
    skips[i] = x = block(net, name, x, channels_of(net, i), i >= NORM_FROM);
  }
  return x;
}

static nn_id decode(const issam *net, nn_id x, const nn_id skips[DEPTH]) {
  nn_graph *g = net->g;
  for (int i = 0; i < DEPTH - 1; i++) {
    char module[NAME], name[NAME + 16];
    int channels = channels_of(net, DEPTH - 2 - i);
    snprintf(module, sizeof module, "decoder.up_blocks.%d", i);
    snprintf(name, sizeof name, "%s.upconv.1", module);
    x = nn_upsample_bilinear(g, x, 2, true);
    x = conv(net, name, x, channels, (parts){.bias = true});
    x = nn_concat(g, skips[DEPTH - 2 - i], x);
    snprintf(name, sizeof name, "%s.attention", module);
    if (i == DEPTH - 2) x = attention(net, name, x);
    x = block(net, module, x, channels, true);
  }
  return x;
}

nn_features nn_issam(nn_graph *g, nn_id x, nn_id mask,
                     const nn_trunk_options *options) {
  nn_shape s = nn_shape_of(g, x);
  INVARIANT(s.h % (1 << (DEPTH - 1)) == 0 && s.w % (1 << (DEPTH - 1)) == 0,
            "iSSAM of %d x %d pixels", s.h, s.w);
  issam net = {.g = g,
               .options = options,
               .layers = {.g = g,
                          .prefix = options->prefix,
                          .norm = options->norm,
                          .training = options->training},
               .mask = mask};
  nn_id skips[DEPTH] = {NN_NONE};
  x = encode(&net, x, skips);
  nn_features features = {.code = NN_NONE, .map = NN_NONE};
  if (options->code_alone)
    features.code = nn_global_average(g, x);
  else
    features.map = decode(&net, x, skips);
  return features;
}

nn_generated nn_generate_issam(const nn_generator_input *input) {
  nn_trunk_options how = nn_trunk_options_of(input);
  return (nn_generated){.features =
                            nn_issam(input->layers.g, nn_trunk_input(input),
                                     input->scene.mask, &how)};
}
