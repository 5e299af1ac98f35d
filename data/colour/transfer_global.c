/* Global colour transfer: means and deviations in l-alpha-beta (gct), mean and
 * covariance in RGB (gctrgb, mkl). */
#include "data/colour/transfer_internal.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* ---- gct ----
 *
 * Reinhard, Ashikhmin, Gooch, Shirley, "Color transfer between images", IEEE
 * CG&A 2001. RGB / 255 is taken as linear light, as there. */

static const double rgb_to_lms[3][3] = {{0.3811, 0.5783, 0.0402},
                                        {0.1967, 0.7244, 0.0782},
                                        {0.0241, 0.1288, 0.8444}};
/* The inverse; the paper's own (4.4679 ...) does not invert its matrix. */
static const double lms_to_rgb[3][3] = {{4.4687, -3.5887, 0.1196},
                                        {-1.2197, 2.3831, -0.1626},
                                        {0.0585, -0.2611, 1.2057}};

#define SQRT1_3 0.57735026918962576 /* 1 / sqrt(3) */
#define SQRT1_6 0.40824829046386302 /* 1 / sqrt(6) */
#define SQRT1_2 0.70710678118654752 /* 1 / sqrt(2) */
#define LN10 2.30258509299404568

/* False for black, whose logarithm does not exist; no other colour has a zero
 * among its LMS. */
static bool to_lab(const uint8_t rgb[3], double lab[3]) {
  if ((rgb[0] | rgb[1] | rgb[2]) == 0) return false;
  double logs[3];
  for (int i = 0; i < 3; i++)
    logs[i] = log10((rgb_to_lms[i][0] * rgb[0] + rgb_to_lms[i][1] * rgb[1] +
                     rgb_to_lms[i][2] * rgb[2]) /
                    255);
  lab[0] = SQRT1_3 * (logs[0] + logs[1] + logs[2]);
  lab[1] = SQRT1_6 * (logs[0] + logs[1] - 2 * logs[2]);
  lab[2] = SQRT1_2 * (logs[0] - logs[1]);
  return true;
}

/* The limits keep 10^x finite; colours are saturated long before. */
static double power_of_10(double x) {
  return exp(LN10 * fmin(fmax(x, -30), 30));
}

static void from_lab(const double lab[3], uint8_t rgb[3]) {
  double l = SQRT1_3 * lab[0], a = SQRT1_6 * lab[1], b = SQRT1_2 * lab[2];
  double lms[3] = {power_of_10(l + a + b), power_of_10(l + a - b),
                   power_of_10(l - 2 * a)};
  for (int i = 0; i < 3; i++)
    rgb[i] = transfer_byte(255 * (lms_to_rgb[i][0] * lms[0] +
                                  lms_to_rgb[i][1] * lms[1] +
                                  lms_to_rgb[i][2] * lms[2]));
}

typedef struct lab_statistics {
  size_t count; /* of pixels that are not black */
  double mean[3], deviation[3];
} lab_statistics;

static lab_statistics measure_lab(const transfer_region *region) {
  lab_statistics s = {0};
  double lab[3], origin[3] = {0}, sum[3] = {0}, square[3] = {0};
  for (size_t i = 0; i < region->count; i++) {
    if (!to_lab(region->rgb + 3 * i, lab)) continue;
    /* Sums run about the first pixel: a constant region gets deviation 0. */
    if (s.count++ == 0) memcpy(origin, lab, sizeof origin);
    for (int c = 0; c < 3; c++) {
      double d = lab[c] - origin[c];
      sum[c] += d;
      square[c] += d * d;
    }
  }
  double n = (double)s.count;
  for (int c = 0; c < 3 && s.count > 0; c++) {
    s.mean[c] = origin[c] + sum[c] / n;
    double variance =
        s.count > 1 ? (square[c] - sum[c] * sum[c] / n) / (n - 1) : 0;
    s.deviation[c] = sqrt(fmax(variance, 0));
  }
  return s;
}

/* x' = (x - mean_t) * deviation_r / deviation_t + mean_r per channel. Black
 * stays black, and a black reference blackens all. A target channel without
 * spread (a grey target's alpha and beta) takes the reference's mean. */
