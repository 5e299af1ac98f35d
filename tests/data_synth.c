/* Procedural data sets: the same for the same seed whatever the threads, and
 * such that there is something to learn. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "data/data.h"
#include "tests/tap.h"

enum { SIZE = 32, TRAIN = 120, TEST = 20, PIXELS = SIZE * SIZE };

static char path[512];

/* A new file of the scratch folder, opened; NULL on failure. */
static data_set *make(const char *name, uint64_t seed, int train, int threads) {
  snprintf(path, sizeof path, "%s/%s.h5", tap_scratch_folder(), name);
  data_synth_options options = {.out = path,
                                .size = SIZE,
                                .train_count = train,
                                .test_count = TEST,
                                .seed = seed,
                                .threads = threads};
  data_set *set = NULL;
  status result = data_synth(&options);
  if (result == STATUS_OK) result = data_set_open(path, &set);
  if (result != STATUS_OK) tap_note("%s", status_message());
  tap_ok(result == STATUS_OK, "%s is made and opens", name);
  return set;
}

typedef struct sample {
  uint8_t composite[PIXELS * 3], real[PIXELS * 3], mask[PIXELS];
} sample;

static sample read_sample(data_set *set, size_t index) {
  static sample one;
  if (data_set_read(set, index, one.composite, one.mask, one.real) !=
      STATUS_OK) {
    tap_ok(false, "sample %zu is read: %s", index, status_message());
    exit(tap_done());
  }
  return one;
}

/* How many of `count` samples from (a, b) on are the same in both. */
static size_t equal_samples(data_set *x, size_t a, data_set *y, size_t b,
                            size_t count) {
  size_t equal = 0;
  for (size_t i = 0; i < count; i++) {
    sample p = read_sample(x, a + i), q = read_sample(y, b + i);
    equal += memcmp(&p, &q, sizeof p) == 0;
  }
  return equal;
}

static bool same_files(const char *a, const char *b) {
  char command[1100];
  snprintf(command, sizeof command, "cmp '%s/%s.h5' '%s/%s.h5'",
           tap_scratch_folder(), a, tap_scratch_folder(), b);
  return system(command) == 0;
}

static void test_determinism(data_set *set) {
  data_set *two = make("two", 1, TRAIN, 2), *other = make("other", 2, TRAIN, 2);
  tap_ok(same_files("one", "two"), "one thread or two: the same bytes");
  tap_ok(strcmp(data_set_describe(set)->identity,
                data_set_describe(two)->identity) == 0,
         "and the same identity");
  tap_ok(equal_samples(set, 0, other, 0, TRAIN) == 0,
         "another seed: other scenes");
  tap_ok(strcmp(data_set_describe(set)->identity,
                data_set_describe(other)->identity) != 0,
         "and another identity");
  data_set *fewer = make("fewer", 1, TRAIN / 3, 2);
  tap_ok(equal_samples(set, 0, fewer, 0, TRAIN / 3) == TRAIN / 3 &&
             equal_samples(set, TRAIN, fewer, TRAIN / 3, TEST) == TEST,
         "a scene depends on seed, split and index alone");
  data_set_close(&two), data_set_close(&other), data_set_close(&fewer);
}

typedef struct totals {
  double mse, fmse, share_least, share_most;
  bool background, binary, differ;
} totals;

static void add(totals *sum, const sample *one) {
  double error = 0;
  size_t inside = 0;
  for (size_t i = 0; i < PIXELS; i++) {
    bool object = one->mask[i] == 255;
    inside += object;
    sum->binary &= object || one->mask[i] == 0;
    for (size_t c = 3 * i; c < 3 * i + 3; c++) {
      double difference = (double)one->composite[c] - (double)one->real[c];
      error += difference * difference;
      sum->background &= object || difference == 0;
    }
  }
  double share = (double)inside / PIXELS;
  if (share < sum->share_least) sum->share_least = share;
  if (share > sum->share_most) sum->share_most = share;
  sum->mse += error / (3.0 * PIXELS);
  sum->fmse += error / (3.0 * (double)(inside > 0 ? inside : 1));
}

