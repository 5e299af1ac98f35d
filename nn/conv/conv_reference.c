/* The definition of convolution in plain loops: what tuned kernels are tested
 * against. */
#include <string.h>

#include "nn/conv/conv.h"

/* All products of one kernel position at one output pixel: pixel x[in_c],
 * weights w[in_c][out_c], pixel y[out_c]; the one asked for is summed into. */
static void add_products(nn_conv_partial which, int in_c, int out_c, nn_real *x,
                         nn_real *w, nn_real *y) {
  for (int i = 0; i < in_c; i++)
    for (int o = 0; o < out_c; o++) {
      nn_real *weight = &w[(size_t)i * (size_t)out_c + (size_t)o];
      switch (which) {
      case NN_PARTIAL_Y: y[o] += x[i] * *weight; break;
      case NN_PARTIAL_X: x[i] += y[o] * *weight; break;
      case NN_PARTIAL_W: *weight += x[i] * y[o]; break;
      }
    }
}

static void convolve(const nn_conv_case *c, nn_conv_partial which, nn_real *x,
                     nn_real *w, nn_real *y) {
  size_t taps = (size_t)c->kernel_h * (size_t)c->kernel_w;
  size_t outputs = (size_t)c->batch * (size_t)c->out_h * (size_t)c->out_w;
  for (size_t pixel = 0; pixel < outputs; pixel++)
    for (size_t tap = 0; tap < taps; tap++) {
      int ox = (int)(pixel % (size_t)c->out_w);
      int oy = (int)(pixel / (size_t)c->out_w % (size_t)c->out_h);
      size_t n = pixel / (size_t)c->out_w / (size_t)c->out_h;
      int iy = oy * c->stride + (int)tap / c->kernel_w - c->pad;
      int ix = ox * c->stride + (int)tap % c->kernel_w - c->pad;
      if (iy < 0 || iy >= c->in_h || ix < 0 || ix >= c->in_w) continue;
      size_t in_pixel =
          (n * (size_t)c->in_h + (size_t)iy) * (size_t)c->in_w + (size_t)ix;
      add_products(which, c->in_c, c->out_c, x + in_pixel * (size_t)c->in_c,
                   w + tap * (size_t)c->in_c * (size_t)c->out_c,
                   y + pixel * (size_t)c->out_c);
    }
}

static void reference(const nn_call *call, nn_conv_partial which,
                      const nn_real *x, const nn_real *w, const nn_real *y) {
  nn_conv_case c = nn_conv_case_of(call->node, call->in_shape);
  memset(call->out, 0, nn_shape_count(call->shape) * sizeof(nn_real));
  convolve(&c, which, (nn_real *)(uintptr_t)x, (nn_real *)(uintptr_t)w,
           (nn_real *)(uintptr_t)y);
}

void nn_conv_reference(const nn_call *call) {
  reference(call, NN_PARTIAL_Y, call->in[0], call->in[1], call->out);
}

void nn_conv_data_grad_reference(const nn_call *call) {
  reference(call, NN_PARTIAL_X, call->out, call->in[1], call->in[0]);
}

void nn_conv_weight_grad_reference(const nn_call *call) {
  reference(call, NN_PARTIAL_W, call->in[0], call->out, call->in[1]);
}
