/* bfloat16: the upper half of a float, for gradients on their way between
 * nodes. */
#ifndef HARMONIA_BFLOAT16_H
#define HARMONIA_BFLOAT16_H

#include <stdint.h>
#include <string.h>

/* To nearest, ties to even; beyond the largest to infinity; a NaN stays one. */
static inline uint16_t bfloat16_from(float value) {
  uint32_t bits;
  memcpy(&bits, &value, sizeof bits);
  uint32_t rounded = (bits + 0x7fff + (bits >> 16 & 1)) >> 16;
  uint32_t quiet = bits >> 16 | 0x40;
  return (uint16_t)((bits & 0x7fffffff) > 0x7f800000 ? quiet : rounded);
}

static inline float bfloat16_to(uint16_t half) {
  uint32_t bits = (uint32_t)half << 16;
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

#endif