void transfer_gct(const transfer_region *target,
                  const transfer_region *reference, uint8_t *rgb_out) {
  const double least_spread = 1e-9; /* rounding is below, one level above */
  lab_statistics t = measure_lab(target), r = measure_lab(reference);
  double scale[3];
  for (int c = 0; c < 3; c++)
    scale[c] =
        t.deviation[c] > least_spread ? r.deviation[c] / t.deviation[c] : 0;
  memset(rgb_out, 0, 3 * target->count);
  if (r.count == 0) return;
  for (size_t i = 0; i < target->count; i++) {
    double lab[3];
    if (!to_lab(target->rgb + 3 * i, lab)) continue;
    for (int c = 0; c < 3; c++)
      lab[c] = (lab[c] - t.mean[c]) * scale[c] + r.mean[c];
    from_lab(lab, rgb_out + 3 * i);
  }
}

/* ---- gctrgb ----
 *
 * Xiao and Ma, "Color transfer in correlated color space", VRCIA 2006. */

typedef struct rgb_statistics {
  double mean[3], covariance[3][3];
} rgb_statistics;

static rgb_statistics measure_rgb(const transfer_region *region) {
  uint64_t sum[3] = {0}, product[3][3] = {{0}}; /* exact: bytes */
  for (size_t i = 0; i < region->count; i++) {
    const uint8_t *p = region->rgb + 3 * i;
    for (int a = 0; a < 3; a++) {
      sum[a] += p[a];
      for (int b = a; b < 3; b++) product[a][b] += (uint64_t)p[a] * p[b];
    }
  }
  rgb_statistics s;
  double n = (double)region->count;
  for (int a = 0; a < 3; a++) s.mean[a] = (double)sum[a] / n;
  for (int a = 0; a < 3; a++)
    for (int b = a; b < 3; b++)
      s.covariance[a][b] = s.covariance[b][a] =
          ((double)product[a][b] - s.mean[a] * (double)sum[b]) / (n - 1);
  return s;
}

/* One rotation of Jacobi's method (Golub and Van Loan, Matrix Computations,
 * section 8.5): makes a[p][q] zero. */
static void rotate(double a[3][3], double v[3][3], int p, int q) {
  if (a[p][q] == 0) return;
  double tau = (a[q][q] - a[p][p]) / (2 * a[p][q]);
  double t = (tau >= 0 ? 1 : -1) / (fabs(tau) + sqrt(1 + tau * tau));
  double c = 1 / sqrt(1 + t * t), s = t * c;
  for (int k = 0; k < 3; k++) {
    double kp = a[k][p], kq = a[k][q];
    a[k][p] = c * kp - s * kq;
    a[k][q] = s * kp + c * kq;
  }
  for (int k = 0; k < 3; k++) {
    double pk = a[p][k], qk = a[q][k];
    a[p][k] = c * pk - s * qk;
    a[q][k] = s * pk + c * qk;
    double vp = v[k][p], vq = v[k][q];
    v[k][p] = c * vp - s * vq;
    v[k][q] = s * vp + c * vq;
  }
}

static void swap_columns(double values[3], double v[3][3], int i, int j) {
  double value = values[i];
  values[i] = values[j];
  values[j] = value;
  for (int k = 0; k < 3; k++) {
    double t = v[k][i];
    v[k][i] = v[k][j];
    v[k][j] = t;
  }
}

void transfer_eigen3(const double matrix[3][3], double values[3],
                     double vectors[3][3]) {
  enum { SWEEPS = 12 }; /* convergence is quadratic: about 5 are needed */
  double a[3][3];
  memcpy(a, matrix, sizeof a);
  memset(vectors, 0, 9 * sizeof(double));
  for (int i = 0; i < 3; i++) vectors[i][i] = 1;
  for (int sweep = 0; sweep < SWEEPS; sweep++) {
    rotate(a, vectors, 0, 1);
    rotate(a, vectors, 0, 2);
    rotate(a, vectors, 1, 2);
  }
  for (int i = 0; i < 3; i++) values[i] = a[i][i];
  if (values[0] > values[1]) swap_columns(values, vectors, 0, 1);
  if (values[1] > values[2]) swap_columns(values, vectors, 1, 2);
  if (values[0] > values[1]) swap_columns(values, vectors, 0, 1);
}

/* U_r L_r^(1/2) L_t^(-1/2) U_t^T. An eigenvector's sign is arbitrary, and the
 * original keeps what LAPACK gives: a sign that differs mirrors the colours
 * along that axis. Here the vectors of a pair never point apart (dot product
 * >= 0), unless `mirror` asks for it. An axis along which the target does not
 * vary is dropped. */
