/* The convolutions of VGG16 (Simonyan & Zisserman, ICLR 2015, configuration D)
 * as partial convolutions (Liu et al., ECCV 2018): features of a region alone,
 * whatever lies around it. Padding counts as outside; the mask is max-pooled
 * with the features.
 *
 * Other than in Liu et al. the mask does not grow by a pixel a convolution:
 * there it fills a hole, here it says what is compared. Grown pixels would be
 * made of one to three valid ones each, with a factor of 9 to 3 on their sum,
 * layer upon layer; after ten layers of a random network they are a thousand
 * times larger than the rest and all that a loss would see. */
#include "nn/operation.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "nn/compute/normal.h"

/* Convolutions of each block, and which of them all is a feature layer:
 * relu1_2, relu2_2, relu3_3, relu4_3, relu5_3. */
static const int block_convs[NN_VGG_LAYERS] = {2, 2, 3, 3, 3};
static const int last_conv[NN_VGG_LAYERS] = {1, 3, 6, 9, 12};
static const int block_widths[NN_VGG_LAYERS] = {1, 2, 4, 8, 8};

nn_vgg_conv nn_vgg_conv_at(int width, int i) {
  INVARIANT(i >= 0 && i < NN_VGG_CONVS, "convolution %d of VGG16", i);
  int block = 0, first = 0;
  while (i > last_conv[block]) first = last_conv[block++] + 1;
  nn_vgg_conv c = {.block = block + 1, .number = i - first + 1};
  c.out = width * block_widths[block];
  c.in = i == 0 ? 3 : i == first ? width * block_widths[block - 1] : c.out;
  return c;
}

int nn_vgg_conv_count(unsigned layers) {
  int count = 0;
  for (int l = 0; l < NN_VGG_LAYERS; l++)
    if (layers >> l & 1) count = last_conv[l] + 1;
  return count;
}

/* ---- weights ---- */

status nn_vgg_weights_create(int width, int convs, nn_vgg_weights **out) {
  TRY(MEMORY_NEW(1, "VGG16 weights", out));
  nn_vgg_weights *w = *out;
  w->width = width;
  w->convs = convs;
  status result = STATUS_OK;
  for (int i = 0; i < convs && result == STATUS_OK; i++) {
    nn_vgg_conv c = nn_vgg_conv_at(width, i);
    result = MEMORY_NEW(9 * (size_t)c.in * (size_t)c.out, "VGG16 weights",
                        &w->weight[i]);
    if (result == STATUS_OK)
      result = MEMORY_NEW((size_t)c.out, "VGG16 weights", &w->bias[i]);
  }
  nn_vgg_input_torchvision(w);
  if (result != STATUS_OK) nn_vgg_weights_destroy(out);
  return result;
}

void nn_vgg_weights_destroy(nn_vgg_weights **weights) {
  if (*weights == NULL) return;
  for (int i = 0; i < NN_VGG_CONVS; i++) {
    memory_free((*weights)->weight[i]);
    memory_free((*weights)->bias[i]);
  }
  memory_free(*weights);
  *weights = NULL;
}

/* x in [-1,1] is (x + 1) / 2 in [0,1], less the mean, by the deviation. */
void nn_vgg_input_torchvision(nn_vgg_weights *w) {
  static const double mean[3] = {0.485, 0.456, 0.406},
                      deviation[3] = {0.229, 0.224, 0.225};
  for (int c = 0; c < 3; c++) {
    w->scale[c] = (nn_real)(0.5 / deviation[c]);
    w->shift[c] = (nn_real)((0.5 - mean[c]) / deviation[c]);
  }
}

void nn_vgg_input_caffe(nn_vgg_weights *w) {
  static const double mean[3] = {123.68, 116.779, 103.939}; /* R, G, B */
  for (int c = 0; c < 3; c++) {
    w->scale[c] = (nn_real)127.5;
    w->shift[c] = (nn_real)(127.5 - mean[c]);
  }
  nn_vgg_conv c = nn_vgg_conv_at(w->width, 0);
  size_t out = (size_t)c.out;
  for (size_t k = 0; k < 9; k++) { /* [3,3,BGR,out] to [3,3,RGB,out] */
    nn_real *blue = w->weight[0] + 3 * k * out, *red = blue + 2 * out;
    for (size_t o = 0; o < out; o++) {
      nn_real swap = blue[o];
      blue[o] = red[o];
      red[o] = swap;
    }
  }
}

