/* How a vector is cut into pieces, and how a float becomes a bfloat16. */
#include <math.h>
#include <string.h>

#include "dist/sum/bfloat16.h"
#include "dist/sum/pieces.h"
#include "tests/tap.h"

/* ---- pieces ---- */

typedef struct faults {
  int cover, mixed, aligned, large, before, closed, uneven;
} faults;

static void check_bucket(const pieces *p, int bucket, size_t *at, faults *f) {
  piece whole = pieces_bucket(p, bucket);
  bool learned = bucket < p->learned_buckets;
  size_t length = whole.end - whole.begin, end = whole.begin;
  if (whole.begin != *at || whole.end <= whole.begin) f->cover++;
  if (whole.end > (learned ? p->learned : p->count)) f->mixed++;
  if (!learned && whole.begin < p->learned) f->mixed++;
  if (length > p->bucket) f->large++;
  for (int r = 0; r < p->ranks; r++) {
    piece one = pieces_of(p, bucket, r);
    if (one.begin != end || one.end < one.begin) f->cover++;
    if (one.end > one.begin && (one.begin - whole.begin) % PIECES_ALIGN != 0)
      f->aligned++;
    if (one.end - one.begin > length / (size_t)p->ranks + 2 * PIECES_ALIGN)
      f->uneven++;
    end = one.end;
  }
  if (end != whole.end) f->cover++;
  *at = whole.end;
}

static void check_cut(size_t learned, size_t count, int ranks, faults *f) {
  pieces p = pieces_cut(learned, count, ranks);
  size_t at = 0, share = 0;
  for (int b = 0; b < p.buckets; b++) {
    if (pieces_before(&p, b, ranks - 1) != share) f->before++;
    piece last = pieces_of(&p, b, ranks - 1), whole = pieces_bucket(&p, b);
    share += last.end - last.begin;
    check_bucket(&p, b, &at, f);
    if (b >= p.learned_buckets) continue;
    if (pieces_closed(&p, whole.end) != b + 1) f->closed++;
    if (pieces_closed(&p, whole.end - 1) != b) f->closed++;
  }
  if (at != count) f->cover++;
  if (pieces_closed(&p, count) != p.learned_buckets) f->closed++;
}

static void test_pieces(void) {
  static const size_t sizes[] = {0,        16,      32,      4096,
                                 4112,     65536,   1000000, 54800000,
                                 54800016, 1 << 20, 1 << 24, 3000};
  static const size_t rests[] = {0, 1, 16, 17, 5000, 100000};
  static const int ranks[] = {1, 2, 3, 4, 7, 8, 64, 300};
  faults f = {0};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++)
    for (size_t k = 0; k < sizeof rests / sizeof rests[0]; k++)
      for (size_t r = 0; r < sizeof ranks / sizeof ranks[0]; r++) {
        size_t learned = sizes[i] / PIECES_ALIGN * PIECES_ALIGN;
        check_cut(learned, learned + rests[k], ranks[r], &f);
      }
  tap_ok(f.cover == 0, "buckets and pieces cover the vector once, in order");
  tap_ok(f.mixed == 0, "no bucket holds gradients and the rest");
  tap_ok(f.large == 0, "no bucket is larger than said");
  tap_ok(f.aligned == 0, "pieces begin at lines of the cache");
  tap_ok(f.uneven == 0, "pieces of a bucket are alike but for two lines");
  tap_ok(f.before == 0, "pieces_before is the sum of the pieces before");
  tap_ok(f.closed == 0, "a bucket is closed with its last value");
  pieces large = pieces_cut((size_t)3 << 32, ((size_t)3 << 32) + 100, 8);
  piece end = pieces_of(&large, large.buckets - 1, 7);
  piece first = pieces_of(&large, large.learned_buckets - 1, 0);
  tap_ok(end.end == ((size_t)3 << 32) + 100 &&
             first.begin > (size_t)UINT32_MAX &&
             first.end - first.begin < 1u << 21,
         "a vector of 12 G values is cut into pieces that a message holds");
}

/* ---- bfloat16 ---- */

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static uint32_t bits_of(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  return bits;
}

/* The two neighbours and the distances, in exact arithmetic. */
static uint16_t nearest(float value) {
  uint16_t low = (uint16_t)(bits_of(value) >> 16);
  double below = fabs((double)value - (double)bfloat16_to(low));
  double above = fabs((double)bfloat16_to((uint16_t)(low + 1)) - (double)value);
  if (below == above) return (uint16_t)(low + (low & 1));
  return (uint16_t)(low + (above < below));
}

static void test_bfloat16(void) {
  int wrong = 0, lost = 0, tested = 0;
  for (uint32_t high = 0; high < 0x7f7f; high += 3) /* below the largest */
    for (int k = 0; k < 7; k++, tested++) {
      static const uint32_t low[] = {0,      1,      0x7fff, 0x8000,
                                     0x8001, 0xffff, 0x1234};
      float value = float_of(high << 16 | low[k]);
      if (bfloat16_from(value) != nearest(value)) wrong++;
      if (bfloat16_from(-value) != (nearest(value) | 0x8000)) wrong++;
    }
  for (uint32_t half = 0; half <= 0xffff; half++) {
    float value = bfloat16_to((uint16_t)half);
    if (!isnan(value) && bfloat16_from(value) != half) lost++;
    if (isnan(value) && !isnan(bfloat16_to(bfloat16_from(value)))) lost++;
  }
  tap_ok(wrong == 0, "%d floats become the nearest bfloat16, ties the even one",
         2 * tested);
  tap_ok(lost == 0, "every bfloat16 as a float is itself again");
  tap_ok(bfloat16_from(float_of(0x3f808000)) == 0x3f80 &&
             bfloat16_from(float_of(0x3f818000)) == 0x3f82,
         "1 + 2^-8 rounds down, 1 + 3 2^-8 up");
  tap_ok(isinf(bfloat16_to(bfloat16_from(float_of(0x7f7fffff)))) &&
             bfloat16_to(bfloat16_from(float_of(0x7f7f7fff))) < (float)INFINITY,
         "beyond the largest is infinity");
  tap_ok(isinf(bfloat16_to(bfloat16_from(-(float)INFINITY))) &&
             isnan(bfloat16_to(bfloat16_from(float_of(0x7f800001)))) &&
             isnan(bfloat16_to(bfloat16_from(float_of(0xffffffff)))),
         "infinities and NaNs stay what they are");
}

int main(void) {
  test_pieces();
  test_bfloat16();
  return tap_done();
}
