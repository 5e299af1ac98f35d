/* k-means and the earth mover's distance against brute force. */
#include "data/classical/emd.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/classical/kmeans.h"
#include "tests/tap.h"

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

/* ---- k-means ---- */

static double square_distance(const double *a, const double *b) {
  double sum = 0;
  for (int d = 0; d < 3; d++) sum += (a[d] - b[d]) * (a[d] - b[d]);
  return sum;
}

static int nearest(const double *at, double (*centre)[3], int clusters) {
  int best = 0;
  for (int c = 1; c < clusters; c++)
    if (square_distance(at, centre[c]) < square_distance(at, centre[best]))
      best = c;
  return best;
}

/* Lloyd's algorithm as it is written, from given centres. */
static colour_signature plain_kmeans(const double *points, size_t count,
                                     int clusters, double (*centre)[3]) {
  size_t members[KMEANS_MOST];
  for (int round = 0; round < 100; round++) {
    double sum[KMEANS_MOST][3] = {{0}};
    memset(members, 0, sizeof members);
    for (size_t i = 0; i < count; i++) {
      int c = nearest(points + 3 * i, centre, clusters);
      members[c]++;
      for (size_t d = 0; d < 3; d++) sum[c][d] += points[3 * i + d];
    }
    for (int c = 0; c < clusters; c++)
      for (int d = 0; d < 3 && members[c] > 0; d++)
        centre[c][d] = sum[c][d] / (double)members[c];
  }
  colour_signature s = {0};
  for (int c = 0; c < clusters; c++) {
    if (members[c] == 0) continue;
    memcpy(s.centre[s.count], centre[c], sizeof centre[c]);
    s.weight[s.count++] = (double)members[c] / (double)count;
  }
  return s;
}

/* The draws of kmeans(): Floyd's sampling. */
static void draw(const double *points, uint32_t count, uint32_t clusters,
                 random_stream *stream, double (*centre)[3]) {
  uint32_t chosen[KMEANS_MOST];
  for (uint32_t i = 0; i < clusters; i++) {
    uint32_t pick = random_below(stream, count - clusters + i + 1);
    for (uint32_t j = 0; j < i; j++)
      if (chosen[j] == pick) {
        pick = count - clusters + i;
        break;
      }
    chosen[i] = pick;
    memcpy(centre[i], points + 3 * (size_t)pick, 3 * sizeof(double));
  }
}

static double *random_points(uint32_t number, size_t count, double grain) {
  random_stream random = random_stream_make(2, RANDOM_TEST, number, 0);
  double *points = calloc(3 * count, sizeof *points);
  double base = 0;
  for (size_t i = 0; i < 3 * count; i++) {
    if (i % 30 == 0) base = 60 * random_normal(&random);
    points[i] = floor((base + 10 * random_normal(&random)) / grain) * grain;
  }
  return points;
}

static void check_plain_kmeans(void) {
  static const struct {
    uint32_t count;
    int clusters;
    double grain; /* 8: many points coincide, many distances are equal */
  } cases[] = {{2000, 50, 1e-6}, {300, 50, 1}, {500, 64, 8}, {40, 1, 1}};
  for (uint32_t i = 0; i < 4; i++) {
    uint32_t n = cases[i].count;
    double *points = random_points(i, n, cases[i].grain);
    double centre[KMEANS_MOST][3];
    random_stream a = random_stream_make(3, RANDOM_TEST, i, 0), b = a;
    colour_signature got, want;
    must(kmeans(points, n, cases[i].clusters, &a, &got));
    draw(points, n, (uint32_t)cases[i].clusters, &b, centre);
    want = plain_kmeans(points, n, cases[i].clusters, centre);
    double worst = tap_largest_difference(got.centre[0], want.centre[0],
                                          3 * (size_t)want.count);
    tap_ok(got.count == want.count && worst < 1e-9 &&
               tap_largest_difference(got.weight, want.weight,
                                      (size_t)want.count) < 1e-12,
           "k-means of %u points, %d clusters, grain %g: as without bounds "
           "(%d left)",
           n, cases[i].clusters, cases[i].grain, got.count);
    free(points);
  }
}

/* The least sum of squares over all ways to part 9 points in 3. */
static double best_partition(const double *points) {
  double best = INFINITY;
  for (int code = 0; code < 19683; code++) {
    double sum[3][3] = {{0}}, cost = 0;
    int members[3] = {0}, digits = code;
    for (size_t i = 0; i < 9; i++, digits /= 3) {
      members[digits % 3]++;
      for (size_t d = 0; d < 3; d++) sum[digits % 3][d] += points[3 * i + d];
    }
    digits = code;
    for (size_t i = 0; i < 9; i++, digits /= 3) {
      double mean[3];
      for (int d = 0; d < 3; d++)
        mean[d] = sum[digits % 3][d] / members[digits % 3];
      cost += square_distance(points + 3 * i, mean);
    }
    best = fmin(best, cost);
  }
  return best;
}

