/* The transforms of minimal filtering. Each is a transform of one line of
 * values, applied to the rows and then to the columns of a square. The matrices
 * before each filter's code say what it computes. */
#include "nn/conv/conv_minimal.h"

#include <limits.h>

enum { BLOCK = 64 }; /* channels whose rows' results stay in the first cache */

/* Sets the results, or adds to them. */
typedef void line(bool add, size_t count, const nn_real *const d[],
                  nn_real *const v[]);

/* from: k x k, to: l x l. Inlined, so that each transform's line is, too. */
static inline __attribute__((always_inline)) void
rows_and_columns(line *transform, int k, int l, bool add, size_t count,
                 const nn_real *const from[], nn_real *const to[]) {
  static const nn_real zeros[BLOCK];
  nn_real half[NN_MINIMAL_PLACES][BLOCK], unused[BLOCK] = {0};
  for (size_t begin = 0; begin < count; begin += BLOCK) {
    size_t width = count - begin < BLOCK ? count - begin : BLOCK;
    const nn_real *in[NN_MINIMAL_SIDE];
    nn_real *out[NN_MINIMAL_SIDE];
    for (int row = 0; row < k; row++) {
      for (int i = 0; i < k; i++)
        in[i] = from[row * k + i] != NULL ? from[row * k + i] + begin : zeros;
      for (int i = 0; i < l; i++) out[i] = half[row * l + i];
      transform(false, width, in, out);
    }
    for (int column = 0; column < l; column++) {
      for (int i = 0; i < k; i++) in[i] = half[i * l + column];
      for (int i = 0; i < l; i++)
        out[i] =
            to[i * l + column] != NULL ? to[i * l + column] + begin : unused;
      transform(add, width, in, out);
    }
  }
}

#define TRANSFORM_(name, k, l, add)                                            \
  NN_CLONES static void name(size_t count, const nn_real *const from[],        \
                             nn_real *const to[]) {                            \
    rows_and_columns(name##_line, k, l, add, count, from, to);                 \
  }
#define TRANSFORM(name, k, l) TRANSFORM_(name, k, l, false)
#define ADDING_TRANSFORM(name, k, l) TRANSFORM_(name, k, l, true)

/* Lines: values are named by the letters of conv_minimal.h. */
#define LINE(name, in, out)                                                    \
  static inline __attribute__((always_inline)) void name##_line(               \
      bool add __attribute__((unused)), size_t count,                          \
      const nn_real *const in[], nn_real *const out[])
#define CHANNELS _Pragma("GCC ivdep") for (size_t c = 0; c < count; c++)
#define PUT(y, value) y[c] = (add ? y[c] : 0) + (value)
#define FROM2(d) const nn_real *d##0 = d[0], *d##1 = d[1]
#define FROM3(d) FROM2(d), *d##2 = d[2]
#define FROM4(d) FROM3(d), *d##3 = d[3]
#define FROM5(d) FROM4(d), *d##4 = d[4]
#define FROM6(d) FROM5(d), *d##5 = d[5]
#define TO2(v) nn_real *v##0 = v[0], *v##1 = v[1]
#define TO3(v) TO2(v), *v##2 = v[2]
#define TO4(v) TO3(v), *v##3 = v[3]
#define TO5(v) TO4(v), *v##4 = v[4]
#define TO6(v) TO5(v), *v##5 = v[5]

/* ---- F(2,2), points 0, 1 ---- */

static const double f22_b[] = {1, -1, 0, 0, 1, 0, 0, 1, -1};
static const double f22_g[] = {1, 0, 1, 1, 0, 1};
static const double f22_a[] = {1, 1, 0, 0, 1, -1};

LINE(f22_input, d, v) {
  FROM3(d);
  TO3(v);
  CHANNELS {
    nn_real middle = d1[c];
    v0[c] = d0[c] - middle;
    v1[c] = middle;
    v2[c] = middle - d2[c];
  }
}
TRANSFORM(f22_input, 3, 3)

