/* Which kernel a convolution gets, and why: what conv.c decides, in words. */
#include <stdio.h>

#include "nn/conv.h"
#include "nn/conv_minimal.h"

bool nn_is_conv(const nn_node *node) {
  return node->op == &nn_op_conv || node->op == &nn_op_conv_data_grad ||
         node->op == &nn_op_conv_weight_grad;
}

static nn_conv_partial partial_of(const nn_node *node) {
  return node->op == &nn_op_conv             ? NN_PARTIAL_Y
         : node->op == &nn_op_conv_data_grad ? NN_PARTIAL_X
                                             : NN_PARTIAL_W;
}

static nn_conv_choice choice(const char *kernel, const char *why) {
  nn_conv_choice made = {.kernel = kernel};
  snprintf(made.why, sizeof made.why, "%s", why);
  return made;
}

/* Of a tile of outputs, a pair of channels. */
static nn_conv_choice minimal(const nn_conv_case *c, nn_conv_partial partial,
                              const nn_minimal_filter *f) {
  nn_conv_choice made = {.kernel = f->name};
  double channels = (double)c->in_c * c->out_c;
  snprintf(made.why, sizeof made.why, "%.0f multiplications instead of %d",
           nn_minimal_size_of(c, partial, f).weights / channels,
           f->tile * f->tile * c->kernel_h * c->kernel_w);
  return made;
}

static const char *why_not_minimal(const nn_conv_case *c) {
  for (const nn_minimal_filter *const *f = nn_minimal_filters; *f != NULL; f++)
    if (nn_minimal_fits(*f, c))
      return "too few pixels or channels for minimal filtering";
  return "no minimal filter for this kernel and stride";
}

nn_conv_choice nn_conv_choose(const nn_node *node, const nn_shape *in) {
  nn_conv_case c = nn_conv_case_of(node, in);
  nn_conv_partial partial = partial_of(node);
  const nn_minimal_filter *f = nn_minimal_choice(&c, partial);
  if (f != NULL) return minimal(&c, partial, f);
  if (partial == NN_PARTIAL_W && nn_conv_weight_grad_in_place(&c))
    return choice("in place", "few pixels: weights written once");
  if (nn_conv_is_pointwise(&c))
    return choice("one GEMM", "1x1: pixels are their own im2col");
  if (partial == NN_PARTIAL_X && nn_conv_gathers(&c))
    return choice("GEMM, gather", c.in_c <= NN_IMAGE_CHANNELS
                                      ? "few channels: one product for all taps"
                                      : "few pixels: weights read once");
  return choice(partial == NN_PARTIAL_X ? "phases, GEMM" : "im2col, GEMM",
                why_not_minimal(&c));
}
