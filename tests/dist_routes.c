/* Sums over ranks and nodes: whatever the arrangement, every piece is the
 * tree's sum in the same bits, and every message that is waited for is sent. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "dist/sum/bfloat16.h"
#include "dist/ranks/order.h"
#include "dist/sum/routes.h"
#include "tests/tap.h"

enum { MOST_RANKS = 12, MOST_MICRO = 24, COUNT = 5 };

/* Micro-batch m's result: large and small numbers, so that the order of
 * additions shows. */
static nn_real value_of(int micro, int i) {
  return (nn_real)sin(1.7 * micro + i) * (nn_real)pow(10, (micro * 7 + i) % 6);
}

static void whole_sum(tree_range node, nn_real *out) {
  if (node.end - node.begin == 1) {
    for (int i = 0; i < COUNT; i++) out[i] = value_of(node.begin, i);
    return;
  }
  nn_real right[COUNT];
  int middle = tree_split(node);
  whole_sum((tree_range){node.begin, middle}, out);
  whole_sum((tree_range){middle, node.end}, right);
  for (int i = 0; i < COUNT; i++) out[i] += right[i];
}

/* What a rank's buffers hold: sums of its leaves. */
static void leaf_sums(const routes *r, nn_real (*out)[COUNT]) {
  for (int i = 0; i < r->leaf_count; i++) whole_sum(r->leaves[i], out[i]);
}

typedef struct faults {
  int sums, messages, helpers;
} faults;

static int times_in(const int *list, int count, int value) {
  int times = 0;
  for (int i = 0; i < count; i++) times += list[i] == value;
  return times;
}

/* The parts of the sum that `sender` makes of its node's leaves. */
static int make_parts(const routes *sender, nn_real (*out)[COUNT]) {
  nn_real leaves[MOST_MICRO][COUNT];
  tree_source sources[MOST_MICRO];
  leaf_sums(sender, leaves);
  for (int k = 0; k < sender->part_count; k++) {
    const route_part *part = &sender->parts[k];
    for (int i = 0; i < part->sum.leaves; i++)
      sources[i] = (tree_source){.values = leaves[part->first_leaf + i]};
    tree_sum_run(&part->sum, sources, COUNT, out[k], NULL, 1);
  }
  return sender->part_count;
}

static void check_owner(const routes *all, int rank, int nodes, int total,
                        faults *f) {
  const routes *own = &all[rank];
  nn_real leaves[MOST_MICRO][COUNT], parts[MOST_MICRO][COUNT];
  nn_real sum[COUNT], want[COUNT];
  tree_source sources[2 * MOST_MICRO];
  int got = 0;
  while (got < own->received) {
    const routes *sender = &all[own->senders[got]];
    if (times_in(sender->helped, sender->helped_count, rank) != 1)
      f->messages++;
    if (times_in(own->helpers, nodes - 1, own->senders[got]) != 1) f->helpers++;
    got += make_parts(sender, parts + got);
  }
  if (got != own->received) f->messages++;
  leaf_sums(own, leaves);
  for (int i = 0; i < own->source_count; i++)
    sources[i].values = own->sources[i] >= 0 ? leaves[own->sources[i]]
                                             : parts[-1 - own->sources[i]];
  tree_sum_run(&own->whole, sources, COUNT, sum, NULL, 1);
  whole_sum((tree_range){0, total}, want);
  if (memcmp(sum, want, sizeof sum) != 0) f->sums++;
}

static void check_arrangement(const int *first_ranks, int nodes, int total,
                              faults *f) {
  routes all[MOST_RANKS];
  int ranks = first_ranks[nodes], helped = 0;
  for (int r = 0; r < ranks; r++)
    if (routes_create(first_ranks, nodes, r, total, &all[r]) != STATUS_OK)
      f->messages++;
  for (int r = 0; r < ranks; r++) {
    helped += all[r].helped_count;
    check_owner(all, r, nodes, total, f);
  }
  if (helped != ranks * (nodes - 1)) f->helpers++;
  for (int r = 0; r < ranks; r++) routes_destroy(&all[r]);
}

/* Every way to cut the ranks into nodes, as bits of `cuts`. */
static void test_arrangements(void) {
  faults f = {0};
  int arrangements = 0;
  for (int ranks = 1; ranks <= 8; ranks++)
    for (int cuts = 0; cuts < 1 << (ranks - 1); cuts++)
      for (int total = ranks; total <= MOST_MICRO; total += 1 + total / 6) {
        int first[MOST_RANKS] = {0}, nodes = 1;
        for (int r = 1; r < ranks; r++)
          if (cuts >> (r - 1) & 1) first[nodes++] = r;
        first[nodes] = ranks;
        check_arrangement(first, nodes, total, &f);
        arrangements++;
      }
  tap_ok(f.sums == 0, "%d arrangements: every owner has the tree's sum",
         arrangements);
  tap_ok(f.messages == 0, "every part that is received is sent, once");
  tap_ok(f.helpers == 0, "each rank has one helper on every other node");
}

/* ---- one pass over many values ---- */

enum { LONG = 40000, LEAVES = 6 };

static void test_pass(int threads, bool in_place) {
  tree_range leaves[TREE_PARTS];
  int count = tree_leaves(23, 3, 23, leaves), total = 0;
  tree_range parts[TREE_PARTS];
  int part_count = tree_parts(23, 16, 23, parts);
  tree_sum sum;
  tap_ok(part_count == 1, "micro-batches 16 to 22 of 23 are one part");
  for (int i = 0; i < count; i++) /* the leaves of that part */
    if (leaves[i].begin >= 16) leaves[total++] = leaves[i];
  if (tree_sum_create(parts[0], leaves, total, &sum) != STATUS_OK) return;
  nn_real *values = calloc((size_t)(LEAVES + 1) * LONG, sizeof *values);
  nn_real *want = calloc(LONG, sizeof *want);
  uint16_t *halves = calloc(LONG, sizeof *halves);
  tree_source sources[LEAVES];
  for (int i = 0; i < total * LONG; i++)
    values[i] = value_of(i / LONG, i % LONG);
  for (int i = 0; i < total; i++)
    sources[i] = (tree_source){.values = values + (size_t)i * LONG};
  tree_sum_run(&sum, sources, LONG, want, NULL, 1);
  nn_real *out = values + (size_t)(in_place ? total - 1 : LEAVES) * LONG;
  bool finite = tree_sum_run(&sum, sources, LONG, NULL, halves, threads);
  int differ = 0;
  for (int i = 0; i < LONG; i++)
    differ += halves[i] != bfloat16_from((float)want[i]);
  tap_ok(differ == 0 && finite, "%d threads: a sum that is rounded", threads);
  finite = tree_sum_run(&sum, sources, LONG, out, NULL, threads);
  tap_ok(finite && memcmp(out, want, LONG * sizeof *want) == 0,
         "%d threads: the same sum%s", threads, in_place ? " in place" : "");
  sources[0] = (tree_source){.rounded = halves};
  values[LONG + LONG - 1] = (nn_real)INFINITY;
  finite = tree_sum_run(&sum, sources, LONG, values + (size_t)LEAVES * LONG,
                        NULL, threads);
  tap_ok(!finite, "an infinity in the last value is noticed");
  free(values);
  free(want);
  free(halves);
  tree_sum_destroy(&sum);
}

int main(void) {
  test_arrangements();
  test_pass(1, false);
  test_pass(3, true);
  return tap_done();
}
