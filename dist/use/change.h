/* What a network changed of colours, made at the picture's own size. */
#ifndef HARMONIA_CHANGE_H
#define HARMONIA_CHANGE_H

#include "data/data.h"
#include "nn/nn.h"

/* To the nearest level of 0 to `most`; NaN to 0. */
static inline int nearest_level(double value, int most) {
  return (int)((value > 0 ? value < most ? value : most : 0) + 0.5);
}

/* Pixels to be changed in place. */
typedef enum surface_values {
  SURFACE_BYTES,
  SURFACE_WORDS, /* of 16 bits, in the machine's byte order */
  SURFACE_LEVELS /* floats: 0 to 255, whole or not */
} surface_values;
typedef struct surface {
  int width, height;
  size_t channels; /* 3 or 4 values a pixel, of which three are its colour */
  surface_values values;
  void *pixels;
} surface;

/* Adds to the colour of pixel `at`, in levels of 255, as far as these go. A sum
 * that is no number is 0, as a float NaN. */
void surface_add(const surface *to, size_t at, const double change[3]);

/* Makes a change of colours (nn_picture_change) in proportion to the mask;
 * pixels where that is 0 keep their values. The network has seen sRGB: through
 * the profile of the pixels' own colours, if there is one. The bits do not
 * depend on `threads`. */
status change_colours(const nn_colour_change *colours, int threads,
                      const data_profile *profile, const surface *to,
                      const data_image *mask);

/* The same with what a network made of its small picture: [size,size,3], in
 * levels of 255 of the pixels' own colours; bilinear between them. */
status change_add(const float *change, int size, int threads, const surface *to,
                  const data_image *mask);

#endif
