/* What stands behind the shapes of a scene: sky, hills, land. */
#include <math.h>

#include "data/synth/synth_internal.h"

static const rgb zeniths[] = {{0.16f, 0.34f, 0.72f},
                              {0.30f, 0.48f, 0.76f},
                              {0.52f, 0.58f, 0.64f},
                              {0.12f, 0.22f, 0.44f}};
static const rgb hazes[] = {{0.78f, 0.84f, 0.90f},
                            {0.88f, 0.80f, 0.66f},
                            {0.74f, 0.76f, 0.78f},
                            {0.92f, 0.72f, 0.52f}};
/* Families (synth_shape.c) that walls and floors are made of. */
static const int floors[] = {1, 1, 2, 3, 3, 4, 5};
static const int walls[] = {0, 2, 4, 4, 9, 10};

#define PICK(stream, list)                                                     \
  (list)[random_below(stream, sizeof(list) / sizeof *(list))]

synth_ground synth_ground_draw(random_stream *stream) {
  synth_ground ground;
  ground.kind = (int)random_below(stream, 3);
  ground.horizon = synth_between(stream, 0.25f, 0.65f);
  ground.tilt = synth_between(stream, -0.08f, 0.08f);
  for (int i = 0; i < 3; i++)
    ground.ridge[i] = synth_between(stream, 0.1f, 0.35f);
  ground.zenith = PICK(stream, zeniths);
  ground.haze = PICK(stream, hazes);
  ground.clouds = synth_between(stream, 0, 0.8f);
  ground.near = synth_material_draw(stream, PICK(stream, floors));
  int far = ground.kind == 1 ? PICK(stream, walls) : 1;
  ground.far = synth_material_draw(stream, far);
  ground.seed = random_u32(stream);
  return ground;
}

static rgb sky(const synth_ground *ground, float x, float height) {
  float up = fminf(1, height * 1.6f);
  rgb clear = rgb_mix(ground->haze, ground->zenith, up);
  float puff = synth_noise(ground->seed, x * 3, height * 7, 4);
  puff = fminf(1, fmaxf(0, (puff - 0.45f) * 4)) * ground->clouds;
  return rgb_scale(rgb_mix(clear, (rgb){0.95f, 0.95f, 0.95f}, puff), 0.75f);
}

/* Flat land in perspective. */
static rgb land(const synth_ground *ground, float x, float depth) {
  float away = 0.35f / (depth + 0.12f);
  rgb texture =
      synth_material_at(&ground->near, (x - 0.5f) * away * 2, away * 3);
  float grain = synth_noise(ground->seed ^ 5u, x * 30, depth * 45, 2);
  return rgb_scale(texture, 0.75f + 0.5f * grain);
}

/* The height of the sky's edge above the horizon: ridge i of the hills. */
static float ridge(const synth_ground *ground, int i, float x) {
  float wide = 1.5f + (float)i;
  return (synth_noise(ground->seed + 31u * (uint32_t)i, x * wide + 9, 0.5f, 4) -
          0.25f) *
         ground->ridge[i] * 2;
}

/* Hills get paler with distance. False where there is sky. */
static bool hills(const synth_ground *ground, float x, float height, rgb *shine,
                  rgb *albedo) {
  for (int i = 2; i >= 0; i--) { /* the nearest first */
    if (height > ridge(ground, i, x) + 0.05f * (float)(2 - i)) continue;
    float pale = 0.2f + 0.25f * (float)(2 - i);
    float grain = synth_noise(ground->seed ^ 77u, x * 24, height * 24, 3);
    rgb green = rgb_mix(ground->far.light, ground->far.dark, grain);
    *albedo = rgb_scale(green, 1 - pale);
    *shine = rgb_scale(ground->haze, 0.5f * pale);
    return true;
  }
  return false;
}

void synth_ground_at(const synth_ground *ground, float x, float y, rgb *shine,
                     rgb *albedo, vec3 *normal) {
  float height = ground->horizon + ground->tilt * (x - 0.5f) - y;
  *shine = *albedo = (rgb){0, 0, 0};
  *normal = (vec3){0, 0, 1};
  if (height < 0) {
    *albedo = land(ground, x, -height);
    *normal = (vec3){0, -0.94f, 0.34f};
  } else if (ground->kind == 1) {
    *albedo = synth_material_at(&ground->far, x * 1.5f, y * 1.5f);
    if (height < 0.02f) *albedo = rgb_scale(*albedo, 0.5f); /* skirting */
  } else if (ground->kind != 2 || !hills(ground, x, height, shine, albedo)) {
    *shine = sky(ground, x, height);
  }
}
