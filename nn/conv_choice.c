/* Which kernel a convolution gets, and why: what conv.c decides, in words. */
#include "nn/conv.h"
#include "nn/conv_minimal.h"

bool nn_is_conv(const nn_node *node) {
  return node->op == &nn_op_conv || node->op == &nn_op_conv_data_grad ||
         node->op == &nn_op_conv_weight_grad;
}

static const char *why_not_minimal(const nn_conv_case *c) {
  if (c->kernel_h != 4 || c->kernel_w != 4 || c->stride != 2 || c->pad != 1)
    return "no minimal filter for this kernel and stride";
  return "too few pixels or channels for minimal filtering";
}

nn_conv_choice nn_conv_choose(const nn_node *node, const nn_shape *in) {
  nn_conv_case c = nn_conv_case_of(node, in);
  bool data_grad = node->op == &nn_op_conv_data_grad;
  if (data_grad ? nn_minimal_suits_data_grad(&c) : nn_minimal_suits(&c))
    return (nn_conv_choice){"F(2x2,2x2)", "9 multiplications instead of 16"};
  if (node->op == &nn_op_conv_weight_grad && nn_conv_weight_grad_in_place(&c))
    return (nn_conv_choice){"in place", "few pixels: weights written once"};
  if (nn_conv_is_pointwise(&c))
    return (nn_conv_choice){"one GEMM", "1x1: pixels are their own im2col"};
  if (data_grad && nn_conv_data_grad_gathers(&c))
    return (nn_conv_choice){"GEMM, gather", "few pixels: weights read once"};
  return (nn_conv_choice){data_grad ? "phases, GEMM" : "im2col, GEMM",
                          why_not_minimal(&c)};
}
