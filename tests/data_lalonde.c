/* Recolouring of Lalonde and Efros and what it is made of: L*a*b*, k-means and
 * the earth mover's distance against brute force. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/data.h"
#include "data/emd.h"
#include "data/kmeans.h"
#include "data/lab.h"
#include "tests/tap.h"

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

/* ---- L*a*b* -----------------------------------------------------------------
 */

static void check_lab(void) {
  /* As Lindbloom's calculator gives them. */
  static const struct {
    double rgb[3];
    lab_white white;
    double lab[3];
  } known[] = {
      {{1, 0, 0}, LAB_D65, {53.2408, 80.0925, 67.2032}},
      {{0, 1, 0}, LAB_D65, {87.7347, -86.1827, 83.1793}},
      {{0, 0, 1}, LAB_D65, {32.2970, 79.1875, -107.8602}},
      {{1, 0, 0}, LAB_D50, {54.2917, 80.8125, 69.8851}},
      {{0, 0, 1}, LAB_D50, {29.5676, 68.2986, -112.0294}},
      {{0.5, 0.5, 0.5}, LAB_D50, {53.3890, 0, 0}},
      {{1, 1, 1}, LAB_D65, {100, 0, 0}},
  };
  for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
    double lab[3];
    lab_from_srgb(known[i].rgb, known[i].white, lab);
    tap_near(tap_largest_difference(lab, known[i].lab, 3), 0, 0.02,
             "L*a*b* of colour %zu", i);
  }
  random_stream random = random_stream_make(1, RANDOM_TEST, 0, 0);
  double worst = 0, grey = 0;
  for (int i = 0; i < 20000; i++) {
    double rgb[3], lab[3], back[3];
    for (int c = 0; c < 3; c++) rgb[c] = random_uniform(&random);
    lab_from_srgb(rgb, LAB_D65, lab);
    lab_to_srgb(lab, LAB_D65, back);
    worst = fmax(worst, tap_largest_difference(back, rgb, 3));
    rgb[1] = rgb[2] = rgb[0];
    lab_from_srgb(rgb, LAB_D50, lab);
    lab_to_srgb(lab, LAB_D65, back);
    grey = fmax(grey, tap_largest_difference(back, rgb, 3));
  }
  tap_near(worst, 0, 1e-5, "there and back by one white");
  tap_near(grey, 0, 1e-5, "greys there by D50 and back by D65");
}

/* ---- k-means ----------------------------------------------------------------
 */

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

/* ---- the earth mover's distance ---------------------------------------------
 */

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
    long distance[2 * EMD_MOST];
    int before[2 * EMD_MOST], end = -1;
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

/* ---- the recolouring --------------------------------------------------------
 */

typedef struct scene {
  data_image image, mask;
} scene;

/* A disk of one colour, with noise, on another. */
static scene make_scene(int size, const int inside[3], const int outside[3],
                        int noise) {
  scene s;
  must(data_image_create(size, size, 3, &s.image));
  must(data_image_create(size, size, 1, &s.mask));
  random_stream random = random_stream_make(9, RANDOM_TEST, 0, 0);
  for (int y = 0; y < size; y++)
    for (int x = 0; x < size; x++) {
      size_t i = (size_t)(y * size + x);
      double u = (x + 0.5) / size - 0.5, v = (y + 0.5) / size - 0.5;
      bool disk = u * u + v * v < 0.07;
      s.mask.pixels[i] = disk ? 255 : 0;
      int grain = noise > 0 ? (int)random_below(&random, (uint32_t)noise) : 0;
      for (size_t c = 0; c < 3; c++)
        s.image.pixels[3 * i + c] =
            (uint8_t)((disk ? inside : outside)[c] + grain);
    }
  return s;
}

static void scene_free(scene *s) {
  data_image_free(&s->image);
  data_image_free(&s->mask);
}

static size_t pixels_of(const data_image *image) {
  return (size_t)image->width * (size_t)image->height;
}

static bool background_same(const scene *s, const data_image *out) {
  for (size_t i = 0; i < pixels_of(out); i++)
    if (s->mask.pixels[i] == 0 &&
        memcmp(out->pixels + 3 * i, s->image.pixels + 3 * i, 3) != 0)
      return false;
  return true;
}

static void foreground_mean(const scene *s, const data_image *image,
                            double mean[3]) {
  double count = 0;
  mean[0] = mean[1] = mean[2] = 0;
  for (size_t i = 0; i < pixels_of(image); i++)
    for (size_t c = 0; c < 3 && s->mask.pixels[i] >= 128; c++) {
      mean[c] += image->pixels[3 * i + c];
      count += c == 0;
    }
  for (int c = 0; c < 3; c++) mean[c] /= count;
}

