/* The table of convolution solvers, and which of them a convolution gets. */
#include <stdio.h>

#include "nn/conv/conv.h"
#include "nn/conv/conv_minimal.h"

#define NONE(name)
#define LISTED(name) &name,

static const nn_conv_solver *const forward[] = {
#define FORWARD LISTED
#define DATA_GRAD NONE
#define WEIGHT_GRAD NONE
#include "nn/conv/solvers.def"
    NULL};
static const nn_conv_solver *const data_grad[] = {
#define FORWARD NONE
#define DATA_GRAD LISTED
#define WEIGHT_GRAD NONE
#include "nn/conv/solvers.def"
    NULL};
static const nn_conv_solver *const weight_grad[] = {
#define FORWARD NONE
#define DATA_GRAD NONE
#define WEIGHT_GRAD LISTED
#include "nn/conv/solvers.def"
    NULL};

const nn_conv_solver *const *const nn_conv_solvers[NN_PARTIALS] = {
    [NN_PARTIAL_Y] = forward,
    [NN_PARTIAL_X] = data_grad,
    [NN_PARTIAL_W] = weight_grad};

const nn_conv_solver *nn_conv_choose(const nn_conv_case *c) {
  const nn_conv_solver *best = NULL;
  double least = 0;
  for (const nn_conv_solver *const *s = nn_conv_solvers[c->partial]; *s != NULL;
       s++) {
    if (!(*s)->applies(*s, c)) continue;
    double cost = (*s)->cost(*s, c);
    if (best != NULL && cost >= least) continue;
    least = cost;
    best = *s;
  }
  INVARIANT(best != NULL, "no solver for a %dx%d kernel", c->kernel_h,
            c->kernel_w);
  return best;
}

/* Costs are counted in multiply-adds of a large matrix product. A value copied
 * to a panel costs COPY of them, a weight, read or written by products of few
 * pixels, what the table says: fitted to the times of the U-Net's and
 * U-Net 3+'s layers. */
double nn_conv_direct_cost(const nn_conv_solver *self, const nn_conv_case *c) {
  enum { COPY = 4 };
  static const double weight[NN_PARTIALS] = {8, 12, 48};
  (void)self;
  double taps = (double)c->kernel_h * c->kernel_w;
  double pixels = (double)nn_conv_pixels(c);
  int copied = c->partial == NN_PARTIAL_X ? c->out_c : c->in_c;
  /* the residues of a data gradient are several, shorter products */
  if (c->partial == NN_PARTIAL_X && c->stride > 1) taps *= 1.15;
  return taps * ((pixels + weight[c->partial]) * c->in_c * c->out_c +
                 pixels * COPY * (double)copied);
}

void nn_conv_why_pointwise(const nn_conv_solver *self, const nn_conv_case *c,
                           char *text, size_t size) {
  (void)self, (void)c;
  snprintf(text, size, "1x1: pixels are their own im2col");
}
