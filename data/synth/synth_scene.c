/* A scene under one light: the light's colour, its strength and the film are
 * common to the background and the object. */
#include <math.h>

#include "base/memory.h"
#include "data/synth/synth_internal.h"

enum { MAX_SHAPES = 7, SAMPLES = 2 /* a pixel and direction */ };

typedef struct scene {
  rgb sun, ambient; /* light of the scene, exposure included */
  rgb white;        /* its colour alone: the sky is seen by it too */
  vec3 towards;     /* the sun */
  float contrast, saturation, grain;
  synth_ground ground;
  synth_shape shapes[MAX_SHAPES]; /* far to near; the last is the object */
  int count;
} scene;

/* ---- composing ---- */

static void draw_light(random_stream *stream, scene *s) {
  float warm = 0.22f * (float)random_normal(stream);
  float tint = 0.06f * (float)random_normal(stream);
  s->white = (rgb){expf(warm), expf(tint), expf(-warm)};
  float exposure = expf(0.30f * (float)random_normal(stream));
  float soft = synth_between(stream, 0.25f, 0.6f); /* overcast: less sun */
  rgb light = s->white = rgb_scale(s->white, exposure);
  s->sun =
      rgb_scale(rgb_times(light, (rgb){1.05f, 1.0f, 0.93f}), 1.9f * (1 - soft));
  s->ambient = rgb_scale(rgb_times(light, (rgb){0.93f, 1.0f, 1.1f}), soft);
  float around = synth_between(stream, -1.2f, 1.2f);
  float up = synth_between(stream, 0.4f, 1.1f);
  s->towards = (vec3){sinf(around) * cosf(up), -sinf(up),
                      0.3f + cosf(around) * cosf(up) * 0.7f};
  float length = sqrtf(vec3_dot(s->towards, s->towards));
  s->towards.x /= length, s->towards.y /= length, s->towards.z /= length;
}

static void draw_film(random_stream *stream, scene *s) {
  s->contrast = expf(0.13f * (float)random_normal(stream));
  float saturation = 1 + 0.18f * (float)random_normal(stream);
  s->saturation = fminf(1.5f, fmaxf(0.5f, saturation));
  s->grain = synth_between(stream, 0.5f, 2.5f);
}

/* Some shapes behind, the first of the object's family and kind: what the
 * object should look like is there to be seen. */
static void draw_shapes(random_stream *stream, scene *s, int family) {
  s->count = 3 + (int)random_below(stream, MAX_SHAPES - 2);
  synth_kind kind = (synth_kind)random_below(stream, SYNTH_KINDS);
  float base = s->ground.horizon;
  for (int i = 0; i < s->count; i++) {
    bool object = i == s->count - 1;
    bool alike = object || i == 0;
    float depth = (float)(i + 1) / (float)s->count;
    float radius = object
                       ? 0.13f + 0.24f * powf(synth_between(stream, 0, 1), 1.6f)
                       : synth_between(stream, 0.07f, 0.13f + 0.1f * depth);
    float x = object ? synth_between(stream, 0.3f, 0.7f)
                     : synth_between(stream, 0.02f, 0.98f);
    float floor =
        base + (0.95f - base) * depth * synth_between(stream, 0.6f, 1);
    float y = object ? synth_between(stream, 0.42f, 0.68f) : floor - radius / 2;
    synth_kind own =
        alike ? kind : (synth_kind)random_below(stream, SYNTH_KINDS);
    int made = alike ? family : (int)random_below(stream, SYNTH_FAMILIES);
    s->shapes[i] = synth_shape_draw(stream, own, x, y, radius, made);
  }
}

/* ---- light ---- */

static rgb shade(const scene *s, rgb albedo, vec3 normal, float gloss,
                 float shadow) {
  float lambert = fmaxf(0, vec3_dot(normal, s->towards)) * shadow;
  float open = 0.65f - 0.35f * normal.y; /* the sky is above */
  rgb light = rgb_plus(rgb_scale(s->sun, lambert), rgb_scale(s->ambient, open));
  rgb out = rgb_times(albedo, light);
  if (gloss > 0) {
    vec3 half = {s->towards.x, s->towards.y, s->towards.z + 1};
    float length = sqrtf(vec3_dot(half, half));
    float shine = fmaxf(0, vec3_dot(normal, half)) / length;
    shine *= shine, shine *= shine, shine *= shine, shine *= shine;
    out = rgb_plus(out, rgb_scale(s->sun, gloss * shine * shadow));
  }
  return out;
}

/* Soft dark spots where shapes stand, away from the sun. */
static float ground_shadow(const scene *s, float x, float y) {
  float light = 1;
  for (int i = 0; i < s->count; i++) {
    const synth_shape *shape = &s->shapes[i];
    float dx = x - shape->x + 0.5f * s->towards.x * shape->radius;
    float dy = y - shape->y - 0.75f * shape->radius;
    float u = dx / (1.1f * shape->radius), v = dy / (0.35f * shape->radius);
    float near = u * u + v * v;
    if (near < 1) light *= 1 - 0.75f * (1 - near);
  }
  return light;
}

