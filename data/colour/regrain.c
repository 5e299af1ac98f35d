/* Regrain: Pitie, Kokaram, Dahyot, CVIU 2007, section 5. Minimises, over I,
 *   sum of phi |grad I - grad I0|^2 + psi |I - IR|^2
 * (I0 the original, IR the graded image) by damped Jacobi iterations, from
 * coarse to fine. psi is large on edges, phi on flat ground. */
#include "data/colour/transfer_internal.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { LEVELS = 6, SMALLEST = 20, CHANNELS = 3 };

static const int iterations[LEVELS] = {4, 16, 32, 64, 64, 64};
static const float rho = 0.2f; /* share of the old value kept */

/* ---- resizing as MATLAB's imresize(..., 'bilinear') ---- */

/* Taps of one output sample: the triangle filter, widened by 1 / scale when
 * shrinking; beyond the border the image is mirrored. */
typedef struct taps {
  int count, index[8];
  float weight[8];
} taps;

static void make_taps(int from, int to, int x, taps *out) {
  double scale = (double)to / from, sharp = scale < 1 ? scale : 1;
  double centre = (x + 0.5) / scale - 0.5, reach = 1 / sharp, sum = 0;
  out->count = 0;
  for (int i = (int)ceil(centre - reach); i <= centre + reach; i++) {
    double weight = 1 - fabs(i - centre) * sharp;
    if (!(weight > 0)) continue;
    INVARIANT(out->count < 8, "%d to %d pixels", from, to);
    int inside = i < 0 ? -1 - i : i >= from ? 2 * from - 1 - i : i;
    out->index[out->count] = inside;
    out->weight[out->count++] = (float)weight;
    sum += weight;
  }
  for (int k = 0; k < out->count; k++) out->weight[k] /= (float)sum;
}

static void resize_rows(const float *in, int width, int from, int to,
                        float *out) {
  for (int y = 0; y < to; y++) {
    taps t;
    make_taps(from, to, y, &t);
    float *row = out + (size_t)y * (size_t)width;
    memset(row, 0, (size_t)width * sizeof *row);
    for (int k = 0; k < t.count; k++) {
      const float *source = in + (size_t)t.index[k] * (size_t)width;
      float weight = t.weight[k];
      for (int x = 0; x < width; x++) row[x] += weight * source[x];
    }
  }
}

static void resize_columns(const float *in, int from, int to, int height,
                           float *out) {
  for (int x = 0; x < to; x++) {
    taps t;
    make_taps(from, to, x, &t);
    for (int y = 0; y < height; y++) {
      const float *row = in + (size_t)y * (size_t)from;
      float sum = 0;
      for (int k = 0; k < t.count; k++) sum += t.weight[k] * row[t.index[k]];
      out[(size_t)y * (size_t)to + (size_t)x] = sum;
    }
  }
}

typedef struct level {
  int width, height;
  const float *original, *graded; /* CHANNELS planes each */
  float *result;
} level;

static size_t plane_size(const level *l) {
  return (size_t)l->width * (size_t)l->height;
}

static status resize_planes(const float *in, const level *from, const level *to,
                            float *out) {
  float *between;
  TRY(MEMORY_NEW((size_t)from->width * (size_t)to->height, "regrain resizing",
                 &between));
  for (size_t c = 0; c < CHANNELS; c++) {
    resize_rows(in + c * plane_size(from), from->width, from->height,
                to->height, between);
    resize_columns(between, from->width, to->width, to->height,
                   out + c * plane_size(to));
  }
  memory_free(between);
  return STATUS_OK;
}

/* ---- one level ---- */

enum { LEFT, RIGHT, UP, DOWN, SIDES };

/* The iteration, solved for what changes:
 *   I' = constant + sum over sides of weight[side] * I[side] + rho * I */
typedef struct system_planes {
  float *phi;           /* one plane */
  float *weight[SIDES]; /* one plane each: (1 - rho) phi_side / sum */
  float *pull;          /* one plane: (1 - rho) psi / sum */
  float *constant;      /* one plane, of the channel at work */
  float *other;         /* one plane: the next iterate */
} system_planes;

static status system_make(size_t size, system_planes *s, float **memory) {
  TRY(MEMORY_NEW(8 * size, "regrain planes", memory));
  float *next = *memory;
  s->phi = next;
  for (int k = 0; k < SIDES; k++) s->weight[k] = next += size;
  s->pull = next += size;
  s->constant = next += size;
  s->other = next + size;
  return STATUS_OK;
}

/* Where pixel (x, y)'s neighbours are, the border repeated. */
static void neighbours(int width, int height, int x, int y, size_t at[SIDES]) {
  size_t row = (size_t)y * (size_t)width, i = row + (size_t)x;
  at[LEFT] = x > 0 ? i - 1 : i;
  at[RIGHT] = x < width - 1 ? i + 1 : i;
  at[UP] = y > 0 ? i - (size_t)width : i;
  at[DOWN] = y < height - 1 ? i + (size_t)width : i;
}

/* psi = min(256 dI / 5, 1), phi = 30 / (1 + 10 dI) / 2^depth, where dI is the
 * length of the original's gradient over all channels. */
static void set_psi_phi(const level *l, int depth, system_planes *s) {
  size_t size = plane_size(l), at[SIDES];
  float strength = ldexpf(30, -depth);
  for (int y = 0; y < l->height; y++)
    for (int x = 0; x < l->width; x++) {
      size_t i = (size_t)y * (size_t)l->width + (size_t)x;
      neighbours(l->width, l->height, x, y, at);
      float square = 0;
      for (size_t c = 0; c < CHANNELS; c++) {
        const float *p = l->original + c * size;
        float dx = p[at[RIGHT]] - p[at[LEFT]], dy = p[at[DOWN]] - p[at[UP]];
        square += dx * dx + dy * dy;
      }
      float gradient = sqrtf(square);
      s->pull[i] = fminf(256 * gradient / 5, 1);
      s->phi[i] = strength / (1 + 10 * gradient);
    }
}

