/* What resize.c shares with resize_plain.c. */
#ifndef HARMONIA_RESIZE_INTERNAL_H
#define HARMONIA_RESIZE_INTERNAL_H

#include "data/data.h"

/* The part [x0, x1) x [y0, y1) of an image. */
typedef struct resize_box {
  float x0, y0, x1, y1;
} resize_box;

/* Both fill `out`, which is created. */
status resize_nearest(const data_image *image, const resize_box *box,
                      data_image *out);
status resize_cv_linear(const data_image *image, const resize_box *box,
                        data_image *out);

#endif