LINE(f22_input_adjoint, v, d) {
  FROM3(v);
  TO3(d);
  CHANNELS {
    nn_real a = v0[c], b = v2[c];
    PUT(d0, a);
    PUT(d1, v1[c] + (b - a));
    PUT(d2, -b);
  }
}
ADDING_TRANSFORM(f22_input_adjoint, 3, 3)

LINE(f22_output, m, y) {
  FROM3(m);
  TO2(y);
  CHANNELS {
    nn_real middle = m1[c];
    y0[c] = m0[c] + middle;
    y1[c] = middle - m2[c];
  }
}
TRANSFORM(f22_output, 3, 2)

LINE(f22_output_adjoint, y, m) {
  FROM2(y);
  TO3(m);
  CHANNELS {
    nn_real a = y0[c], b = y1[c];
    m0[c] = a;
    m1[c] = a + b;
    m2[c] = -b;
  }
}
TRANSFORM(f22_output_adjoint, 2, 3)

LINE(f22_weights, g, u) {
  FROM2(g);
  TO3(u);
  CHANNELS {
    nn_real a = g0[c], b = g1[c];
    u0[c] = a;
    u1[c] = a + b;
    u2[c] = b;
  }
}
TRANSFORM(f22_weights, 2, 3)

LINE(f22_weights_adjoint, u, g) {
  FROM3(u);
  TO2(g);
  CHANNELS {
    nn_real middle = u1[c];
    g0[c] = u0[c] + middle;
    g1[c] = middle + u2[c];
  }
}
TRANSFORM(f22_weights_adjoint, 3, 2)

/* ---- F(2,3), points 0, 1, -1 ---- */

static const double f23_b[] = {1, 0,  -1, 0, 0, 1,  1, 0,
                               0, -1, 1,  0, 0, -1, 0, 1};
static const double f23_g[] = {1, 0, 0, .5, .5, .5, .5, -.5, .5, 0, 0, 1};
static const double f23_a[] = {1, 1, 1, 0, 0, 1, -1, 1};

LINE(f23_input, d, v) {
  FROM4(d);
  TO4(v);
  CHANNELS {
    nn_real a = d1[c], b = d2[c];
    v0[c] = d0[c] - b;
    v1[c] = a + b;
    v2[c] = b - a;
    v3[c] = d3[c] - a;
  }
}
TRANSFORM(f23_input, 4, 4)

LINE(f23_input_adjoint, v, d) {
  FROM4(v);
  TO4(d);
  CHANNELS {
    nn_real a = v0[c], b = v1[c], e = v2[c], f = v3[c];
    PUT(d0, a);
    PUT(d1, (b - e) - f);
    PUT(d2, (b + e) - a);
    PUT(d3, f);
  }
}
ADDING_TRANSFORM(f23_input_adjoint, 4, 4)

LINE(f23_output, m, y) {
  FROM4(m);
  TO2(y);
  CHANNELS {
    nn_real a = m1[c], b = m2[c];
    y0[c] = m0[c] + (a + b);
    y1[c] = (a - b) + m3[c];
  }
}
TRANSFORM(f23_output, 4, 2)

LINE(f23_output_adjoint, y, m) {
  FROM2(y);
  TO4(m);
  CHANNELS {
    nn_real a = y0[c], b = y1[c];
    m0[c] = a;
    m1[c] = a + b;
    m2[c] = a - b;
    m3[c] = b;
  }
}
TRANSFORM(f23_output_adjoint, 2, 4)

LINE(f23_weights, g, u) {
  FROM3(g);
  TO4(u);
  CHANNELS {
    nn_real a = g0[c], b = g2[c];
    nn_real even = (nn_real)0.5 * (a + b), odd = (nn_real)0.5 * g1[c];
    u0[c] = a;
    u1[c] = even + odd;
    u2[c] = even - odd;
    u3[c] = b;
  }
}
TRANSFORM(f23_weights, 3, 4)

LINE(f23_weights_adjoint, u, g) {
  FROM4(u);
  TO3(g);
  CHANNELS {
    nn_real a = u1[c], b = u2[c];
    nn_real even = (nn_real)0.5 * (a + b);
    g0[c] = u0[c] + even;
    g1[c] = (nn_real)0.5 * (a - b);
    g2[c] = even + u3[c];
  }
}
TRANSFORM(f23_weights_adjoint, 4, 3)

