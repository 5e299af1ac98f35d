/* Which sums the fixed tree makes of a range. */
#include "dist/sum/tree.h"

#include "base/status.h"

int tree_split(tree_range range) {
  int length = range.end - range.begin, half = 1;
  while (2 * half < length) half *= 2;
  return range.begin + half;
}

static int collect(tree_range node, int begin, int end, tree_range *parts,
                   int count) {
  if (node.end <= begin || node.begin >= end) return count;
  if (begin <= node.begin && node.end <= end) {
    INVARIANT(count < TREE_PARTS, "too many parts");
    parts[count] = node;
    return count + 1;
  }
  int middle = tree_split(node);
  count = collect((tree_range){node.begin, middle}, begin, end, parts, count);
  return collect((tree_range){middle, node.end}, begin, end, parts, count);
}

int tree_parts(int total, int begin, int end, tree_range *parts) {
  return collect((tree_range){0, total}, begin, end, parts, 0);
}

void tree_push(tree_stack *stack, int index) {
  INVARIANT(stack->count < TREE_PARTS, "too many parts");
  stack->ranges[stack->count++] = (tree_range){index, index + 1};
}

/* Whether [a.begin, b.end) is a node of the tree that splits into a and b. */
static bool siblings(int total, tree_range a, tree_range b) {
  tree_range node = {0, total};
  while (node.end - node.begin > 1) {
    int middle = tree_split(node);
    if (node.begin == a.begin && node.end == b.end) return middle == a.end;
    if (b.end <= middle)
      node.end = middle;
    else if (a.begin >= middle)
      node.begin = middle;
    else
      return false;
  }
  return false;
}

bool tree_merge(tree_stack *stack) {
  if (stack->count < 2) return false;
  tree_range *a = &stack->ranges[stack->count - 2];
  tree_range *b = &stack->ranges[stack->count - 1];
  if (!siblings(stack->total, *a, *b)) return false;
  a->end = b->end;
  stack->count--;
  return true;
}

int tree_leaves(int total, int begin, int end, tree_range *leaves) {
  tree_stack stack = {.total = total};
  for (int i = begin; i < end; i++) {
    while (tree_merge(&stack)) continue;
    tree_push(&stack, i);
  }
  for (int i = 0; i < stack.count; i++) leaves[i] = stack.ranges[i];
  return stack.count;
}

int tree_depth(int total, int begin, int end) {
  tree_stack stack = {.total = total};
  int most = 0;
  for (int i = begin; i < end; i++) {
    tree_push(&stack, i);
    if (stack.count > most) most = stack.count;
    while (tree_merge(&stack)) continue;
  }
  return most;
}
