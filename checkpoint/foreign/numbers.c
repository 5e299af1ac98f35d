/* Numbers of all widths and both orders of bytes. */
#include "checkpoint/foreign/numbers.h"

#include <math.h>
#include <string.h>

static const struct {
  size_t size;
  const char *storage, *dtype;
} types[] = {
#define NUMBER_ROW(name, bytes, storage, dtype) {bytes, storage, dtype},
    FOREIGN_NUMBERS(NUMBER_ROW)
#undef NUMBER_ROW
};

size_t number_size(number_type type) { return types[type].size; }
const char *number_storage(number_type type) { return types[type].storage; }
const char *number_dtype(number_type type) { return types[type].dtype; }

ckpt_type number_kept_as(number_type type) {
  switch (type) {
  case NUMBER_FLOAT32:
  case NUMBER_FLOAT16:
  case NUMBER_BFLOAT16: return CKPT_FLOAT32;
  case NUMBER_FLOAT64: return CKPT_FLOAT64;
  default: return CKPT_INT64;
  }
}

static float float_of(uint32_t bits) {
  float value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

static double double_of(uint64_t bits) {
  double value;
  memcpy(&value, &bits, sizeof value);
  return value;
}

/* Sign, 5 bits of exponent, 10 of mantissa. */
static double half_of(uint16_t bits) {
  int exponent = bits >> 10 & 31, mantissa = bits & 1023;
  double value;
  if (exponent == 31)
    value = mantissa == 0 ? INFINITY : NAN;
  else if (exponent == 0)
    value = ldexp(mantissa, -24);
  else
    value = ldexp(1024 + mantissa, exponent - 25);
  return bits >> 15 ? -value : value;
}

double number_read(number_type type, bool big_endian, const uint8_t *bytes) {
  size_t size = number_size(type);
  uint64_t bits = 0;
  for (size_t i = 0; i < size; i++)
    bits |= (uint64_t)bytes[big_endian ? size - 1 - i : i] << 8 * i;
  switch (type) {
  case NUMBER_FLOAT32: return (double)float_of((uint32_t)bits);
  case NUMBER_FLOAT64: return double_of(bits);
  case NUMBER_FLOAT16: return half_of((uint16_t)bits);
  case NUMBER_BFLOAT16: return (double)float_of((uint32_t)bits << 16);
  case NUMBER_INT64: return (double)(int64_t)bits;
  case NUMBER_INT32: return (double)(int32_t)bits;
  case NUMBER_INT16: return (double)(int16_t)bits;
  case NUMBER_INT8: return (double)(int8_t)bits;
  case NUMBER_UINT8: return (double)bits;
  case NUMBER_BOOL: return bits != 0;
  case NUMBER_TYPES: break;
  }
  INVARIANT(false, "number type %d", (int)type);
}
