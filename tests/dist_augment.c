/* What becomes of a sample before the network sees it: crops and their masks,
 * edges of masks, and which sample lends its colours to which. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dist/feed/augment.h"
#include "dist/feed/mask_edge.h"
#include "dist/feed/recompose.h"
#include "tests/tap.h"

enum { S = 32, PIXELS = S * S };

static uint8_t image[3 * PIXELS], mask[PIXELS];
static float net_composite[3 * PIXELS], net_mask[PIXELS], net_real[3 * PIXELS];

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

/* A ramp along x, and the square [begin, end)^2 as mask. */
static void make_sample(int begin, int end) {
  for (int i = 0; i < PIXELS; i++) {
    int x = i % S, y = i / S;
    memset(image + 3 * i, 4 * x, 3);
    bool inside = x >= begin && x < end && y >= begin && y < end;
    mask[i] = inside ? 255 : 0;
  }
}

static void augment(const augmenter *a, const augmentation *how,
                    uint64_t position) {
  sample_bytes bytes = {image, mask, image, "sample"};
  sample_inputs inputs = {net_composite, net_mask, net_real};
  augment_sample(a, how, position, &bytes, &inputs);
}

/* ---- crops ---- */

typedef struct look {
  double sum;
  bool grey; /* values between 0 and 1 */
} look;

static look look_at_mask(void) {
  look l = {0};
  for (int i = 0; i < PIXELS; i++) {
    l.sum += net_mask[i];
    l.grey |= net_mask[i] > 0 && net_mask[i] < 1;
  }
  return l;
}

/* The mask is that of the same place as the image: where the ramp has the
 * levels of the square's columns. */
static double mask_off_image(int begin, int end) {
  double worst = 0;
  for (int i = 0; i < PIXELS; i++) {
    double x = 127.5 * (net_real[3 * i] + 1) / 4;
    bool inside = x >= begin && x <= end - 1;
    if (net_mask[i] > 0.999 && !inside)
      worst = fmax(worst, fmax(begin - x, x - (end - 1)));
  }
  return worst;
}

static void test_soft_crops(const augmenter *a) {
  augmentation how = {
      .seed = 3, .flip = true, .crop_min = 0.5, .crop_mask = CROP_MASK_SOFT};
  make_sample(10, 20);
  int grey = 0;
  double off = 0;
  for (uint64_t k = 0; k < 200; k++) {
    augment(a, &how, k);
    grey += look_at_mask().grey;
    off = fmax(off, mask_off_image(10, 20));
  }
  tap_ok(grey > 150, "soft: %d of 200 masks have greys", grey);
  tap_ok(off < 0.05, "soft: mask and image are of one place (to %.3f)", off);
  how.crop_mask = CROP_MASK_NEAREST;
  grey = 0;
  for (uint64_t k = 0; k < 50; k++) {
    augment(a, &how, k);
    grey += look_at_mask().grey;
  }
  tap_ok(grey == 0, "nearest: masks stay black and white");
}

/* In a corner of two pixels, which many crops miss. */
static void test_empty_crops(const augmenter *a) {
  augmentation how = {.seed = 5, .crop_min = 0.5, .crop_mask = CROP_MASK_SOFT};
  make_sample(0, 2);
  int empty = 0;
  for (uint64_t k = 0; k < 1000; k++) {
    augment(a, &how, k);
    empty += look_at_mask().sum <= 1;
  }
  tap_ok(empty > 20 && empty < 200,
         "soft: a crop without foreground is kept 1 time in 20 (%d of 1000)",
         empty);
  how.crop_mask = CROP_MASK_NEAREST;
  empty = 0;
  for (uint64_t k = 0; k < 1000; k++) {
    augment(a, &how, k);
    empty += look_at_mask().sum < 0.5;
  }
  tap_ok(empty == 0, "nearest: none is (%d)", empty);
}

/* ---- edges ---- */

