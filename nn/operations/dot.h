/* Sums of products along a row, for functions of several instruction sets. */
#ifndef HARMONIA_NN_DOT_H
#define HARMONIA_NN_DOT_H

#include "nn/nn.h"

/* In 32 sums side by side, so that it vectorises, added up in pairs. Inlined,
 * to be compiled for its caller's instruction set. */
static inline __attribute__((always_inline)) nn_real
nn_dot(size_t count, const nn_real *a, const nn_real *b) {
  enum { LANES = 32 };
  nn_real lane[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES)
    for (size_t k = 0; k < LANES; k++) lane[k] += a[i + k] * b[i + k];
  for (size_t k = 0; i + k < count; k++) lane[k] += a[i + k] * b[i + k];
  for (size_t half = LANES / 2; half > 0; half /= 2)
    for (size_t k = 0; k < half; k++) lane[k] += lane[k + half];
  return lane[0];
}

#endif
