/* Which kernel a convolution gets, and why: what conv.c decides, in words. */
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

/* What a minimal filter is called, and what it saves. */
static nn_conv_choice describe(const nn_minimal_filter *f) {
  static const struct {
    int tile, taps;
    nn_conv_choice words;
  } known[] = {
      {2, 2, {"F(2x2,2x2)", "9 multiplications instead of 16"}},
      {4, 2, {"F(4x4,2x2)", "25 multiplications instead of 64"}},
      {2, 3, {"F(2x2,3x3)", "16 multiplications instead of 36"}},
      {4, 3, {"F(4x4,3x3)", "36 multiplications instead of 144"}},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
    if (known[i].tile == f->tile && known[i].taps == f->taps)
      return known[i].words;
  INVARIANT(false, "a filter without a name: tile %d, %d taps", f->tile,
            f->taps);
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
  if (f != NULL) return describe(f);
  if (partial == NN_PARTIAL_W && nn_conv_weight_grad_in_place(&c))
    return (nn_conv_choice){"in place", "few pixels: weights written once"};
  if (nn_conv_is_pointwise(&c))
    return (nn_conv_choice){"one GEMM", "1x1: pixels are their own im2col"};
  if (partial == NN_PARTIAL_X && nn_conv_gathers(&c))
    return (nn_conv_choice){"GEMM, gather",
                            c.in_c <= NN_IMAGE_CHANNELS
                                ? "few channels: one product for all taps"
                                : "few pixels: weights read once"};
  return (nn_conv_choice){partial == NN_PARTIAL_X ? "phases, GEMM"
                                                  : "im2col, GEMM",
                          why_not_minimal(&c)};
}