static void conv_name(int i, const char *what, char name[64]) {
  nn_vgg_conv c = nn_vgg_conv_at(1, i);
  snprintf(name, 64, "vgg.conv%d_%d.%s", c.block, c.number, what);
}

void nn_vgg_weights_random(nn_vgg_weights *w, uint64_t seed) {
  for (int i = 0; i < w->convs; i++) {
    nn_vgg_conv c = nn_vgg_conv_at(w->width, i);
    char name[64];
    conv_name(i, "weight", name);
    random_stream stream =
        random_stream_make(seed, RANDOM_WEIGHTS, random_hash(name), 0);
    double deviation = sqrt(2.0 / (9.0 * c.in));
    nn_fill_normal(&stream, 0, 9 * (size_t)c.in * (size_t)c.out, 0, deviation,
                   w->weight[i]);
    memset(w->bias[i], 0, (size_t)c.out * sizeof *w->bias[i]);
  }
  nn_vgg_input_torchvision(w);
}

/* ---- in a graph ---- */

nn_vgg nn_vgg_inputs(nn_graph *g, int width, unsigned layers) {
  nn_vgg vgg = {.width = width, .layers = layers};
  vgg.scale = nn_input(g, "vgg.scale", NN_SHAPE(1, 1, 1, 3));
  vgg.shift = nn_input(g, "vgg.shift", NN_SHAPE(1, 1, 1, 3));
  for (int i = 0; i < nn_vgg_conv_count(layers); i++) {
    nn_vgg_conv c = nn_vgg_conv_at(width, i);
    char name[64];
    conv_name(i, "weight", name);
    vgg.weight[i] = nn_input(g, name, NN_SHAPE(3, 3, c.in, c.out));
    conv_name(i, "bias", name);
    vgg.bias[i] = nn_input(g, name, NN_SHAPE(1, 1, 1, c.out));
  }
  return vgg;
}

static void bind(const nn_graph *g, const char *name, const nn_real *values,
                 const nn_real **inputs) {
  int index = nn_input_index(g, name);
  if (index < 0) return;
  INVARIANT(values != NULL, "no values for %s", name);
  inputs[index] = values;
}

void nn_vgg_bind(const nn_graph *g, const nn_vgg_weights *w,
                 const nn_real **inputs) {
  bind(g, "vgg.scale", w->scale, inputs);
  bind(g, "vgg.shift", w->shift, inputs);
  for (int i = 0; i < NN_VGG_CONVS; i++) {
    char name[64];
    conv_name(i, "weight", name);
    bind(g, name, w->weight[i], inputs);
    conv_name(i, "bias", name);
    bind(g, name, w->bias[i], inputs);
  }
}

nn_vgg_masks nn_vgg_mask(nn_graph *g, const nn_vgg *vgg, nn_id mask) {
  nn_vgg_masks masks = {0};
  for (int block = 0; vgg->layers >> block != 0; block++) {
    if (block > 0) mask = nn_max_pool2(g, mask);
    masks.block[block] = nn_partial_mask_of(g, mask, 3, 3, 1, 1);
    masks.block[block].update = masks.block[block].mask;
  }
  return masks;
}

void nn_vgg_features(nn_graph *g, const nn_vgg *vgg, const nn_vgg_masks *masks,
                     nn_id image, nn_id out[NN_VGG_LAYERS]) {
  nn_id x = nn_add(g, nn_mul(g, image, vgg->scale), vgg->shift);
  for (int block = 0, i = 0; vgg->layers >> block != 0; block++) {
    if (block > 0) x = nn_max_pool2(g, x);
    for (int k = 0; k < block_convs[block]; k++, i++) {
      nn_partial_mask mask = masks->block[block];
      if (i > 0) mask.mask = NN_NONE; /* relu and pooling leave zeros */
      x = nn_partial_conv_masked(g, x, mask, vgg->weight[i], vgg->bias[i], 1,
                                 1);
      x = nn_leaky_relu(g, x, 0);
    }
    out[block] = x;
  }
}
