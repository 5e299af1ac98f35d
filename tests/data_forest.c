/* Random forests, and the model of Xue's method that is made of them. */
#include "data/classical/forest.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/data.h"
#include "tests/tap.h"

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

/* ---- forests ---- */

enum { ROWS = 400, INPUTS = 9 };

typedef struct table {
  float inputs[ROWS * INPUTS];
  bool labels[ROWS];
} table;

static forest_data data_of(const table *t) {
  return (forest_data){ROWS, INPUTS, t->inputs, t->labels};
}

static table make_table(bool noise) {
  table t;
  random_stream random = random_stream_make(5, RANDOM_TEST, noise, 0);
  for (size_t i = 0; i < ROWS; i++) {
    float *row = t.inputs + i * INPUTS;
    for (int k = 0; k < INPUTS; k++) row[k] = (float)random_normal(&random);
    t.labels[i] =
        noise ? random_uniform(&random) < 0.5 : row[2] > 0.2F || row[5] < -0.5F;
  }
  return t;
}

static void check_forests(void) {
  table separable = make_table(false), noise = make_table(true);
  forest_data a = data_of(&separable), b = data_of(&noise);
  double error, chance;
  must(forest_cross_validate(&a, 100, 10, 1, 0, 2, &error));
  must(forest_cross_validate(&b, 100, 10, 1, 0, 2, &chance));
  tap_ok(error < 0.08, "two steps are learned: %.3f wrong", error);
  tap_ok(fabs(chance - 0.5) < 0.08, "noise is not: %.3f wrong", chance);
  forest one, two, other;
  must(forest_fit(&b, 50, 1, 0, 1, &one));
  must(forest_fit(&b, 50, 1, 0, 3, &two));
  must(forest_fit(&b, 50, 2, 0, 1, &other));
  uint32_t nodes = one.begin[50];
  tap_ok(nodes == two.begin[50] &&
             memcmp(one.nodes, two.nodes, nodes * sizeof *one.nodes) == 0,
         "a forest does not depend on threads");
  tap_ok(nodes != other.begin[50] ||
             memcmp(one.nodes, other.nodes, nodes * sizeof *one.nodes) != 0,
         "but on its seed");
  size_t wrong = 0;
  for (size_t i = 0; i < ROWS; i++)
    wrong += forest_predict(&one, noise.inputs + i * INPUTS) != noise.labels[i];
  /* A row is in 63 % of the bootstraps. */
  tap_ok(wrong < ROWS / 50, "pure leaves know their own rows (%zu wrong)",
         wrong);
  forest_free(&one);
  forest_free(&two);
  forest_free(&other);
}

static void check_plain_forests(void) {
  table t = make_table(false);
  memset(t.labels, 1, sizeof t.labels);
  forest_data data = data_of(&t);
  forest f;
  must(forest_fit(&data, 5, 1, 0, 1, &f));
  tap_ok(f.begin[5] == 5 && forest_predict(&f, t.inputs),
         "one class: five leaves");
  forest_free(&f);
  memset(t.inputs, 0, sizeof t.inputs);
  memset(t.labels, 0, ROWS / 4);
  must(forest_fit(&data, 5, 1, 0, 1, &f));
  tap_ok(f.begin[5] == 5 && forest_predict(&f, t.inputs),
         "equal inputs: the majority");
  forest_free(&f);
}

/* The first split of a tree of one feature is where Gini says. */
static void check_split(void) {
  static const float inputs[] = {1, 2, 3, 4, 5, 6, 7, 8};
  static const bool labels[] = {0, 0, 0, 1, 1, 1, 1, 1};
  forest_data data = {8, 1, inputs, labels};
  forest f;
  must(forest_fit(&data, 200, 1, 0, 1, &f));
  bool good = true;
  for (int i = 0; i < 8; i++)
    good = good && forest_predict(&f, &inputs[i]) == labels[i];
  for (uint32_t tree = 0; tree < 200; tree++) {
    const forest_node *root = &f.nodes[f.begin[tree]];
    if (root->feature >= 0)
      good = good && root->threshold > 1 && root->threshold < 7;
  }
  tap_ok(good, "one feature: split where the classes part");
  forest_free(&f);
}

/* ---- the model ---- */

static char *file_of(const char *path, size_t *length) {
  FILE *file = fopen(path, "rb");
  char *bytes = NULL;
  *length = 0;
  if (file == NULL) return NULL;
  if (fseek(file, 0, SEEK_END) == 0) *length = (size_t)ftell(file);
  rewind(file);
  bytes = calloc(*length + 1, 1);
  *length = fread(bytes, 1, *length, file);
  fclose(file);
  return bytes;
}

static void put_file(const char *path, const char *bytes, size_t length) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(bytes, 1, length, file) != length ||
      fclose(file) != 0)
    tap_ok(false, "cannot write %s", path);
}

