/* Compressing to zlib's format, which HDF5 and everybody reads: by libdeflate
 * where the program was built with it, else by zlib, which is slower.
 * The bytes differ, what they hold does not. */
#ifndef HARMONIA_DATA_DEFLATE_H
#define HARMONIA_DATA_DEFLATE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

/* Bytes that `count` bytes can become at most. */
size_t deflate_bound(size_t count);

/* *length: room in `out`, at least deflate_bound(count), and then bytes used.
 * Level: 0 (stored) to 9. Fails for lack of memory. */
status deflate_bytes(int level, const uint8_t *bytes, size_t count,
                     uint8_t *out, size_t *length);

#endif
