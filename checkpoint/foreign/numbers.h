/* Numbers as other programs store them. */
#ifndef HARMONIA_FOREIGN_NUMBERS_H
#define HARMONIA_FOREIGN_NUMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "checkpoint/checkpoint.h"

/* Name, bytes, PyTorch's class of storages, safetensors' dtype. */
#define FOREIGN_NUMBERS(X)                                                     \
  X(NUMBER_FLOAT32, 4, "FloatStorage", "F32")                                  \
  X(NUMBER_FLOAT64, 8, "DoubleStorage", "F64")                                 \
  X(NUMBER_FLOAT16, 2, "HalfStorage", "F16")                                   \
  X(NUMBER_BFLOAT16, 2, "BFloat16Storage", "BF16")                             \
  X(NUMBER_INT64, 8, "LongStorage", "I64")                                     \
  X(NUMBER_INT32, 4, "IntStorage", "I32")                                      \
  X(NUMBER_INT16, 2, "ShortStorage", "I16")                                    \
  X(NUMBER_INT8, 1, "CharStorage", "I8")                                       \
  X(NUMBER_UINT8, 1, "ByteStorage", "U8")                                      \
  X(NUMBER_BOOL, 1, "BoolStorage", "BOOL")

typedef enum number_type {
#define NUMBER_ENUM(name, bytes, storage, dtype) name,
  FOREIGN_NUMBERS(NUMBER_ENUM)
#undef NUMBER_ENUM
      NUMBER_TYPES
} number_type;

/* Bytes of one. */
size_t number_size(number_type type);
const char *number_storage(number_type type);
const char *number_dtype(number_type type);
/* The type of a checkpoint that holds them all. */
ckpt_type number_kept_as(number_type type);

/* The number at `bytes`; of a 64-bit integer what a double can hold. */
double number_read(number_type type, bool big_endian, const uint8_t *bytes);

#endif