static void check_best_kmeans(void) {
  bool never_below = true;
  int reached = 0;
  for (uint32_t set = 0; set < 5; set++) {
    double *points = random_points(10 + set, 9, 1e-6);
    double best = best_partition(points), least = INFINITY;
    for (uint32_t start = 0; start < 40; start++) {
      random_stream random = random_stream_make(4, RANDOM_TEST, start, set);
      colour_signature s;
      must(kmeans(points, 9, 3, &random, &s));
      double cost = 0;
      for (size_t i = 0; i < 9; i++)
        cost += square_distance(
            points + 3 * i,
            s.centre[nearest(points + 3 * i, s.centre, s.count)]);
      least = fmin(least, cost);
    }
    never_below = never_below && least >= best - 1e-9;
    reached += least < best + 1e-9;
    free(points);
  }
  tap_ok(never_below, "k-means: never better than the best partition");
  tap_ok(reached == 5, "k-means: 40 starts find the best partition (%d of 5)",
         reached);
}

static void check_few_points(void) {
  static const double same[9] = {1, 2, 3, 1, 2, 3, 1, 2, 3};
  random_stream random = random_stream_make(5, RANDOM_TEST, 0, 0);
  colour_signature s;
  must(kmeans(same, 3, 50, &random, &s));
  tap_ok(s.count == 1 && s.weight[0] == 1 && s.centre[0][2] == 3,
         "k-means of three equal points: one cluster is left");
}

/* ---- the earth mover's distance ---- */

static double best_assignment(const emd_problem *p, int row, unsigned taken) {
  if (row == p->suppliers) return 0;
  double best = INFINITY;
  for (int j = 0; j < p->consumers; j++)
    if ((taken >> j & 1) == 0)
      best = fmin(best, p->cost[row][j] +
                            best_assignment(p, row + 1, taken | 1U << j));
  return best;
}

static void random_costs(emd_problem *p, random_stream *random, bool ties) {
  for (int i = 0; i < p->suppliers; i++)
    for (int j = 0; j < p->consumers; j++)
      p->cost[i][j] =
          ties ? (double)random_below(random, 4) : 100 * random_uniform(random);
}

static bool balances(const emd_problem *p, double (*flow)[EMD_MOST]) {
  double worst = 0;
  for (int i = 0; i < p->suppliers; i++) {
    double sum = 0;
    for (int j = 0; j < p->consumers; j++) {
      sum += flow[i][j];
      if (flow[i][j] < 0) return false;
    }
    worst = fmax(worst, fabs(sum - p->supply[i]));
  }
  for (int j = 0; j < p->consumers; j++) {
    double sum = 0;
    for (int i = 0; i < p->suppliers; i++) sum += flow[i][j];
    worst = fmax(worst, fabs(sum - p->demand[j]));
  }
  return worst < 1e-10;
}

static double flow_space[EMD_MOST][EMD_MOST];

static void check_assignments(void) {
  emd_problem *p = calloc(1, sizeof *p);
  double worst = 0;
  bool good = true;
  random_stream random = random_stream_make(6, RANDOM_TEST, 0, 0);
  for (int trial = 0; trial < 200; trial++) {
    int n = 1 + trial % 7;
    p->suppliers = p->consumers = n;
    for (int i = 0; i < n; i++) p->supply[i] = p->demand[i] = 1.0 / n;
    random_costs(p, &random, trial % 3 == 0);
    double got = emd_solve(p, flow_space);
    worst = fmax(worst, fabs(got - best_assignment(p, 0, 0) / n));
    good = good && balances(p, flow_space);
  }
  tap_near(worst, 0, 1e-10, "EMD of equal weights: 200 best assignments");
  tap_ok(good, "EMD: flows balance");
  free(p);
}

/* All extreme points of 3 x 3: spanning trees of 5 cells. */
static double best_basic_solution(const emd_problem *p) {
  double best = INFINITY;
  for (unsigned cells = 0; cells < 512; cells++) {
    if (__builtin_popcount(cells) != 5) continue;
    double left[6], cost = 0;
    memcpy(left, p->supply, 3 * sizeof(double));
    memcpy(left + 3, p->demand, 3 * sizeof(double));
    unsigned open = cells;
    bool possible = true, progress = true;
    while (open != 0 && progress) {
      progress = false;
      for (int line = 0; line < 6; line++) {
        unsigned of_line = line < 3 ? 7U << 3 * line : 0111U << (line - 3);
        unsigned mine = open & of_line;
        if (__builtin_popcount(mine) != 1) continue;
        int cell = __builtin_ctz(mine), i = cell / 3, j = cell % 3;
        double amount = left[line];
        possible = possible && amount > -1e-12;
        left[i] -= amount;
        left[3 + j] -= amount;
        cost += amount * p->cost[i][j];
        open &= ~mine;
        progress = true;
      }
    }
    for (int line = 0; line < 6; line++)
      possible = possible && fabs(left[line]) < 1e-12;
    if (possible && open == 0) best = fmin(best, cost);
  }
  return best;
}