static void test_samples(data_set *set) {
  totals sum = {0, 0, 1, 0, true, true, true};
  sample before = {{0}, {0}, {0}};
  for (size_t i = 0; i < TRAIN + TEST; i++) {
    sample one = read_sample(set, i);
    add(&sum, &one);
    sum.differ &= memcmp(before.real, one.real, sizeof one.real) != 0 &&
                  memcmp(before.mask, one.mask, sizeof one.mask) != 0;
    before = one;
  }
  sum.mse /= TRAIN + TEST, sum.fmse /= TRAIN + TEST;
  tap_note("mean MSE %.1f, fMSE %.0f, share %.3f to %.3f", sum.mse, sum.fmse,
           sum.share_least, sum.share_most);
  tap_ok(sum.binary, "masks are 0 and 255");
  tap_ok(sum.share_least >= 0.03 && sum.share_most <= 0.40,
         "objects take 3 to 40 %% of the picture");
  tap_ok(sum.share_most > 3 * sum.share_least, "of many sizes");
  tap_ok(sum.background, "the composite's background is the real one's");
  tap_ok(sum.mse > 50 && sum.mse < 200, "mean MSE is of HCOCO's order");
  tap_ok(sum.fmse > 400 && sum.fmse < 2000, "and so is the mean fMSE");
  tap_ok(sum.differ, "scenes differ");
}

/* The light is the scene's: means of pictures spread in red against blue. */
static void test_lights(data_set *set) {
  double sum = 0, squares = 0;
  for (size_t i = 0; i < TRAIN; i++) {
    sample one = read_sample(set, i);
    double red = 0, blue = 0;
    for (size_t p = 0; p < PIXELS; p++) {
      red += one.real[3 * p];
      blue += one.real[3 * p + 2];
    }
    double warmth = (red - blue) / PIXELS;
    sum += warmth, squares += warmth * warmth;
  }
  double mean = sum / TRAIN, variance = squares / TRAIN - mean * mean;
  tap_note("red less blue: mean %.1f, variance %.0f", mean, variance);
  tap_ok(variance > 15 * 15, "lights vary in colour");
}

static bool is_picture(const char *folder, const char *name, int channels,
                       const uint8_t *pixels) {
  char file[700];
  data_image image;
  snprintf(file, sizeof file, "%s/%s.png", folder, name);
  if (data_image_read(file, &image) != STATUS_OK) {
    tap_note("%s", status_message());
    return false;
  }
  bool same = image.width == SIZE && image.height == SIZE;
  for (size_t i = 0; i < PIXELS * 3 && same; i++)
    same = image.pixels[i] == pixels[channels == 3 ? i : i / 3];
  data_image_free(&image);
  return same;
}

/* The pictures are those of the set. */
static void test_pictures(data_set *set) {
  char folder[600], other[600];
  snprintf(folder, sizeof folder, "%s/pictures", tap_scratch_folder());
  snprintf(other, sizeof other, "%s/other.h5", tap_scratch_folder());
  data_synth_options options = {.out = other,
                                .pictures = folder,
                                .size = SIZE,
                                .test_count = 2,
                                .seed = 1,
                                .threads = 1};
  tap_ok(data_synth(&options) == STATUS_OK, "scenes as pictures as well");
  sample second = read_sample(set, TRAIN + 1);
  tap_ok(is_picture(folder, "test000001", 3, second.composite) &&
             is_picture(folder, "test000001_real", 3, second.real) &&
             is_picture(folder, "test000001_mask", 1, second.mask),
         "are composite, real image and mask of the set");
  options.pictures = "/nonexistent/pictures";
  tap_ok(data_synth(&options) == STATUS_IO &&
             strstr(status_message(), "/nonexistent/pictures") != NULL,
         "a folder that cannot be made is named");
}

static void test_refusals(void) {
  data_synth_options options = {
      .out = path, .size = 4, .train_count = 1, .test_count = 1};
  tap_ok(data_synth(&options) == STATUS_USAGE, "a tiny size is refused");
  options.size = SIZE, options.train_count = options.test_count = 0;
  tap_ok(data_synth(&options) == STATUS_USAGE, "no scenes are refused");
  options.train_count = 1, options.out = "/nonexistent/x.h5";
  tap_ok(data_synth(&options) == STATUS_IO &&
             strstr(status_message(), "/nonexistent/x.h5") != NULL,
         "a missing folder is named");
}

int main(void) {
  log_set_rank(1); /* no progress lines */
  data_set *set = make("one", 1, TRAIN, 1);
  if (set == NULL) return tap_done();
  const data_set_info *info = data_set_describe(set);
  tap_ok(info->size == SIZE && info->count == TRAIN + TEST &&
             info->split_count[DATA_TRAIN] == TRAIN &&
             info->split_count[DATA_TEST] == TEST,
         "with the scenes asked for");
  test_determinism(set);
  test_samples(set);
  test_pictures(set);
  test_lights(set);
  data_set_close(&set);
  test_refusals();
  return tap_done();
}
