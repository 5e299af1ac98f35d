/* The one order in which a step's micro-batch results are summed.
 *
 * The sum over micro-batches [0, M) is a fixed binary tree: a range of more
 * than one is its left part, the largest power of two below its length, plus
 * the rest. Whoever holds which micro-batches, every addition has the same two
 * operands, so the sum has the same bits on any number of ranks. */
#ifndef HARMONIA_TREE_H
#define HARMONIA_TREE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct tree_range {
  int begin, end;
} tree_range;

/* Where the range splits: begin < result < end. */
int tree_split(tree_range range);

/* Cuts [begin, end) of the tree over `total` into the largest ranges that are
 * nodes of the tree; returns how many, in order, at most TREE_PARTS. */
enum { TREE_PARTS = 64 };
int tree_parts(int total, int begin, int end, tree_range *parts);

/* The sums that one rank makes while its micro-batches come in order. Each
 * buffer holds the sum of a range; the caller adds what tree_push tells it. */
typedef struct tree_stack {
  int total;
  tree_range ranges[TREE_PARTS];
  int count;
} tree_stack;

/* A new result for micro-batch `index` lies in buffer `count` (before the
 * call). While this returns true, buffer `count` is to be added to buffer
 * `count - 1` (count as it is after each call). */
void tree_push(tree_stack *stack, int index);
bool tree_merge(tree_stack *stack);

/* What a rank with [begin, end) holds when its last micro-batch has come and is
 * not merged yet, in order: range i is the sum in buffer i. Returns how many.
 */
int tree_leaves(int total, int begin, int end, tree_range *leaves);

/* Most buffers that a rank with [begin, end) ever needs. */
int tree_depth(int total, int begin, int end);

#endif
