/* Messages between nodes, from the tree and who has what. */
#include "dist/sum/routes.h"

#include "base/memory.h"
#include "dist/ranks/order.h"

/* How the ranks lie on nodes, and the place of one of them. */
typedef struct arrangement {
  const int *first_ranks;
  int nodes, ranks, rank, node, node_rank, micro_batches;
} arrangement;

static int ranks_of(const arrangement *at, int node) {
  return at->first_ranks[node + 1] - at->first_ranks[node];
}

/* The node's micro-batches. */
static tree_range share_of(const arrangement *at, int node) {
  int first = at->first_ranks[node], last = at->first_ranks[node + 1] - 1;
  int other;
  tree_range share;
  order_share(at->micro_batches, first, at->ranks, &share.begin, &other);
  order_share(at->micro_batches, last, at->ranks, &other, &share.end);
  return share;
}

/* The rank of `node` that helps the node_rank-th ranks of other nodes. */
static int helper_on(const arrangement *at, int node, int node_rank) {
  return at->first_ranks[node] + node_rank % ranks_of(at, node);
}

static status list_leaves(const arrangement *at, routes *r) {
  tree_range leaves[TREE_PARTS];
  size_t most = (size_t)ranks_of(at, at->node) * TREE_PARTS;
  TRY(MEMORY_NEW(most, "sums", &r->leaves));
  TRY(MEMORY_NEW(most, "sums", &r->leaf_ranks));
  TRY(MEMORY_NEW(most, "sums", &r->leaf_buffers));
  for (int rank = 0; rank < ranks_of(at, at->node); rank++) {
    int begin, end;
    order_share(at->micro_batches, at->first_ranks[at->node] + rank, at->ranks,
                &begin, &end);
    int count = tree_leaves(at->micro_batches, begin, end, leaves);
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

static status list_parts(const arrangement *at, routes *r) {
  tree_range parts[TREE_PARTS], share = share_of(at, at->node);
  int count = tree_parts(at->micro_batches, share.begin, share.end, parts),
      leaf = 0;
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
static status list_sources(const arrangement *at, routes *r) {
  tree_range parts[TREE_PARTS], *ranges;
  size_t most = (size_t)(at->nodes - 1) * TREE_PARTS + (size_t)r->leaf_count;
  TRY(MEMORY_NEW(most, "sums", &r->sources));
  TRY(MEMORY_NEW(most, "sums", &r->senders));
  TRY(MEMORY_NEW(most, "sums", &ranges));
  for (int node = 0; node < at->nodes; node++) {
    tree_range share = share_of(at, node);
    int count = tree_parts(at->micro_batches, share.begin, share.end, parts);
    if (node == at->node) count = r->leaf_count;
    for (int i = 0; i < count; i++, r->source_count++) {
      ranges[r->source_count] = node == at->node ? r->leaves[i] : parts[i];
      r->sources[r->source_count] = node == at->node ? i : -1 - r->received;
      if (node == at->node) continue;
      r->senders[r->received++] = helper_on(at, node, at->node_rank);
    }
  }
  status result = tree_sum_create((tree_range){0, at->micro_batches}, ranges,
                                  r->source_count, &r->whole);
  memory_free(ranges);
  return result;
}

static status list_help(const arrangement *at, routes *r) {
  TRY(MEMORY_NEW((size_t)at->ranks, "ranks", &r->helped));
  TRY(MEMORY_NEW((size_t)at->nodes, "ranks", &r->helpers));
  /* from the next node on: not all to the same one at once */
  for (int i = 1; i < at->nodes; i++) {
    int node = (at->node + i) % at->nodes;
    r->helpers[i - 1] = helper_on(at, node, at->node_rank);
    for (int rank = at->first_ranks[node]; rank < at->first_ranks[node + 1];
         rank++)
      if (helper_on(at, at->node, rank - at->first_ranks[node]) == at->rank)
        r->helped[r->helped_count++] = rank;
  }
  return STATUS_OK;
}

status routes_create(const int *first_ranks, int nodes, int rank,
                     int micro_batches, routes *out) {
  arrangement at = {.first_ranks = first_ranks,
                    .nodes = nodes,
                    .ranks = first_ranks[nodes],
                    .rank = rank,
                    .micro_batches = micro_batches};
  while (first_ranks[at.node + 1] <= rank) at.node++;
  at.node_rank = rank - first_ranks[at.node];
  *out = (routes){0};
  TRY(list_leaves(&at, out));
  TRY(list_parts(&at, out));
  TRY(list_sources(&at, out));
  return list_help(&at, out);
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
