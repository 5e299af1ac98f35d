/* The norm of a gradient that lies in pieces on all ranks, with bits that do
 * not depend on how many there are: squares are summed as whole numbers of two
 * units, one for what is large and one for what that leaves, chosen so that no
 * sum of them is ever rounded. */
#include <math.h>

#include "dist/sum/update_internal.h"

static double largest(const nn_real *values, size_t count, int threads) {
  double most = 0;
#pragma omp parallel for simd num_threads(threads) reduction(max : most)
  for (size_t i = 0; i < count; i++) {
    double size = fabs((double)values[i]);
    most = size > most ? size : most;
  }
  return most;
}

/* To the nearest whole number; of 0 to 2^51. */
static inline double whole(double value) {
  const double top = 6755399441055744; /* 1.5 * 2^52 */
  return value + top - top;
}

/* sums[0] += squares of factor * value in units of 1 / unit, sums[1] += the
 * rest of each in units of 1 / unit^2. */
static void add_squares(const nn_real *values, size_t count, double factor,
                        double unit, int threads, double sums[2]) {
  double high = 0, low = 0;
#pragma omp parallel for simd num_threads(threads) reduction(+ : high, low)
  for (size_t i = 0; i < count; i++) {
    double value = factor * (double)values[i];
    double square = unit * (value * value);
    double units = whole(square);
    high += units;
    low += whole(unit * (square - units));
  }
  sums[0] += high;
  sums[1] += low;
}

double update_norm(const update *u, const phase *p) {
  const pieces *cut = &p->exchanged.cut;
  const cluster *c = u->options.cluster;
  const nn_real *sum = p->exchanged.own;
  double own = 0, most = 0, sums[2] = {0}, all[2];
  int exponent, bits;
  for (int b = 0; b < cut->learned_buckets; b++) {
    piece part = pieces_of(cut, b, c->rank);
    own = fmax(own, largest(sum + part.begin, part.end - part.begin,
                            u->options.threads));
  }
  MPI_Allreduce(&own, &most, 1, MPI_DOUBLE, MPI_MAX, c->world);
  if (!(most > 0)) return 0;
  frexp(most, &exponent); /* below 1 when scaled by it */
  frexp((double)cut->learned, &bits);
  double factor = ldexp(1, -exponent), unit = ldexp(1, 51 - bits);
  for (int b = 0; b < cut->learned_buckets; b++) {
    piece part = pieces_of(cut, b, c->rank);
    add_squares(sum + part.begin, part.end - part.begin, factor, unit,
                u->options.threads, sums);
  }
  MPI_Allreduce(sums, all, 2, MPI_DOUBLE, MPI_SUM, c->world);
  double square = (all[0] + all[1] / unit) / unit;
  return sqrt(square) / factor / u->options.micro_batches;
}
