/* 4x4 stride-2 convolutions with fewer multiplications.
 *
 * On the four phase images of x (rows and columns of one parity) a 4x4 stride-2
 * convolution is the sum of four 2x2 stride-1 convolutions. Minimal filtering
 * F(2x2,2x2) (Winograd 1980; Lavin & Gray, CVPR 2016) computes 2x2 outputs of
 * one with 9 multiplications instead of 16:
 *
 *   y = A' [(G g G') . (B' d B)] A,   G = 1 0  B' = 1 -1  0  A' = 1 1  0
 *                                         1 1       0  1  0       0 1 -1
 *                                         0 1       0  1 -1
 *
 * The products over channels, and the sum over the four phases, are one matrix
 * product for each of the 9 places. The transforms only add and subtract. */
#ifndef HARMONIA_NN_CONV_MINIMAL_H
#define HARMONIA_NN_CONV_MINIMAL_H

#include "nn/conv.h"

enum { MINIMAL_PLACES = 9 };

/* Whether the shape gains from it; decided by shape alone. */
bool nn_minimal_suits(const nn_conv_case *c);
bool nn_minimal_suits_data_grad(const nn_conv_case *c);

void nn_conv_minimal(const nn_call *call);
void nn_conv_data_grad_minimal(const nn_call *call);
void nn_conv_weight_grad_minimal(const nn_call *call);
size_t nn_conv_minimal_scratch(const nn_conv_case *c, int threads);
size_t nn_conv_data_grad_minimal_scratch(const nn_conv_case *c, int threads);
size_t nn_conv_weight_grad_minimal_scratch(const nn_conv_case *c);

/* ---- transforms (minimal_transform.c) ----
 * Place k of a value lies at base + k * stride; `count` channels each. */

/* v = B' d B of a 3x3 patch. */
void nn_minimal_input(size_t count, const nn_real *const d[9], nn_real *v,
                      size_t stride);
/* 2x2 results y = A' m A; y[k] == NULL is left out. */
void nn_minimal_output(size_t count, const nn_real *m, size_t stride,
                       nn_real *const y[4]);
/* m = A y A' of 2x2 values: the adjoint of the output transform. */
void nn_minimal_output_adjoint(size_t count, const nn_real *const y[4],
                               nn_real *m, size_t stride);
/* u = G g G' of 2x2 taps; and its adjoint g = G' u G. */
void nn_minimal_weights(size_t count, const nn_real *const g[4], nn_real *u,
                        size_t stride);
void nn_minimal_weights_adjoint(size_t count, const nn_real *u, size_t stride,
                                nn_real *const g[4]);

#endif
