/* Many normal numbers at once: initial weights are tens of millions. Box and
 * Muller on one Philox block for two numbers, in loops that vectorise; log, sin
 * and cos are polynomials here, since the C library's differ between releases
 * and would not vectorise. Only products, sums and square roots: the same bits
 * on every machine. */
#include <math.h>

#include "nn/operation.h"
#include "nn/compute/normal.h"
#include "nn/compute/philox.h"

enum { BLOCKS = NN_PHILOX_BLOCKS }; /* of a batch: two numbers each */

typedef struct batch {
  uint32_t word[4][BLOCKS];
  double first[BLOCKS], second[BLOCKS];
} batch;

typedef union bits {
  double value;
  uint64_t word;
} bits;

/* In [0,1), of 52 bits. */
static inline double uniform(uint32_t high, uint32_t low) {
  bits b = {.word = 0x3FF0000000000000u | (uint64_t)high << 20 | low >> 12};
  return b.value - 1;
}

/* log of x in (0,1]: x = 2^e m, m in [sqrt 1/2, sqrt 2), log m = 2 atanh s,
 * s = (m - 1)/(m + 1). */
static inline double logarithm(double x) {
  bits b = {.value = x};
  uint64_t shifted = b.word - 0x3FE6A09E667F3BCDu; /* sqrt 1/2 */
  /* e + 64 > 0 becomes a double by its bits */
  bits e = {.word =
                (shifted + ((uint64_t)64 << 52)) >> 52 | 0x4330000000000000u};
  double exponent = e.value - (4503599627370496.0 + 64);
  bits m = {.word = (shifted & 0x000FFFFFFFFFFFFFu) + 0x3FE6A09E667F3BCDu};
  double s = (m.value - 1) / (m.value + 1), z = s * s;
  double p = 1.0 / 19;
  p = p * z + 1.0 / 17;
  p = p * z + 1.0 / 15;
  p = p * z + 1.0 / 13;
  p = p * z + 1.0 / 11;
  p = p * z + 1.0 / 9;
  p = p * z + 1.0 / 7;
  p = p * z + 1.0 / 5;
  p = p * z + 1.0 / 3;
  return exponent * 0.69314718055994530942 + (2 * s + 2 * s * z * p);
}

/* cos and sin of 2 pi v, v in [0,1): v = (q + t)/4, q the nearest quarter. */
static inline void turn(double v, double *cosine, double *sine) {
  bits q = {.value = 4 * v + 6755399441055744.0}; /* rounds to nearest */
  double t = (4 * v - (q.value - 6755399441055744.0)) * 1.57079632679489661923;
  double z = t * t;
  double c = -1.0 / 87178291200;
  c = c * z + 1.0 / 479001600;
  c = c * z - 1.0 / 3628800;
  c = c * z + 1.0 / 40320;
  c = c * z - 1.0 / 720;
  c = c * z + 1.0 / 24;
  c = c * z - 0.5;
  c = c * z + 1;
  double s = -1.0 / 1307674368000;
  s = s * z + 1.0 / 6227020800;
  s = s * z - 1.0 / 39916800;
  s = s * z + 1.0 / 362880;
  s = s * z - 1.0 / 5040;
  s = s * z + 1.0 / 120;
  s = s * z - 1.0 / 6;
  s = s * z * t + t;
  /* an odd quarter swaps the two; signs: cos + - - +, sin + + - - */
  uint64_t odd = -(q.word & 1);
  bits from_c = {.value = c}, from_s = {.value = s};
  bits x = {.word = (from_c.word & ~odd) | (from_s.word & odd)};
  bits y = {.word = (from_s.word & ~odd) | (from_c.word & odd)};
  x.word ^= ((q.word + 1) & 2) << 62;
  y.word ^= (q.word & 2) << 62;
  *cosine = x.value;
  *sine = y.value;
}

NN_CLONES static void box_muller(batch *b) {
  for (int i = 0; i < BLOCKS; i++) {
    double r = 1 - uniform(b->word[0][i], b->word[1][i]), x, y;
    double radius = sqrt(-2 * logarithm(r));
    turn(uniform(b->word[2][i], b->word[3][i]), &x, &y);
    b->first[i] = radius * x;
    b->second[i] = radius * y;
  }
}

void nn_fill_normal(const random_stream *stream, size_t begin, size_t count,
                    double mean, double deviation, nn_real *out) {
  batch b = {0};
  size_t done = 0;
  while (done < count) {
    size_t at = begin + done, block = at / 2 / BLOCKS * BLOCKS;
    nn_philox(stream, block, b.word);
    box_muller(&b);
    size_t last = 2 * (block + BLOCKS);
    for (; at < last && done < count; at++, done++) {
      size_t i = at / 2 - block;
      double normal = at % 2 == 0 ? b.first[i] : b.second[i];
      out[done] = (nn_real)(mean + deviation * normal);
    }
  }
}
