/* The changes of the foreground, goal by goal. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/colour/cct.h"
#include "data/colour/lab.h"
#include "data/classical/xue_internal.h"

static size_t pixels_of(const xue_picture *p) {
  return (size_t)p->width * (size_t)p->height;
}

static void scale_pixel(float *rgb, double factor) {
  for (int c = 0; c < 3; c++) rgb[c] = (float)(rgb[c] * factor);
}

/* Luminance by so many stops; chromaticity stays. */
static void change_luminance(xue_picture *p, double stops) {
  double factor = exp2(stops);
  for (size_t i = 0; i < pixels_of(p); i++)
    if (p->mask[i] > 0) scale_pixel(p->rgb + 3 * i, factor);
}

/* Luminance and tint stay. What is too saturated for Robertson's table (deep
 * reds and blues) comes back from it a little paler, as in the authors'
 * program. */
static void change_temperature_of(float *rgb, double mireds) {
  const double linear[3] = {rgb[0], rgb[1], rgb[2]};
  double xyz[3], out[3], mired, tint, x, y;
  xyz_from_linear(linear, LAB_D65, xyz);
  double sum = xyz[0] + xyz[1] + xyz[2];
  if (!(sum > 0) || !(xyz[1] > 0)) return; /* black has no colour */
  cct_from_xy(xyz[0] / sum, xyz[1] / sum, &mired, &tint);
  cct_to_xy(mired + mireds, tint, &x, &y);
  /* Below lies no colour: an extrapolation of one out of gamut. */
  y = fmax(y, 0.01);
  const double moved[3] = {x / y * xyz[1], xyz[1], (1 - x - y) / y * xyz[1]};
  xyz_to_linear(moved, LAB_D65, out);
  for (int c = 0; c < 3; c++) rgb[c] = (float)out[c];
}

static void change_temperature(xue_picture *p, double mireds) {
  for (size_t i = 0; i < pixels_of(p); i++)
    if (p->mask[i] > 0) change_temperature_of(p->rgb + 3 * i, mireds);
}

/* HSV saturation by so many octaves; hue and value stay: what lacks to the
 * largest channel grows by the factor. */
static void change_saturation(xue_picture *p, double octaves) {
  double factor = exp2(octaves);
  for (size_t i = 0; i < pixels_of(p); i++) {
    if (p->mask[i] == 0) continue;
    float *rgb = p->rgb + 3 * i;
    double value = fmax(rgb[0], fmax(rgb[1], rgb[2]));
    for (int c = 0; c < 3; c++)
      rgb[c] = (float)(value - (value - rgb[c]) * factor);
  }
}

/* ---- local contrast ----
 *
 * An S-shaped curve around the foreground's mean luminance, on either side a
 * quadratic Bezier curve through (0, 0), (alpha, 1 - alpha), (1, 1). */

static double bezier(double x, double alpha) {
  if (x >= 1) return 1;
  double t = x / (alpha + sqrt(alpha * alpha + (1 - 2 * alpha) * x));
  return x > 0 ? 2 * t * (1 - t) * (1 - alpha) + t * t : 0;
}

static double curve(double y, double middle, double alpha) {
  if (y >= middle)
    return middle < 1 ? middle + (1 - middle) *
                                     bezier((y - middle) / (1 - middle), alpha)
                      : y;
  return middle - middle * bezier((middle - y) / middle, alpha);
}

/* A part of a picture: what contrast is sought in. */
typedef struct contrast_search {
  const xue_scene *scene;
  size_t count;
  float *luminance, *curved, *map;
  bool *inside; /* the foreground, not eroded */
  double *values;
  double middle;
} contrast_search;

static status search_allocate(const xue_scene *scene, contrast_search *s) {
  s->scene = scene;
  s->count = (size_t)scene->width * (size_t)scene->height;
  TRY(MEMORY_NEW(s->count, "contrast", &s->luminance));
  TRY(MEMORY_NEW(s->count, "contrast", &s->curved));
  TRY(MEMORY_NEW(s->count, "contrast", &s->map));
  TRY(MEMORY_NEW(s->count, "contrast", &s->inside));
  return MEMORY_NEW(s->count + xue_contrast_fill(scene->scale), "contrast",
                    &s->values);
}

static void search_free(contrast_search *s) {
  memory_free(s->luminance);
  memory_free(s->curved);
  memory_free(s->map);
  memory_free(s->inside);
  memory_free(s->values);
}

static void search_fill(const xue_picture *p, contrast_search *s) {
  double sum = 0, inside = 0;
  for (size_t i = 0; i < s->count; i++) {
    size_t width = (size_t)s->scene->width;
    size_t at = (i / width + (size_t)s->scene->y) * (size_t)p->width +
                i % width + (size_t)s->scene->x;
    s->luminance[i] = (float)xue_luminance(p->rgb + 3 * at);
    s->inside[i] = p->mask[at] >= 128;
    if (!s->inside[i]) continue;
    sum += s->luminance[i];
    inside++;
  }
  s->middle = sum / inside;
}

/* Top local contrast of the foreground under a curve. */
static status top_contrast(contrast_search *s, double alpha, double *top) {
  const xue_scene *scene = s->scene;
  for (size_t i = 0; i < s->count; i++)
    s->curved[i] = (float)curve(s->luminance[i], s->middle, alpha);
  TRY(xue_contrast_map(s->curved, scene->width, scene->height, s->map));
  size_t count = 0;
  for (size_t i = 0; i < s->count; i++)
    if (s->inside[i]) s->values[count++] = s->map[i];
  count = xue_contrast_keep(s->values, count, scene->scale);
  *top = xue_top_mean(s->values, count);
  return STATUS_OK;
}

/* Of five curves the one whose gain of top contrast is nearest to `wanted`;
 * 0.5 is the straight line, above it contrast shrinks. */
static status find_curve(contrast_search *s, double wanted, double *alpha) {
  static const double alphas[] = {0.4, 0.45, 0.5, 0.55, 0.6};
  double top[5], best = INFINITY;
  for (int k = 0; k < 5; k++) TRY(top_contrast(s, alphas[k], &top[k]));
  for (int k = 0; k < 5; k++) {
    double error = fabs(top[k] - top[2] - wanted);
    if (error >= best) continue;
    best = error;
    *alpha = alphas[k];
  }
  return STATUS_OK;
}

static status change_contrast(xue_picture *p, const xue_scene *scene,
                              double wanted) {
  contrast_search s = {0};
  double alpha = 0.5;
  status result = search_allocate(scene, &s);
  if (result == STATUS_OK) {
    search_fill(p, &s);
    result = find_curve(&s, wanted, &alpha);
  }
  for (size_t i = 0; result == STATUS_OK && i < pixels_of(p); i++) {
    double y = xue_luminance(p->rgb + 3 * i);
    if (p->mask[i] > 0 && y > 0)
      scale_pixel(p->rgb + 3 * i, curve(y, s.middle, alpha) / y);
  }
  search_free(&s);
  return result;
}

status xue_change(xue_picture *picture, const xue_scene *scene, xue_goal goal,
                  double offset) {
  if (offset == 0) return STATUS_OK;
  switch (goal) {
  case XUE_CONTRAST: return change_contrast(picture, scene, -offset);
  case XUE_LUMINANCE: change_luminance(picture, -offset); break;
  case XUE_TEMPERATURE: change_temperature(picture, -offset); break;
  case XUE_SATURATION: change_saturation(picture, -offset); break;
  case XUE_GOALS: INVARIANT(false, "goal %d", (int)goal);
  }
  return STATUS_OK;
}
