/* k-means of colours, from seeded centres. */
#include "data/classical/kmeans.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/wide_vectors.h"

enum { ROUNDS = 100 };

typedef struct point {
  double upper; /* not less than the distance to the own centre */
  double lower; /* not more than the distance to any other centre */
  int cluster;
} point;

typedef struct clustering {
  const double *points;
  size_t count;
  int clusters;
  double centre[KMEANS_MOST][3];
  double axes[3][KMEANS_MOST]; /* the same centres, axis by axis */
  double half[KMEANS_MOST];    /* half the way to the nearest other centre */
  double moved[KMEANS_MOST];   /* by the last update */
  point *state;
} clustering;

static double distance(const double a[3], const double b[3]) {
  double x = a[0] - b[0], y = a[1] - b[1], z = a[2] - b[2];
  return sqrt(x * x + y * y + z * z);
}

/* Distinct points, by Floyd's sampling (CACM 30, 1987): as many draws as
 * centres, whatever the number of points. */
static void draw_centres(clustering *k, random_stream *stream) {
  uint32_t chosen[KMEANS_MOST];
  uint32_t total = (uint32_t)k->count, wanted = (uint32_t)k->clusters;
  for (uint32_t i = 0; i < wanted; i++) {
    uint32_t last = total - wanted + i;
    uint32_t draw = random_below(stream, last + 1);
    for (uint32_t j = 0; j < i; j++)
      if (chosen[j] == draw) {
        draw = last;
        break;
      }
    chosen[i] = draw;
    memcpy(k->centre[i], k->points + 3 * (size_t)draw, sizeof k->centre[i]);
  }
}

/* Squares of the distances to all centres; the loop of loops. */
WIDE_VECTORS static void measure(const double axes[3][KMEANS_MOST],
                                 const double *at,
                                 double squares[KMEANS_MOST]) {
  for (int c = 0; c < KMEANS_MOST; c++) {
    double x = at[0] - axes[0][c], y = at[1] - axes[1][c],
           z = at[2] - axes[2][c];
    squares[c] = x * x + y * y + z * z;
  }
}

static void search(const clustering *k, const double *at, point *p) {
  double squares[KMEANS_MOST], best = INFINITY, second = INFINITY;
  int cluster = 0;
  measure(k->axes, at, squares);
  for (int c = 0; c < k->clusters; c++) {
    /* Without branches, which no processor would guess. */
    double square = squares[c], larger = square < best ? best : square;
    second = larger < second ? larger : second;
    cluster = square < best ? c : cluster;
    best = square < best ? square : best;
  }
  *p = (point){.upper = sqrt(best), .lower = sqrt(second), .cluster = cluster};
}

/* What the bounds need to know of the centres. */
static void prepare(clustering *k) {
  for (int c = 0; c < k->clusters; c++) {
    k->half[c] = INFINITY;
    for (int d = 0; d < 3; d++) k->axes[d][c] = k->centre[c][d];
    for (int o = 0; o < k->clusters; o++)
      if (o != c)
        k->half[c] = fmin(k->half[c], distance(k->centre[c], k->centre[o]) / 2);
  }
}

/* No other centre is nearer to the point. The margin keeps ties, and bounds
 * with rounding errors, for search. */
static bool is_settled(const clustering *k, const point *p) {
  return p->upper < fmax(p->lower, k->half[p->cluster]) - 1e-9;
}

/* Gives every point to its nearest centre; whether any changed. */
static bool assign(clustering *k) {
  bool changed = false;
  for (size_t i = 0; i < k->count; i++) {
    point *p = &k->state[i];
    if (is_settled(k, p)) continue;
    const double *at = k->points + 3 * i;
    p->upper = distance(at, k->centre[p->cluster]);
    if (is_settled(k, p)) continue;
    int before = p->cluster;
    search(k, at, p);
    changed = changed || p->cluster != before;
  }
  return changed;
}

/* Moves centres to the means of their points; counts points. */
static void update(clustering *k, size_t members[KMEANS_MOST]) {
  double sum[KMEANS_MOST][3] = {{0}};
  memset(members, 0, KMEANS_MOST * sizeof *members);
  for (size_t i = 0; i < k->count; i++) {
    int c = k->state[i].cluster;
    members[c]++;
    for (size_t d = 0; d < 3; d++) sum[c][d] += k->points[3 * i + d];
  }
  for (int c = 0; c < k->clusters; c++) {
    k->moved[c] = 0;
    if (members[c] == 0) continue;
    double to[3];
    for (int d = 0; d < 3; d++) to[d] = sum[c][d] / (double)members[c];
    k->moved[c] = distance(k->centre[c], to);
    memcpy(k->centre[c], to, sizeof to);
  }
}

/* After the centres moved the bounds hold for the new ones again. */
static void loosen(clustering *k) {
  double most = 0;
  for (int c = 0; c < k->clusters; c++) most = fmax(most, k->moved[c]);
  for (size_t i = 0; i < k->count; i++) {
    k->state[i].upper += k->moved[k->state[i].cluster];
    k->state[i].lower -= most;
  }
}

static void take(const clustering *k, const size_t members[KMEANS_MOST],
                 colour_signature *out) {
  *out = (colour_signature){0};
  for (int c = 0; c < k->clusters; c++) {
    if (members[c] == 0) continue;
    memcpy(out->centre[out->count], k->centre[c], sizeof k->centre[c]);
    out->weight[out->count++] = (double)members[c] / (double)k->count;
  }
}

status kmeans(const double *points, size_t count, int clusters,
              random_stream *stream, colour_signature *out) {
  INVARIANT(count > 0 && count < UINT32_MAX && clusters > 0 &&
                clusters <= KMEANS_MOST,
            "%zu points, %d clusters", count, clusters);
  clustering k = {.points = points, .count = count, .clusters = clusters};
  if (count < (size_t)clusters) k.clusters = (int)count;
  size_t members[KMEANS_MOST];
  TRY(MEMORY_NEW(count, "k-means", &k.state));
  draw_centres(&k, stream);
  prepare(&k);
  for (size_t i = 0; i < count; i++) search(&k, points + 3 * i, &k.state[i]);
  update(&k, members);
  for (int round = 1; round < ROUNDS; round++) {
    prepare(&k);
    loosen(&k);
    if (!assign(&k)) break;
    update(&k, members);
  }
  take(&k, members, out);
  memory_free(k.state);
  return STATUS_OK;
}
