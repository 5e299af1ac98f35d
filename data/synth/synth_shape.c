/* Shapes and their materials. */
#include <math.h>

#include "data/synth/synth_internal.h"

#define PI 3.14159265f

/* ---- materials ----
 *
 * Each family has a narrow range of colours, so that a colour out of its range
 * tells of the light. */
typedef struct family {
  rgb light, dark;
} family;
static const family families[SYNTH_FAMILIES] = {
    {{0.56f, 0.14f, 0.09f}, {0.30f, 0.06f, 0.05f}}, /* brick */
    {{0.22f, 0.40f, 0.10f}, {0.07f, 0.17f, 0.04f}}, /* leaves */
    {{0.70f, 0.56f, 0.36f}, {0.46f, 0.33f, 0.19f}}, /* sand */
    {{0.42f, 0.23f, 0.11f}, {0.18f, 0.09f, 0.04f}}, /* wood */
    {{0.80f, 0.79f, 0.76f}, {0.55f, 0.54f, 0.52f}}, /* plaster */
    {{0.16f, 0.17f, 0.18f}, {0.05f, 0.05f, 0.06f}}, /* slate */
    {{0.80f, 0.34f, 0.07f}, {0.52f, 0.16f, 0.03f}}, /* orange */
    {{0.84f, 0.66f, 0.10f}, {0.58f, 0.38f, 0.05f}}, /* lemon */
    {{0.72f, 0.44f, 0.33f}, {0.42f, 0.22f, 0.15f}}, /* skin */
    {{0.12f, 0.27f, 0.55f}, {0.04f, 0.09f, 0.26f}}, /* denim */
    {{0.10f, 0.42f, 0.42f}, {0.04f, 0.20f, 0.22f}}, /* teal */
    {{0.42f, 0.17f, 0.44f}, {0.19f, 0.06f, 0.22f}}, /* plum */
};

static float clamp(float x, float low, float high) {
  return x < low ? low : x > high ? high : x;
}

static rgb jitter(random_stream *stream, rgb colour) {
  float whole = 1 + 0.12f * (float)random_normal(stream);
  whole = clamp(whole, 0.7f, 1.3f);
  return (rgb){
      clamp(colour.r * whole * synth_between(stream, 0.9f, 1.1f), 0.02f, 0.92f),
      clamp(colour.g * whole * synth_between(stream, 0.9f, 1.1f), 0.02f, 0.92f),
      clamp(colour.b * whole * synth_between(stream, 0.9f, 1.1f), 0.02f,
            0.92f)};
}

synth_material synth_material_draw(random_stream *stream, int which) {
  synth_material material;
  material.light = jitter(stream, families[which].light);
  material.dark = jitter(stream, families[which].dark);
  material.pattern = (int)random_below(stream, 4);
  material.scale = synth_between(stream, 2.5f, 6.0f);
  material.gloss =
      random_uniform(stream) < 0.4 ? synth_between(stream, 0.1f, 0.5f) : 0;
  material.seed = random_u32(stream);
  return material;
}

rgb synth_material_at(const synth_material *material, float u, float v) {
  float s = material->scale;
  float grain = synth_noise(material->seed, u * s, v * s, 3), t = grain;
  float wobble = 0.4f * (grain - 0.5f);
  switch (material->pattern) {
  case 0: t = 0.15f + 0.3f * grain; break;
  case 1: t = clamp((grain - 0.5f) * 2.5f + 0.5f, 0, 1); break;
  case 2: t = 0.5f + 0.5f * sinf((u + wobble) * s * 4); break;
  case 3:
    t = (((int)floorf(u * s) + (int)floorf(v * s)) & 1 ? 0.8f : 0.2f) +
        wobble * 0.5f;
    break;
  }
  return rgb_mix(material->light, material->dark, clamp(t, 0, 1));
}

/* ---- shapes ---- */

/* A random orthonormal basis whose axes all look at the viewer: the three
 * faces of a box that one sees. */
static void draw_axes(random_stream *stream, vec3 axis[3]) {
  float turn = synth_between(stream, 0.25f, 1.3f);
  float rise = synth_between(stream, 0.25f, 0.9f);
  float c = cosf(turn), s = sinf(turn), cr = cosf(rise), sr = sinf(rise);
  axis[0] = (vec3){c, s * sr, s * cr};
  axis[1] = (vec3){-s, c * sr, c * cr};
  axis[2] = (vec3){0, -cr, sr}; /* the upper face */
}

