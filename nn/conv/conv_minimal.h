/* Convolutions with fewer multiplications: minimal filtering (Winograd 1980;
 * Lavin & Gray, CVPR 2016).
 *
 * F(m x m, r x r) computes a tile of m x m outputs of a convolution by r x r
 * taps with n^2 multiplications, n = m + r - 1, instead of m^2 r^2:
 *
 *   y = A' [(G g G') . (B' d B)] A      d: n x n inputs, g: r x r taps
 *
 * The products over channels are one matrix product for each of the n^2
 * places. With stride s the kernel must have s r rows: on the s^2 residue
 * images of x (rows and columns of one remainder modulo s) the convolution is a
 * sum of s^2 convolutions of stride 1 by r x r taps, and the residues are
 * channels. With fewer rows, more than s (r - 1), later residues lack a tap. */
#ifndef HARMONIA_NN_CONV_MINIMAL_H
#define HARMONIA_NN_CONV_MINIMAL_H

#include "nn/conv/conv.h"

enum { NN_MINIMAL_SIDE = 6, NN_MINIMAL_PLACES = 36 }; /* at most */

/* A transform of k x k values, `count` channels each; value i of the input lies
 * at from[i], of the result at to[i]; from[i] == NULL is zero, to[i] == NULL is
 * left out. */
typedef void nn_minimal_transform(size_t count, const nn_real *const from[],
                                  nn_real *const to[]);

typedef struct nn_minimal_filter {
  int tile, taps, side; /* m, r, n */
  /* B' [n][n], G [n][r] and A' [m][n], which the code of the transforms must
   * agree with (tests/nn_minimal.c). */
  const double *b, *g, *a;
  /* Most products summed at once, over channels and over tiles: what bounds
   * the rounding errors that the output transform magnifies. */
  int depth;
  /* Products that a result of im2col must be made of, for the filter's error
   * to be at most four times as large. */
  size_t direct_sum;
  nn_minimal_transform *input;           /* v = B' d B */
  nn_minimal_transform *input_adjoint;   /* d += B v B' */
  nn_minimal_transform *output;          /* y = A' m A */
  nn_minimal_transform *output_adjoint;  /* m = A y A' */
  nn_minimal_transform *weights;         /* u = G g G' */
  nn_minimal_transform *weights_adjoint; /* g = G' u G */
} nn_minimal_filter;

/* F(2x2,2x2), F(4x4,2x2), F(2x2,3x3), F(4x4,3x3) (minimal_transform.c). */
extern const nn_minimal_filter nn_minimal_f22, nn_minimal_f42, nn_minimal_f23,
    nn_minimal_f43;

/* Whether the filter can compute a convolution of these sizes at all. */
bool nn_minimal_fits(const nn_minimal_filter *f, const nn_conv_case *c);

/* What a filter's work is made of: tiles, each multiplied with all transformed
 * weights; values of a tile at all places; whether weights go by blocks. */
typedef struct nn_minimal_size {
  double tiles, weights, values;
  bool blocks;
} nn_minimal_size;
nn_minimal_size nn_minimal_size_of(const nn_conv_case *c,
                                   const nn_minimal_filter *f);

/* ---- kernels (conv_minimal.c), and their rows (minimal_solvers.c) ---- */

/* The forward pass and the data gradient; the weight gradient. */
void nn_conv_minimal(const nn_conv_case *c, const nn_call *call,
                     const nn_conv_map *map, const nn_minimal_filter *f);
void nn_weight_grad_minimal(const nn_conv_case *c, const nn_call *call,
                            const nn_conv_map *map, const nn_minimal_filter *f);
size_t nn_conv_minimal_scratch(const nn_conv_case *c,
                               const nn_minimal_filter *f, int threads);

/* For `why` of a solver that multiplies with every tap. */
void nn_minimal_why_not(const nn_conv_solver *self, const nn_conv_case *c,
                        char *text, size_t size);

#endif
