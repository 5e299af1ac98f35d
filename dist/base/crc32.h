/* CRC-32 (ISO 3309), the one of PNG, zlib and gzip. */
#ifndef HARMONIA_CRC32_H
#define HARMONIA_CRC32_H

#include <stddef.h>
#include <stdint.h>

/* Of all bytes so far: `crc` is what it was before these, 0 at the start. */
uint32_t crc32_add(uint32_t crc, const void *bytes, size_t size);

#endif
