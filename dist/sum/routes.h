/* Who sums what, and who sends to whom.
 *
 * The piece of rank (n, j), the j-th of node n, is summed on every node over
 * that node's micro-batches: on n by its owner, on another node m by the helper
 * (m, j modulo the ranks of m), who sends the node's sums to the owner. The
 * owner adds what all nodes sent in the tree's order. New values go back the
 * same way: owner to helper, who writes them into its node's memory. */
#ifndef HARMONIA_ROUTES_H
#define HARMONIA_ROUTES_H

#include "dist/sum/tree_sum.h"

/* A sum that is made on one node, a node of the tree. */
typedef struct route_part {
  int first_leaf; /* of this node's leaves */
  tree_sum sum;
} route_part;

typedef struct routes {
  /* the sums that lie in the buffers of this node's ranks, by rank and buffer
   */
  tree_range *leaves;
  int *leaf_ranks, *leaf_buffers; /* node rank, and which of its buffers */
  int leaf_count;
  route_part *parts; /* what this node's leaves make, for other nodes */
  int part_count;
  /* the whole sum, of this node's leaves and other nodes' parts: sources[i] is
   * a leaf, or -1 - k for part k of those that are received */
  tree_sum whole;
  int *sources, source_count;
  int *senders, received; /* rank that sends part k */
  int *helped;            /* ranks of other nodes whose pieces this one sums */
  int helped_count;
  int *helpers; /* ranks of other nodes that sum this one's; nodes - 1 */
} routes;

/* Of `rank`, where node n has the ranks from first_ranks[n] to
 * first_ranks[n + 1] - 1. */
status routes_create(const int *first_ranks, int nodes, int rank,
                     int micro_batches, routes *out);
void routes_destroy(routes *r);

#endif
