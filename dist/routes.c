#include "dist/routes.h"

#include "base/memory.h"
#include "dist/order.h"

/* The node's micro-batches. */
static tree_range share_of(const cluster *c, int node, int total) {
  int first = c->first_ranks[node], last = c->first_ranks[node + 1] - 1, other;
  tree_range share;
  order_share(total, first, c->ranks, &share.begin, &other);
  order_share(total, last, c->ranks, &other, &share.end);
  return share;
}

/* Of the ranks of `node`: the one that helps this rank, or that `rank` is
 * helped by. */
static int helper_on(const cluster *c, int node, int node_rank) {
  int first = c->first_ranks[node];
  return first + node_rank % (c->first_ranks[node + 1] - first);
}

static status list_leaves(const cluster *c, int total, routes *r) {
  tree_range leaves[TREE_PARTS];
  size_t most = (size_t)c->node_ranks * TREE_PARTS;
  TRY(MEMORY_NEW(most, "sums", &r->leaves));
  TRY(MEMORY_NEW(most, "sums", &r->leaf_ranks));
  TRY(MEMORY_NEW(most, "sums", &r->leaf_buffers));
  for (int rank = 0; rank < c->node_ranks; rank++) {
    int begin, end;
    order_share(total, c->first_ranks[c->node] + rank, c->ranks, &begin, &end);
    int count = tree_leaves(total, begin, end, leaves);
    for (int i = 0; i < count; i++, r->leaf_count++) {
      r->leaves[r->leaf_count] = leaves[i];
      r->leaf_ranks[r->leaf_count] = rank;
      r->leaf_buffers[r->leaf_count] = i;
    }
  }
  return STATUS_OK;
}

static int leaves_within(const routes *r, int first, tree_range node) {
  int count = 0;
  while (first + count < r->leaf_count &&
         r->leaves[first + count].end <= node.end)
    count++;
  return count;
}

static status list_parts(const cluster *c, int total, routes *r) {
  tree_range parts[TREE_PARTS], share = share_of(c, c->node, total);
  int count = tree_parts(total, share.begin, share.end, parts), leaf = 0;
  TRY(MEMORY_NEW((size_t)count, "sums", &r->parts));
  for (; r->part_count < count; r->part_count++) {
    route_part *part = &r->parts[r->part_count];
    int within = leaves_within(r, leaf, parts[r->part_count]);
    part->first_leaf = leaf;
    TRY(tree_sum_create(parts[r->part_count], r->leaves + leaf, within,
                        &part->sum));
    leaf += within;
  }
  return STATUS_OK;
}

/* This node's leaves and the other nodes' parts, in the order of nodes, which
 * is that of micro-batches. */
static status list_sources(const cluster *c, int total, routes *r) {
  tree_range parts[TREE_PARTS], *ranges;
  size_t most = (size_t)(c->nodes - 1) * TREE_PARTS + (size_t)r->leaf_count;
  TRY(MEMORY_NEW(most, "sums", &r->sources));
  TRY(MEMORY_NEW(most, "sums", &r->senders));
  TRY(MEMORY_NEW(most, "sums", &ranges));
  for (int node = 0; node < c->nodes; node++) {
    tree_range share = share_of(c, node, total);
    int count = tree_parts(total, share.begin, share.end, parts);
    if (node == c->node) count = r->leaf_count;
    for (int i = 0; i < count; i++, r->source_count++) {
      ranges[r->source_count] = node == c->node ? r->leaves[i] : parts[i];
      r->sources[r->source_count] = node == c->node ? i : -1 - r->received;
      if (node == c->node) continue;
      r->senders[r->received++] = helper_on(c, node, c->node_rank);
    }
  }
  status result = tree_sum_create((tree_range){0, total}, ranges,
                                  r->source_count, &r->whole);
  memory_free(ranges);
  return result;
}

static status list_help(const cluster *c, routes *r) {
  TRY(MEMORY_NEW((size_t)c->ranks, "ranks", &r->helped));
  TRY(MEMORY_NEW((size_t)c->nodes, "ranks", &r->helpers));
  /* from the next node on: not all to the same one at once */
  for (int i = 1; i < c->nodes; i++) {
    int node = (c->node + i) % c->nodes;
    r->helpers[i - 1] = helper_on(c, node, c->node_rank);
    for (int rank = c->first_ranks[node]; rank < c->first_ranks[node + 1];
         rank++)
      if (helper_on(c, c->node, rank - c->first_ranks[node]) == c->rank)
        r->helped[r->helped_count++] = rank;
  }
  return STATUS_OK;
}

status routes_create(const cluster *c, int micro_batches, routes *out) {
  *out = (routes){0};
  TRY(list_leaves(c, micro_batches, out));
  TRY(list_parts(c, micro_batches, out));
  TRY(list_sources(c, micro_batches, out));
  return list_help(c, out);
}

void routes_destroy(routes *r) {
  for (int i = 0; r->parts != NULL && i < r->part_count; i++)
    tree_sum_destroy(&r->parts[i].sum);
  tree_sum_destroy(&r->whole);
  memory_free(r->leaves);
  memory_free(r->leaf_ranks);
  memory_free(r->leaf_buffers);
  memory_free(r->parts);
  memory_free(r->sources);
  memory_free(r->senders);
  memory_free(r->helped);
  memory_free(r->helpers);
  *r = (routes){0};
}
