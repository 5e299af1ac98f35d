/* Patches of an image as rows of a matrix. */
#include <string.h>

#include "nn/conv.h"

/* One kernel row at one output pixel: kernel_w pixels of x row iy from ix0,
 * contiguous in memory; those outside are zero. */
static void copy_kernel_row(const nn_conv_case *c, const nn_real *image, int iy,
                            int ix0, nn_real *to) {
  size_t channels = (size_t)c->in_c;
  if (iy < 0 || iy >= c->in_h) {
    memset(to, 0, (size_t)c->kernel_w * channels * sizeof *to);
    return;
  }
  int left = ix0 < 0 ? -ix0 : 0;
  int right = ix0 + c->kernel_w > c->in_w ? ix0 + c->kernel_w - c->in_w : 0;
  if (left > c->kernel_w) left = c->kernel_w;
  if (right > c->kernel_w - left) right = c->kernel_w - left;
  size_t inside = (size_t)(c->kernel_w - left - right);
  if (left > 0) memset(to, 0, (size_t)left * channels * sizeof *to);
  if (inside > 0)
    memcpy(to + (size_t)left * channels,
           image +
               ((size_t)iy * (size_t)c->in_w + (size_t)(ix0 + left)) * channels,
           inside * channels * sizeof *to);
  if (right > 0)
    memset(to + ((size_t)left + inside) * channels, 0,
           (size_t)right * channels * sizeof *to);
}

void nn_im2col(const nn_conv_case *c, const nn_real *x, size_t begin,
               size_t end, int ky0, int ky1, nn_real *rows) {
  size_t image_size = (size_t)c->in_h * (size_t)c->in_w * (size_t)c->in_c;
  size_t kernel_row = (size_t)c->kernel_w * (size_t)c->in_c;
  int ox = (int)(begin % (size_t)c->out_w);
  int oy = (int)(begin / (size_t)c->out_w % (size_t)c->out_h);
  const nn_real *image =
      x + begin / (size_t)c->out_w / (size_t)c->out_h * image_size;
  for (size_t pixel = begin; pixel < end; pixel++) {
    for (int ky = ky0; ky < ky1; ky++, rows += kernel_row)
      copy_kernel_row(c, image, oy * c->stride + ky - c->pad,
                      ox * c->stride - c->pad, rows);
    if (++ox == c->out_w) {
      ox = 0;
      if (++oy == c->out_h) {
        oy = 0;
        image += image_size;
      }
    }
  }
}