static void check_shift(void) {
  scene s = make_scene(96, (int[]){150, 110, 100}, (int[]){100, 110, 130}, 12);
  data_image out, again, other;
  must(data_lalonde(&s.image, &s.mask, 1, &out));
  must(data_lalonde(&s.image, &s.mask, 1, &again));
  must(data_lalonde(&s.image, &s.mask, 2, &other));
  double before[3], after[3], elsewhere[3];
  foreground_mean(&s, &s.image, before);
  foreground_mean(&s, &out, after);
  foreground_mean(&s, &other, elsewhere);
  tap_note("foreground %.0f %.0f %.0f became %.0f %.0f %.0f; background 106 "
           "116 136",
           before[0], before[1], before[2], after[0], after[1], after[2]);
  /* The attenuation leaves a part: a shift of 30 loses 15 %. */
  tap_ok(fabs(after[0] - 106) < 12 && fabs(after[2] - 136) < 12,
         "the foreground comes near the background's colour");
  tap_ok(background_same(&s, &out), "the background keeps its bytes");
  tap_ok(memcmp(out.pixels, again.pixels, 3 * pixels_of(&out)) == 0,
         "the same seed gives the same bytes");
  tap_ok(tap_largest_difference(after, elsewhere, 3) < 2,
         "another seed hardly matters");
  data_image_free(&out);
  data_image_free(&again);
  data_image_free(&other);
  scene_free(&s);
}

static void check_match(void) {
  scene s = make_scene(64, (int[]){120, 120, 120}, (int[]){120, 120, 120}, 20);
  data_image out;
  must(data_lalonde(&s.image, &s.mask, 1, &out));
  int worst = 0;
  for (size_t i = 0; i < 3 * pixels_of(&out); i++)
    worst = (int)fmax(worst, abs(out.pixels[i] - s.image.pixels[i]));
  tap_ok(worst <= 1, "a foreground like its background stays (%d levels)",
         worst);
  data_image_free(&out);
  scene_free(&s);
}

/* More than sigma = 75 of lightness apart: no shift, as published. */
static void check_far(void) {
  scene s = make_scene(64, (int[]){10, 10, 10}, (int[]){250, 250, 250}, 0);
  data_image out;
  must(data_lalonde(&s.image, &s.mask, 1, &out));
  tap_ok(memcmp(out.pixels, s.image.pixels, 3 * pixels_of(&out)) == 0,
         "a shift beyond sigma is none");
  data_image_free(&out);
  scene_free(&s);
}

static void check_soft(void) {
  scene s = make_scene(64, (int[]){150, 110, 100}, (int[]){100, 110, 130}, 4);
  data_image whole, half;
  must(data_lalonde(&s.image, &s.mask, 1, &whole));
  size_t centre = 32 * 64 + 32;
  s.mask.pixels[centre] = 128;
  must(data_lalonde(&s.image, &s.mask, 1, &half));
  int full = whole.pixels[3 * centre] - s.image.pixels[3 * centre];
  int part = half.pixels[3 * centre] - s.image.pixels[3 * centre];
  tap_ok(abs(full) > 10 && abs(2 * part - full) <= 3,
         "a grey of the mask changes half as much (%d, %d)", full, part);
  data_image_free(&whole);
  data_image_free(&half);
  scene_free(&s);
}

static void check_degenerate(void) {
  static const int colours[][3] = {{0, 0, 0}, {255, 255, 255}, {128, 128, 128}};
  for (int i = 0; i < 3; i++) {
    scene s = make_scene(33, colours[i], colours[i], 0);
    data_image out;
    must(data_lalonde(&s.image, &s.mask, 1, &out));
    tap_ok(memcmp(out.pixels, s.image.pixels, 3 * pixels_of(&out)) == 0,
           "an image of one grey (%d) stays", colours[i][0]);
    data_image_free(&out);
    scene_free(&s);
  }
  for (int value = 0; value < 256; value += 255) {
    scene s = make_scene(33, (int[]){9, 99, 199}, (int[]){99, 9, 19}, 9);
    data_image out;
    memset(s.mask.pixels, value, pixels_of(&s.mask));
    must(data_lalonde(&s.image, &s.mask, 1, &out));
    tap_ok(memcmp(out.pixels, s.image.pixels, 3 * pixels_of(&out)) == 0,
           "a mask all %d: the composite", value);
    data_image_free(&out);
    memset(s.mask.pixels, 255 - value, pixels_of(&s.mask));
    s.mask.pixels[7] = (uint8_t)value;
    must(data_lalonde(&s.image, &s.mask, 1, &out));
    tap_ok(out.pixels != NULL, "a mask all but one pixel %d", 255 - value);
    data_image_free(&out);
    scene_free(&s);
  }
  scene s = make_scene(16, colours[0], colours[1], 0);
  data_image out;
  s.mask.width = 15;
  tap_ok(data_lalonde(&s.image, &s.mask, 1, &out) == STATUS_MISFIT &&
             out.pixels == NULL,
         "a mask of another size: %s", status_message());
  scene_free(&s);
}

int main(void) {
  check_lab();
  check_plain_kmeans();
  check_best_kmeans();
  check_few_points();
  check_assignments();
  check_basic_solutions();
  check_integers();
  check_shift();
  check_match();
  check_far();
  check_soft();
  check_degenerate();
  return tap_done();
}
