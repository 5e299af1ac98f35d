/* The fixed order of summation: any sharing out of the micro-batches adds the
 * same operands. A sum is represented by a hash of the expression that made it,
 * which only the same tree reproduces. */
#include <stdint.h>

#include "dist/ranks/order.h"
#include "dist/sum/tree.h"
#include "tests/tap.h"

enum { MOST = 40 };

/* The expression (a + b), neither associative nor commutative. */
static uint64_t plus(uint64_t a, uint64_t b) {
  uint64_t x = (a ^ 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
  x ^= x >> 31;
  x = (x + b) * 0xc4ceb9fe1a85ec53u;
  return x ^ (x >> 29);
}

static uint64_t leaf(int index) { return plus((uint64_t)index + 1, 77); }

/* The tree as its header defines it, written down once more. */
static uint64_t whole(int begin, int end) {
  if (end - begin == 1) return leaf(begin);
  int power = 1;
  while (power * 2 < end - begin) power *= 2;
  return plus(whole(begin, begin + power), whole(begin + power, end));
}

static bool is_node(tree_range node, int begin, int end) {
  if (node.begin == begin && node.end == end) return true;
  if (end - begin < 2) return false;
  int middle = tree_split((tree_range){begin, end});
  return is_node(node, begin, middle) || is_node(node, middle, end);
}

/* What one rank holds when its micro-batches are done. */
typedef struct held {
  tree_range ranges[TREE_PARTS];
  uint64_t sums[TREE_PARTS];
  int count, most;
} held;

static void run_rank(int total, int begin, int end, held *out) {
  tree_stack stack = {.total = total};
  out->most = 0;
  for (int i = begin; i < end; i++) {
    out->sums[stack.count] = leaf(i);
    tree_push(&stack, i);
    if (stack.count > out->most) out->most = stack.count;
    while (tree_merge(&stack))
      out->sums[stack.count - 1] =
          plus(out->sums[stack.count - 1], out->sums[stack.count]);
  }
  out->count = stack.count;
  for (int i = 0; i < stack.count; i++) out->ranges[i] = stack.ranges[i];
}

/* All ranks' sums, in the order of their ranges. */
typedef struct gathered {
  tree_range ranges[MOST];
  uint64_t sums[MOST];
  int count;
} gathered;

static bool sum_over_ranks(const gathered *all, tree_range node,
                           uint64_t *sum) {
  for (int i = 0; i < all->count; i++)
    if (all->ranges[i].begin == node.begin && all->ranges[i].end == node.end) {
      *sum = all->sums[i];
      return true;
    }
  if (node.end - node.begin < 2) return false;
  int middle = tree_split(node);
  uint64_t left, right;
  if (!sum_over_ranks(all, (tree_range){node.begin, middle}, &left) ||
      !sum_over_ranks(all, (tree_range){middle, node.end}, &right))
    return false;
  *sum = plus(left, right);
  return true;
}

/* One sharing out: adds to the faults found. */
typedef struct faults {
  int cover, nodes, maximal, stack, depth, leaves, sum;
} faults;

/* Merging the last micro-batch is all that the leaves lack of the parts. */
static void check_leaves(int total, int begin, int end, faults *found) {
  tree_range leaves[TREE_PARTS];
  tree_stack stack = {.total = total,
                      .count = tree_leaves(total, begin, end, leaves)};
  if (begin == end) return;
  for (int i = 0; i < stack.count; i++) stack.ranges[i] = leaves[i];
  if (leaves[stack.count - 1].begin != end - 1) found->leaves++;
  while (tree_merge(&stack)) continue;
  tree_range parts[TREE_PARTS];
  if (stack.count != tree_parts(total, begin, end, parts)) found->leaves++;
}

static void check_rank(int total, int begin, int end, gathered *all,
                       faults *found) {
  tree_range parts[TREE_PARTS];
  int count = tree_parts(total, begin, end, parts), at = begin;
  for (int i = 0; i < count; i++) {
    if (parts[i].begin != at) found->cover++;
    at = parts[i].end;
    if (!is_node(parts[i], 0, total)) found->nodes++;
    if (i > 0 &&
        is_node((tree_range){parts[i - 1].begin, parts[i].end}, 0, total))
      found->maximal++;
  }
  if (at != end && count > 0) found->cover++;
  if (count == 0 && end > begin) found->cover++;
  held mine;
  run_rank(total, begin, end, &mine);
  if (mine.most != tree_depth(total, begin, end)) found->depth++;
  check_leaves(total, begin, end, found);
  if (mine.count != count) found->stack++;
  for (int i = 0; i < count && i < mine.count; i++) {
    if (mine.ranges[i].begin != parts[i].begin ||
        mine.ranges[i].end != parts[i].end)
      found->stack++;
    all->ranges[all->count] = mine.ranges[i];
    all->sums[all->count++] = mine.sums[i];
  }
}

static void check_ranks(int total, int ranks, faults *found) {
  gathered all = {.count = 0};
  for (int rank = 0; rank < ranks; rank++) {
    int begin, end;
    order_share(total, rank, ranks, &begin, &end);
    check_rank(total, begin, end, &all, found);
  }
  uint64_t sum = 0;
  if (!sum_over_ranks(&all, (tree_range){0, total}, &sum) ||
      sum != whole(0, total))
    found->sum++;
}

static void test_split(void) {
  bool good = true;
  for (int length = 2; length <= 4 * MOST; length++) {
    int left = tree_split((tree_range){5, 5 + length}) - 5;
    good = good && left >= 1 && left < length && (left & (left - 1)) == 0 &&
           2 * left >= length;
  }
  tap_ok(good, "a range splits at the largest power of two below its length");
}

static void test_all(void) {
  faults found = {0};
  for (int total = 1; total <= MOST; total++)
    for (int ranks = 1; ranks <= total; ranks++)
      check_ranks(total, ranks, &found);
  tap_ok(found.cover == 0, "parts cover each rank's share, once and in order");
  tap_ok(found.nodes == 0, "every part is a node of the tree");
  tap_ok(found.maximal == 0, "no two parts in a row are one node");
  tap_ok(found.stack == 0, "what a rank holds at the end are its parts");
  tap_ok(found.depth == 0, "tree_depth is the most buffers ever held");
  tap_ok(found.leaves == 0, "leaves are the parts before the last merge");
  tap_ok(found.sum == 0,
         "up to %d micro-batches on any number of ranks: the same sum", MOST);
}

/* Any cut, not only that of order_share. */
static void test_any_range(void) {
  faults found = {0};
  for (int total = 1; total <= MOST; total++)
    for (int begin = 0; begin < total; begin++)
      for (int end = begin + 1; end <= total; end++) {
        gathered all = {.count = 0};
        check_rank(total, begin, end, &all, &found);
      }
  tap_ok(found.cover + found.nodes + found.maximal + found.stack + found.depth +
                 found.leaves ==
             0,
         "the same for every range");
}

int main(void) {
  test_split();
  test_all();
  test_any_range();
  return tap_done();
}
