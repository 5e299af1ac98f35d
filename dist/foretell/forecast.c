/* The model behind `harmonia plan`. */
#include "dist/foretell/forecast.h"

#include <math.h>

#include "base/status.h"
#include "dist/ranks/order.h"
#include "dist/sum/pieces.h"
#include "dist/sum/tree.h"

/* Bytes of a value; Adam reads gradient, parameter and moments and writes all
 * but the gradient. */
static const double value = 4, rounded_value = 2, adam = 7 * 4;

/* What the slowest rank, and the node with most to send, have of a step. */
typedef struct shares {
  int micro_batches; /* of a rank */
  int leaves;        /* sums in which they lie on the node */
  int parts;         /* sums of the tree that a node makes of them */
} shares;

static int most(int a, int b) { return a > b ? a : b; }

static shares find_shares(const forecast_cluster *c, int micro_batches) {
  shares found = {0};
  tree_range ignored[TREE_PARTS];
  int ranks = c->nodes * c->ranks_per_node;
  for (int node = 0; node < c->nodes; node++) {
    int first = 0, last = 0, leaves = 0;
    for (int j = 0; j < c->ranks_per_node; j++) {
      int begin, end;
      order_share(micro_batches, node * c->ranks_per_node + j, ranks, &begin,
                  &end);
      if (j == 0) first = begin;
      last = end;
      leaves += tree_parts(micro_batches, begin, end, ignored);
      found.micro_batches = most(found.micro_batches, end - begin);
    }
    found.leaves = most(found.leaves, leaves);
    found.parts =
        most(found.parts, tree_parts(micro_batches, first, last, ignored));
  }
  return found;
}

/* When results [0, done) are final; those behind the gradients only at the
 * end. */
static double final_at(const forecast_cluster *c, const forecast_phase *phase,
                       size_t done) {
  for (int i = 0;
       c->overlap && i < phase->result_count && done <= phase->learned; i++)
    if (phase->results[i].done >= done) return phase->results[i].seconds;
  return phase->seconds;
}

/* Values of a phase that are summed. */
static pieces find_sums(const forecast_cluster *c, const forecast_phase *phase,
                        int micro_batches) {
  int ranks = c->nodes * c->ranks_per_node;
  bool hands_over = ranks == 1 && micro_batches == 1;
  size_t handed = hands_over ? phase->learned : 0;
  return pieces_cut(phase->learned - handed, phase->count - handed, ranks);
}

static void add_phase(const forecast_cluster *c, const forecast_phase *phase,
                      pieces cut, shares s, forecast_step *sum) {
  double others = c->nodes - 1, all = (double)cut.count;
  /* sums of a rank's own micro-batches: two are read, one is written */
  double merges = s.micro_batches - (double)s.leaves / c->ranks_per_node;
  double own = 3 * value * all * merges * c->ranks_per_node / c->memory;
  double messages = 2 * others * cut.buckets * c->message;
  double now = 0, link = 0, summing = 0;
  for (int b = 0; b < cut.buckets; b++) {
    piece bucket = pieces_bucket(&cut, b);
    double values = (double)(bucket.end - bucket.begin);
    double wire = c->rounded && b < cut.learned_buckets ? rounded_value : value;
    /* the leaves are read, sums written; other nodes' parts are read too */
    double moved = values * (value * (s.leaves + 1) +
                             (c->nodes > 1 ? 2 * wire * s.parts : 0));
    summing += moved / c->memory;
    now = final_at(c, phase, bucket.end) + summing;
    double bytes = values * wire * s.parts * others / c->nodes;
    link = fmax(link, now) + bytes / c->bandwidth;
    sum->sent += bytes + values * value * others / c->nodes;
  }
  double computed = phase->seconds + summing;
  double waiting = c->nodes > 1 ? fmax(0, link + c->latency - computed) : 0;
  double agreeing = ceil(log2(c->nodes)) * c->latency;
  double updating = adam * (double)phase->learned / c->nodes / c->memory;
  double values_sent =
      c->nodes > 1 ? value * all * others / c->nodes / c->bandwidth + c->latency
                   : 0;
  sum->computing += phase->seconds * s.micro_batches;
  sum->summing += own + summing;
  sum->updating += updating;
  sum->waiting +=
      waiting + agreeing + messages + fmax(0, values_sent - updating);
}

forecast_step forecast(const forecast_cluster *c, const forecast_phase *phases,
                       int phase_count, int micro_batches) {
  INVARIANT(micro_batches >= c->nodes * c->ranks_per_node,
            "%d micro-batches are too few", micro_batches);
  forecast_step sum = {0};
  shares s = find_shares(c, micro_batches);
  for (int k = 0; k < phase_count; k++)
    add_phase(c, &phases[k], find_sums(c, &phases[k], micro_batches), s, &sum);
  sum.step = sum.computing + sum.summing + sum.waiting + sum.updating;
  return sum;
}
