/* Losses on features of the foreground (vgg.c): a perceptual distance (Johnson
 * et al., ECCV 2016) and one of Gram matrices (Gatys et al., CVPR 2016), both
 * over valid places only. For layer l with features F [N,H,W,C], valid places M
 * and m = sum M a sample,
 *
 *   perceptual  sum over l of mean over n of sum M |F(pred) - F(real)| / (C m)
 *   Gram        sum over l of mean |G(pred) - G(real)|,
 *               G = (F M)' (F M) / (C m)
 *
 * The Gram term is a mean over the entries, as nn_loss_l1 is: their number goes
 * from 64^2 to 512^2, and in sums relu4_3 would leave nothing to the others.
 *
 * A sample without foreground has m = 0: it counts 0 with gradient 0. */
#include "nn/operation.h"

/* C times the number of valid places, [N,1,1,1]; at least C. */
static nn_id valid_size(nn_graph *g, nn_id mask, int channels) {
  nn_shape s = nn_shape_of(g, mask);
  nn_id count = nn_reduce_like(g, mask, NN_SHAPE(s.n, 1, 1, 1));
  return nn_affine(g, nn_clamp_min(g, count, 1), channels, 0);
}

static nn_id perceptual_layer(nn_graph *g, nn_id a, nn_id b, nn_id mask,
                              nn_id size) {
  nn_id difference = nn_mul(g, nn_abs(g, nn_sub(g, a, b)), mask);
  nn_shape s = nn_shape_of(g, size);
  return nn_mean(g, nn_div(g, nn_reduce_like(g, difference, s), size));
}

nn_id nn_gram_matrix(nn_graph *g, nn_id features, nn_id mask) {
  nn_id inside = nn_mul(g, features, mask);
  nn_id size = valid_size(g, mask, nn_shape_of(g, features).c);
  return nn_div(g, nn_matmul(g, inside, inside, true, false), size);
}

nn_style_losses nn_style_loss(nn_graph *g, const nn_vgg *vgg, nn_id pred,
                              nn_id real, nn_id mask,
                              const nn_style_options *options) {
  nn_style_losses losses = {NN_NONE, NN_NONE};
  nn_id a[NN_VGG_LAYERS], b[NN_VGG_LAYERS];
  nn_vgg_masks masks = nn_vgg_mask(g, vgg, mask);
  if (options->hsv) { /* saturation to [-1,1], as the other two maps are */
    nn_id scale = nn_concat(g, nn_fill(g, NN_SHAPE(1, 1, 1, 2), 1),
                            nn_fill(g, NN_SCALAR, 2));
    nn_id shift = nn_concat(g, nn_fill(g, NN_SHAPE(1, 1, 1, 2), 0),
                            nn_fill(g, NN_SCALAR, -1));
    pred = nn_add(g, nn_mul(g, nn_hsv_maps(g, pred), scale), shift);
    real = nn_add(g, nn_mul(g, nn_hsv_maps(g, real), scale), shift);
  }
  nn_vgg_features(g, vgg, &masks, pred, a);
  nn_vgg_features(g, vgg, &masks, real, b);
  for (int l = 0; l < NN_VGG_LAYERS; l++) {
    if (!(vgg->layers >> l & 1)) continue;
    nn_id valid = masks.block[l].mask;
    if (options->perceptual) {
      nn_id size = valid_size(g, valid, nn_shape_of(g, a[l]).c);
      losses.perceptual = nn_accumulate(
          g, losses.perceptual, perceptual_layer(g, a[l], b[l], valid, size));
    }
    if (options->gram)
      losses.gram = nn_accumulate(g, losses.gram,
                                  nn_loss_l1(g, nn_gram_matrix(g, a[l], valid),
                                             nn_gram_matrix(g, b[l], valid)));
  }
  return losses;
}
