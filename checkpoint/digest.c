/* What texts and arrays add to a file's digest. */
#include <stdio.h>
#include <string.h>

#include "base/crc32.h"
#include "checkpoint/internal.h"

/* The finalizer of SplitMix64: spreads an item's checksum before the sum. */
static uint64_t mix(uint64_t x) {
  x = (x ^ x >> 30) * 0xBF58476D1CE4E5B9u;
  x = (x ^ x >> 27) * 0x94D049BB133111EBu;
  return x ^ x >> 31;
}

uint64_t ckpt_digest_text(const char *key, const char *text) {
  uint32_t name = crc32_add(0, key, strlen(key) + 1);
  uint32_t both = crc32_add(name, text, strlen(text) + 1);
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
  uint32_t name = crc32_add(0, array->name, strlen(array->name) + 1);
  uint32_t both = crc32_add(name, what, strlen(what) + 1);
  return mix(2 + ((uint64_t)name << 32 | both));
}
