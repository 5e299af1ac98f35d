/* Blocks of Philox numbers in loops that vectorise. */
#include "nn/compute/philox.h"

#include "nn/operation.h"

NN_CLONES void nn_philox(const random_stream *stream, uint64_t block,
                         uint32_t word[4][NN_PHILOX_BLOCKS]) {
  uint32_t *restrict c0 = word[0], *restrict c1 = word[1],
                     *restrict c2 = word[2], *restrict c3 = word[3];
  for (int i = 0; i < NN_PHILOX_BLOCKS; i++) {
    uint64_t at = block + (uint64_t)i;
    c0[i] = (uint32_t)at;
    c1[i] = (uint32_t)(at >> 32);
    c2[i] = stream->counter[2];
    c3[i] = stream->counter[3];
  }
  uint32_t k0 = stream->key[0], k1 = stream->key[1];
  for (int round = 0; round < 10; round++) {
    for (int i = 0; i < NN_PHILOX_BLOCKS; i++) {
      uint64_t p0 = (uint64_t)0xD2511F53u * c0[i];
      uint64_t p1 = (uint64_t)0xCD9E8D57u * c2[i];
      uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1[i] ^ k0;
      uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3[i] ^ k1;
      c1[i] = (uint32_t)p1;
      c3[i] = (uint32_t)p0;
      c0[i] = n0;
      c2[i] = n2;
    }
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
}
