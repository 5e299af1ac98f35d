/* Holding scenes out for validation, and data sets of three splits. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "data/data.h"
#include "tests/tap.h"

enum { SCENES = 400, PER_SCENE = 3, COUNT = SCENES * PER_SCENE };

static char names[SCENES][16];
static const char *scenes[COUNT];
static bool held_out[COUNT], again[COUNT];

static size_t count_held(const bool *held, size_t count) {
  size_t sum = 0;
  for (size_t i = 0; i < count; i++) sum += held[i];
  return sum;
}

static void test_choice(void) {
  for (int i = 0; i < COUNT; i++) {
    int scene = i % SCENES;
    snprintf(names[scene], sizeof names[scene], "c%06d.jpg", scene);
    scenes[i] = names[scene];
  }
  tap_ok(data_hold_out(scenes, COUNT, 0, held_out) == STATUS_OK &&
             count_held(held_out, COUNT) == 0,
         "0 holds nothing out");
  tap_ok(data_hold_out(scenes, COUNT, 37, held_out) == STATUS_OK &&
             count_held(held_out, COUNT) == 37 * PER_SCENE,
         "a number of scenes, with all that shows them");
  bool together = true;
  for (int i = SCENES; i < COUNT; i++)
    together = together && held_out[i] == held_out[i - SCENES];
  tap_ok(together, "a scene is held out or not as a whole");
  size_t early = count_held(held_out, SCENES / 2);
  tap_ok(early > 8 && early < 29, "from everywhere (%zu of 37 from one half)",
         early);
  tap_ok(data_hold_out(scenes, SCENES, 37, again) == STATUS_OK &&
             memcmp(held_out, again, SCENES) == 0,
         "the same ones where there are fewer samples of them");
  tap_ok(data_hold_out(scenes, COUNT, 0.1, again) == STATUS_OK &&
             count_held(again, COUNT) == 40 * PER_SCENE,
         "a share of the scenes");
  bool more = true;
  for (int i = 0; i < COUNT; i++) more = more && (again[i] || !held_out[i]);
  tap_ok(more, "more of them include fewer");
}

static void test_others(void) {
  data_hold_out(scenes, COUNT, 37, again);
  for (int i = 0; i < SCENES; i++)
    if (!again[i]) scenes[i] = scenes[i + SCENES] = NULL;
  tap_ok(data_hold_out(scenes, 2 * SCENES, 5, held_out) == STATUS_OK &&
             count_held(held_out, 2 * SCENES) == 10,
         "samples of other splits are left alone");
  tap_ok(data_hold_out(scenes, 2 * SCENES, 37, held_out) == STATUS_MISFIT &&
             strstr(status_message(), "37 scenes") != NULL,
         "to take all is refused: %s", status_message());
  tap_ok(data_hold_out(scenes, 2 * SCENES, 1e9, held_out) == STATUS_MISFIT,
         "so is more than all");
  tap_ok(data_hold_out(scenes, 0, 1, held_out) == STATUS_MISFIT,
         "and any of none");
}

static void test_names(void) {
  data_split split = DATA_TRAIN;
  bool good = true;
  for (int s = 0; s < DATA_SPLITS; s++)
    good = good && data_split_find(data_split_name((data_split)s), &split) &&
           split == (data_split)s;
  tap_ok(good && strcmp(data_split_name(DATA_VALIDATION), "validation") == 0,
         "splits have names");
  tap_ok(!data_split_find("", &split) && !data_split_find("Test", &split),
         "others are none");
}

static void test_set(void) {
  char path[600];
  data_set *set;
  snprintf(path, sizeof path, "%s/three.h5", tap_scratch_folder());
  data_synth_options options = {.out = path,
                                .size = 32,
                                .train_count = 3,
                                .test_count = 2,
                                .validation_count = 4,
                                .seed = 1,
                                .threads = 2};
  if (data_synth(&options) != STATUS_OK ||
      data_set_open(path, &set) != STATUS_OK) {
    tap_ok(false, "a set of three splits: %s", status_message());
    return;
  }
  const data_set_info *info = data_set_describe(set);
  tap_ok(info->count == 9 && info->split_count[DATA_TRAIN] == 3 &&
             info->split_count[DATA_TEST] == 2 &&
             info->split_count[DATA_VALIDATION] == 4 &&
             info->split_begin[DATA_TEST] == 3 &&
             info->split_begin[DATA_VALIDATION] == 5,
         "a set of three splits");
  tap_ok(strncmp(data_set_name(set, 5), "validation", 10) == 0 &&
             strncmp(data_set_name(set, 4), "test", 4) == 0,
         "each where it belongs");
  data_set_close(&set);
}

int main(void) {
  log_set_rank(1); /* no progress lines */
  test_choice();
  test_others();
  test_names();
  test_set();
  return tap_done();
}
