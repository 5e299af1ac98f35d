/* What is measured in foreground and background, goal by goal. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "data/colour/cct.h"
#include "data/colour/lab.h"
#include "data/classical/xue_internal.h"

const char *const xue_goal_names[XUE_GOALS] = {
    "local contrast", "luminance", "colour temperature", "saturation"};

/* The darkest level above black, linear; its logarithm is -11.686. */
static const double darkest = 1 / 255.0 / 12.92;
/* Contrast below cannot be seen. */
static const double least_contrast = 0.10;
/* Colour is measured between shadow and overexposure. */
static const double shadow = 0.0451862 /* level 60 */, overexposed = 0.88;

typedef struct range {
  double least, most;
} range;

/* What the offsets' limits and entropy's levels go by. */
static range range_of(xue_goal goal) {
  switch (goal) {
  case XUE_CONTRAST: return (range){least_contrast, 1};
  case XUE_TEMPERATURE: return (range){1e6 / 20000, 1e6 / 1500};
  case XUE_LUMINANCE:
  case XUE_SATURATION:
  case XUE_GOALS: break;
  }
  return (range){log2(darkest), 0};
}

static double temperature(const float *rgb) {
  const double linear[3] = {rgb[0], rgb[1], rgb[2]};
  double xyz[3], mired, tint;
  xyz_from_linear(linear, LAB_D65, xyz);
  double sum = xyz[0] + xyz[1] + xyz[2];
  range limits = range_of(XUE_TEMPERATURE);
  if (!(sum > 0)) return NAN;
  cct_from_xy(xyz[0] / sum, xyz[1] / sum, &mired, &tint);
  return fmin(fmax(mired, limits.least), limits.most);
}

static double saturation(const float *rgb) {
  double most = fmax(rgb[0], fmax(rgb[1], rgb[2]));
  double least = fmin(rgb[0], fmin(rgb[1], rgb[2]));
  return log2(fmax(most > 0 ? (most - least) / most : 0, darkest));
}

/* ---- collecting ---- */

typedef struct measurement {
  const xue_scene *scene;
  xue_goal goal;
  float *rgb;       /* the scene's pixels, a little blurred */
  float *luminance; /* theirs */
  float *contrast;  /* for that goal */
  double *values;
} measurement;

/* NaN: a pixel that does not count. */
static double value_at(const measurement *m, size_t i) {
  double y = m->luminance[i];
  bool has_colour = y > shadow && y < overexposed;
  switch (m->goal) {
  case XUE_CONTRAST: return m->contrast[i];
  case XUE_LUMINANCE: return log2(fmax(y, darkest));
  case XUE_TEMPERATURE: return has_colour ? temperature(m->rgb + 3 * i) : NAN;
  case XUE_SATURATION: return has_colour ? saturation(m->rgb + 3 * i) : NAN;
  case XUE_GOALS: break;
  }
  INVARIANT(false, "goal %d", (int)m->goal);
}

size_t xue_contrast_fill(double scale) { return 1 + (size_t)(100 * scale); }

size_t xue_contrast_keep(double *values, size_t count, double scale) {
  size_t kept = 0, fill = xue_contrast_fill(scale);
  for (size_t i = 0; i < count; i++)
    if (values[i] > least_contrast) values[kept++] = values[i];
  while (kept < fill) values[kept++] = least_contrast;
  return kept;
}

static bool measure_region(const measurement *m, const bool *inside,
                           xue_region *out) {
  size_t pixels = (size_t)m->scene->width * (size_t)m->scene->height;
  size_t count = 0;
  for (size_t i = 0; i < pixels; i++) {
    if (!inside[i]) continue;
    double value = value_at(m, i);
    if (!isnan(value)) m->values[count++] = value;
  }
  if (count == 0) return false;
  if (m->goal == XUE_CONTRAST)
    count = xue_contrast_keep(m->values, count, m->scene->scale);
  range limits = range_of(m->goal);
  xue_describe(m->values, count, limits.least, limits.most, out);
  return true;
}

/* ---- the maps ---- */

static status take_scene(const xue_picture *picture, measurement *m) {
  const xue_scene *s = m->scene;
  size_t width = (size_t)s->width, count = width * (size_t)s->height;
  TRY(MEMORY_NEW(3 * count, "a scene", &m->rgb));
  TRY(MEMORY_NEW(count, "luminance", &m->luminance));
  TRY(MEMORY_NEW(count + xue_contrast_fill(s->scale), "values", &m->values));
  for (int y = 0; y < s->height; y++)
    memcpy(m->rgb + 3 * (size_t)y * width,
           picture->rgb +
               3 * ((size_t)(y + s->y) * (size_t)picture->width + (size_t)s->x),
           3 * width * sizeof *m->rgb);
  int shorter = s->width < s->height ? s->width : s->height;
  TRY(xue_blur(m->rgb, s->width, s->height, 3, shorter / 1024.0));
  for (size_t i = 0; i < count; i++)
    m->luminance[i] = (float)xue_luminance(m->rgb + 3 * i);
  if (m->goal != XUE_CONTRAST) return STATUS_OK;
  TRY(MEMORY_NEW(count, "contrast", &m->contrast));
  return xue_contrast_map(m->luminance, s->width, s->height, m->contrast);
}

status xue_measure(const xue_picture *picture, const xue_scene *scene,
                   xue_goal goal, xue_features *out) {
  measurement m = {.scene = scene, .goal = goal};
  *out = (xue_features){0};
  status result = take_scene(picture, &m);
  if (result == STATUS_OK)
    out->defined = measure_region(&m, scene->inside[0], &out->foreground) &&
                   measure_region(&m, scene->inside[1], &out->background);
  memory_free(m.rgb);
  memory_free(m.luminance);
  memory_free(m.contrast);
  memory_free(m.values);
  return result;
}

/* ---- choosing ---- */

void xue_inputs(const xue_features *features, float inputs[XUE_INPUTS]) {
  for (int i = 0; i < XUE_SHAPE; i++) {
    inputs[i] = (float)features->foreground.shape[i];
    inputs[XUE_SHAPE + i] = (float)features->background.shape[i];
  }
}

/* How far a zone is from its background's after a change by -offset. */
static double left_over(const xue_features *features, xue_goal goal, int zone,
                        double offset) {
  range limits = range_of(goal);
  double after = features->foreground.zone[zone] - offset;
  after = fmin(fmax(after, limits.least), limits.most);
  return fabs(after - features->background.zone[zone]);
}

double xue_offset(const xue_features *features, xue_goal goal,
                  const bool agreeing[XUE_ZONES]) {
  const double tie = 0.001;
  double best =
      features->foreground.zone[XUE_MEAN] - features->background.zone[XUE_MEAN];
  double best_cost = INFINITY, best_mean = INFINITY;
  for (int k = 0; k < XUE_ZONES; k++) {
    if (!agreeing[k]) continue;
    double offset = features->foreground.zone[k] - features->background.zone[k];
    double cost = 0, of_mean = left_over(features, goal, XUE_MEAN, offset);
    for (int j = 0; j < XUE_ZONES; j++)
      if (agreeing[j]) cost += left_over(features, goal, j, offset);
    if (cost < best_cost - tie ||
        (cost <= best_cost + tie && of_mean < best_mean)) {
      best = offset;
      best_cost = cost;
      best_mean = of_mean;
    }
  }
  return best;
}
