/* Fitting the classifiers: which zones of foreground and background agree in
 * natural images (Xue et al., section 5). The authors scale the inputs to 0 to
 * 1; trees do not see a difference. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/publish.h"
#include "base/threads.h"
#include "data/classical/xue_model.h"

enum {
  TREES = 500,
  FOLDS = 10,
  FEWEST_PAIRS = 20,
  MOST_PAIRS = 4125, /* the authors' number: more cost time alone */
  BLOCK = 64         /* images read before they are measured together */
};

/* How near the zones of a pair are that count as agreeing: a tenth of the
 * authors' spread (their ss = 0.10). */
static const double tolerance[XUE_GOALS] = {[XUE_LUMINANCE] = 0.319,
                                            [XUE_TEMPERATURE] = 6.518,
                                            [XUE_SATURATION] = 0.0993};

/* ---- the pairs ---- */

/* The part of a composite's name before its last field: its mask. */
static size_t stem_length(const char *name) {
  const char *end = strrchr(name, '_');
  return end != NULL ? (size_t)(end - name) : strlen(name);
}

typedef struct candidate {
  const char *name;
  size_t sample;
} candidate;

static int compare_stems(const candidate *a, const candidate *b) {
  size_t m = stem_length(a->name), n = stem_length(b->name);
  int order = memcmp(a->name, b->name, m < n ? m : n);
  return order != 0 ? order : (m > n) - (m < n);
}

static int compare_candidates(const void *a, const void *b) {
  const candidate *x = a, *y = b;
  int order = compare_stems(x, y);
  return order != 0 ? order : (x->sample > y->sample) - (x->sample < y->sample);
}

/* One composite of every real image and mask, at most MOST_PAIRS, evenly
 * taken. */
static status choose_samples(const data_set *set, size_t **samples,
                             size_t *count) {
  const data_set_info *info = data_set_describe(set);
  size_t total = info->split_count[DATA_TRAIN], distinct = 0;
  candidate *all;
  TRY(MEMORY_NEW(total + 1, "training pairs", &all));
  for (size_t i = 0; i < total; i++) {
    size_t sample = info->split_begin[DATA_TRAIN] + i;
    all[i] = (candidate){data_set_name(set, sample), sample};
  }
  qsort(all, total, sizeof *all, compare_candidates);
  for (size_t i = 0; i < total; i++)
    if (distinct == 0 || compare_stems(&all[i], &all[distinct - 1]) != 0)
      all[distinct++] = all[i];
  *count = distinct < MOST_PAIRS ? distinct : MOST_PAIRS;
  status result = MEMORY_NEW(*count + 1, "training pairs", samples);
  for (size_t i = 0; result == STATUS_OK && i < *count; i++)
    (*samples)[i] = all[i * distinct / *count].sample;
  memory_free(all);
  return result;
}

/* ---- their features ---- */

typedef struct pair_features {
  xue_features goal[XUE_GOALS]; /* contrast stays undefined */
} pair_features;

typedef struct fitting {
  data_set *set;
  int size, threads;
  size_t *samples, count;
  pair_features *pairs;
  uint8_t *images, *masks; /* of a block */
  size_t block;            /* its first pair */
} fitting;

static status measure_pair(void *context, size_t in_block) {
  fitting *f = context;
  size_t area = (size_t)f->size * (size_t)f->size;
  const data_image image = {f->size, f->size, 3,
                            f->images + 3 * area * in_block};
  const data_image mask = {f->size, f->size, 1, f->masks + area * in_block};
  pair_features *out = &f->pairs[f->block + in_block];
  xue_picture picture;
  xue_scene scene = {0};
  bool usable;
  status result;
  TRY_OR(done, xue_picture_make(&image, &mask, &picture, &usable));
  if (!usable) goto done;
  TRY_OR(done, xue_scene_make(&picture, &scene));
  for (int g = XUE_FIRST_CHOSEN; g < XUE_GOALS; g++)
    TRY_OR(done, xue_measure(&picture, &scene, (xue_goal)g, &out->goal[g]));
done:
  xue_scene_free(&scene);
  xue_picture_free(&picture);
  return result;
}

static status measure_pairs(fitting *f) {
  size_t area = (size_t)f->size * (size_t)f->size;
  double start = clock_seconds();
  for (f->block = 0; f->block < f->count; f->block += BLOCK) {
    size_t left = f->count - f->block, count = left < BLOCK ? left : BLOCK;
    for (size_t i = 0; i < count; i++)
      TRY(data_set_read(f->set, f->samples[f->block + i], NULL,
                        f->masks + area * i, f->images + 3 * area * i));
    TRY(threads_for(count, f->threads, measure_pair, f));
    size_t done = f->block + count;
    log_live(done == f->count, "xue: measured %zu of %zu natural pairs, %.0f/s",
             done, f->count, (double)done / (clock_seconds() - start));
  }
  return STATUS_OK;
}

