/* Procedural scenes: shapes, their light, and the finished picture. Lengths
 * are in picture sides, y downwards; colours are linear light until the film
 * curve. */
#ifndef HARMONIA_DATA_SYNTH_INTERNAL_H
#define HARMONIA_DATA_SYNTH_INTERNAL_H

#include "base/random.h"
#include "data/data.h"

typedef struct rgb {
  float r, g, b;
} rgb;

static inline rgb rgb_scale(rgb a, float s) {
  return (rgb){a.r * s, a.g * s, a.b * s};
}
static inline rgb rgb_times(rgb a, rgb b) {
  return (rgb){a.r * b.r, a.g * b.g, a.b * b.b};
}
static inline rgb rgb_plus(rgb a, rgb b) {
  return (rgb){a.r + b.r, a.g + b.g, a.b + b.b};
}
static inline rgb rgb_mix(rgb a, rgb b, float t) {
  return rgb_plus(rgb_scale(a, 1 - t), rgb_scale(b, t));
}

typedef struct vec3 {
  float x, y, z; /* z towards the viewer */
} vec3;

static inline float vec3_dot(vec3 a, vec3 b) {
  return a.x * b.x + a.y * b.y + a.z * b.z;
}

/* ---- noise (synth_noise.c) ---- */

/* Smooth value noise with octaves, in [0,1]; each octave is half as wide and
 * half as strong. */
float synth_noise(uint32_t seed, float x, float y, int octaves);

/* Uniform in [low, high). */
float synth_between(random_stream *stream, float low, float high);

/* ---- materials and shapes (synth_shape.c) ---- */

enum { SYNTH_FAMILIES = 12 };

/* A surface: two albedos of one family in a pattern. */
typedef struct synth_material {
  rgb light, dark;
  int pattern; /* plain, noise, stripes, checks */
  float scale, gloss;
  uint32_t seed;
} synth_material;

/* A draw from the family, the same for background and object. */
synth_material synth_material_draw(random_stream *stream, int family);
rgb synth_material_at(const synth_material *material, float u, float v);

typedef enum synth_kind {
  SYNTH_BALL,
  SYNTH_BOX,
  SYNTH_BLOB,
  SYNTH_COLUMN,
  SYNTH_KINDS
} synth_kind;

typedef struct synth_shape {
  synth_kind kind;
  float x, y, radius, squeeze; /* radius bounds the shape */
  float cosine, sine;          /* its rotation in the picture */
  vec3 axis[3];                /* box: unit axes, all with z > 0 */
  float half[3];
  float wave[3], phase[3]; /* blob: outline */
  synth_material material;
} synth_shape;

synth_shape synth_shape_draw(random_stream *stream, synth_kind kind, float x,
                             float y, float radius, int family);

/* Whether (x, y) is on the shape; then its normal and its albedo (both NULL:
 * not asked for). */
bool synth_shape_hit(const synth_shape *shape, float x, float y, vec3 *normal,
                     rgb *albedo);

/* ---- backgrounds (synth_ground.c) ---- */

typedef struct synth_ground {
  int kind; /* open land, room, hills */
  float horizon, tilt, ridge[3];
  rgb zenith, haze;
  float clouds;
  synth_material far, near;
  uint32_t seed;
} synth_ground;

synth_ground synth_ground_draw(random_stream *stream);

/* What shines by itself (sky) and what reflects, at a place: the light that
 * comes is shine + albedo * (light on a surface of that normal). */
void synth_ground_at(const synth_ground *ground, float x, float y, rgb *shine,
                     rgb *albedo, vec3 *normal);

/* ---- scenes (synth_scene.c) ---- */

/* The object's share of the picture. */
#define SYNTH_SHARE_LEAST 0.03
#define SYNTH_SHARE_MOST 0.40

/* Draws the scene of the stream. `family` is the object's; both images are
 * size*size, the mask 0 or 255. Allocates them. *good tells whether the
 * object's share is as it should be: otherwise no picture is drawn. Of a mere
 * reference (`object_only`) nothing but the object is drawn. */
status synth_scene_draw(random_stream *stream, int family, int size,
                        bool object_only, data_image *picture, data_image *mask,
                        bool *good);

/* ---- samples (synth.c) ---- */

typedef struct synth_sample {
  data_image composite, real, mask;
} synth_sample;

/* Sample `index` of a split; depends on nothing else. */
status synth_sample_make(uint64_t seed, data_split split, size_t index,
                         int size, synth_sample *out);
void synth_sample_free(synth_sample *sample);

#endif
