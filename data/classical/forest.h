/* Random forests for two classes. Private to libdata. */
#ifndef HARMONIA_DATA_FOREST_H
#define HARMONIA_DATA_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Rows of `features` inputs each, with their classes. */
typedef struct forest_data {
  size_t rows;
  int features;
  const float *inputs; /* inputs[row * features + feature], no NaN */
  const bool *labels;
} forest_data;

/* feature >= 0: inputs[feature] <= threshold goes on with the next node, else
 * with node `other` of the tree. feature < 0: a leaf of class `other`. */
typedef struct forest_node {
  int32_t feature;
  float threshold;
  uint32_t other;
} forest_node;

typedef struct forest {
  uint32_t trees;
  uint32_t *begin; /* trees + 1 places in nodes */
  forest_node *nodes;
} forest;

/* Breiman, "Random forests", Machine Learning 45 (2001): every tree grows on a
 * bootstrap of the rows; a node is split where Gini impurity falls most among
 * floor(sqrt(features)) features drawn for it; a tree grows until its nodes are
 * pure, or no drawn feature parts them. Trees follow from (seed, number, tree)
 * alone, whatever `threads`. */
status forest_fit(const forest_data *data, uint32_t trees, uint64_t seed,
                  uint32_t number, int threads, forest *out);
void forest_free(forest *f);

/* The class most trees vote for. */
bool forest_predict(const forest *f, const float *inputs);

/* The share of rows that forests fitted without them take for the other class:
 * `folds` forests, each without the rows of one fold; rows are dealt out at
 * random. */
status forest_cross_validate(const forest_data *data, uint32_t trees, int folds,
                             uint64_t seed, uint32_t number, int threads,
                             double *error);

#endif
