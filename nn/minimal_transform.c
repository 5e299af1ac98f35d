/* The transforms of F(2x2,2x2): additions over runs of channels. */
#include "nn/conv_minimal.h"

NN_CLONES void nn_minimal_input(size_t count, const nn_real *const d[9],
                                nn_real *v, size_t stride) {
  const nn_real *d0 = d[0], *d1 = d[1], *d2 = d[2], *d3 = d[3], *d4 = d[4],
                *d5 = d[5], *d6 = d[6], *d7 = d[7], *d8 = d[8];
  nn_real *v0 = v, *v1 = v + stride, *v2 = v + 2 * stride, *v3 = v + 3 * stride,
          *v4 = v + 4 * stride, *v5 = v + 5 * stride, *v6 = v + 6 * stride,
          *v7 = v + 7 * stride, *v8 = v + 8 * stride;
#pragma GCC ivdep
  for (size_t c = 0; c < count; c++) {
    nn_real a0 = d0[c] - d3[c], a1 = d1[c] - d4[c], a2 = d2[c] - d5[c];
    nn_real b0 = d3[c], b1 = d4[c], b2 = d5[c];
    nn_real c0 = b0 - d6[c], c1 = b1 - d7[c], c2 = b2 - d8[c];
    v0[c] = a0 - a1;
    v1[c] = a1;
    v2[c] = a1 - a2;
    v3[c] = b0 - b1;
    v4[c] = b1;
    v5[c] = b1 - b2;
    v6[c] = c0 - c1;
    v7[c] = c1;
    v8[c] = c1 - c2;
  }
}

NN_CLONES static void output_row(size_t count, const nn_real *top,
                                 const nn_real *bottom, nn_real sign,
                                 size_t stride, nn_real *y0, nn_real *y1) {
  const nn_real *t0 = top, *t1 = top + stride, *t2 = top + 2 * stride;
  const nn_real *b0 = bottom, *b1 = bottom + stride, *b2 = bottom + 2 * stride;
  if (y0 != NULL)
    for (size_t c = 0; c < count; c++)
      y0[c] = (t0[c] + t1[c]) + sign * (b0[c] + b1[c]);
  if (y1 != NULL)
    for (size_t c = 0; c < count; c++)
      y1[c] = (t1[c] - t2[c]) + sign * (b1[c] - b2[c]);
}

void nn_minimal_output(size_t count, const nn_real *m, size_t stride,
                       nn_real *const y[4]) {
  output_row(count, m, m + 3 * stride, 1, stride, y[0], y[1]);
  output_row(count, m + 3 * stride, m + 6 * stride, -1, stride, y[2], y[3]);
}

/* A y = (y0, y0 + y1, -y1) along each axis. */
NN_CLONES void nn_minimal_output_adjoint(size_t count,
                                         const nn_real *const y[4], nn_real *m,
                                         size_t stride) {
  const nn_real *y0 = y[0], *y1 = y[1], *y2 = y[2], *y3 = y[3];
  nn_real *m0 = m, *m1 = m + stride, *m2 = m + 2 * stride, *m3 = m + 3 * stride,
          *m4 = m + 4 * stride, *m5 = m + 5 * stride, *m6 = m + 6 * stride,
          *m7 = m + 7 * stride, *m8 = m + 8 * stride;
#pragma GCC ivdep
  for (size_t c = 0; c < count; c++) {
    nn_real a = y0[c], b = y1[c], e = y2[c], f = y3[c];
    m0[c] = a;
    m1[c] = a + b;
    m2[c] = -b;
    m3[c] = a + e;
    m4[c] = (a + b) + (e + f);
    m5[c] = -(b + f);
    m6[c] = -e;
    m7[c] = -(e + f);
    m8[c] = f;
  }
}

NN_CLONES void nn_minimal_weights(size_t count, const nn_real *const g[4],
                                  nn_real *u, size_t stride) {
  const nn_real *g0 = g[0], *g1 = g[1], *g2 = g[2], *g3 = g[3];
  nn_real *u0 = u, *u1 = u + stride, *u2 = u + 2 * stride, *u3 = u + 3 * stride,
          *u4 = u + 4 * stride, *u5 = u + 5 * stride, *u6 = u + 6 * stride,
          *u7 = u + 7 * stride, *u8 = u + 8 * stride;
#pragma GCC ivdep
  for (size_t c = 0; c < count; c++) {
    nn_real a = g0[c], b = g1[c], e = g2[c], f = g3[c];
    u0[c] = a;
    u1[c] = a + b;
    u2[c] = b;
    u3[c] = a + e;
    u4[c] = (a + b) + (e + f);
    u5[c] = b + f;
    u6[c] = e;
    u7[c] = e + f;
    u8[c] = f;
  }
}

NN_CLONES void nn_minimal_weights_adjoint(size_t count, const nn_real *u,
                                          size_t stride, nn_real *const g[4]) {
  const nn_real *u0 = u, *u1 = u + stride, *u2 = u + 2 * stride,
                *u3 = u + 3 * stride, *u4 = u + 4 * stride,
                *u5 = u + 5 * stride, *u6 = u + 6 * stride,
                *u7 = u + 7 * stride, *u8 = u + 8 * stride;
  nn_real *g0 = g[0], *g1 = g[1], *g2 = g[2], *g3 = g[3];
#pragma GCC ivdep
  for (size_t c = 0; c < count; c++) {
    nn_real shared = u4[c];
    g0[c] = (u0[c] + u1[c]) + (u3[c] + shared);
    g1[c] = (u1[c] + u2[c]) + (shared + u5[c]);
    g2[c] = (u3[c] + shared) + (u6[c] + u7[c]);
    g3[c] = (shared + u5[c]) + (u7[c] + u8[c]);
  }
}
