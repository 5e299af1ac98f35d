/* SHA-256 (FIPS 180-4), for fingerprints. Private to libdata. */
#ifndef HARMONIA_DATA_SHA256_H
#define HARMONIA_DATA_SHA256_H

#include <stddef.h>
#include <stdint.h>

typedef struct sha256 {
  uint32_t state[8];
  uint8_t block[64];
  uint64_t length; /* bytes so far */
} sha256;

void sha256_begin(sha256 *hash);
void sha256_add(sha256 *hash, const void *bytes, size_t count);
/* The text and its final zero, so that neighbouring texts stay apart. */
void sha256_add_text(sha256 *hash, const char *text);
/* A number as eight bytes, lowest first, on every machine. */
void sha256_add_number(sha256 *hash, uint64_t number);
/* 64 hexadecimal digits. */
void sha256_end(sha256 *hash, char hex[65]);

#endif