/* ---- F(4,2), points P, -P, Q, -Q ----
 *
 * Errors of the products reach the outputs multiplied, on the average over
 * outputs, by the square of sum over places of (|A|^2 |B|^2 |G|^2) / (m r),
 * norms of the place's row or column, under a root. 3/8 and 5/4 have, of all
 * multiples of 1/8, the least: 2.8, beside 2 of F(2,2) and 6.4 of the usual
 * 0, 1, -1, 2. Their squares and products are floats without rounding. */
#define P ((nn_real)0.375)
#define Q ((nn_real)1.25)
#define P2 (P * P)
#define Q2 (Q * Q)
/* G has the values of the Lagrange polynomials' denominators. */
#define AT_P (1 / (2 * P * (P2 - Q2)))
#define AT_Q (1 / (2 * Q * (Q2 - P2)))

static const double f42_b[] = {
    -P * Q2, -Q2, P,  1, 0, P *Q2,  -Q2, -P,         1, 0, -Q *P2, -P2, Q, 1, 0,
    Q *P2,   -P2, -Q, 1, 0, P2 *Q2, 0,   -(P2 + Q2), 0, 1};
static const double f42_g[] = {AT_P,    P *AT_P, -AT_P,   P *AT_P, AT_Q,
                               Q *AT_Q, -AT_Q,   Q *AT_Q, 0,       1};
static const double f42_a[] = {1, 1,     1,      1,     0,      P,  -P,
                               Q, -Q,    0,      P2,    P2,     Q2, Q2,
                               0, P *P2, -P *P2, Q *Q2, -Q *Q2, 1};

LINE(f42_input, d, v) {
  FROM5(d);
  TO5(v);
  CHANNELS {
    nn_real a = d0[c], b = d1[c], e = d2[c], f = d3[c];
    nn_real odd_p = f - Q2 * b, even_p = P * (e - Q2 * a);
    nn_real odd_q = f - P2 * b, even_q = Q * (e - P2 * a);
    v0[c] = odd_p + even_p;
    v1[c] = odd_p - even_p;
    v2[c] = odd_q + even_q;
    v3[c] = odd_q - even_q;
    v4[c] = P2 * Q2 * a + (d4[c] - (P2 + Q2) * e);
  }
}
TRANSFORM(f42_input, 5, 5)

LINE(f42_input_adjoint, v, d) {
  FROM5(v);
  TO5(d);
  CHANNELS {
    nn_real a = v0[c], b = v1[c], e = v2[c], f = v3[c], last = v4[c];
    nn_real odd_p = a + b, even_p = P * (a - b);
    nn_real odd_q = e + f, even_q = Q * (e - f);
    PUT(d0, P2 * Q2 * last - (Q2 * even_p + P2 * even_q));
    PUT(d1, -(Q2 * odd_p + P2 * odd_q));
    PUT(d2, (even_p + even_q) - (P2 + Q2) * last);
    PUT(d3, odd_p + odd_q);
    PUT(d4, last);
  }
}
ADDING_TRANSFORM(f42_input_adjoint, 5, 5)

LINE(f42_output, m, y) {
  FROM5(m);
  TO4(y);
  CHANNELS {
    nn_real a = m0[c], b = m1[c], e = m2[c], f = m3[c];
    nn_real even_p = a + b, odd_p = P * (a - b);
    nn_real even_q = e + f, odd_q = Q * (e - f);
    y0[c] = even_p + even_q;
    y1[c] = odd_p + odd_q;
    y2[c] = P2 * even_p + Q2 * even_q;
    y3[c] = P2 * odd_p + Q2 * odd_q + m4[c];
  }
}
TRANSFORM(f42_output, 5, 4)

LINE(f42_output_adjoint, y, m) {
  FROM4(y);
  TO5(m);
  CHANNELS {
    nn_real a = y0[c], b = y1[c], e = y2[c], f = y3[c];
    nn_real even_p = a + P2 * e, odd_p = P * (b + P2 * f);
    nn_real even_q = a + Q2 * e, odd_q = Q * (b + Q2 * f);
    m0[c] = even_p + odd_p;
    m1[c] = even_p - odd_p;
    m2[c] = even_q + odd_q;
    m3[c] = even_q - odd_q;
    m4[c] = f;
  }
}
TRANSFORM(f42_output_adjoint, 4, 5)

