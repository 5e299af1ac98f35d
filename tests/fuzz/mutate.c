/* How inputs are changed: bits, bytes, numbers that stand at limits, pieces
 * that are moved, doubled, taken away or borrowed, and ends that are cut off.
 */
#include <string.h>

#include "tests/fuzz/fuzz.h"

typedef struct input {
  uint8_t *bytes;
  size_t size;
  const uint8_t *other;
  size_t other_size;
  const char *const *words;
  uint64_t *state;
} input;

/* splitmix64 */
uint64_t fuzz_random(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/* 0 where the limit is 0. */
static size_t below(input *in, size_t limit) {
  return limit > 0 ? (size_t)(fuzz_random(in->state) % limit) : 0;
}

/* Short ones more often. */
static size_t some_length(input *in, size_t limit) {
  size_t most = (size_t)1 << below(in, 12);
  return limit == 0 ? 0 : 1 + below(in, most < limit ? most : limit);
}

/* ---- in place ---- */

static void flip_bit(input *in) {
  if (in->size > 0)
    in->bytes[below(in, in->size)] ^= (uint8_t)(1u << below(in, 8));
}

static void set_byte(input *in) {
  static const uint8_t limits[] = {0,    1,   0x7f, 0x80, 0xff, '\n', '\t',
                                   '\r', ' ', '-',  '/',  '\\', '"',  '='};
  if (in->size == 0) return;
  bool drawn = below(in, 2) == 0;
  in->bytes[below(in, in->size)] =
      drawn ? (uint8_t)below(in, 256) : limits[below(in, sizeof limits)];
}

/* A number of 2, 4 or 8 bytes in either order: a limit, or one nearby. */
static void set_number(input *in) {
  static const uint64_t limits[] = {
      0,          1,           0x7f,      0x80,      0xff,       0x100,
      0x7fff,     0x8000,      0xffff,    0x10000,   0x7fffffff, 0x80000000,
      0xffffffff, 0x100000000, INT64_MAX, UINT64_MAX};
  size_t width = (size_t)2 << below(in, 3);
  if (in->size < width) return;
  uint8_t *at = in->bytes + below(in, in->size - width + 1);
  bool big = below(in, 2) == 0;
  uint64_t value = 0;
  for (size_t i = 0; i < width; i++)
    value |= (uint64_t)at[big ? width - 1 - i : i] << 8 * i;
  if (below(in, 2) == 0) value = limits[below(in, sizeof limits / 8)];
  value += below(in, 9) - 4u;
  for (size_t i = 0; i < width; i++)
    at[big ? width - 1 - i : i] = (uint8_t)(value >> 8 * i);
}

static void overwrite(input *in) {
  size_t length = some_length(in, in->size);
  size_t from = below(in, in->size - length + 1);
  size_t to = below(in, in->size - length + 1);
  memmove(in->bytes + to, in->bytes + from, length);
}

static void fill(input *in) {
  size_t length = some_length(in, in->size);
  memset(in->bytes + below(in, in->size - length + 1),
         below(in, 2) == 0 ? 0 : 0xff, length);
}

/* ---- of another length ---- */

static void insert(input *in, const uint8_t *piece, size_t length) {
  if (length > FUZZ_BYTES_MAX - in->size) return;
  size_t at = below(in, in->size + 1);
  memmove(in->bytes + at + length, in->bytes + at, in->size - at);
  memcpy(in->bytes + at, piece, length);
  in->size += length;
}

static void insert_copy(input *in) {
  uint8_t piece[1 << 12];
  size_t length = some_length(in, in->size);
  if (length > sizeof piece) return;
  memcpy(piece, in->bytes + below(in, in->size - length + 1), length);
  insert(in, piece, length);
}

static void insert_noise(input *in) {
  uint8_t piece[16];
  size_t length = 1 + below(in, sizeof piece);
  for (size_t i = 0; i < length; i++) piece[i] = (uint8_t)below(in, 256);
  insert(in, piece, length);
}

static void borrow(input *in) {
  size_t length = some_length(in, in->other_size);
  insert(in, in->other + below(in, in->other_size - length + 1), length);
}

static void take_away(input *in) {
  size_t length = some_length(in, in->size);
  size_t at = below(in, in->size - length + 1);
  memmove(in->bytes + at, in->bytes + at + length, in->size - at - length);
  in->size -= length;
}

static void cut_off(input *in) { in->size = below(in, in->size + 1); }

/* The beginning of the one, the end of the other. */
static void splice(input *in) {
  size_t keep = below(in, in->size + 1), from = below(in, in->other_size + 1);
  size_t length = in->other_size - from;
  if (keep + length > FUZZ_BYTES_MAX) return;
  memcpy(in->bytes + keep, in->other + from, length);
  in->size = keep + length;
}

static void insert_word(input *in) {
  size_t count = 0;
  while (in->words != NULL && in->words[count] != NULL) count++;
  if (count == 0) return;
  const char *word = in->words[below(in, count)];
  insert(in, (const uint8_t *)word, strlen(word));
}

/* ---- the whole ---- */

size_t fuzz_mutate(const fuzz_target *target, uint8_t *bytes, size_t size,
                   const uint8_t *other, size_t other_size, uint64_t *state) {
  static void (*const in_place[])(input *) = {flip_bit, set_byte,   set_number,
                                              fill,     set_number, overwrite};
  static void (*const resizing[])(input *) = {insert_copy, insert_noise, borrow,
                                              take_away,   cut_off,      splice,
                                              insert_word, insert_word};
  input in = {bytes, size, other, other_size, target->words, state};
  /* Formats with places in them survive only what moves nothing. */
  bool moves = below(&in, target->mend != NULL ? 4 : 2) == 0;
  for (size_t steps = 1 + below(&in, 4); steps > 0; steps--)
    if (moves)
      resizing[below(&in, sizeof resizing / sizeof resizing[0])](&in);
    else
      in_place[below(&in, sizeof in_place / sizeof in_place[0])](&in);
  /* Now and then a checksum stays wrong. */
  if (target->mend != NULL && below(&in, 16) > 0) target->mend(bytes, in.size);
  return in.size;
}
