/* Which minimal filter a convolution gets, if any: by shape alone. */
#include "nn/conv_minimal.h"

bool nn_minimal_fits(const nn_minimal_filter *f, const nn_conv_case *c) {
  return c->kernel_h == c->kernel_w && c->kernel_h <= c->stride * f->taps &&
         c->kernel_h > c->stride * (f->taps - 1);
}

/* What im2col adds up to one result: the longer the sum, the larger its error
 * and the less a filter's own roundings count. */
static size_t direct_sum(const nn_conv_case *c, nn_conv_partial partial) {
  size_t taps = (size_t)c->kernel_h * (size_t)c->kernel_w;
  switch (partial) {
  case NN_PARTIAL_Y: return taps * (size_t)c->in_c;
  case NN_PARTIAL_X: return (nn_conv_gathers(c) ? 1 : taps) * (size_t)c->out_c;
  case NN_PARTIAL_W: break;
  }
  return nn_conv_pixels(c);
}

/* Costs are counted in multiply-adds of a large matrix product. A value copied
 * to a panel costs COPY of them, one through a transform and a product's panels
 * TRANSFORM, a weight, read or written by products of few pixels or tiles, what
 * the tables say: fitted to the times of the U-Net's and U-Net 3+'s layers. */
enum { COPY = 4, TRANSFORM = 12, WEIGHT = 25 };
static const double direct_weight[] = {8, 12, 48}; /* by nn_conv_partial */
static const double block_weight[] = {WEIGHT, 36, 32};

static double direct_cost(const nn_conv_case *c, nn_conv_partial partial) {
  double taps = (double)c->kernel_h * c->kernel_w;
  double pixels = (double)nn_conv_pixels(c);
  int copied = partial == NN_PARTIAL_X ? c->out_c : c->in_c;
  /* the phases of a data gradient are several, shorter products */
  if (partial == NN_PARTIAL_X && c->stride > 1) taps *= 1.15;
  return taps * ((pixels + direct_weight[partial]) * c->in_c * c->out_c +
                 pixels * COPY * (double)copied);
}

static double minimal_cost(const nn_conv_case *c, nn_conv_partial partial,
                           const nn_minimal_filter *f) {
  nn_minimal_size s = nn_minimal_size_of(c, partial, f);
  double weight = s.blocks ? block_weight[partial] : WEIGHT;
  return (s.tiles + weight) * s.weights + TRANSFORM * s.tiles * s.values;
}

const nn_minimal_filter *nn_minimal_choice(const nn_conv_case *c,
                                           nn_conv_partial partial) {
  const nn_minimal_filter *best = NULL;
  /* an image's gradient: one product and a gather are less than any panels */
  if (partial == NN_PARTIAL_X && c->in_c <= NN_IMAGE_CHANNELS) return NULL;
  double least = direct_cost(c, partial);
  for (int i = 0; nn_minimal_filters[i] != NULL; i++) {
    const nn_minimal_filter *f = nn_minimal_filters[i];
    if (!nn_minimal_fits(f, c) || direct_sum(c, partial) < f->direct_sum)
      continue;
    double cost = minimal_cost(c, partial, f);
    if (cost < least) {
      least = cost;
      best = f;
    }
  }
  return best;
}