static void check_file(const char *path, const char *identity) {
  data_xue_model *model;
  char other[65], broken[512];
  size_t length, refused = 0, tried = 0;
  snprintf(other, sizeof other, "%064d", 7);
  tap_ok(data_xue_model_open(path, other, &model) == STATUS_MISFIT &&
             model == NULL && strstr(status_message(), path) != NULL,
         "another set's model: %s", status_message());
  char *bytes = file_of(path, &length);
  snprintf(broken, sizeof broken, "%s.broken", path);
  random_stream random = random_stream_make(6, RANDOM_TEST, 0, 0);
  for (int i = 0; i < 40; i++, tried++) {
    size_t at =
        i < 8 ? (size_t)i * 40 : random_below(&random, (uint32_t)length);
    bytes[at] = (char)(bytes[at] ^ 4);
    put_file(broken, bytes, i % 2 == 0 ? length : at);
    refused += data_xue_model_open(broken, identity, &model) == STATUS_FORMAT;
    bytes[at] = (char)(bytes[at] ^ 4);
  }
  tap_ok(refused == tried, "damaged and cut files: %zu of %zu refused", refused,
         tried);
  tap_ok(data_xue_model_open("/nowhere/m.xue", NULL, &model) == STATUS_IO,
         "a missing file: %s", status_message());
  free(bytes);
}

/* A warm disk on a cold ground keeps the ground, and is not left as it is. */
static void check_use(const data_xue_model *model) {
  enum { SIZE = 48 };
  data_image image, mask, out, twice;
  bool kept = true, changed = false;
  must(data_image_create(SIZE, SIZE, 3, &image));
  must(data_image_create(SIZE, SIZE, 1, &mask));
  random_stream random = random_stream_make(7, RANDOM_TEST, 0, 0);
  for (int i = 0; i < SIZE * SIZE; i++) {
    int x = i % SIZE - SIZE / 2, y = i / SIZE - SIZE / 2;
    uint32_t grain = random_below(&random, 40);
    bool disk = x * x + y * y < 120;
    mask.pixels[i] = disk ? 255 : 0;
    for (int c = 0; c < 3; c++)
      image.pixels[3 * i + c] =
          (uint8_t)(grain + (uint32_t)(disk ? 150 - 30 * c : 50 + 20 * c));
  }
  must(data_xue(model, &image, &mask, &out));
  must(data_xue(model, &image, &mask, &twice));
  for (int i = 0; i < SIZE * SIZE * 3; i++) {
    bool same = out.pixels[i] == image.pixels[i];
    kept = kept && (same || mask.pixels[i / 3] > 0);
    changed = changed || !same;
  }
  tap_ok(kept && changed, "with a model: background kept, foreground changed");
  tap_ok(memcmp(out.pixels, twice.pixels, (size_t)3 * SIZE * SIZE) == 0,
         "with a model: deterministic");
  data_image_free(&image);
  data_image_free(&mask);
  data_image_free(&out);
  data_image_free(&twice);
}

static void check_model(void) {
  const char *folder = tap_scratch_folder();
  char set_path[256], path[256], again[256];
  snprintf(set_path, sizeof set_path, "%s/d.h5", folder);
  snprintf(path, sizeof path, "%s/d.h5.xue", folder);
  snprintf(again, sizeof again, "%s/e.h5.xue", folder);
  const data_synth_options synth = {.out = set_path,
                                    .size = 48,
                                    .train_count = 40,
                                    .test_count = 6,
                                    .seed = 1};
  data_set *set;
  must(data_synth(&synth));
  must(data_set_open(set_path, &set));
  must(data_xue_model_fit(set, 1, 1, path));
  must(data_xue_model_fit(set, 1, 2, again));
  size_t length, other_length;
  char *a = file_of(path, &length), *b = file_of(again, &other_length);
  tap_ok(length == other_length && memcmp(a, b, length) == 0,
         "fitted twice: the same bytes whatever the threads (%zu)", length);
  free(a);
  free(b);
  const char *identity = data_set_describe(set)->identity;
  data_xue_model *model;
  must(data_xue_model_open(path, identity, &model));
  bool sane = true;
  for (int goal = 0; goal < 3; goal++)
    for (int zone = 0; zone < 3; zone++) {
      double error = data_xue_model_error(model, goal, zone);
      sane = sane && error >= 0 && error < 0.7;
    }
  tap_ok(sane, "error rates are kept");
  check_use(model);
  data_xue_model_free(&model);
  data_xue_model_free(&model);
  check_file(path, identity);
  data_set_close(&set);
}

int main(void) {
  check_forests();
  check_plain_forests();
  check_split();
  check_model();
  return tap_done();
}
