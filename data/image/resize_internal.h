/* What resize.c shares with resize_plain.c and paste.c. */
#ifndef HARMONIA_RESIZE_INTERNAL_H
#define HARMONIA_RESIZE_INTERNAL_H

#include "data/data.h"

/* The part [x0, x1) x [y0, y1) of an image. */
typedef struct resize_box {
  float x0, y0, x1, y1;
} resize_box;

enum {
  RESIZE_BITS = 22
}; /* of a coefficient: 32 less 8 of a pixel and 2 for
      overshoot */

/* For output i: source[first[i] + t] * weights[i * width + t], t < count[i]. */
typedef struct resize_taps {
  int width;
  int *first, *count;
  int32_t *weights; /* of RESIZE_BITS */
} resize_taps;

/* [begin, end) of `source` pixels to `count` pixels, DATA_BILINEAR or
 * DATA_BICUBIC. The box is in float, as Pillow keeps it. */
status resize_taps_create(int source, float begin, float end, int count,
                          data_filter kind, resize_taps *set);
void resize_taps_free(resize_taps *set);

/* Both fill `out`, which is created. */
status resize_nearest(const data_image *image, const resize_box *box,
                      data_image *out);
status resize_cv_linear(const data_image *image, const resize_box *box,
                        data_image *out);

#endif
