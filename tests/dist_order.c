/* The order of samples, and the ranks' shares of a step. */
#include <stdlib.h>
#include <string.h>

#include "dist/ranks/order.h"
#include "tests/tap.h"

static bool is_permutation(order *o, uint64_t epoch) {
  unsigned char *seen = calloc(o->samples, 1);
  bool good = seen != NULL;
  for (size_t i = 0; good && i < o->samples; i++) {
    uint32_t sample = order_at(o, epoch * o->samples + i);
    good = sample < o->samples && !seen[sample];
    if (good) seen[sample] = 1;
  }
  free(seen);
  return good;
}

static int places_in_common(order *a, uint64_t epoch_a, order *b,
                            uint64_t epoch_b) {
  int count = 0;
  for (size_t i = 0; i < a->samples; i++)
    count += order_at(a, epoch_a * a->samples + i) ==
             order_at(b, epoch_b * b->samples + i);
  return count;
}

static void test_epochs(void) {
  static const size_t sizes[] = {1, 2, 3, 17, 1000};
  for (size_t k = 0; k < sizeof sizes / sizeof sizes[0]; k++) {
    order o;
    bool good = order_create(11, sizes[k], &o) == STATUS_OK;
    for (uint64_t epoch = 0; good && epoch < 20; epoch++)
      good = is_permutation(&o, epoch);
    good = good && is_permutation(&o, 1ull << 40);
    tap_ok(good, "%zu samples: every epoch is a permutation", sizes[k]);
    order_destroy(&o);
  }
}

static void test_randomness(void) {
  order a, b, same;
  if (order_create(1, 1000, &a) != STATUS_OK ||
      order_create(2, 1000, &b) != STATUS_OK ||
      order_create(1, 1000, &same) != STATUS_OK) {
    tap_ok(false, "orders");
    return;
  }
  tap_ok(places_in_common(&a, 0, &a, 0) == 1000 &&
             places_in_common(&a, 3, &same, 3) == 1000,
         "an epoch's order follows from seed and epoch");
  tap_ok(places_in_common(&a, 0, &b, 0) < 20, "seeds differ");
  tap_ok(places_in_common(&a, 0, &same, 1) < 20, "epochs differ");
  uint32_t later = order_at(&a, 5432), earlier = order_at(&a, 17);
  tap_ok(order_at(&same, 17) == earlier && order_at(&same, 5432) == later,
         "positions may be asked for in any order");
  /* of 6 orders of 3 samples all come */
  order three;
  int seen[27] = {0}, kinds = 0;
  if (order_create(4, 3, &three) == STATUS_OK)
    for (uint64_t epoch = 0; epoch < 120; epoch++)
      seen[order_at(&three, 3 * epoch) * 9 +
           order_at(&three, 3 * epoch + 1) * 3 +
           order_at(&three, 3 * epoch + 2)]++;
  for (int i = 0; i < 27; i++) kinds += seen[i] > 5;
  tap_ok(kinds == 6, "all orders of three come about as often");
  order_destroy(&three);
  order_destroy(&a);
  order_destroy(&b);
  order_destroy(&same);
}

static void test_shares(void) {
  bool covers = true, fair = true, busy = true;
  for (int total = 1; total <= 200; total++)
    for (int ranks = 1; ranks <= total; ranks++) {
      int at = 0, least = total, most = 0;
      for (int rank = 0; rank < ranks; rank++) {
        int begin, end;
        order_share(total, rank, ranks, &begin, &end);
        covers = covers && begin == at && end >= begin;
        at = end;
        if (end - begin < least) least = end - begin;
        if (end - begin > most) most = end - begin;
      }
      covers = covers && at == total;
      fair = fair && most - least <= 1;
      busy = busy && least >= 1;
    }
  tap_ok(covers, "shares cover the step, once and in order");
  tap_ok(fair, "they differ by one micro-batch at most");
  tap_ok(busy, "no rank is idle if there is work for all");
}

int main(void) {
  test_epochs();
  test_randomness();
  test_shares();
  return tap_done();
}