synth_shape synth_shape_draw(random_stream *stream, synth_kind kind, float x,
                             float y, float radius, int which) {
  synth_shape shape = {.kind = kind, .x = x, .y = y, .radius = radius};
  float angle = kind == SYNTH_BOX || kind == SYNTH_COLUMN
                    ? synth_between(stream, -0.25f, 0.25f)
                    : synth_between(stream, -PI, PI);
  shape.cosine = cosf(angle), shape.sine = sinf(angle);
  shape.squeeze = kind == SYNTH_COLUMN ? synth_between(stream, 0.3f, 0.6f)
                                       : synth_between(stream, 0.7f, 1.0f);
  draw_axes(stream, shape.axis);
  for (int i = 0; i < 3; i++) {
    shape.half[i] = synth_between(stream, 0.45f, 0.75f) * radius;
    shape.wave[i] = synth_between(stream, 0.03f, 0.13f);
    shape.phase[i] = synth_between(stream, -PI, PI);
  }
  shape.material = synth_material_draw(stream, which);
  return shape;
}

/* (u, v): place in the shape's own frame, in radii. */
static bool hit_ball(const synth_shape *shape, float u, float v, vec3 *normal,
                     float *s, float *t) {
  float w = v / shape->squeeze, left = 1 - u * u - w * w;
  if (left < 0) return false;
  *normal = (vec3){u, w, sqrtf(left)};
  *s = asinf(clamp(u, -1, 1)), *t = asinf(clamp(w, -1, 1));
  return true;
}

static bool hit_blob(const synth_shape *shape, float u, float v, vec3 *normal,
                     float *s, float *t) {
  float angle = atan2f(v, u), outline = 0.72f;
  for (int i = 0; i < 3; i++)
    outline +=
        shape->wave[i] * cosf((float)(i + 2) * angle + shape->phase[i]) * 0.7f;
  float p = u / outline, q = v / outline, left = 1 - p * p - q * q;
  if (left < 0) return false;
  float bump = 3.0f; /* its skin is uneven */
  float e = 0.15f;
  uint32_t seed = shape->material.seed ^ 0x9E37u;
  float here = synth_noise(seed, p * bump, q * bump, 2);
  float dx = synth_noise(seed, p * bump + e, q * bump, 2) - here;
  float dy = synth_noise(seed, p * bump, q * bump + e, 2) - here;
  vec3 n = {p - 1.5f * dx, q - 1.5f * dy, sqrtf(left) + 0.05f};
  float length = sqrtf(vec3_dot(n, n));
  *normal = (vec3){n.x / length, n.y / length, n.z / length};
  *s = p, *t = q;
  return true;
}

static bool hit_column(const synth_shape *shape, float u, float v, vec3 *normal,
                       float *s, float *t) {
  float w = u / shape->squeeze;
  float end = 0.85f - 0.12f * sqrtf(fmaxf(0, 1 - w * w)); /* round ends */
  if (w * w > 1 || v > 0.85f || v < -end) return false;
  *normal = (vec3){w, 0, sqrtf(1 - w * w)};
  *s = asinf(w), *t = v * 1.5f;
  return true;
}

static bool hit_box(const synth_shape *shape, float x, float y, vec3 *normal,
                    float *s, float *t) {
  for (int i = 0; i < 3; i++) {
    int j = (i + 1) % 3, k = (i + 2) % 3;
    const vec3 *a = &shape->axis[j], *b = &shape->axis[k];
    float ax = a->x * shape->half[j], ay = a->y * shape->half[j];
    float bx = b->x * shape->half[k], by = b->y * shape->half[k];
    float px = x - shape->axis[i].x * shape->half[i];
    float py = y - shape->axis[i].y * shape->half[i];
    float area = ax * by - ay * bx;
    if (fabsf(area) < 1e-9f) continue;
    float p = (px * by - py * bx) / area, q = (ax * py - ay * px) / area;
    if (fabsf(p) > 1 || fabsf(q) > 1) continue;
    *normal = shape->axis[i];
    *s = p + 3.1f * (float)i, *t = q;
    return true;
  }
  return false;
}

bool synth_shape_hit(const synth_shape *shape, float x, float y, vec3 *normal,
                     rgb *albedo) {
  float dx = x - shape->x, dy = y - shape->y;
  float reach = shape->radius * (shape->kind == SYNTH_BOX ? 1.35f : 1.0f);
  if (dx * dx + dy * dy > reach * reach) return false;
  float c = shape->cosine, sn = shape->sine;
  float u = c * dx + sn * dy, v = c * dy - sn * dx, s, t;
  float ru = u / shape->radius, rv = v / shape->radius;
  vec3 own;
  bool hit = false;
  switch (shape->kind) {
  case SYNTH_BALL: hit = hit_ball(shape, ru, rv, &own, &s, &t); break;
  case SYNTH_BOX: hit = hit_box(shape, u, v, &own, &s, &t); break;
  case SYNTH_BLOB: hit = hit_blob(shape, ru, rv, &own, &s, &t); break;
  case SYNTH_COLUMN: hit = hit_column(shape, ru, rv, &own, &s, &t); break;
  case SYNTH_KINDS: break;
  }
  if (!hit || normal == NULL) return hit;
  *normal = (vec3){c * own.x - sn * own.y, sn * own.x + c * own.y, own.z};
  *albedo = synth_material_at(&shape->material, s, t);
  return true;
}