static double changed_sum(mask_edge edge, int pixels) {
  float scratch[2 * PIXELS];
  for (int i = 0; i < PIXELS; i++) net_mask[i] = mask[i] > 0;
  mask_edge_change(edge, pixels, S, scratch, net_mask);
  return look_at_mask().sum;
}

static void test_edges(const augmenter *a) {
  make_sample(10, 20);
  tap_near(changed_sum(MASK_GROW, 2), 14 * 14, 0, "grown by two pixels");
  tap_near(changed_sum(MASK_SHRINK, 1), 8 * 8, 0, "shrunk by one");
  tap_near(changed_sum(MASK_FEATHER, 2), 100, 1e-3, "feathered: as much of it");
  tap_ok(look_at_mask().grey, "in greys");
  make_sample(10, 12);
  tap_near(changed_sum(MASK_SHRINK, 1), 4, 0, "not shrunk to nothing");
  make_sample(0, S);
  tap_near(changed_sum(MASK_SHRINK, 2), PIXELS, 0, "nor at the border");
  make_sample(10, 20);
  augmentation how = {.seed = 9, .crop_min = 1, .mask_jitter = 0.5};
  int changed = 0;
  for (uint64_t k = 0; k < 400; k++) {
    augment(a, &how, k);
    look l = look_at_mask();
    changed += l.grey || l.sum != 100;
  }
  tap_ok(changed > 150 && changed < 250, "half of the masks: %d of 400",
         changed);
}

/* ---- who lends colours to whom ---- */

static void test_groups(void) {
  static const uint32_t group[] = {1, 0, 1, 2, 1, 0};
  sample_groups g;
  must(sample_groups_create(group, 6, 3, &g));
  random_stream random = random_stream_make(1, RANDOM_TEST, 0, 0);
  int seen[6][6] = {{0}};
  for (uint32_t of = 0; of < 6; of++)
    for (int k = 0; k < 200; k++) {
      uint32_t other = sample_groups_other(&g, of, &random);
      if (other < 6) seen[of][other]++;
    }
  tap_ok(seen[0][2] > 70 && seen[0][4] > 70 && seen[0][2] + seen[0][4] == 200,
         "the two others of a group of three, in turn");
  tap_ok(seen[1][5] == 200 && seen[5][1] == 200, "the other of two");
  tap_ok(seen[3][3] == 0 && seen[3][0] > 15 && seen[3][5] > 15,
         "any other where it is alone in its group");
  sample_groups_destroy(&g);
  must(sample_groups_create(NULL, 1, 0, &g));
  tap_ok(sample_groups_other(&g, 0, &random) == 0, "itself where it is alone");
  sample_groups_destroy(&g);
}

static void test_draws(void) {
  sample_groups g;
  must(sample_groups_create(NULL, 100, 1, &g));
  recomposition how = {.share = 0.25, .seed = 4, .groups = &g};
  must(data_methods_read("methods", "gct,jitter", true, &how.methods));
  int wanted = 0, references = 0, wrong = 0;
  for (uint64_t k = 0; k < 4000; k++) {
    recompose_draft p = recompose_draw(&how, k, 7),
                    q = recompose_draw(&how, k, 7);
    wanted += p.wanted;
    references += p.has_reference;
    wrong += p.wanted != q.wanted || p.reference != q.reference ||
             p.seed != q.seed ||
             p.has_reference != (p.wanted && p.method == DATA_GCT) ||
             (p.has_reference && p.reference == 7);
  }
  tap_ok(wrong == 0, "draws follow from their place; none lends to itself");
  tap_ok(
      abs(wanted - 1000) < 120 && abs(references - 500) < 100,
      "a quarter is composed anew (%d of 4000), half of it by transfers (%d)",
      wanted, references);
  sample_groups_destroy(&g);
}

int main(void) {
  augmenter a;
  must(augmenter_create(S, &a));
  test_soft_crops(&a);
  test_empty_crops(&a);
  test_edges(&a);
  augmenter_destroy(&a);
  test_groups();
  test_draws();
  return tap_done();
}