/* phi of a side is the mean of the pixel's and the neighbour's; all are
 * positive, so the sum that divides is, too. */
static void set_weights(const level *l, system_planes *s) {
  size_t at[SIDES];
  for (int y = 0; y < l->height; y++)
    for (int x = 0; x < l->width; x++) {
      size_t i = (size_t)y * (size_t)l->width + (size_t)x;
      neighbours(l->width, l->height, x, y, at);
      float side[SIDES], sum = s->pull[i];
      for (int k = 0; k < SIDES; k++) {
        side[k] = 0.5f * (s->phi[at[k]] + s->phi[i]);
        sum += side[k];
      }
      float share = (1 - rho) / sum;
      for (int k = 0; k < SIDES; k++) s->weight[k][i] = share * side[k];
      s->pull[i] *= share;
    }
}

static void set_constant(const level *l, const float *original,
                         const float *graded, system_planes *s) {
  size_t at[SIDES];
  for (int y = 0; y < l->height; y++)
    for (int x = 0; x < l->width; x++) {
      size_t i = (size_t)y * (size_t)l->width + (size_t)x;
      neighbours(l->width, l->height, x, y, at);
      float sum = s->pull[i] * graded[i];
      for (int k = 0; k < SIDES; k++)
        sum += s->weight[k][i] * (original[i] - original[at[k]]);
      s->constant[i] = sum;
    }
}

static float step_pixel(const system_planes *s, const float *in, size_t i,
                        const size_t at[SIDES]) {
  return s->constant[i] + s->weight[LEFT][i] * in[at[LEFT]] +
         s->weight[RIGHT][i] * in[at[RIGHT]] + s->weight[UP][i] * in[at[UP]] +
         s->weight[DOWN][i] * in[at[DOWN]] + rho * in[i];
}

static void step_row(const level *l, const system_planes *s, const float *in,
                     int y, float *out) {
  size_t row = (size_t)y * (size_t)l->width, at[SIDES];
  int ends[2] = {0, l->width - 1};
  for (int e = 0; e < 2; e++) {
    size_t i = row + (size_t)ends[e];
    neighbours(l->width, l->height, ends[e], y, at);
    out[i] = step_pixel(s, in, i, at);
  }
  /* The inside, where all rows are contiguous, in a form that vectorises. */
  const float *restrict here = in + row, *constant = s->constant + row,
                        *left = s->weight[LEFT] + row,
                        *right = s->weight[RIGHT] + row,
                        *up = s->weight[UP] + row,
                        *down = s->weight[DOWN] + row;
  const float *above = y > 0 ? here - l->width : here;
  const float *below = y < l->height - 1 ? here + l->width : here;
  float *restrict to = out + row;
  for (int x = 1; x < l->width - 1; x++)
    to[x] = constant[x] + left[x] * here[x - 1] + right[x] * here[x + 1] +
            up[x] * above[x] + down[x] * below[x] + rho * here[x];
}

static void iterate(const level *l, system_planes *s, float *plane, int count) {
  float *in = plane, *out = s->other;
  for (int i = 0; i < count; i++) {
    for (int y = 0; y < l->height; y++) step_row(l, s, in, y, out);
    float *swap = in;
    in = out;
    out = swap;
  }
  if (in != plane) memcpy(plane, in, plane_size(l) * sizeof *plane);
}

static status solve(const level *l, int depth) {
  size_t size = plane_size(l);
  system_planes s;
  float *memory;
  TRY(system_make(size, &s, &memory));
  set_psi_phi(l, depth, &s);
  set_weights(l, &s);
  for (size_t c = 0; c < CHANNELS; c++) {
    set_constant(l, l->original + c * size, l->graded + c * size, &s);
    iterate(l, &s, l->result + c * size, iterations[depth]);
  }
  memory_free(memory);
  return STATUS_OK;
}

/* ---- the pyramid ---- */

static status regrain_level(const level *l, int depth);

/* Starts `l->result` from the solution at half the size. */
static status start_from_half(const level *l, int depth) {
  level half = {.width = (l->width + 1) / 2, .height = (l->height + 1) / 2};
  size_t planes = CHANNELS * plane_size(&half);
  float *memory;
  TRY(MEMORY_NEW(3 * planes, "regrain pyramid", &memory));
  float *original = memory, *graded = memory + planes;
  half.original = original;
  half.graded = graded;
  half.result = memory + 2 * planes;
  status result;
  TRY_OR(done, resize_planes(l->original, l, &half, original));
  TRY_OR(done, resize_planes(l->graded, l, &half, graded));
  TRY_OR(done, regrain_level(&half, depth + 1));
  TRY_OR(done, resize_planes(half.result, &half, l, l->result));
done:
  memory_free(memory);
  return result;
}

static status regrain_level(const level *l, int depth) {
  bool halve = depth + 1 < LEVELS && (l->width + 1) / 2 > SMALLEST &&
               (l->height + 1) / 2 > SMALLEST;
  if (halve)
    TRY(start_from_half(l, depth));
  else
    memcpy(l->result, l->original, CHANNELS * plane_size(l) * sizeof(float));
  return solve(l, depth);
}

status transfer_regrain(const float *original, const float *graded, int width,
                        int height, float *out) {
  level finest = {width, height, original, graded, out};
  return regrain_level(&finest, 0);
}
