/* Philox4x32-10, and numbers drawn of it. */
#include "base/random.h"

#include <math.h>

void philox4x32(const uint32_t counter[4], const uint32_t key[2],
                uint32_t out[4]) {
  uint32_t c0 = counter[0], c1 = counter[1], c2 = counter[2], c3 = counter[3];
  uint32_t k0 = key[0], k1 = key[1];
  for (int round = 0; round < 10; round++) {
    uint64_t p0 = (uint64_t)0xD2511F53u * c0;
    uint64_t p1 = (uint64_t)0xCD9E8D57u * c2;
    uint32_t n0 = (uint32_t)(p1 >> 32) ^ c1 ^ k0;
    uint32_t n2 = (uint32_t)(p0 >> 32) ^ c3 ^ k1;
    c1 = (uint32_t)p1;
    c3 = (uint32_t)p0;
    c0 = n0;
    c2 = n2;
    k0 += 0x9E3779B9u;
    k1 += 0xBB67AE85u;
  }
  out[0] = c0;
  out[1] = c1;
  out[2] = c2;
  out[3] = c3;
}

/* The key is a hash of all that names the stream (Philox as its own mixer);
 * the counter then simply counts. */
random_stream random_stream_make(uint64_t seed, random_purpose purpose,
                                 uint64_t a, uint32_t b) {
  uint32_t seed_key[2] = {(uint32_t)seed, (uint32_t)(seed >> 32)};
  uint32_t place[4] = {(uint32_t)a, (uint32_t)(a >> 32), b, (uint32_t)purpose};
  uint32_t mixed[4];
  philox4x32(place, seed_key, mixed);
  random_stream stream = {.key = {mixed[0], mixed[1]},
                          .counter = {0, 0, mixed[2], mixed[3]},
                          .used = 4};
  return stream;
}

uint32_t random_u32(random_stream *stream) {
  if (stream->used == 4) {
    philox4x32(stream->counter, stream->key, stream->block);
    if (++stream->counter[0] == 0) stream->counter[1]++;
    stream->used = 0;
  }
  return stream->block[stream->used++];
}

double random_uniform(random_stream *stream) {
  uint64_t high = random_u32(stream) >> 5;
  uint64_t low = random_u32(stream) >> 6;
  return (double)((high << 26) | low) * 0x1p-53;
}

uint32_t random_below(random_stream *stream, uint32_t limit) {
  /* Lemire's multiplication with rejection. */
  uint32_t threshold = (uint32_t)(-limit) % limit;
  for (;;) {
    uint64_t product = (uint64_t)random_u32(stream) * limit;
    if ((uint32_t)product >= threshold) return (uint32_t)(product >> 32);
  }
}

double random_normal(random_stream *stream) {
  double radius = sqrt(-2.0 * log(1.0 - random_uniform(stream)));
  double angle = 6.283185307179586 * random_uniform(stream);
  return radius * cos(angle);
}

uint64_t random_hash(const char *text) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (; *text != '\0'; text++) {
    hash ^= (unsigned char)*text;
    hash *= 0x100000001b3u;
  }
  return hash;
}