/* ---- labels and forests ---- */

/* Whether the pair's zones agree; the nearest one always does. */
static bool agrees(const xue_features *features, xue_goal goal, int zone) {
  double distance[XUE_ZONES];
  int nearest = 0;
  for (int k = 0; k < XUE_ZONES; k++) {
    distance[k] =
        fabs(features->foreground.zone[k] - features->background.zone[k]);
    if (distance[k] < distance[nearest]) nearest = k;
  }
  return zone == nearest || distance[zone] < tolerance[goal];
}

/* The rows of one goal; `labels` has a block of f->count for every zone. */
static size_t fill_rows(const fitting *f, xue_goal goal, float *inputs,
                        bool *labels) {
  size_t rows = 0;
  for (size_t i = 0; i < f->count; i++) {
    const xue_features *features = &f->pairs[i].goal[goal];
    if (!features->defined) continue;
    xue_inputs(features, inputs + rows * XUE_INPUTS);
    for (size_t k = 0; k < XUE_ZONES; k++)
      labels[k * f->count + rows] = agrees(features, goal, (int)k);
    rows++;
  }
  return rows;
}

static status fit_goal(const fitting *f, xue_goal goal, uint64_t seed,
                       float *inputs, bool *labels, data_xue_model *model) {
  static const char *const zones[] = {"top", "low", "mean"};
  size_t rows = fill_rows(f, goal, inputs, labels);
  if (rows < FEWEST_PAIRS)
    return status_error(STATUS_MISFIT,
                        "%zu natural pairs of the training split have a "
                        "%s to compare; a model needs at least %d",
                        rows, xue_goal_names[goal], FEWEST_PAIRS);
  if (rows > model->pairs) model->pairs = rows;
  for (int k = 0; k < XUE_ZONES; k++) {
    forest_data data = {rows, XUE_INPUTS, inputs,
                        labels + (size_t)k * f->count};
    uint32_t number = (uint32_t)(goal * XUE_ZONES + k);
    size_t ones = 0;
    for (size_t i = 0; i < rows; i++) ones += data.labels[i];
    TRY(forest_cross_validate(&data, TREES, FOLDS, seed, number, f->threads,
                              &model->errors[goal][k]));
    TRY(forest_fit(&data, TREES, seed, number * (FOLDS + 1), f->threads,
                   &model->forests[goal][k]));
    log_info("xue: %s, %s: %.3f of %zu pairs wrong in %d-fold "
             "cross-validation; %.3f agree",
             xue_goal_names[goal], zones[k], model->errors[goal][k], rows,
             FOLDS, (double)ones / (double)rows);
  }
  return STATUS_OK;
}

static status fit_all(const fitting *f, uint64_t seed, data_xue_model *model) {
  float *inputs = NULL;
  bool *labels = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(f->count * XUE_INPUTS, "features", &inputs));
  TRY_OR(done, MEMORY_NEW(f->count * XUE_ZONES, "labels", &labels));
  for (int g = XUE_FIRST_CHOSEN; g < XUE_GOALS; g++)
    TRY_OR(done, fit_goal(f, (xue_goal)g, seed, inputs, labels, model));
done:
  memory_free(inputs);
  memory_free(labels);
  return result;
}

static status prepare(fitting *f) {
  size_t area = (size_t)f->size * (size_t)f->size;
  TRY(choose_samples(f->set, &f->samples, &f->count));
  TRY(MEMORY_NEW(f->count + 1, "features", &f->pairs));
  TRY(MEMORY_NEW(3 * area * BLOCK, "images", &f->images));
  return MEMORY_NEW(area * BLOCK, "masks", &f->masks);
}

status data_xue_model_fit(data_set *set, uint64_t seed, int threads,
                          const char *path) {
  const data_set_info *info = data_set_describe(set);
  fitting f = {.set = set, .size = info->size, .threads = threads};
  data_xue_model *model = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(1, "a model", &model));
  memcpy(model->identity, info->identity, sizeof model->identity);
  TRY_OR(done, publish_check(path));
  TRY_OR(done, prepare(&f));
  TRY_OR(done, measure_pairs(&f));
  TRY_OR(done, fit_all(&f, seed, model));
  TRY_OR(done, xue_model_write(model, path));
done:
  if (result == STATUS_MISFIT) status_add_context("%s", path);
  data_xue_model_free(&model);
  memory_free(f.samples);
  memory_free(f.pairs);
  memory_free(f.images);
  memory_free(f.masks);
  return result;
}
