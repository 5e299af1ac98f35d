/* A trunk for changes of colour that are one for the whole object: an encoder
 * that halves an image to one pixel, as iDIH's does, whose features are pooled
 * at each size over regions that the mask m tells apart (masked average
 * pooling); two dense layers make the code of all of these.
 *
 * Of log2(S) - 1 blocks elu(norm(conv4x4 stride 2)); the last one, without
 * padding, makes 4x4 pixels one. With box(x) the mean of 3x3 pixels the regions
 * are the object m, the background 1 - m, and the border's two sides
 * m box(1 - m) and (1 - m) box(m): what lies on both sides of a mask that is
 * not exact had one light. m is averaged over the pixels that become one. Of
 * the image itself means and deviations of the colours are taken.
 */
#include <math.h>

#include "nn/network/trunks.h"

enum { NAME = 64, HIDDEN = 256, CODE = 128 };

typedef struct maskpool {
  nn_graph *g;
  const nn_trunk_options *options;
  nn_layers layers;
  int depth;
  nn_id pooled; /* so far, [N,1,1,C] */
} maskpool;

/* From the innermost block on: 8, 4, 2, 1, 1, ... times the width. */
static int channels_of(const maskpool *net, int block) {
  int before_last = net->depth - 1 - block;
  return net->options->width << (before_last < 3 ? 3 - before_last : 0);
}

/* Adds what is known of the regions, [N,1,R,C]. */
static void keep(maskpool *net, nn_id of_regions) {
  nn_graph *g = net->g;
  nn_shape s = nn_shape_of(g, of_regions);
  nn_id flat = nn_reshape(g, of_regions, NN_SHAPE(s.n, 1, 1, s.w * s.c));
  net->pooled = net->pooled == NN_NONE ? flat : nn_concat(g, net->pooled, flat);
}

static void pool_colours(maskpool *net, nn_id image, nn_id mask) {
  nn_id regions = nn_mask_regions(net->g, mask);
  nn_moments colours = nn_region_moments(net->g, image, regions);
  keep(net, colours.mean);
  keep(net, colours.deviation);
}

static void pool(maskpool *net, nn_id x, nn_id mask) {
  keep(net, nn_region_means(net->g, x, nn_mask_regions(net->g, mask)));
}

static nn_id down(const maskpool *net, int block, nn_id x) {
  char conv[NAME], norm[NAME];
  snprintf(conv, sizeof conv, "encoder.block%d.0", block);
  snprintf(norm, sizeof norm, "encoder.block%d.1", block);
  int channels = channels_of(net, block);
  nn_shape shape = NN_SHAPE(4, 4, nn_shape_of(net->g, x).c, channels);
  nn_id w = nn_trunk_weight(&net->layers, conv, shape, net->options->magnitude);
  nn_id y = nn_conv(net->g, x, w, 2, block < net->depth - 1 ? 1 : 0);
  nn_id bias = nn_layer_bias(&net->layers, conv, channels);
  /* as in iDIH the first two blocks keep the image's own scale */
  y = block < 2 ? nn_add(net->g, y, bias)
                : nn_layer_norm_biased(&net->layers, norm, y, bias);
  return nn_elu(net->g, y);
}

static nn_id dense(const maskpool *net, const char *name, nn_id x, int count) {
  int in = nn_shape_of(net->g, x).c;
  nn_id w = nn_trunk_dense(&net->layers, name, in, count, 1);
  return nn_add(net->g, nn_conv(net->g, x, w, 1, 0),
                nn_layer_bias(&net->layers, name, count));
}

static nn_features maskpool_of(nn_graph *g, nn_id x, const nn_scene *scene,
                               const nn_trunk_options *options) {
  nn_shape s = nn_shape_of(g, x);
  maskpool net = {.g = g,
                  .options = options,
                  .layers = {.g = g,
                             .prefix = options->prefix,
                             .norm = NN_BATCH_NORM,
                             .training = options->training},
                  .pooled = NN_NONE};
  while (2 << net.depth < s.h) net.depth++;
  INVARIANT(s.h == s.w && 2 << net.depth == s.h && net.depth >= 3,
            "mask pooling of %d x %d pixels", s.h, s.w);
  nn_id image = scene->normalised, mask = scene->mask;
  pool_colours(&net, image, mask);
  for (int block = 0; block < net.depth; block++) {
    x = down(&net, block, x);
    if (block == net.depth - 1) break;
    mask = nn_mask_halve(g, mask);
    pool(&net, x, mask);
  }
  nn_id all = nn_concat(g, net.pooled, x);
  nn_id hidden = dense(&net, "code.0", all, HIDDEN);
  hidden = nn_elu(g, nn_layer_norm(&net.layers, "code.1", hidden));
  nn_id code = nn_elu(g, dense(&net, "code.2", hidden, CODE));
  return (nn_features){.code = code, .map = NN_NONE};
}

nn_generated nn_generate_maskpool(const nn_generator_input *input) {
  nn_trunk_options how = nn_trunk_options_of(input);
  return (nn_generated){.features =
                            maskpool_of(input->layers.g, nn_trunk_input(input),
                                        &input->scene, &how)};
}
