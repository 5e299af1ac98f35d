/* U-Net 3+ (Huang et al., ICASSP 2020), after ZJUGiveLab/UNet-Version: a
 * decoder stage sees all scales at once. With L = 5 stages, encoder stage i
 * gives h_i = block(block(pool(h_i-1))), block = relu(norm(conv3x3)), and
 *
 *   hd_L = h_L
 *   hd_d = block(concat(b_1, ..., b_L)),
 *     b_i = block(pool(h_i, 2^(d-i)))  for i < d    "h1_PT_hd4"
 *     b_i = block(h_i)                 for i = d    "h4_Cat_hd4"
 *     b_j = block(up(hd_j, 2^(j-d)))   for j > d    "hd5_UT_hd4"
 *
 * and the result is tanh(conv3x3(hd_1)), where the published network, made for
 * segmentation, has a sigmoid. With deep supervision every hd_d has a head of
 * its own, upsampled to full size before the tanh. Names are the reference's
 * state_dict keys; deep supervision's heads are outconv2 to outconv5.
 *
 * The reference pools by 4 and 8 at once. Chains of 2x2 pools give the same
 * values, since a maximum of maxima is the maximum, and halves of powers of two
 * leave no odd rows that ceil_mode would have to add. Where a window has
 * several maxima the two may give the gradient to different ones; after a relu
 * those are zeros, where it ends anyway. */
#include <math.h>

#include "nn/network/networks.h"

enum { STAGES = NN_UNET3PLUS_STAGES };

typedef struct unet3plus {
  nn_graph *g;
  const nn_unet3plus_options *options;
  nn_layers layers; /* deviation: of batch norm's weights */
  int levels;
  nn_id encoder[STAGES], decoder[STAGES]; /* by stage from 0; decoder: hd */
  nn_id pooled[STAGES][STAGES]; /* [i][k]: h_i halved k times; 0 not made yet */
} unet3plus;

/* 3x3 with bias; Kaiming normal over the fan-in (He et al. 2015, eq. 10). */
static nn_id conv(const unet3plus *net, const char *module, nn_id x,
                  int channels) {
  int in = nn_shape_of(net->g, x).c;
  nn_layers layers = net->layers;
  layers.deviation = sqrt(2.0 / (9.0 * in));
  nn_id w = nn_layer_weight(&layers, module, NN_SHAPE(3, 3, in, channels));
  nn_id y = nn_conv(net->g, x, w, 1, 1);
  return nn_add(net->g, y, nn_layer_bias(&layers, module, channels));
}

/* relu(norm(conv3x3(x))) */
static nn_id block(const unet3plus *net, const char *conv_module,
                   const char *norm_module, nn_id x, int channels) {
  nn_id y = conv(net, conv_module, x, channels);
  return nn_leaky_relu(net->g, nn_layer_norm(&net->layers, norm_module, y), 0);
}

/* h_i halved k times. */
static nn_id pool(unet3plus *net, int i, int k) {
  if (k == 0) return net->encoder[i];
  if (net->pooled[i][k] == NN_NONE)
    net->pooled[i][k] = nn_max_pool2(net->g, pool(net, i, k - 1));
  return net->pooled[i][k];
}

static void encode(unet3plus *net, nn_id x) {
  for (int i = 0; i < net->levels; i++) {
    if (i > 0) x = pool(net, i - 1, 1);
    for (int k = 1; k <= 2; k++) {
      char conv_module[64], norm_module[64];
      snprintf(conv_module, sizeof conv_module, "conv%d.conv%d.0", i + 1, k);
      snprintf(norm_module, sizeof norm_module, "conv%d.conv%d.1", i + 1, k);
      x = block(net, conv_module, norm_module, x, net->options->width << i);
    }
    net->encoder[i] = x;
    for (int k = 0; k < STAGES; k++) net->pooled[i][k] = NN_NONE;
  }
}