static void colour_matrix(const rgb_statistics *t, const rgb_statistics *r,
                          const bool mirror[3], double m[3][3]) {
  double value_t[3], value_r[3], u_t[3][3], u_r[3][3];
  transfer_eigen3(t->covariance, value_t, u_t);
  transfer_eigen3(r->covariance, value_r, u_r);
  double least = 1e-9 * value_t[2];
  memset(m, 0, 9 * sizeof(double));
  for (int k = 0; k < 3; k++) {
    if (!(value_t[k] > least)) continue;
    double dot =
        u_t[0][k] * u_r[0][k] + u_t[1][k] * u_r[1][k] + u_t[2][k] * u_r[2][k];
    double gain = sqrt(fmax(value_r[k], 0) / value_t[k]);
    if ((dot < 0) != mirror[k]) gain = -gain;
    for (int i = 0; i < 3; i++)
      for (int j = 0; j < 3; j++) m[i][j] += gain * u_r[i][k] * u_t[j][k];
  }
}

/* x' = mean_r + M (x - mean_t). */
static void apply_matrix(const transfer_region *target, const rgb_statistics *t,
                         const rgb_statistics *r, const double m[3][3],
                         uint8_t *rgb_out) {
  double shift[3];
  for (int i = 0; i < 3; i++)
    shift[i] = r->mean[i] - m[i][0] * t->mean[0] - m[i][1] * t->mean[1] -
               m[i][2] * t->mean[2];
  for (size_t i = 0; i < target->count; i++) {
    const uint8_t *p = target->rgb + 3 * i;
    for (int c = 0; c < 3; c++)
      rgb_out[3 * i + (size_t)c] = transfer_byte(
          m[c][0] * p[0] + m[c][1] * p[1] + m[c][2] * p[2] + shift[c]);
  }
}

void transfer_gctrgb(const transfer_region *target,
                     const transfer_region *reference, const bool mirror[3],
                     uint8_t *rgb_out) {
  rgb_statistics t = measure_rgb(target), r = measure_rgb(reference);
  double m[3][3];
  colour_matrix(&t, &r, mirror, m);
  apply_matrix(target, &t, &r, m, rgb_out);
}

/* ---- mkl ----
 *
 * Pitie and Kokaram, "The linear Monge-Kantorovitch linear colour mapping for
 * example-based colour transfer", CVMP 2007, equation 10: of all linear maps
 * that give the target the reference's covariance the one that moves colours
 * least. */

static void multiply(const double a[3][3], const double b[3][3],
                     double out[3][3]) {
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++)
      out[i][j] = a[i][0] * b[0][j] + a[i][1] * b[1][j] + a[i][2] * b[2][j];
}

/* A covariance to the power of 1/2, and where `inverse` is not NULL of -1/2:
 * axes without variance stay out of that. */
static void square_roots(const double a[3][3], double root[3][3],
                         double inverse[3][3]) {
  double values[3], u[3][3];
  transfer_eigen3(a, values, u);
  double least = 1e-9 * values[2];
  for (int i = 0; i < 3; i++)
    for (int j = 0; j < 3; j++) {
      root[i][j] = 0;
      if (inverse != NULL) inverse[i][j] = 0;
      for (int k = 0; k < 3; k++) {
        double along = u[i][k] * u[j][k], value = sqrt(fmax(values[k], 0));
        root[i][j] += value * along;
        if (inverse != NULL && values[k] > least)
          inverse[i][j] += along / value;
      }
    }
}

/* T^(-1/2) (T^(1/2) R T^(1/2))^(1/2) T^(-1/2) of the covariances T and R. */
static void least_matrix(const rgb_statistics *t, const rgb_statistics *r,
                         double m[3][3]) {
  double root[3][3], inverse[3][3], product[3][3], middle[3][3];
  square_roots(t->covariance, root, inverse);
  multiply(root, r->covariance, product);
  multiply(product, root, middle);
  for (int i = 0; i < 3; i++) /* what rounding left asymmetric */
    for (int j = 0; j < i; j++)
      middle[i][j] = middle[j][i] = (middle[i][j] + middle[j][i]) / 2;
  square_roots(middle, root, NULL);
  multiply(inverse, root, product);
  multiply(product, inverse, m);
}

void transfer_mkl(const transfer_region *target,
                  const transfer_region *reference, uint8_t *rgb_out) {
  rgb_statistics t = measure_rgb(target), r = measure_rgb(reference);
  double m[3][3];
  least_matrix(&t, &r, m);
  apply_matrix(target, &t, &r, m, rgb_out);
}
