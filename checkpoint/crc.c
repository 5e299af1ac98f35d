/* CRC-32, and the digests of texts and arrays. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/internal.h"

/* Slicing-by-8 (Kounavis and Berry 2005): eight bytes a step. */
static uint32_t table[8][256];
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++)
      value = (value >> 1) ^ (value & 1 ? 0xEDB88320u : 0);
    table[0][i] = value;
  }
  for (int k = 1; k < 8; k++)
    for (int i = 0; i < 256; i++)
      table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xFF];
}

static uint32_t word(const unsigned char *bytes) {
  return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 |
         (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

uint32_t ckpt_crc32(uint32_t crc, const void *bytes, size_t size) {
  pthread_once(&once, make_table);
  const unsigned char *at = bytes;
  crc = ~crc;
  for (; size >= 8; size -= 8, at += 8) {
    uint32_t a = word(at) ^ crc, b = word(at + 4);
    crc = table[7][a & 0xFF] ^ table[6][a >> 8 & 0xFF] ^
          table[5][a >> 16 & 0xFF] ^ table[4][a >> 24] ^ table[3][b & 0xFF] ^
          table[2][b >> 8 & 0xFF] ^ table[1][b >> 16 & 0xFF] ^
          table[0][b >> 24];
  }
  for (; size > 0; size--, at++)
    crc = (crc >> 8) ^ table[0][(crc ^ *at) & 0xFF];
  return ~crc;
}

/* The finalizer of SplitMix64: spreads an item's checksum before the sum. */
static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

uint64_t ckpt_digest_text(const char *key, const char *text) {
  uint32_t name = ckpt_crc32(0, key, strlen(key) + 1);
  uint32_t both = ckpt_crc32(name, text, strlen(text) + 1);
  return mix(1 + ((uint64_t)name << 32 | both));
}

uint64_t ckpt_digest_array(const ckpt_array *array, uint32_t crc) {
  char what[160];
  int used =
      snprintf(what, sizeof what, "%d %d", (int)array->type, array->rank);
  for (int i = 0; i < array->rank; i++)
    used += snprintf(what + used, sizeof what - (size_t)used, " %llu",
                     (unsigned long long)array->shape[i]);
  snprintf(what + used, sizeof what - (size_t)used, " %08x", crc);
  uint32_t name = ckpt_crc32(0, array->name, strlen(array->name) + 1);
  uint32_t both = ckpt_crc32(name, what, strlen(what) + 1);
  return mix(2 + ((uint64_t)name << 32 | both));
}
