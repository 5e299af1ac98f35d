/* Sums over a node of the tree (tree.h) of the sums that lie in several places:
 * one pass that reads each of them once, in blocks that stay in the cache. */
#ifndef HARMONIA_TREE_SUM_H
#define HARMONIA_TREE_SUM_H

#include <stdint.h>

#include "dist/sum/tree.h"
#include "nn/nn.h"

/* A sum from its leaves in order: which additions follow each of them. */
typedef struct tree_sum {
  int leaves;
  unsigned char *additions; /* by leaf */
} tree_sum;

/* `leaves` cover `node`, in order; each is a node of the tree. */
status tree_sum_create(tree_range node, const tree_range *leaves, int count,
                       tree_sum *out);
void tree_sum_destroy(tree_sum *sum);

/* Values of a leaf: floats, or bfloat16 where `values` is NULL. */
typedef struct tree_source {
  const nn_real *values;
  const uint16_t *rounded;
} tree_source;

/* Writes the sum of `count` values to `out`, which may be one of the sources,
 * or rounded to `rounded` if that is not NULL (then `out` is not used). False
 * if one of them is no number or infinite. At most `threads` threads. */
bool tree_sum_run(const tree_sum *sum, const tree_source *sources, size_t count,
                  nn_real *out, uint16_t *rounded, int threads);

/* The place of the first value that is no number or infinite, or `count`. */
size_t tree_sum_first_bad(const nn_real *values, size_t count, int threads);

/* to += from. */
void tree_sum_add(nn_real *to, const nn_real *from, size_t count, int threads);

#endif
