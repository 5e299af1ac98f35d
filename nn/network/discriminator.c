/* DoveNet's discriminator. Three passes over an image, in this order: all of it
 * through conv1..; the foreground, then the background through conv1f.., the
 * same weights twice, with partial convolutions. In the deepest stages, where
 * there are few pixels and the weights' traffic dominates, all evaluations pass
 * as one batch; the others run one by one, for the sake of the caches. Stages
 * halve the image (3x3, stride 2, no padding: 256, 127, 63, ..., 3) until 3x3
 * are left, which the last one (stride 1) makes a single position. */
#include "nn/network/networks.h"

enum { NAME = 32, WIDEST = 8, DEEP = 4 /* stages */ };

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
  nn_graph *g = l->g;
  char name[NAME];
  snprintf(name, sizeof name, "D.conv%d%s", i, branch);
  nn_shape in = nn_shape_of(g, x);
  nn_shape out = NN_SHAPE(in.n, (in.h - 3) / stride + 1,
                          (in.w - 3) / stride + 1, channels);
  nn_spectral_weight w = nn_layer_spectral_weight(
      l, name, NN_SHAPE(3, 3, in.c, channels), nn_shape_count(out));
  /* batch norm would cancel a bias */
  bool biased = i == 1 || l->norm == NN_INSTANCE_NORM;
  nn_id bias = biased ? nn_layer_bias(l, name, channels) : NN_NONE;
  if (*mask == NN_NONE) {
    nn_id y =
        nn_partial_conv(g, x, NN_NONE, w.weight, NN_NONE, stride, 0, NULL);
    y = nn_layer_scale(l, y, w.scale);
    return biased ? nn_add(g, y, bias) : y;
  }
  nn_partial_mask m = nn_partial_mask_of(g, *mask, 3, 3, stride, 0);
  m.ratio = nn_layer_scale(l, m.ratio, w.scale);
  *mask = m.update;
  if (i == 2) m.mask = NN_NONE; /* without a norm zeros have stayed zeros */
  return nn_partial_conv_masked(g, x, m, w.weight, bias, stride, 0);
}

/* Stages [from, to); *mask NN_NONE: the whole image. */
static nn_id run_stages(const nn_layers *l, const char *branch, int from,
                        int to, nn_id x, nn_id *mask, int ndf) {
  for (int i = from; i < to; i++) {
    int channels = ndf * (i <= 3 ? 1 << (i - 1) : WIDEST);
    x = convolution(l, branch, i, x, mask, channels, 2);
    if (i > 1) {
      char name[NAME];
      snprintf(name, sizeof name, "D.norm%d%s", i, branch);
      x = nn_layer_norm(l, name, x);
    }
    x = nn_leaky_relu(l->g, x, 0.2);
  }
  return x;
}

/* What the samples of `count` evaluations have: one's, then the next one's. */
static nn_id join(nn_graph *g, const nn_id *x, int count) {
  nn_id all = x[0];
  if (all == NN_NONE) return NN_NONE;
  for (int i = 1; i < count; i++) all = nn_concat_samples(g, all, x[i]);
  return all;
}

/* Images [N,S,S,3] to [count N,1,1,8 ndf]. */
static nn_id trunk(const nn_layers *l, const char *branch, const nn_id *images,
                   const nn_id *masks, int count, int ndf) {
  nn_layers together = *l;
  together.evaluations = count;
  int stages = stages_of(nn_shape_of(l->g, images[0]).h);
  int deep = stages - DEEP > 0 ? stages - DEEP + 1 : 1;
  nn_id x[2 * NN_MAX_JUDGED] = {NN_NONE}, mask[2 * NN_MAX_JUDGED] = {NN_NONE};
  for (int i = 0; i < count; i++) {
    mask[i] = masks[i];
    x[i] = run_stages(l, branch, 1, deep, images[i], &mask[i], ndf);
  }
  nn_id y = join(l->g, x, count), m = join(l->g, mask, count);
  y = run_stages(&together, branch, deep, stages + 1, y, &m, ndf);
  return convolution(&together, branch, stages + 1, y, &m, WIDEST * ndf, 1);
}