static void check_basic_solutions(void) {
  emd_problem *p = calloc(1, sizeof *p);
  double worst = 0;
  random_stream random = random_stream_make(7, RANDOM_TEST, 0, 0);
  for (int trial = 0; trial < 300; trial++) {
    double supplied = 0, demanded = 0;
    p->suppliers = p->consumers = 3;
    for (int i = 0; i < 3; i++) {
      supplied += p->supply[i] = random_uniform(&random);
      demanded += p->demand[i] = random_uniform(&random);
    }
    for (int i = 0; i < 3; i++) p->supply[i] *= demanded / supplied;
    random_costs(p, &random, trial % 3 == 0);
    double got = emd_solve(p, flow_space);
    worst = fmax(worst, fabs(got - best_basic_solution(p)));
  }
  tap_near(worst, 0, 1e-10, "EMD of 3 x 3: the best of all basic solutions");
  free(p);
}

/* Whole amounts, moved one by one along paths that Bellman and Ford find. */
static long integer_flow(const emd_problem *p, int (*flow)[EMD_MOST]) {
  int m = p->suppliers, nodes = m + p->consumers;
  double left[2 * EMD_MOST] = {0};
  memset(flow, 0, sizeof(int) * EMD_MOST * EMD_MOST);
  for (int n = 0; n < nodes; n++)
    left[n] = n < m ? p->supply[n] : p->demand[n - m];
  for (;;) {
    long distance[2 * EMD_MOST] = {0};
    int before[2 * EMD_MOST] = {0}, end = -1;
    for (int n = 0; n < nodes; n++) {
      distance[n] = n < m && left[n] > 0 ? 0 : 1L << 40;
      before[n] = -1;
    }
    for (bool changed = true; changed;) {
      changed = false;
      for (int i = 0; i < m; i++)
        for (int j = m; j < nodes; j++) {
          long cost = (long)p->cost[i][j - m];
          if (distance[i] + cost < distance[j]) {
            distance[j] = distance[i] + cost;
            before[j] = i;
            changed = true;
          }
          if (flow[i][j - m] > 0 && distance[j] - cost < distance[i]) {
            distance[i] = distance[j] - cost;
            before[i] = j;
            changed = true;
          }
        }
    }
    for (int j = m; j < nodes; j++)
      if (left[j] > 0 && (end < 0 || distance[j] < distance[end])) end = j;
    if (end < 0) break;
    left[end]--;
    int n = end;
    for (; before[n] >= 0; n = before[n]) {
      if (n >= m)
        flow[before[n]][n - m]++;
      else
        flow[n][before[n] - m]--;
    }
    left[n]--;
  }
  long cost = 0;
  for (int i = 0; i < m; i++)
    for (int j = 0; j < p->consumers; j++)
      cost += flow[i][j] * (long)p->cost[i][j];
  return cost;
}

static void check_integers(void) {
  emd_problem *p = calloc(1, sizeof *p);
  int(*flow)[EMD_MOST] = calloc(EMD_MOST, sizeof *flow);
  double worst = 0;
  bool good = true;
  random_stream random = random_stream_make(8, RANDOM_TEST, 0, 0);
  for (int trial = 0; trial < 40; trial++) {
    p->suppliers = trial == 0 ? 64 : 1 + (int)random_below(&random, 25);
    p->consumers = trial == 0 ? 64 : 1 + (int)random_below(&random, 25);
    memset(p->supply, 0, sizeof p->supply);
    memset(p->demand, 0, sizeof p->demand);
    for (int unit = 0; unit < 200; unit++) {
      p->supply[random_below(&random, (uint32_t)p->suppliers)]++;
      p->demand[random_below(&random, (uint32_t)p->consumers)]++;
    }
    for (int i = 0; i < p->suppliers; i++)
      for (int j = 0; j < p->consumers; j++)
        p->cost[i][j] = random_below(&random, trial % 2 == 0 ? 1000 : 5);
    double got = emd_solve(p, flow_space);
    worst = fmax(worst, fabs(got - (double)integer_flow(p, flow)));
    good = good && balances(p, flow_space);
  }
  tap_near(worst, 0, 1e-7, "EMD up to 64 x 64: as whole amounts one by one");
  tap_ok(good, "EMD: flows balance, with empty weights too");
  free(p);
  free(flow);
}

int main(void) {
  check_plain_kmeans();
  check_best_kmeans();
  check_few_points();
  check_assignments();
  check_basic_solutions();
  check_integers();
  return tap_done();
}
