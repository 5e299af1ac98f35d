/* Losses: means over all entries, or over samples for the triplet. */
#include "nn/operation.h"

nn_id nn_loss_l1(nn_graph *g, nn_id a, nn_id b) {
  return nn_mean(g, nn_abs(g, nn_sub(g, a, b)));
}

nn_id nn_loss_mse(nn_graph *g, nn_id a, nn_id b) {
  return nn_mean(g, nn_square(g, nn_sub(g, a, b)));
}

nn_id nn_loss_lsgan(nn_graph *g, nn_id z, bool real) {
  return nn_mean(g, nn_square(g, nn_affine(g, z, 1, real ? -1 : 0)));
}

/* -log sigmoid(z) = softplus(-z); -log(1 - sigmoid(z)) = softplus(z) */
nn_id nn_loss_bce(nn_graph *g, nn_id z, bool real) {
  return nn_mean(g, nn_softplus(g, nn_affine(g, z, real ? -1 : 1, 0)));
}

nn_id nn_loss_hinge(nn_graph *g, nn_id z, bool real) {
  return nn_mean(g, nn_leaky_relu(g, nn_affine(g, z, real ? -1 : 1, 1), 0));
}

static nn_id distance(nn_graph *g, nn_id a, nn_id b) {
  nn_shape s = nn_shape_of(g, a);
  nn_id difference = nn_affine(g, nn_sub(g, a, b), 1, 1e-6);
  return nn_sqrt(
      g, nn_reduce_like(g, nn_square(g, difference), NN_SHAPE(s.n, 1, 1, 1)));
}

nn_id nn_loss_triplet(nn_graph *g, nn_id anchor, nn_id positive, nn_id negative,
                      double margin) {
  nn_id excess =
      nn_sub(g, distance(g, anchor, positive), distance(g, anchor, negative));
  return nn_mean(g, nn_leaky_relu(g, nn_affine(g, excess, 1, margin), 0));
}

nn_id nn_loss_triplet_entries(nn_graph *g, nn_id anchor, nn_id positive,
                              nn_id negative, double margin) {
  int count = (int)nn_shape_count(nn_shape_of(g, anchor));
  nn_shape each = NN_SHAPE(count, 1, 1, 1);
  return nn_loss_triplet(g, nn_reshape(g, anchor, each),
                         nn_reshape(g, positive, each),
                         nn_reshape(g, negative, each), margin);
}

/* Of each sample, of a and b; channels weighted by the squares of their scales,
 * or alike. */
static nn_id sum_of_squares(nn_graph *g, nn_id a, nn_id b,
                            const double *scale) {
  nn_shape s = nn_shape_of(g, a);
  nn_id difference = nn_sub(g, a, b);
  nn_id squares =
      nn_dot_to(g, difference, difference, NN_SHAPE(s.n, 1, 1, s.c));
  if (scale != NULL)
    squares = nn_mul(g, squares, nn_square(g, nn_table(g, scale, s.c)));
  return nn_reduce_like(g, squares, NN_SHAPE(s.n, 1, 1, 1));
}

static nn_id area_of(nn_graph *g, nn_id mask, double least) {
  nn_shape each = NN_SHAPE(nn_shape_of(g, mask).n, 1, 1, 1);
  return nn_clamp_min(g, nn_reduce_like(g, mask, each), least);
}

nn_id nn_loss_fnmse(nn_graph *g, nn_id a, nn_id b, nn_id mask, double min_area,
                    const double scale[3]) {
  nn_id sum = sum_of_squares(g, a, b, scale);
  nn_id ratio = nn_div(g, sum, area_of(g, mask, min_area));
  return nn_affine(g, nn_mean(g, ratio), 1.0 / nn_shape_of(g, a).c, 0);
}

nn_id nn_loss_relative(nn_graph *g, nn_id a, nn_id b, nn_id composite,
                       nn_id mask, double least) {
  int channels = nn_shape_of(g, a).c;
  nn_id before = sum_of_squares(g, composite, b, NULL);
  nn_id area = nn_affine(g, area_of(g, mask, 1), least * channels, 0);
  nn_id after = sum_of_squares(g, a, b, NULL);
  return nn_mean(g, nn_div(g, after, nn_add(g, before, area)));
}

nn_id nn_loss_sobel(nn_graph *g, nn_id maps) {
  int channels = nn_shape_of(g, maps).c;
  nn_id squares = nn_square(g, nn_sobel(g, maps));
  nn_id sum = nn_add(g, nn_slice(g, squares, 0, channels),
                     nn_slice(g, squares, channels, channels));
  return nn_mean(g, nn_sqrt(g, nn_affine(g, sum, 1, 1e-6)));
}
