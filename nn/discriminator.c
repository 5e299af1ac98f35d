/* DoveNet's discriminator. Three passes over an image, in this order: all of it
 * through conv1..; the foreground, then the background through conv1f.., the
 * same weights twice, with partial convolutions. Stages halve the image (3x3,
 * stride 2, no padding: 256, 127, 63, ..., 3) until 3x3 are left, which the
 * last one (stride 1) makes a single position. */
#include "nn/networks.h"

enum { NAME = 32, WIDEST = 8 };

static int stages_of(int size) {
  int stages = 0;
  while (size > 3) {
    size = (size - 3) / 2 + 1;
    stages++;
  }
  return stages;
}

/* 3x3 convolution number i of a branch: "" or "f". */
static nn_id convolution(const nn_layers *l, const char *branch, int i, nn_id x,
                         nn_id *mask, int channels, int stride) {
  char name[NAME];
  snprintf(name, sizeof name, "D.conv%d%s", i, branch);
  int in = nn_shape_of(l->g, x).c;
  nn_id w = nn_layer_spectral_weight(l, name, NN_SHAPE(3, 3, in, channels));
  /* batch norm would cancel a bias */
  bool biased = i == 1 || l->norm == NN_INSTANCE_NORM;
  nn_id bias = biased ? nn_layer_bias(l, name, channels) : NN_NONE;
  return nn_partial_conv(l->g, x, *mask, w, bias, stride, 0, mask);
}

/* [N,S,S,3] to [N,1,1,8 ndf]; mask NN_NONE: the whole image. */
static nn_id trunk(const nn_layers *l, const char *branch, nn_id x, nn_id mask,
                   int ndf) {
  int stages = stages_of(nn_shape_of(l->g, x).h);
  for (int i = 1; i <= stages; i++) {
    int channels = ndf * (i <= 3 ? 1 << (i - 1) : WIDEST);
    x = convolution(l, branch, i, x, &mask, channels, 2);
    if (i > 1) {
      char name[NAME];
      snprintf(name, sizeof name, "D.norm%d%s", i, branch);
      x = nn_layer_norm(l, name, x);
    }
    x = nn_leaky_relu(l->g, x, 0.2);
  }
  return convolution(l, branch, stages + 1, x, &mask, WIDEST * ndf, 1);
}

/* 1x1 convolution with bias on one position. */
static nn_id head(const nn_layers *l, const char *name, nn_id x, int channels,
                  bool spectral) {
  nn_shape shape = NN_SHAPE(1, 1, nn_shape_of(l->g, x).c, channels);
  nn_id w = spectral ? nn_layer_spectral_weight(l, name, shape)
                     : nn_layer_weight(l, name, shape);
  return nn_add(l->g, nn_conv(l->g, x, w, 1, 0),
                nn_layer_bias(l, name, channels));
}

nn_scores nn_discriminator(const nn_layers *l, nn_id x, nn_id mask, int ndf) {
  nn_graph *g = l->g;
  nn_shape s = nn_shape_of(g, x);
  INVARIANT(s.h == s.w && s.h >= 16 && (s.h & (s.h - 1)) == 0,
            "discriminator of %d x %d pixels", s.h, s.w);
  nn_id whole = trunk(l, "", x, NN_NONE, ndf);
  nn_id foreground = trunk(l, "f", x, mask, ndf);
  nn_id background = trunk(l, "f", x, nn_affine(g, mask, -1, 1), ndf);
  nn_scores scores = {.global = head(l, "convg3", whole, 1, false)};
  nn_id y = nn_mul(g, foreground, background);
  y = nn_leaky_relu(g, head(l, "convl1", y, WIDEST * ndf, true), 0.2);
  y = nn_leaky_relu(g, head(l, "convl2", y, WIDEST * ndf, true), 0.2);
  scores.local = head(l, "convl3", y, 1, false);
  return scores;
}

nn_id nn_gradient_penalty(const nn_layers *l, nn_id real, nn_id fake,
                          nn_id mask, nn_id alpha, int ndf, double lambda) {
  nn_graph *g = l->g;
  int batch = nn_shape_of(g, real).n;
  nn_id between = nn_add(g, nn_mul(g, alpha, real),
                         nn_mul(g, nn_affine(g, alpha, -1, 1), fake));
  between = nn_stop_gradient(g, between);
  nn_scores scores = nn_discriminator(l, between, mask, ndf);
  nn_id combined = nn_axpby(g, 0.5, scores.global, 0.5, scores.local);
  nn_id slope;
  nn_grad(g, nn_sum(g, combined), &between, 1, &slope);
  nn_id square = nn_square(g, nn_affine(g, slope, 1, 1e-16));
  nn_id norm = nn_sqrt(g, nn_reduce_like(g, square, NN_SHAPE(batch, 1, 1, 1)));
  nn_id penalty = nn_mean(g, nn_square(g, nn_affine(g, norm, 1, -1)));
  return nn_affine(g, penalty, lambda, 0);
}
