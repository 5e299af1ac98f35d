/* Deflate by libdeflate, else by zlib. */
#include "data/image/deflate.h"

#ifdef HAVE_LIBDEFLATE
#include <libdeflate.h>

size_t deflate_bound(size_t count) {
  return libdeflate_zlib_compress_bound(NULL, count);
}

status deflate_bytes(int level, const uint8_t *bytes, size_t count,
                     uint8_t *out, size_t *length) {
  struct libdeflate_compressor *compressor = libdeflate_alloc_compressor(level);
  if (compressor == NULL)
    return status_error(STATUS_MEMORY, "cannot compress an image: no memory");
  *length = libdeflate_zlib_compress(compressor, bytes, count, out, *length);
  libdeflate_free_compressor(compressor);
  INVARIANT(*length > 0, "a compressed image exceeds its bound");
  return STATUS_OK;
}

#else
#include <zlib.h>

size_t deflate_bound(size_t count) { return compressBound(count); }

status deflate_bytes(int level, const uint8_t *bytes, size_t count,
                     uint8_t *out, size_t *length) {
  uLongf used = *length;
  int error = compress2(out, &used, bytes, count, level);
  if (error != Z_OK)
    return status_error(STATUS_MEMORY, "cannot compress an image: %s",
                        zError(error));
  *length = used;
  return STATUS_OK;
}
#endif
