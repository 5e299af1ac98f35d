/* The earth mover's distance, by shortest paths. */
#include "data/classical/emd.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

/* Nodes: suppliers, then consumers. Arcs lead from every supplier to every
 * consumer, and back where there is flow. */
enum { NODES = 2 * EMD_MOST };

typedef struct solver {
  const emd_problem *problem;
  int suppliers, nodes;
  double excess[NODES];    /* supply or demand still to be moved */
  double potential[NODES]; /* reduced costs are never negative */
  double distance[NODES];  /* by reduced costs, of the last search */
  int before[NODES];       /* on the shortest path; -1: its beginning */
  double (*flow)[EMD_MOST];
} solver;

/* What rounding leaves of a weight is no earth. */
static const double dust = 1e-13;

/* Reduced cost of the arc between two nodes; infinite where there is none. */
static double arc(const solver *s, int from, int to) {
  double cost;
  if (from < s->suppliers) {
    cost = s->problem->cost[from][to - s->suppliers];
  } else {
    if (s->flow[to][from - s->suppliers] <= 0) return INFINITY;
    cost = -s->problem->cost[to][from - s->suppliers];
  }
  /* Below zero only by rounding. */
  return fmax(0, cost + s->potential[from] - s->potential[to]);
}

static void relax(solver *s, int from) {
  bool forward = from < s->suppliers;
  int first = forward ? s->suppliers : 0;
  int end = forward ? s->nodes : s->suppliers;
  for (int to = first; to < end; to++) {
    double distance = s->distance[from] + arc(s, from, to);
    if (distance < s->distance[to]) {
      s->distance[to] = distance;
      s->before[to] = from;
    }
  }
}

static int nearest(const solver *s, const bool *done) {
  int best = -1;
  for (int n = 0; n < s->nodes; n++)
    if (!done[n] && s->distance[n] < INFINITY &&
        (best < 0 || s->distance[n] < s->distance[best]))
      best = n;
  return best;
}

/* Dijkstra from all suppliers that have earth left: the nearest consumer that
 * wants some, or -1. Potentials move so that reduced costs stay >= 0. */
static int shortest_path(solver *s) {
  bool done[NODES] = {false};
  for (int n = 0; n < s->nodes; n++) {
    bool begins = n < s->suppliers && s->excess[n] > dust;
    s->distance[n] = begins ? 0 : INFINITY;
    s->before[n] = -1;
  }
  int end = -1;
  for (int n; end < 0 && (n = nearest(s, done)) >= 0;) {
    done[n] = true;
    if (n >= s->suppliers && s->excess[n] > dust) end = n;
    if (end < 0) relax(s, n);
  }
  for (int n = 0; end >= 0 && n < s->nodes; n++)
    s->potential[n] += fmin(s->distance[n], s->distance[end]);
  return end;
}

/* As much as the path can carry. */
static void push(solver *s, int end) {
  double amount = s->excess[end];
  int start = end;
  for (int n = end; s->before[n] >= 0; n = s->before[n]) {
    start = s->before[n];
    if (n < s->suppliers)
      amount = fmin(amount, s->flow[n][start - s->suppliers]);
  }
  amount = fmin(amount, s->excess[start]);
  s->excess[start] -= amount;
  s->excess[end] -= amount;
  for (int n = end; s->before[n] >= 0; n = s->before[n]) {
    int from = s->before[n];
    if (n >= s->suppliers)
      s->flow[from][n - s->suppliers] += amount;
    else
      s->flow[n][from - s->suppliers] -= amount;
  }
}

double emd_solve(const emd_problem *problem, double flow[EMD_MOST][EMD_MOST]) {
  solver s = {.problem = problem,
              .suppliers = problem->suppliers,
              .nodes = problem->suppliers + problem->consumers,
              .flow = flow};
  memset(flow, 0, sizeof(double) * EMD_MOST * EMD_MOST);
  memcpy(s.excess, problem->supply, sizeof(double) * (size_t)s.suppliers);
  memcpy(s.excess + s.suppliers, problem->demand,
         sizeof(double) * (size_t)problem->consumers);
  for (int end; (end = shortest_path(&s)) >= 0;) push(&s, end);
  double cost = 0;
  for (int i = 0; i < problem->suppliers; i++)
    for (int j = 0; j < problem->consumers; j++)
      cost += flow[i][j] * problem->cost[i][j];
  return cost;
}