/* The light from (x, y). */
static rgb trace(const scene *s, float x, float y) {
  vec3 normal;
  rgb albedo, shine;
  for (int i = s->count - 1; i >= 0; i--) {
    if (!synth_shape_hit(&s->shapes[i], x, y, &normal, &albedo)) continue;
    return shade(s, albedo, normal, s->shapes[i].material.gloss, 1);
  }
  synth_ground_at(&s->ground, x, y, &shine, &albedo, &normal);
  rgb lit = shade(s, albedo, normal, 0, ground_shadow(s, x, y));
  return rgb_plus(rgb_times(shine, s->white), lit);
}

/* ---- film ---- */

/* A shoulder above and a toe below, then the display's gamma. */
static float film(float light, float contrast) {
  float x = light * 1.1f;
  float y = x * (2.51f * x + 0.03f) / (x * (2.43f * x + 0.59f) + 0.14f);
  return powf(fminf(1, fmaxf(0, y)), contrast / 2.2f);
}

/* Near enough normal: the sum of four uniform bytes, variance 1. */
static float cheap_normal(random_stream *stream) {
  uint32_t bits = random_u32(stream);
  int sum = (int)(bits & 255) + (int)(bits >> 8 & 255) +
            (int)(bits >> 16 & 255) + (int)(bits >> 24);
  return ((float)sum - 510) / 147.8f;
}

static uint8_t to_byte(float value) {
  float x = value * 255 + 0.5f;
  return (uint8_t)(x < 0 ? 0 : x > 255 ? 255 : x);
}

static void develop(const scene *s, rgb light, random_stream *stream,
                    uint8_t *pixel) {
  float c[3] = {film(light.r, s->contrast), film(light.g, s->contrast),
                film(light.b, s->contrast)};
  float grey = 0.299f * c[0] + 0.587f * c[1] + 0.114f * c[2];
  for (int i = 0; i < 3; i++) {
    float value = grey + (c[i] - grey) * s->saturation;
    pixel[i] = to_byte(value + s->grain / 255 * cheap_normal(stream));
  }
}

/* ---- the picture ---- */

/* The place of sample i of a pixel. */
static float place(int pixel, int i, int size) {
  return ((float)pixel + ((float)i + 0.5f) / SAMPLES) / (float)size;
}

static rgb expose(const scene *s, int px, int py, int size) {
  rgb sum = {0, 0, 0};
  for (int i = 0; i < SAMPLES * SAMPLES; i++)
    sum = rgb_plus(sum, trace(s, place(px, i % SAMPLES, size),
                              place(py, i / SAMPLES, size)));
  return rgb_scale(sum, 1.0f / (SAMPLES * SAMPLES));
}

/* Pixels more than half of which are the object. Returns their share. */
static double draw_mask(const scene *s, data_image *mask) {
  int size = mask->width;
  size_t inside = 0;
  const synth_shape *object = &s->shapes[s->count - 1];
  for (int p = 0; p < size * size; p++) {
    int covered = 0;
    for (int i = 0; i < SAMPLES * SAMPLES; i++)
      covered +=
          synth_shape_hit(object, place(p % size, i % SAMPLES, size),
                          place(p / size, i / SAMPLES, size), NULL, NULL);
    bool object_here = covered * 2 > SAMPLES * SAMPLES;
    mask->pixels[p] = object_here ? 255 : 0;
    inside += object_here;
  }
  return (double)inside / (double)((size_t)size * (size_t)size);
}

static void draw_picture(const scene *s, random_stream *stream,
                         const data_image *mask, bool object_only,
                         data_image *picture) {
  int size = picture->width;
  for (int p = 0; p < size * size; p++) {
    if (object_only && mask->pixels[p] == 0) continue;
    rgb light = expose(s, p % size, p / size, size);
    develop(s, light, stream, picture->pixels + 3 * (size_t)p);
  }
}

status synth_scene_draw(random_stream *stream, int family, int size,
                        bool object_only, data_image *picture, data_image *mask,
                        bool *good) {
  *mask = (data_image){0};
  *good = false;
  TRY(data_image_create(size, size, 3, picture));
  status result = data_image_create(size, size, 1, mask);
  if (result != STATUS_OK) {
    data_image_free(picture);
    return result;
  }
  scene s;
  draw_light(stream, &s);
  draw_film(stream, &s);
  s.ground = synth_ground_draw(stream);
  draw_shapes(stream, &s, family);
  double share = draw_mask(&s, mask);
  *good = share >= SYNTH_SHARE_LEAST && share <= SYNTH_SHARE_MOST;
  if (*good) draw_picture(&s, stream, mask, object_only, picture);
  return STATUS_OK;
}