LINE(f42_weights, g, u) {
  FROM2(g);
  TO5(u);
  CHANNELS {
    nn_real a = g0[c], b = g1[c];
    nn_real even_p = AT_P * a, odd_p = AT_P * P * b;
    nn_real even_q = AT_Q * a, odd_q = AT_Q * Q * b;
    u0[c] = odd_p + even_p;
    u1[c] = odd_p - even_p;
    u2[c] = odd_q + even_q;
    u3[c] = odd_q - even_q;
    u4[c] = b;
  }
}
TRANSFORM(f42_weights, 2, 5)

LINE(f42_weights_adjoint, u, g) {
  FROM5(u);
  TO2(g);
  CHANNELS {
    nn_real a = u0[c], b = u1[c], e = u2[c], f = u3[c];
    g0[c] = AT_P * (a - b) + AT_Q * (e - f);
    g1[c] = AT_P * P * (a + b) + AT_Q * Q * (e + f) + u4[c];
  }
}
TRANSFORM(f42_weights_adjoint, 5, 2)

#undef P
#undef Q
#undef AT_P
#undef AT_Q

/* ---- F(4,3), points 0, P, -P, Q, -Q ----
 *
 * By the measure told at F(4,2): 11 for the usual 0, 1, -1, 2, -2, and 4.8 for
 * 5/8 and 3/2. */
#define P ((nn_real)0.625)
#define Q ((nn_real)1.5)
#define AT_0 (1 / (P2 * Q2))
#define AT_P (1 / (2 * P2 * (P2 - Q2)))
#define AT_Q (1 / (2 * Q2 * (Q2 - P2)))

static const double f43_b[] = {
    P2 * Q2, 0,     -(P2 + Q2), 0,  1, 0, 0, -P *Q2, -Q2, P,          1, 0,
    0,       P *Q2, -Q2,        -P, 1, 0, 0, -Q *P2, -P2, Q,          1, 0,
    0,       Q *P2, -P2,        -Q, 1, 0, 0, P2 *Q2, 0,   -(P2 + Q2), 0, 1};
static const double f43_g[] = {
    AT_0, 0,       0,        AT_P, P *AT_P,  P2 *AT_P, AT_P, -P *AT_P, P2 *AT_P,
    AT_Q, Q *AT_Q, Q2 *AT_Q, AT_Q, -Q *AT_Q, Q2 *AT_Q, 0,    0,        1};
static const double f43_a[] = {1,  1, 1,  1,     1,      0,     0,      P,
                               -P, Q, -Q, 0,     0,      P2,    P2,     Q2,
                               Q2, 0, 0,  P *P2, -P *P2, Q *Q2, -Q *Q2, 1};

LINE(f43_input, d, v) {
  FROM6(d);
  TO6(v);
  CHANNELS {
    nn_real a = d1[c], b = d2[c], e = d3[c], f = d4[c];
    nn_real even_p = f - Q2 * b, odd_p = P * (e - Q2 * a);
    nn_real even_q = f - P2 * b, odd_q = Q * (e - P2 * a);
    v0[c] = P2 * Q2 * d0[c] + (f - (P2 + Q2) * b);
    v1[c] = even_p + odd_p;
    v2[c] = even_p - odd_p;
    v3[c] = even_q + odd_q;
    v4[c] = even_q - odd_q;
    v5[c] = P2 * Q2 * a + (d5[c] - (P2 + Q2) * e);
  }
}
TRANSFORM(f43_input, 6, 6)

