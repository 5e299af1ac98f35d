/* Normal numbers in bulk: against the C library's functions, their moments, and
 * that a number depends on its place alone. */
#include <math.h>
#include <string.h>

#include "nn/compute/normal.h"
#include "tests/tap.h"

enum { COUNT = 200001, PIECES = 400 };

static random_stream stream_of(uint64_t seed) {
  return random_stream_make(seed, RANDOM_WEIGHTS, 5, 0);
}

/* Box and Muller of one Philox block as the C library computes it. */
static void pair(const random_stream *stream, uint64_t block, double *first,
                 double *second) {
  uint32_t counter[4] = {(uint32_t)block, (uint32_t)(block >> 32),
                         stream->counter[2], stream->counter[3]};
  uint32_t w[4];
  philox4x32(counter, stream->key, w);
  double u = (double)((uint64_t)w[0] << 20 | w[1] >> 12) * 0x1p-52;
  double v = (double)((uint64_t)w[2] << 20 | w[3] >> 12) * 0x1p-52;
  double radius = sqrt(-2 * log(1 - u)), angle = 6.283185307179586 * v;
  *first = radius * cos(angle);
  *second = radius * sin(angle);
}

static void test_values(const nn_real *x) {
  random_stream s = stream_of(1);
  double worst = 0, limit = sizeof(nn_real) == sizeof(double) ? 1e-13 : 3e-7;
  for (size_t k = 0; k + 1 < COUNT; k += 2) {
    double want[2];
    pair(&s, k / 2, &want[0], &want[1]);
    for (size_t i = 0; i < 2; i++) {
      double error = fabs((double)x[k + i] - want[i]);
      if (!(error <= worst)) worst = error;
    }
  }
  tap_ok(worst <= limit, "Box and Muller to %.2g", worst);
}

static void test_moments(const nn_real *x) {
  double sum[4] = {0}, within = 0;
  for (size_t k = 0; k < COUNT; k++) {
    double power = 1;
    for (int i = 0; i < 4; i++) sum[i] += power *= (double)x[k];
    within += fabs((double)x[k]) < 1;
  }
  double n = COUNT;
  tap_near(sum[0] / n, 0, 0.01, "mean");
  tap_near(sum[1] / n, 1, 0.02, "variance");
  tap_near(sum[2] / n, 0, 0.03, "third moment");
  tap_near(sum[3] / n, 3, 0.1, "fourth moment");
  tap_near(within / n, 0.6827, 0.005, "share within one deviation");
}

static void test_pieces(const nn_real *x, nn_real *piece) {
  random_stream s = stream_of(1);
  bool same = true;
  for (size_t i = 0; i < PIECES; i++) {
    size_t begin = i * 487 % (COUNT - 1200), count = i * 3;
    nn_fill_normal(&s, begin, count, 0, 1, piece);
    same = same && memcmp(piece, x + begin, count * sizeof *x) == 0;
  }
  tap_ok(same, "a number depends on its place alone");
  random_stream other = stream_of(2);
  nn_fill_normal(&other, 0, 1000, 0, 1, piece);
  int equal = 0;
  for (size_t k = 0; k < 1000; k++) equal += piece[k] == x[k];
  tap_ok(equal == 0, "another seed makes other numbers");
  nn_fill_normal(&s, 0, 1000, 3, 0.5, piece);
  double worst = 0;
  for (size_t k = 0; k < 1000; k++)
    worst = fmax(worst, fabs((double)piece[k] - 3 - 0.5 * (double)x[k]));
  tap_ok(worst < 1e-6, "mean and deviation");
}

int main(void) {
  static nn_real x[COUNT], piece[COUNT];
  random_stream s = stream_of(1);
  nn_fill_normal(&s, 0, COUNT, 0, 1, x);
  test_values(x);
  test_moments(x);
  test_pieces(x, piece);
  return tap_done();
}
