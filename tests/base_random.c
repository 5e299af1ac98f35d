/* The counter-based generator against its published vectors, and its uses. */
#include <math.h>
#include <string.h>

#include "base/random.h"
#include "tests/tap.h"

/* Random123's kat_vectors, philox4x32 with 10 rounds. */
static void test_known_answers(void) {
  static const struct {
    const char *name;
    uint32_t counter[4], key[2], want[4];
  } vectors[] = {
      {"zeros",
       {0, 0, 0, 0},
       {0, 0},
       {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {"ones",
       {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff},
       {0xffffffff, 0xffffffff},
       {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {"digits of pi",
       {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
    uint32_t got[4];
    philox4x32(vectors[i].counter, vectors[i].key, got);
    tap_ok(memcmp(got, vectors[i].want, sizeof got) == 0,
           "philox4x32-10 of %s is Random123's", vectors[i].name);
  }
}

static void test_streams(void) {
  random_stream a = random_stream_make(1, RANDOM_ORDER, 7, 3), b = a;
  bool same = true;
  for (int i = 0; i < 1000; i++)
    same = same && random_u32(&a) == random_u32(&b);
  tap_ok(same, "a stream's numbers follow from its name");
  const random_stream others[] = {
      random_stream_make(2, RANDOM_ORDER, 7, 3),
      random_stream_make(1 + (1ull << 32), RANDOM_ORDER, 7, 3),
      random_stream_make(1, RANDOM_AUGMENT, 7, 3),
      random_stream_make(1, RANDOM_ORDER, 8, 3),
      random_stream_make(1, RANDOM_ORDER, 7 + (1ull << 32), 3),
      random_stream_make(1, RANDOM_ORDER, 7, 4)};
  enum { OTHERS = sizeof others / sizeof others[0], DRAWS = 64 };
  int equal = 0;
  for (int k = 0; k < OTHERS; k++) {
    random_stream other = others[k];
    a = random_stream_make(1, RANDOM_ORDER, 7, 3);
    for (int i = 0; i < DRAWS; i++)
      equal += random_u32(&a) == random_u32(&other);
  }
  tap_ok(equal <= 1, "seed, purpose and both numbers keep streams apart");
}

/* The counter's first word overflows into the second. */
static void test_long_stream(void) {
  random_stream a = random_stream_make(5, RANDOM_TEST, 0, 0);
  a.counter[0] = 0xffffffff;
  uint32_t counter[4] = {0, a.counter[1] + 1, a.counter[2], a.counter[3]};
  for (int i = 0; i < 4; i++) random_u32(&a);
  uint32_t want[4], got[4];
  philox4x32(counter, a.key, want);
  for (int i = 0; i < 4; i++) got[i] = random_u32(&a);
  tap_ok(memcmp(got, want, sizeof got) == 0,
         "after 2^34 numbers the counter carries over");
}

static void test_uniform(void) {
  random_stream s = random_stream_make(3, RANDOM_TEST, 1, 0);
  enum { DRAWS = 200000 };
  double sum = 0, squares = 0, least = 1, most = 0;
  for (int i = 0; i < DRAWS; i++) {
    double x = random_uniform(&s);
    sum += x;
    squares += x * x;
    least = fmin(least, x);
    most = fmax(most, x);
  }
  tap_ok(least >= 0 && most < 1, "uniform numbers are in [0, 1)");
  tap_ok(least < 1e-4 && most > 1 - 1e-4, "and come near both ends");
  tap_near(sum / DRAWS, 0.5, 0.004, "their mean is 1/2");
  tap_near(squares / DRAWS, 1.0 / 3, 0.004, "their mean square 1/3");
}

static void test_normal(void) {
  random_stream s = random_stream_make(3, RANDOM_TEST, 2, 0);
  enum { DRAWS = 200000 };
  double sum = 0, squares = 0, fourth = 0;
  bool finite = true;
  for (int i = 0; i < DRAWS; i++) {
    double x = random_normal(&s);
    finite = finite && isfinite(x);
    sum += x;
    squares += x * x;
    fourth += x * x * x * x;
  }
  tap_ok(finite, "normal numbers are finite");
  tap_near(sum / DRAWS, 0, 0.012, "their mean is 0");
  tap_near(squares / DRAWS, 1, 0.02, "their variance 1");
  tap_near(fourth / DRAWS, 3, 0.15, "their fourth moment 3");
}

static void test_below(void) {
  random_stream s = random_stream_make(3, RANDOM_TEST, 3, 0);
  enum { LIMIT = 6, DRAWS = 60000 };
  int counts[LIMIT] = {0};
  bool inside = true;
  for (int i = 0; i < DRAWS; i++) {
    uint32_t x = random_below(&s, LIMIT);
    inside = inside && x < LIMIT;
    if (x < LIMIT) counts[x]++;
  }
  double chi_squared = 0, expected = (double)DRAWS / LIMIT;
  for (int i = 0; i < LIMIT; i++)
    chi_squared += (counts[i] - expected) * (counts[i] - expected) / expected;
  tap_ok(inside, "whole numbers are below their limit");
  tap_ok(chi_squared < 20.5, "and as frequent as each other (chi^2 %.1f)",
         chi_squared); /* 99.9 % of the distribution with 5 degrees */
  bool large = true, ones = true;
  uint32_t halves[2] = {0, 0};
  for (int i = 0; i < 3000; i++) {
    uint32_t x = random_below(&s, 0xc0000000u); /* a quarter is rejected */
    large = large && x < 0xc0000000u;
    halves[x >= 0x60000000u]++;
    ones = ones && random_below(&s, 1) == 0;
  }
  tap_ok(large, "a limit above 2^31 holds");
  tap_near(halves[0], 1500, 130, "and both halves come");
  tap_ok(ones, "below 1 there is 0 alone");
}

static void test_hash(void) {
  /* the published FNV-1a vectors */
  tap_ok(random_hash("") == 0xcbf29ce484222325u &&
             random_hash("a") == 0xaf63dc4c8601ec8cu &&
             random_hash("foobar") == 0x85944171f73967e8u,
         "the hash is 64-bit FNV-1a");
}

int main(void) {
  test_known_answers();
  test_streams();
  test_long_stream();
  test_uniform();
  test_normal();
  test_below();
  test_hash();
  return tap_done();
}