LINE(f43_input_adjoint, v, d) {
  FROM6(v);
  TO6(d);
  CHANNELS {
    nn_real first = v0[c], last = v5[c];
    nn_real a = v1[c], b = v2[c], e = v3[c], f = v4[c];
    nn_real even_p = a + b, odd_p = P * (a - b);
    nn_real even_q = e + f, odd_q = Q * (e - f);
    PUT(d0, P2 * Q2 * first);
    PUT(d1, P2 * Q2 * last - (Q2 * odd_p + P2 * odd_q));
    d2[c] = (add ? d2[c] : 0) +
            (-((P2 + Q2) * first + (Q2 * even_p + P2 * even_q)));
    PUT(d3, (odd_p + odd_q) - (P2 + Q2) * last);
    PUT(d4, first + (even_p + even_q));
    PUT(d5, last);
  }
}
ADDING_TRANSFORM(f43_input_adjoint, 6, 6)

LINE(f43_output, m, y) {
  FROM6(m);
  TO4(y);
  CHANNELS {
    nn_real a = m1[c], b = m2[c], e = m3[c], f = m4[c];
    nn_real even_p = a + b, odd_p = P * (a - b);
    nn_real even_q = e + f, odd_q = Q * (e - f);
    y0[c] = m0[c] + (even_p + even_q);
    y1[c] = odd_p + odd_q;
    y2[c] = P2 * even_p + Q2 * even_q;
    y3[c] = P2 * odd_p + Q2 * odd_q + m5[c];
  }
}
TRANSFORM(f43_output, 6, 4)

LINE(f43_output_adjoint, y, m) {
  FROM4(y);
  TO6(m);
  CHANNELS {
    nn_real a = y0[c], b = y1[c], e = y2[c], f = y3[c];
    nn_real even_p = a + P2 * e, odd_p = P * (b + P2 * f);
    nn_real even_q = a + Q2 * e, odd_q = Q * (b + Q2 * f);
    m0[c] = a;
    m1[c] = even_p + odd_p;
    m2[c] = even_p - odd_p;
    m3[c] = even_q + odd_q;
    m4[c] = even_q - odd_q;
    m5[c] = f;
  }
}
TRANSFORM(f43_output_adjoint, 4, 6)

LINE(f43_weights, g, u) {
  FROM3(g);
  TO6(u);
  CHANNELS {
    nn_real a = g0[c], b = g1[c], e = g2[c];
    nn_real even_p = AT_P * (a + P2 * e), odd_p = AT_P * P * b;
    nn_real even_q = AT_Q * (a + Q2 * e), odd_q = AT_Q * Q * b;
    u0[c] = AT_0 * a;
    u1[c] = even_p + odd_p;
    u2[c] = even_p - odd_p;
    u3[c] = even_q + odd_q;
    u4[c] = even_q - odd_q;
    u5[c] = e;
  }
}
TRANSFORM(f43_weights, 3, 6)

LINE(f43_weights_adjoint, u, g) {
  FROM6(u);
  TO3(g);
  CHANNELS {
    nn_real a = u1[c], b = u2[c], e = u3[c], f = u4[c];
    nn_real even_p = AT_P * (a + b), odd_p = AT_P * P * (a - b);
    nn_real even_q = AT_Q * (e + f), odd_q = AT_Q * Q * (e - f);
    g0[c] = AT_0 * u0[c] + (even_p + even_q);
    g1[c] = odd_p + odd_q;
    g2[c] = P2 * even_p + Q2 * even_q + u5[c];
  }
}
TRANSFORM(f43_weights_adjoint, 6, 3)

#define FILTER(filter, m, r, products, direct)                                 \
  const nn_minimal_filter nn_minimal_##filter = {                              \
      .tile = m,                                                               \
      .taps = r,                                                               \
      .side = m + r - 1,                                                       \
      .b = filter##_b,                                                         \
      .g = filter##_g,                                                         \
      .a = filter##_a,                                                         \
      .depth = products,                                                       \
      .direct_sum = direct,                                                    \
      .input = filter##_input,                                                 \
      .input_adjoint = filter##_input_adjoint,                                 \
      .output = filter##_output,                                               \
      .output_adjoint = filter##_output_adjoint,                               \
      .weights = filter##_weights,                                             \
      .weights_adjoint = filter##_weights_adjoint};

FILTER(f22, 2, 2, INT_MAX, 0)
FILTER(f42, 4, 2, INT_MAX, 512)
FILTER(f23, 2, 3, INT_MAX, 0)
FILTER(f43, 4, 3, 32, 256)
