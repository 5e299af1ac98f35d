/* idt: Pitie, Kokaram, Dahyot, "Automated colour grading using colour
 * distribution transfer", CVIU 2007. The foreground's colours are moved until
 * their distribution is the reference's: in each iteration all 1-D marginals
 * along six axes are matched (section 4), and the axes are turned at random.
 * Regrain (regrain.c) then takes back the grain that this brings out. */
#include "data/colour/transfer_internal.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

enum { ITERATIONS = 10, BINS = 300, AXES = 6 };

/* Six axes over three colours converge more steadily than three. The rows are
 * two orthonormal bases, so that R^T R = 2 I and pinv(R) = R^T / 2; a rotation
 * keeps that. */
static const double base_axes[AXES][3] = {
    {1, 0, 0},
    {0, 1, 0},
    {0, 0, 1},
    {2.0 / 3, 2.0 / 3, -1.0 / 3},
    {2.0 / 3, -1.0 / 3, 2.0 / 3},
    {-1.0 / 3, 2.0 / 3, 2.0 / 3},
};

/* Colours as three planes of `count` floats, levels 0 to 1. */
typedef struct cloud {
  size_t count;
  float *planes;
  float *projected;
} cloud;

static status cloud_make(const transfer_region *region, cloud *out) {
  *out = (cloud){.count = region->count};
  TRY(MEMORY_NEW(3 * region->count, "idt colours", &out->planes));
  TRY(MEMORY_NEW(region->count, "idt projection", &out->projected));
  for (size_t i = 0; i < region->count; i++)
    for (size_t c = 0; c < 3; c++)
      out->planes[c * region->count + i] = region->rgb[3 * i + c] / 255.0f;
  return STATUS_OK;
}

static void cloud_free(cloud *colours) {
  memory_free(colours->planes);
  memory_free(colours->projected);
}

static double dot3(const double a[3], const double b[3]) {
  return a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
}

/* An orthonormal basis (rows) at random: Gram and Schmidt on normal numbers,
 * drawn again in the unlikely case that they hardly span space. */
static void random_basis(random_stream *stream, double q[3][3]) {
  for (int i = 0; i < 3; i++) {
    double length = 0;
    while (!(length > 1e-3)) {
      for (int c = 0; c < 3; c++) q[i][c] = random_normal(stream);
      for (int j = 0; j < i; j++) {
        double along = dot3(q[i], q[j]);
        for (int c = 0; c < 3; c++) q[i][c] -= along * q[j][c];
      }
      length = sqrt(dot3(q[i], q[i]));
    }
    for (int c = 0; c < 3; c++) q[i][c] /= length;
  }
}

/* The first iteration uses the axes as they are. */
static void make_axes(random_stream *stream, int iteration,
                      float axes[AXES][3]) {
  double q[3][3] = {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}};
  if (iteration > 0) random_basis(stream, q);
  for (int i = 0; i < AXES; i++)
    for (int c = 0; c < 3; c++)
      axes[i][c] =
          (float)(base_axes[i][0] * q[0][c] + base_axes[i][1] * q[1][c] +
                  base_axes[i][2] * q[2][c]);
}

static void project(cloud *colours, const float axis[3], float *low,
                    float *high) {
  const float *r = colours->planes, *g = r + colours->count,
              *b = g + colours->count;
  float *out = colours->projected, least = *low, most = *high;
  for (size_t i = 0; i < colours->count; i++) {
    float value = axis[0] * r[i] + axis[1] * g[i] + axis[2] * b[i];
    out[i] = value;
    least = value < least ? value : least;
    most = value > most ? value : most;
  }
  *low = least;
  *high = most;
}

/* Cumulative shares over BINS centres from low to high; the little added to
 * each bin makes them strictly increasing, so that they can be inverted. */
static void cumulate(const cloud *colours, float low, float bins_per_level,
                     double cdf[BINS]) {
  uint32_t count[BINS] = {0};
  for (size_t i = 0; i < colours->count; i++) {
    int bin = (int)((colours->projected[i] - low) * bins_per_level + 0.5f);
    count[bin < BINS ? bin : BINS - 1]++;
  }
  double sum = 0;
  for (int k = 0; k < BINS; k++) cdf[k] = sum += count[k] + 1e-6;
  for (int k = 0; k < BINS; k++) cdf[k] /= sum;
}

/* map[k]: where (in bins) the reference has the share that the target has at
 * k; one entry more than bins, so that interpolation may read past the end. */
static void match(const double target[BINS], const double reference[BINS],
                  float map[BINS + 1]) {
  int j = 0;
  for (int k = 0; k < BINS; k++) {
    if (target[k] <= reference[0]) {
      map[k] = 0;
    } else if (target[k] >= reference[BINS - 1]) {
      map[k] = BINS - 1;
    } else {
      while (reference[j + 1] < target[k]) j++;
      map[k] = (float)(j + (target[k] - reference[j]) /
                               (reference[j + 1] - reference[j]));
    }
  }
  map[BINS] = map[BINS - 1];
}

