/* Random forests: ranks of features, the growing of trees, their answers. */
#include "data/classical/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "base/threads.h"

/* Inputs as ranks among the distinct values of their feature: nodes sort whole
 * numbers, and a tree never sees the values. */
typedef struct rank_table {
  const forest_data *data;
  uint32_t *rank; /* [feature][row] */
  float *value;   /* [feature][rank] */
} rank_table;

typedef struct tree {
  forest_node *nodes;
  uint32_t count;
} tree;

/* ---- ranks ---- */

static int compare_floats(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static uint32_t find_rank(const float *values, uint32_t count, float value) {
  uint32_t low = 0, high = count;
  while (high - low > 1) {
    uint32_t middle = low + (high - low) / 2;
    if (values[middle] <= value)
      low = middle;
    else
      high = middle;
  }
  return low;
}

static void rank_feature(const rank_table *table, int feature) {
  const forest_data *d = table->data;
  float *values = table->value + (size_t)feature * d->rows;
  uint32_t *ranks = table->rank + (size_t)feature * d->rows, distinct = 0;
  size_t step = (size_t)d->features, first = (size_t)feature;
  for (size_t i = 0; i < d->rows; i++) values[i] = d->inputs[i * step + first];
  qsort(values, d->rows, sizeof *values, compare_floats);
  for (size_t i = 0; i < d->rows; i++)
    if (distinct == 0 || values[i] != values[distinct - 1])
      values[distinct++] = values[i];
  for (size_t i = 0; i < d->rows; i++)
    ranks[i] = find_rank(values, distinct, d->inputs[i * step + first]);
}

static status rank_table_make(const forest_data *data, rank_table *out) {
  size_t count = data->rows * (size_t)data->features;
  *out = (rank_table){.data = data};
  TRY(MEMORY_NEW(count, "ranks", &out->rank));
  TRY(MEMORY_NEW(count, "ranks", &out->value));
  for (int f = 0; f < data->features; f++) rank_feature(out, f);
  return STATUS_OK;
}

static void rank_table_free(rank_table *table) {
  memory_free(table->rank);
  memory_free(table->value);
}

/* ---- one tree ---- */

typedef struct branch {
  uint32_t begin, end; /* in members */
  int64_t parent;      /* whose `other` this is, or -1 */
} branch;

typedef struct grower {
  const rank_table *table;
  random_stream stream;
  uint32_t *members; /* rows, some more than once */
  uint32_t *keys, *spare;
  branch *stack;
  int *features; /* all, the drawn ones first */
  int drawn;
} grower;

typedef struct split {
  int feature; /* -1: none parts the node */
  uint32_t rank;
  double purity; /* the larger, the better */
  float threshold;
} split;

static void insertion_sort(uint32_t *keys, uint32_t count) {
  for (uint32_t i = 1; i < count; i++) {
    uint32_t key = keys[i], at = i;
    for (; at > 0 && keys[at - 1] > key; at--) keys[at] = keys[at - 1];
    keys[at] = key;
  }
}

/* By bytes, the lowest first. Returns the sorted one of the two. */
static uint32_t *radix_sort(uint32_t *keys, uint32_t *spare, uint32_t count,
                            uint32_t most) {
  for (int shift = 0; shift < 32 && most >> shift != 0; shift += 8) {
    uint32_t place[257] = {0};
    for (uint32_t i = 0; i < count; i++) place[(keys[i] >> shift & 255) + 1]++;
    for (int b = 0; b < 256; b++) place[b + 1] += place[b];
    for (uint32_t i = 0; i < count; i++)
      spare[place[keys[i] >> shift & 255]++] = keys[i];
    uint32_t *sorted = spare;
    spare = keys;
    keys = sorted;
  }
  return keys;
}

/* The members' ranks by one feature in order; the lowest bit is the label. */
static const uint32_t *sorted_keys(const grower *g, const branch *b,
                                   int feature) {
  const forest_data *d = g->table->data;
  const uint32_t *ranks = g->table->rank + (size_t)feature * d->rows;
  uint32_t count = b->end - b->begin, most = 0;
  for (uint32_t i = 0; i < count; i++) {
    uint32_t row = g->members[b->begin + i];
    uint32_t key = ranks[row] << 1 | (uint32_t)d->labels[row];
    g->keys[i] = key;
    most = key > most ? key : most;
  }
  if (count > 48) return radix_sort(g->keys, g->spare, count, most);
  insertion_sort(g->keys, count);
  return g->keys;
}

static float threshold_between(const grower *g, int feature, uint32_t low,
                               uint32_t high) {
  const float *values =
      g->table->value + (size_t)feature * g->table->data->rows;
  float middle = values[low] + (values[high] - values[low]) / 2;
  return middle < values[high] ? middle : values[low];
}

/* Sum over both sides of (zeros^2 + ones^2) / rows: Gini impurity, reversed. */
static double purity(double left, double left_ones, double all, double ones) {
  double right = all - left, right_ones = ones - left_ones;
  double left_zeros = left - left_ones, right_zeros = right - right_ones;
  return (left_zeros * left_zeros + left_ones * left_ones) / left +
         (right_zeros * right_zeros + right_ones * right_ones) / right;
}

static void try_feature(const grower *g, const branch *b, int feature,
                        uint32_t ones, split *best) {
  const uint32_t *keys = sorted_keys(g, b, feature);
  uint32_t count = b->end - b->begin, left_ones = 0;
  for (uint32_t i = 0; i + 1 < count; i++) {
    left_ones += keys[i] & 1;
    uint32_t low = keys[i] >> 1, high = keys[i + 1] >> 1;
    if (low == high) continue;
    double value = purity(i + 1, left_ones, count, ones);
    if (value <= best->purity) continue;
    *best = (split){.feature = feature,
                    .rank = low,
                    .purity = value,
                    .threshold = threshold_between(g, feature, low, high)};
  }
}

static split best_split(grower *g, const branch *b, uint32_t ones) {
  split best = {.feature = -1, .purity = -1};
  int features = g->table->data->features;
  for (int i = 0; i < g->drawn; i++) {
    int j = i + (int)random_below(&g->stream, (uint32_t)(features - i));
    int feature = g->features[j];
    g->features[j] = g->features[i];
    g->features[i] = feature;
    try_feature(g, b, feature, ones, &best);
  }
  return best;
}

static uint32_t partition(const grower *g, const branch *b, const split *s) {
  const uint32_t *ranks =
      g->table->rank + (size_t)s->feature * g->table->data->rows;
  uint32_t left = b->begin;
  for (uint32_t i = b->begin; i < b->end; i++) {
    uint32_t row = g->members[i];
    if (ranks[row] > s->rank) continue;
    g->members[i] = g->members[left];
    g->members[left++] = row;
  }
  return left;
}

static uint32_t count_ones(const grower *g, const branch *b) {
  uint32_t ones = 0;
  for (uint32_t i = b->begin; i < b->end; i++)
    ones += g->table->data->labels[g->members[i]];
  return ones;
}

/* Nodes in the order: node, what is below the threshold, the others. */
static void grow(grower *g, tree *out) {
  size_t depth = 0;
  g->stack[depth++] = (branch){0, (uint32_t)g->table->data->rows, -1};
  while (depth > 0) {
    branch b = g->stack[--depth];
    uint32_t place = out->count++, ones = count_ones(g, &b);
    uint32_t count = b.end - b.begin;
    if (b.parent >= 0) out->nodes[b.parent].other = place;
    split s = {.feature = -1};
    if (ones > 0 && ones < count) s = best_split(g, &b, ones);
    out->nodes[place] = (forest_node){s.feature, s.threshold, 2 * ones > count};
    if (s.feature < 0) continue;
    uint32_t middle = partition(g, &b, &s);
    g->stack[depth++] = (branch){middle, b.end, place};
    g->stack[depth++] = (branch){b.begin, middle, -1};
  }
}

static status grower_make(const rank_table *table, grower *g) {
  size_t rows = table->data->rows, features = (size_t)table->data->features;
  g->table = table;
  g->drawn = (int)sqrt((double)features);
  TRY(MEMORY_NEW(rows, "a tree", &g->members));
  TRY(MEMORY_NEW(rows, "a tree", &g->keys));
  TRY(MEMORY_NEW(rows, "a tree", &g->spare));
  TRY(MEMORY_NEW(rows + 1, "a tree", &g->stack));
  TRY(MEMORY_NEW(features, "a tree", &g->features));
  for (size_t f = 0; f < features; f++) g->features[f] = (int)f;
  for (size_t i = 0; i < rows; i++)
    g->members[i] = random_below(&g->stream, (uint32_t)rows);
  return STATUS_OK;
}

static void grower_free(grower *g) {
  memory_free(g->members);
  memory_free(g->keys);
  memory_free(g->spare);
  memory_free(g->stack);
  memory_free(g->features);
}

/* ---- the forest ---- */

typedef struct forest_work {
  const rank_table *table;
  uint64_t seed;
  uint32_t number;
  tree *trees;
} forest_work;

static status fit_tree(void *context, size_t index) {
  const forest_work *work = context;
  tree *out = &work->trees[index], full = {NULL, 0};
  grower g = {.stream = random_stream_make(work->seed, RANDOM_FOREST, index,
                                           work->number)};
  status result;
  TRY_OR(done, grower_make(work->table, &g));
  TRY_OR(done, MEMORY_NEW(2 * work->table->data->rows, "a tree", &full.nodes));
  grow(&g, &full);
  TRY_OR(done, MEMORY_NEW(full.count, "a tree", &out->nodes));
  memcpy(out->nodes, full.nodes, full.count * sizeof *full.nodes);
  out->count = full.count;
done:
  memory_free(full.nodes);
  grower_free(&g);
  return result;
}

static status join(const tree *trees, uint32_t count, forest *out) {
  size_t nodes = 0;
  for (uint32_t t = 0; t < count; t++) nodes += trees[t].count;
  TRY(MEMORY_NEW((size_t)count + 1, "a forest", &out->begin));
  TRY(MEMORY_NEW(nodes, "a forest", &out->nodes));
  out->trees = count;
  for (uint32_t t = 0; t < count; t++) {
    memcpy(out->nodes + out->begin[t], trees[t].nodes,
           trees[t].count * sizeof *trees[t].nodes);
    out->begin[t + 1] = out->begin[t] + trees[t].count;
  }
  return STATUS_OK;
}

status forest_fit(const forest_data *data, uint32_t trees, uint64_t seed,
                  uint32_t number, int threads, forest *out) {
  INVARIANT(data->rows > 0 && data->rows < INT32_MAX && trees > 0,
            "%zu rows, %u trees", data->rows, trees);
  rank_table table = {0};
  forest_work work = {&table, seed, number, NULL};
  *out = (forest){0};
  status result;
  TRY_OR(done, rank_table_make(data, &table));
  TRY_OR(done, MEMORY_NEW(trees, "a forest", &work.trees));
  TRY_OR(done, threads_for(trees, threads, fit_tree, &work));
  TRY_OR(done, join(work.trees, trees, out));
done:
  for (uint32_t t = 0; work.trees != NULL && t < trees; t++)
    memory_free(work.trees[t].nodes);
  memory_free(work.trees);
  rank_table_free(&table);
  if (result != STATUS_OK) forest_free(out);
  return result;
}

void forest_free(forest *f) {
  memory_free(f->begin);
  memory_free(f->nodes);
  *f = (forest){0};
}

bool forest_predict(const forest *f, const float *inputs) {
  uint32_t votes = 0;
  for (uint32_t t = 0; t < f->trees; t++) {
    const forest_node *nodes = f->nodes + f->begin[t], *at = nodes;
    while (at->feature >= 0)
      at = inputs[at->feature] <= at->threshold ? at + 1 : nodes + at->other;
    votes += at->other;
  }
  return 2 * votes > f->trees;
}

/* ---- cross-validation ---- */

/* The fold of every row. */
static void deal(uint32_t *fold, size_t rows, int folds, uint64_t seed,
                 uint32_t number) {
  random_stream stream =
      random_stream_make(seed, RANDOM_FOREST, UINT64_MAX, number);
  for (size_t i = 0; i < rows; i++) fold[i] = (uint32_t)(i % (size_t)folds);
  for (size_t i = rows; i > 1; i--) {
    uint32_t j = random_below(&stream, (uint32_t)i), kept = fold[i - 1];
    fold[i - 1] = fold[j];
    fold[j] = kept;
  }
}

static void take_others(const forest_data *data, const uint32_t *fold,
                        uint32_t without, float *inputs, bool *labels,
                        forest_data *out) {
  size_t features = (size_t)data->features, rows = 0;
  for (size_t i = 0; i < data->rows; i++) {
    if (fold[i] == without) continue;
    memcpy(inputs + rows * features, data->inputs + i * features,
           features * sizeof *inputs);
    labels[rows++] = data->labels[i];
  }
  *out = (forest_data){rows, data->features, inputs, labels};
}

static size_t count_wrong(const forest *f, const forest_data *data,
                          const uint32_t *fold, uint32_t of) {
  size_t wrong = 0;
  for (size_t i = 0; i < data->rows; i++)
    if (fold[i] == of)
      wrong += forest_predict(f, data->inputs + i * (size_t)data->features) !=
               data->labels[i];
  return wrong;
}

status forest_cross_validate(const forest_data *data, uint32_t trees, int folds,
                             uint64_t seed, uint32_t number, int threads,
                             double *error) {
  INVARIANT(folds > 1 && data->rows >= (size_t)folds, "%zu rows in %d folds",
            data->rows, folds);
  uint32_t *fold = NULL;
  float *inputs = NULL;
  bool *labels = NULL;
  size_t wrong = 0;
  status result;
  TRY_OR(done, MEMORY_NEW(data->rows, "folds", &fold));
  TRY_OR(done,
         MEMORY_NEW(data->rows * (size_t)data->features, "folds", &inputs));
  TRY_OR(done, MEMORY_NEW(data->rows, "folds", &labels));
  deal(fold, data->rows, folds, seed, number);
  for (uint32_t k = 0; k < (uint32_t)folds; k++) {
    forest_data others;
    forest f;
    take_others(data, fold, k, inputs, labels, &others);
    TRY_OR(done,
           forest_fit(&others, trees, seed,
                      number * (uint32_t)(folds + 1) + 1 + k, threads, &f));
    wrong += count_wrong(&f, data, fold, k);
    forest_free(&f);
  }
  *error = (double)wrong / (double)data->rows;
done:
  memory_free(fold);
  memory_free(inputs);
  memory_free(labels);
  return result;
}
