/* The samples that a sheet begins with. */
#include <math.h>

#include "dist/score/standing.h"
#include "tests/tap.h"

int main(void) {
  standing_sample samples[] = {{2, 0}, {NAN, 1},      {0.5, 2}, {1, 3},
                               {1, 4}, {INFINITY, 5}, {0.75, 6}};
  standing_sample found[STANDINGS] = {{0}};
  tap_ok(standing_find(samples, 7, found) == 5,
         "what is no number does not stand");
  tap_ok(found[STANDING_WORST].sample == 0 && found[STANDING_WORST].ratio == 2,
         "the worst");
  tap_ok(found[STANDING_MEDIAN].sample == 3, "the median, of equals the first");
  tap_ok(found[STANDING_BEST].sample == 2, "the best");
  standing_sample one[] = {{NAN, 0}, {3, 1}};
  tap_ok(standing_find(one, 2, found) == 1 &&
             found[STANDING_WORST].sample == 1 &&
             found[STANDING_BEST].sample == 1,
         "one sample is all three");
  standing_sample none[] = {{INFINITY, 0}, {NAN, 1}};
  tap_ok(standing_find(none, 2, found) == 0, "without a number none stands");
  return tap_done();
}