/* moved += axis / 2 * (matched - projected), the least-squares inverse. (The
 * published code takes one bin off `matched`, which shifts all colours down;
 * its published output is nearer without.) */
static void move(const cloud *target, const float axis[3], float low,
                 float bins_per_level, const float map[BINS + 1],
                 float *moved) {
  float *r = moved, *g = r + target->count, *b = g + target->count;
  float half = 0.5f / bins_per_level;
  float along[3] = {axis[0] * half, axis[1] * half, axis[2] * half};
  for (size_t i = 0; i < target->count; i++) {
    float at = (target->projected[i] - low) * bins_per_level;
    int bin = (int)at;
    if (bin > BINS - 1) bin = BINS - 1;
    float to = map[bin] + (map[bin + 1] - map[bin]) * (at - (float)bin);
    float by = to - at;
    r[i] += along[0] * by;
    g[i] += along[1] * by;
    b[i] += along[2] * by;
  }
}

static void match_axis(cloud *target, cloud *reference, const float axis[3],
                       float *moved) {
  float low = INFINITY, high = -INFINITY;
  project(target, axis, &low, &high);
  project(reference, axis, &low, &high);
  if (!(high - low > 1e-6f)) return; /* both constant, and equal */
  float bins_per_level = (BINS - 1) / (high - low);
  double target_cdf[BINS], reference_cdf[BINS];
  float map[BINS + 1];
  cumulate(target, low, bins_per_level, target_cdf);
  cumulate(reference, low, bins_per_level, reference_cdf);
  match(target_cdf, reference_cdf, map);
  move(target, axis, low, bins_per_level, map, moved);
}

static status match_clouds(cloud *target, cloud *reference, uint64_t seed) {
  float *moved;
  size_t bytes = 3 * target->count * sizeof(float);
  TRY(MEMORY_NEW(3 * target->count, "idt moved colours", &moved));
  random_stream stream = random_stream_make(seed, RANDOM_TRANSFER, 0, 0);
  for (int iteration = 0; iteration < ITERATIONS; iteration++) {
    float axes[AXES][3];
    make_axes(&stream, iteration, axes);
    memcpy(moved, target->planes, bytes);
    for (int i = 0; i < AXES; i++)
      match_axis(target, reference, axes[i], moved);
    memcpy(target->planes, moved, bytes);
  }
  memory_free(moved);
  return STATUS_OK;
}

/* Regrain sees the whole picture, black outside the foreground. */
static status regrain_region(const data_image *image,
                             const transfer_region *region,
                             const float *graded_colours, uint8_t *rgb_out) {
  size_t pixels = (size_t)image->width * (size_t)image->height;
  float *original = NULL, *graded = NULL, *regrained = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(3 * pixels, "idt original", &original));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "idt graded image", &graded));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "idt regrained image", &regrained));
  for (size_t c = 0; c < 3; c++)
    for (size_t i = 0; i < region->count; i++) {
      size_t at = c * pixels + region->place[i];
      original[at] = region->rgb[3 * i + c] / 255.0f;
      graded[at] = graded_colours[c * region->count + i];
    }
  TRY_OR(done, transfer_regrain(original, graded, image->width, image->height,
                                regrained));
  for (size_t i = 0; i < region->count; i++)
    for (size_t c = 0; c < 3; c++)
      rgb_out[3 * i + c] =
          transfer_byte(255 * regrained[c * pixels + region->place[i]]);
done:
  memory_free(original);
  memory_free(graded);
  memory_free(regrained);
  return result;
}

status transfer_idt_match(const transfer_region *target,
                          const transfer_region *reference, uint64_t seed,
                          float *planes_out) {
  cloud to = {0}, from = {0};
  status result;
  TRY_OR(done, cloud_make(target, &to));
  TRY_OR(done, cloud_make(reference, &from));
  TRY_OR(done, match_clouds(&to, &from, seed));
  memcpy(planes_out, to.planes, 3 * to.count * sizeof *planes_out);
done:
  cloud_free(&to);
  cloud_free(&from);
  return result;
}

status transfer_idt(const data_image *target_image,
                    const transfer_region *target,
                    const transfer_region *reference, uint64_t seed,
                    uint8_t *rgb_out) {
  float *graded;
  TRY(MEMORY_NEW(3 * target->count, "idt graded colours", &graded));
  status result = transfer_idt_match(target, reference, seed, graded);
  if (result == STATUS_OK)
    result = regrain_region(target_image, target, graded, rgb_out);
  memory_free(graded);
  return result;
}
