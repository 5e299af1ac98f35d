/* CRC-32 by libdeflate, else by zlib: 9 and 3 GB/s on one core of Zen 3. */
#include "base/crc32.h"

#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>

uint32_t crc32_add(uint32_t crc, const void *bytes, size_t size) {
  return libdeflate_crc32(crc, bytes, size);
}

#else
#include <zlib.h>

uint32_t crc32_add(uint32_t crc, const void *bytes, size_t size) {
  return (uint32_t)crc32_z(crc, bytes, size);
}
#endif