/* What decoder stage d sees of scale i. */
static nn_id branch(unet3plus *net, int i, int d) {
  char name[32], conv_module[64], norm_module[64];
  nn_id x;
  if (i > d)
    x = nn_upsample_bilinear(net->g, net->decoder[i], 1 << (i - d), false);
  else
    x = pool(net, i, d - i);
  snprintf(name, sizeof name, "h%s%d_%s_hd%d", i > d ? "d" : "", i + 1,
           i < d    ? "PT"
           : i == d ? "Cat"
                    : "UT",
           d + 1);
  snprintf(conv_module, sizeof conv_module, "%s_conv", name);
  snprintf(norm_module, sizeof norm_module, "%s_bn", name);
  return block(net, conv_module, norm_module, x, net->options->cat_channels);
}

static void decode(unet3plus *net) {
  net->decoder[net->levels - 1] = net->encoder[net->levels - 1];
  for (int d = net->levels - 2; d >= 0; d--) {
    nn_id seen[STAGES] = {0};
    for (int i = 0; i < net->levels; i++) seen[i] = branch(net, i, d);
    nn_id all = seen[0]; /* one sweep */
    for (int i = 1; i < net->levels; i++) all = nn_concat(net->g, all, seen[i]);
    char conv_module[32], norm_module[32];
    snprintf(conv_module, sizeof conv_module, "conv%dd_1", d + 1);
    snprintf(norm_module, sizeof norm_module, "bn%dd_1", d + 1);
    net->decoder[d] = block(net, conv_module, norm_module, all,
                            net->options->cat_channels * net->levels);
  }
}

static nn_id head(const unet3plus *net, int d) {
  char module[32];
  snprintf(module, sizeof module, "outconv%d", d + 1);
  nn_id y = conv(net, module, net->decoder[d], net->options->outputs);
  if (d > 0) y = nn_upsample_bilinear(net->g, y, 1 << d, false);
  return nn_tanh(net->g, y);
}

static unet3plus open_unet3plus(nn_graph *g, nn_shape s,
                                const nn_unet3plus_options *options) {
  INVARIANT(s.h == s.w && s.h >= 4 && (s.h & (s.h - 1)) == 0,
            "U-Net 3+ of %d x %d pixels", s.h, s.w);
  unet3plus net = {.g = g,
                   .options = options,
                   .layers = {.g = g,
                              .prefix = options->prefix,
                              .norm = options->norm,
                              .training = options->training,
                              .deviation = 0.02}};
  /* the deepest stage keeps 2x2 pixels: norms need more than one */
  while (net.levels < STAGES && s.h >> net.levels >= 2) net.levels++;
  return net;
}

nn_unet3plus_result nn_unet3plus(nn_graph *g, nn_id x,
                                 const nn_unet3plus_options *options) {
  unet3plus net = open_unet3plus(g, nn_shape_of(g, x), options);
  encode(&net, x);
  decode(&net);
  nn_unet3plus_result result = {.count =
                                    options->deep_supervision ? net.levels : 1};
  for (int d = 0; d < result.count; d++) result.side[d] = head(&net, d);
  return result;
}

nn_features nn_unet3plus_features(nn_graph *g, nn_id x,
                                  const nn_unet3plus_options *options,
                                  bool code_alone) {
  unet3plus net = open_unet3plus(g, nn_shape_of(g, x), options);
  encode(&net, x);
  nn_id last = net.encoder[net.levels - 1];
  if (code_alone)
    return (nn_features){.map = NN_NONE, .code = nn_global_average(g, last)};
  decode(&net);
  return (nn_features){.map = net.decoder[0], .code = NN_NONE};
}

nn_generated nn_generate_unet3plus(const nn_generator_input *input) {
  const nn_layers *layers = &input->layers;
  nn_unet3plus_options unet = {.width = input->options->ngf,
                               .cat_channels = input->options->cat_channels,
                               .outputs = 3,
                               .norm = layers->norm,
                               .training = layers->training,
                               .deep_supervision =
                                   input->options->deep_supervision,
                               .prefix = layers->prefix};
  nn_head head = input->options->head;
  if (head != NN_HEAD_RGB)
    return (nn_generated){.features =
                              nn_unet3plus_features(layers->g, input->x, &unet,
                                                    !nn_head_reads_map(head))};
  nn_unet3plus_result result = nn_unet3plus(layers->g, input->x, &unet);
  nn_generated all = {.count = result.count};
  for (int i = 0; i < result.count; i++) all.image[i] = result.side[i];
  return all;
}
