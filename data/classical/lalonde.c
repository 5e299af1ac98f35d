/* Recolouring of Lalonde and Efros, "Using color compatibility for assessing
 * image realism" (ICCV 2007, section 5), with the settings of iHarmony4's
 * comparison: 50 clusters, sigma 75. */
#include <math.h>

#include "base/memory.h"
#include "data/classical/classical.h"
#include "data/classical/emd.h"
#include "data/classical/kmeans.h"
#include "data/colour/lab.h"

/* A larger region gives its signature from so many of its pixels, evenly
 * taken: all there are at the field's 256 x 256. */
enum { CLUSTERS = 50, SAMPLES = 65536 };
static const double sigma = 75;

typedef enum region { FOREGROUND, BACKGROUND } region;

static void pixel_lab(const uint8_t *pixel, double lab[3]) {
  double rgb[3];
  for (int c = 0; c < 3; c++) rgb[c] = pixel[c] / 255.0;
  lab_from_srgb(rgb, LAB_D50, lab);
}

static status region_signature(const data_image *image, const data_image *mask,
                               region which, size_t count, uint64_t seed,
                               colour_signature *out) {
  size_t pixels = (size_t)mask->width * (size_t)mask->height, seen = 0;
  size_t wanted = count < SAMPLES ? count : SAMPLES, taken = 0;
  double *points;
  TRY(MEMORY_NEW(3 * wanted, "colours of a region", &points));
  for (size_t i = 0; i < pixels && taken < wanted; i++) {
    bool foreground = mask->pixels[i] >= 128;
    if (foreground != (which == FOREGROUND)) continue;
    if (seen++ < taken * count / wanted) continue;
    pixel_lab(image->pixels + 3 * i, points + 3 * taken++);
  }
  random_stream stream =
      random_stream_make(seed, RANDOM_KMEANS, (uint64_t)which, 0);
  status result = kmeans(points, taken, CLUSTERS, &stream, out);
  memory_free(points);
  return result;
}

/* Where the earth of each foreground cluster goes, less where it is: the shift
 * of its colour; channel by channel weakened by exp(-shift^2 / sigma^2), and
 * none from sigma on. */
static void cluster_shifts(const emd_problem *problem,
                           double flow[EMD_MOST][EMD_MOST],
                           const colour_signature *fg,
                           const colour_signature *bg,
                           double shifts[KMEANS_MOST][3]) {
  emd_solve(problem, flow);
  for (int i = 0; i < fg->count; i++) {
    double moved = 0, sum[3] = {0};
    for (int j = 0; j < bg->count; j++) {
      moved += flow[i][j];
      for (int c = 0; c < 3; c++)
        sum[c] += flow[i][j] * (bg->centre[j][c] - fg->centre[i][c]);
    }
    for (int c = 0; c < 3; c++) {
      double shift = moved > 0 ? sum[c] / moved : 0;
      shifts[i][c] = fabs(shift) < sigma
                         ? shift * exp(-shift * shift / (sigma * sigma))
                         : 0;
    }
  }
}

static status match(const colour_signature *fg, const colour_signature *bg,
                    double shifts[KMEANS_MOST][3]) {
  emd_problem *problem;
  double(*flow)[EMD_MOST] = NULL;
  status result;
  TRY(MEMORY_NEW(1, "earth mover's distance", &problem));
  TRY_OR(done, MEMORY_NEW(EMD_MOST, "earth mover's distance", &flow));
  problem->suppliers = fg->count;
  problem->consumers = bg->count;
  for (int i = 0; i < fg->count; i++) problem->supply[i] = fg->weight[i];
  for (int j = 0; j < bg->count; j++) problem->demand[j] = bg->weight[j];
  for (int i = 0; i < fg->count; i++)
    for (int j = 0; j < bg->count; j++)
      problem->cost[i][j] = hypot(hypot(fg->centre[i][0] - bg->centre[j][0],
                                        fg->centre[i][1] - bg->centre[j][1]),
                                  fg->centre[i][2] - bg->centre[j][2]);
  cluster_shifts(problem, flow, fg, bg, shifts);
done:
  memory_free(problem);
  memory_free(flow);
  return result;
}

typedef struct neighbour {
  double square; /* of the distance */
  int cluster;
} neighbour;

/* The nearer half of the clusters, nearest first. */
static int nearer_half(const colour_signature *fg, const double lab[3],
                       neighbour *list) {
  int wanted = (fg->count + 1) / 2, count = 0;
  for (int i = 0; i < fg->count; i++) {
    double square = 0;
    for (int c = 0; c < 3; c++)
      square += (lab[c] - fg->centre[i][c]) * (lab[c] - fg->centre[i][c]);
    int at = count < wanted ? count++ : wanted;
    for (; at > 0 && list[at - 1].square > square; at--)
      if (at < wanted) list[at] = list[at - 1];
    if (at < wanted) list[at] = (neighbour){square, i};
  }
  return count;
}

/* Mean of the nearer clusters' shifts, weighted by exp(-d^2 / sigma^2). */
static void recolour(const colour_signature *fg, double shifts[][3],
                     double lab[3]) {
  neighbour near[KMEANS_MOST];
  int count = nearer_half(fg, lab, near);
  double total = 0, sum[3] = {0};
  for (int i = 0; i < count; i++) {
    double weight = exp(-near[i].square / (sigma * sigma));
    total += weight;
    for (int c = 0; c < 3; c++) sum[c] += weight * shifts[near[i].cluster][c];
  }
  for (int c = 0; c < 3 && total > 0; c++) lab[c] += sum[c] / total;
}

static void recolour_image(const data_image *mask, const colour_signature *fg,
                           double shifts[][3], data_image *image) {
  size_t pixels = (size_t)mask->width * (size_t)mask->height;
  for (size_t i = 0; i < pixels; i++) {
    if (mask->pixels[i] == 0) continue;
    uint8_t *pixel = image->pixels + 3 * i;
    double lab[3], rgb[3];
    pixel_lab(pixel, lab);
    recolour(fg, shifts, lab);
    lab_to_srgb(lab, LAB_D65, rgb);
    for (int c = 0; c < 3; c++)
      pixel[c] = classical_blend(pixel[c], rgb[c], mask->pixels[i]);
  }
}

status data_lalonde(const data_image *composite, const data_image *mask,
                    uint64_t seed, data_image *out) {
  *out = (data_image){0};
  TRY(classical_check(composite, mask));
  size_t pixels = (size_t)mask->width * (size_t)mask->height;
  size_t inside = classical_foreground(mask);
  if (inside == 0 || inside == pixels) return classical_copy(composite, out);
  colour_signature fg, bg;
  double shifts[KMEANS_MOST][3];
  TRY(region_signature(composite, mask, FOREGROUND, inside, seed, &fg));
  TRY(region_signature(composite, mask, BACKGROUND, pixels - inside, seed,
                       &bg));
  TRY(match(&fg, &bg, shifts));
  TRY(classical_copy(composite, out));
  recolour_image(mask, &fg, shifts, out);
  return STATUS_OK;
}
