/* What a network changed of colours, made at the picture's own size. */
#ifndef HARMONIA_CHANGE_H
#define HARMONIA_CHANGE_H

#include "data/data.h"
#include "nn/nn.h"

/* To the nearest level of 0 to `most`; NaN to 0. */
static inline int nearest_level(double value, int most) {
  return (int)((value > 0 ? value < most ? value : most : 0) + 0.5);
}

/* Adds to the colour of pixel `at` of an RGB picture, in levels of 255: as far
 * as 8 or 16 bits go; to floats as it is. */
void change_pixel(const data_picture *to, size_t at, const double change[3]);

/* `count` colours of an RGB picture from pixel `at` on, [count,3] in [0,1] (of
 * floats as they are). */
void change_take_colours(const data_picture *from, size_t at, size_t count,
                         float *out);

/* Makes a change of colours (nn_picture_change) in a picture in proportion to
 * the mask; pixels where that is 0 keep their values. The network has seen
 * sRGB: through the profile of the picture's own colours, if there is one. The
 * bits do not depend on `threads`. */
status change_colours(const nn_colour_change *colours, int threads,
                      const data_profile *profile, const data_picture *to,
                      const data_image *mask);

/* The same with what a network made of its small picture: [size,size,3], in
 * levels of 255 of the picture's own colours; bilinear between them. */
status change_add(const float *change, int size, int threads,
                  const data_picture *to, const data_image *mask);

#endif
