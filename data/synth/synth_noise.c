/* Smooth noise, of which textures are made. */
#include "data/synth/synth_internal.h"

float synth_between(random_stream *stream, float low, float high) {
  return low + (high - low) * (float)random_uniform(stream);
}

/* The value of a lattice point, in [0,1). */
static float lattice(uint32_t seed, int x, int y) {
  uint32_t h = seed ^ (uint32_t)x * 0x8DA6B343u ^ (uint32_t)y * 0xD8163841u;
  h = (h ^ h >> 15) * 0x2C1B3C6Du;
  h = (h ^ h >> 12) * 0x297A2D39u;
  return (float)((h ^ h >> 15) >> 8) * 0x1p-24f;
}

static float smooth(float t) { return t * t * (3 - 2 * t); }

static float octave(uint32_t seed, float x, float y) {
  int ix = (int)x - (x < 0), iy = (int)y - (y < 0); /* cheaper than floorf */
  float u = smooth(x - (float)ix), v = smooth(y - (float)iy);
  float top = lattice(seed, ix, iy) * (1 - u) + lattice(seed, ix + 1, iy) * u;
  float low =
      lattice(seed, ix, iy + 1) * (1 - u) + lattice(seed, ix + 1, iy + 1) * u;
  return top * (1 - v) + low * v;
}

float synth_noise(uint32_t seed, float x, float y, int octaves) {
  float sum = 0, weight = 1, total = 0;
  for (int i = 0; i < octaves; i++) {
    sum += weight * octave(seed + (uint32_t)i * 977u, x, y);
    total += weight;
    weight *= 0.5f;
    x *= 2, y *= 2;
  }
  return sum / total;
}
