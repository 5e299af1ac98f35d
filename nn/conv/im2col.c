/* Patches of an image as rows of a matrix. */
#include <string.h>

#include "nn/conv/conv.h"

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

/* Where the patch of an output pixel begins. */
typedef struct corner {
  size_t image;
  int y, x;
} corner;

static inline corner corner_of(const nn_conv_case *c, size_t pixel) {
  size_t row = pixel / (size_t)c->out_w;
  return (corner){row / (size_t)c->out_h,
                  (int)(row % (size_t)c->out_h) * c->stride - c->pad,
                  (int)(pixel % (size_t)c->out_w) * c->stride - c->pad};
}

void nn_im2col(const nn_conv_case *c, const nn_real *x,
               const nn_conv_rows *pixels, size_t begin, size_t end, int ky0,
               int ky1, nn_real *rows) {
  size_t image_size = (size_t)c->in_h * (size_t)c->in_w * (size_t)c->in_c;
  size_t kernel_row = (size_t)c->kernel_w * (size_t)c->in_c;
  for (size_t i = begin; i < end; i++) {
    corner at = corner_of(c, nn_conv_row(pixels, i));
    const nn_real *image = x + at.image * image_size;
    for (int ky = ky0; ky < ky1; ky++, rows += kernel_row)
      copy_kernel_row(c, image, at.y + ky, at.x, rows);
  }
}

bool nn_im2col_meets(const void *context, const nn_conv_map *map,
                     size_t pixel) {
  const nn_conv_case *c = context;
  corner at = corner_of(c, pixel);
  return nn_conv_map_meets(map, at.image, at.y, at.x, c->kernel_h, c->kernel_w);
}
