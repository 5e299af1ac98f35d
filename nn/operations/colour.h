/* Changes of colours by numbers theta: what affine maps, tone curves and the
 * pictures they are applied to (network/picture.c) have in common. */
#ifndef HARMONIA_NN_COLOUR_H
#define HARMONIA_NN_COLOUR_H

#include "nn/operation.h"

enum {
  NN_COLOURS = 3,
  NN_AFFINE_MATRIX = NN_COLOURS * NN_COLOURS, /* row by row, then a vector */
  NN_AFFINE = NN_AFFINE_MATRIX + NN_COLOURS,
  NN_TONES = NN_COLOURS * NN_TONE_SLOPES /* slopes of each channel */
};

/* ---- one pixel ---- */

/* M x + b; without b where the map is not shifted. */
static inline __attribute__((always_inline)) void
nn_affine_pixel(bool shifted, const nn_real *theta, const nn_real *x,
                nn_real *y) {
  for (int i = 0; i < NN_COLOURS; i++) {
    const nn_real *row = theta + NN_COLOURS * i;
    nn_real sum = row[0] * x[0] + row[1] * x[1] + row[2] * x[2];
    y[i] = shifted ? sum + theta[NN_AFFINE_MATRIX + i] : sum;
  }
}

/* How much of slope k lies below x: clamp(x - k/K, 0, 1/K). */
static inline nn_real nn_tone_rise(nn_real x, int k) {
  nn_real rise = x - (nn_real)k / NN_TONE_SLOPES;
  nn_real most = (nn_real)1 / NN_TONE_SLOPES;
  return rise < 0 ? 0 : rise > most ? most : rise;
}

/* The curve of one channel. */
static inline nn_real nn_tone(const nn_real *slopes, nn_real x) {
  nn_real sum = 0;
  for (int k = 0; k < NN_TONE_SLOPES; k++)
    sum += slopes[k] * nn_tone_rise(x, k);
  return sum;
}

/* ---- operations of theta, in[0], and a picture, in[1] ---- */

/* Pixels from `first + done` on that are computed at once: those that share a
 * theta, or all; their thetas are `step` values apart. */
typedef struct nn_theta_run {
  const nn_real *theta;
  size_t step, count;
} nn_theta_run;
nn_theta_run nn_theta_run_at(const nn_call *call, size_t first, size_t count,
                             size_t done);

/* The shape rule of those that make a picture: `channels` numbers of each
 * pixel, of each sample, or one set for all. */
void nn_theta_image_shape(const nn_graph *graph, nn_node *node, int channels);
/* That of a theta for each pixel of two pictures of one shape. */
void nn_theta_pixel_shape(const nn_graph *graph, nn_node *node, int channels);

#endif