/* 1x1 convolution with bias on one position. */
static nn_id head(const nn_layers *l, const char *name, nn_id x, int channels,
                  bool spectral) {
  nn_graph *g = l->g;
  nn_shape shape = NN_SHAPE(1, 1, nn_shape_of(g, x).c, channels);
  nn_id y;
  if (spectral) {
    nn_spectral_weight w =
        nn_layer_spectral_weight(l, name, shape, (size_t)channels);
    y = nn_layer_scale(l, nn_conv(g, x, w.weight, 1, 0), w.scale);
  } else {
    y = nn_conv(g, x, nn_layer_weight(l, name, shape), 1, 0);
  }
  return nn_add(g, y, nn_layer_bias(l, name, channels));
}

/* The foreground's values times the background's, of the samples of `count`
 * evaluations: foregrounds, then backgrounds. */
static nn_id product_of_parts(nn_graph *g, nn_id x, int count) {
  nn_shape s = nn_shape_of(g, x);
  int part = s.n / count / 2 * s.c;
  x = nn_reshape(g, x, NN_SHAPE(count, 1, 1, 2 * part));
  nn_id y = nn_mul(g, nn_slice(g, x, 0, part), nn_slice(g, x, part, part));
  return nn_reshape(g, y, NN_SHAPE(s.n / 2, 1, 1, s.c));
}

void nn_discriminator(const nn_layers *layers, const nn_id *images, int count,
                      nn_id mask, int ndf, nn_scores *scores) {
  nn_graph *g = layers->g;
  nn_layers whole = *layers;
  whole.evaluations = count;
  nn_shape s = nn_shape_of(g, images[0]);
  INVARIANT(s.h == s.w && s.h >= 16 && (s.h & (s.h - 1)) == 0,
            "discriminator of %d x %d pixels", s.h, s.w);
  INVARIANT(count >= 1 && count <= NN_MAX_JUDGED, "%d images to judge", count);
  nn_id background = nn_affine(g, mask, -1, 1);
  nn_id none[NN_MAX_JUDGED] = {NN_NONE};
  nn_id twice[2 * NN_MAX_JUDGED] = {NN_NONE};
  nn_id masks[2 * NN_MAX_JUDGED] = {NN_NONE};
  for (int i = 0; i < count; i++) {
    none[i] = NN_NONE;
    twice[2 * i] = twice[2 * i + 1] = images[i];
    masks[2 * i] = mask;
    masks[2 * i + 1] = background;
  }
  nn_id global = trunk(layers, "", images, none, count, ndf);
  global = head(&whole, "convg3", global, 1, false);
  nn_id parts = trunk(layers, "f", twice, masks, 2 * count, ndf);
  nn_id y = product_of_parts(g, parts, count);
  y = nn_leaky_relu(g, head(&whole, "convl1", y, WIDEST * ndf, true), 0.2);
  y = nn_leaky_relu(g, head(&whole, "convl2", y, WIDEST * ndf, true), 0.2);
  nn_id local = head(&whole, "convl3", y, 1, false);
  for (int i = 0; i < count; i++)
    scores[i] = (nn_scores){nn_slice_samples(g, global, i * s.n, s.n),
                            nn_slice_samples(g, local, i * s.n, s.n)};
}

nn_id nn_gradient_penalty(const nn_layers *l, nn_id real, nn_id fake,
                          nn_id mask, nn_id alpha, int ndf, double lambda) {
  nn_graph *g = l->g;
  int batch = nn_shape_of(g, real).n;
  nn_id between = nn_add(g, nn_mul(g, alpha, real),
                         nn_mul(g, nn_affine(g, alpha, -1, 1), fake));
  between = nn_stop_gradient(g, between);
  nn_scores scores;
  nn_discriminator(l, &between, 1, mask, ndf, &scores);
  nn_id combined = nn_axpby(g, 0.5, scores.global, 0.5, scores.local);
  nn_id slope;
  nn_grad(g, nn_sum(g, combined), &between, 1, &slope);
  slope = nn_affine(g, slope, 1, 1e-16);
  nn_id square = nn_dot_to(g, slope, slope, NN_SHAPE(batch, 1, 1, 1));
  nn_id norm = nn_sqrt(g, square);
  nn_id penalty = nn_mean(g, nn_square(g, nn_affine(g, norm, 1, -1)));
  return nn_affine(g, penalty, lambda, 0);
}
