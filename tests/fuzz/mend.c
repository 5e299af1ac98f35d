/* Checksums of changed inputs are made right again, so that the readers' code
 * behind the check is reached. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "checkpoint/catalog.h"
#include "base/sha256.h"
#include "tests/fuzz/fuzz.h"

/* ---- PNG ---- */

static uint32_t big_endian(const uint8_t *at) {
  return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 |
         at[3];
}

void fuzz_mend_png(uint8_t *bytes, size_t size) {
  for (size_t at = 8; at + 12 <= size;) {
    size_t length = big_endian(bytes + at);
    if (length > size - at - 12) return;
    uint32_t crc = (uint32_t)crc32_z(0, bytes + at + 4, length + 4);
    for (int i = 0; i < 4; i++)
      bytes[at + 8 + length + (size_t)i] = (uint8_t)(crc >> (24 - 8 * i));
    at += length + 12;
  }
}

/* ---- ZIP ---- */

static size_t little_endian(const uint8_t *at, int size) {
  size_t number = 0;
  for (int i = 0; i < size; i++) number |= (size_t)at[i] << 8 * i;
  return number;
}

/* Of the entry that the archive's list has at `listed`. */
static void mend_entry(uint8_t *bytes, size_t size, uint8_t *listed) {
  enum { LOCAL = 30 };
  size_t length = little_endian(listed + 20, 4);
  size_t local = little_endian(listed + 42, 4);
  if (little_endian(listed + 10, 2) != 0 || local > size ||
      size - local < LOCAL)
    return;
  size_t begin = local + LOCAL + little_endian(bytes + local + 26, 2) +
                 little_endian(bytes + local + 28, 2);
  if (begin > size || length > size - begin) return;
  uint32_t crc = (uint32_t)crc32_z(0, bytes + begin, length);
  for (int i = 0; i < 4; i++)
    listed[16 + i] = bytes[local + 14 + (size_t)i] = (uint8_t)(crc >> 8 * i);
}

void fuzz_mend_zip(uint8_t *bytes, size_t size) {
  enum { LISTED = 46 };
  for (size_t at = 0; at + LISTED <= size; at++)
    if (memcmp(bytes + at, "PK\1\2", 4) == 0)
      mend_entry(bytes, size, bytes + at);
}

/* ---- HDF5 ---- */

static uint32_t rotate(uint32_t x, int by) { return x << by | x >> (32 - by); }

/* Bob Jenkins' lookup3 of bytes in any order, as HDF5's metadata have it. */
static uint32_t lookup3(const uint8_t *key, size_t length) {
  uint32_t a, b, c;
  a = b = c = 0xdeadbeef + (uint32_t)length;
  for (; length > 0; key += 12) {
    uint8_t block[12] = {0};
    uint32_t word[3];
    memcpy(block, key, length < 12 ? length : 12);
    for (int i = 0; i < 3; i++)
      word[i] = (uint32_t)block[4 * i] | (uint32_t)block[4 * i + 1] << 8 |
                (uint32_t)block[4 * i + 2] << 16 |
                (uint32_t)block[4 * i + 3] << 24;
    a += word[0], b += word[1], c += word[2];
    if (length <= 12) break;
    length -= 12;
    a -= c, a ^= rotate(c, 4), c += b;
    b -= a, b ^= rotate(a, 6), a += c;
    c -= b, c ^= rotate(b, 8), b += a;
    a -= c, a ^= rotate(c, 16), c += b;
    b -= a, b ^= rotate(a, 19), a += c;
    c -= b, c ^= rotate(b, 4), b += a;
  }
  c ^= b, c -= rotate(b, 14);
  a ^= c, a -= rotate(c, 11);
  b ^= a, b -= rotate(a, 25);
  c ^= b, c -= rotate(b, 16);
  a ^= c, a -= rotate(c, 4);
  b ^= a, b -= rotate(a, 14);
  c ^= b, c -= rotate(b, 24);
  return c;
}

/* Of `length` bytes, behind them. */
static void put_checksum(uint8_t *begin, size_t length) {
  uint32_t sum = lookup3(begin, length);
  for (int i = 0; i < 4; i++)
    begin[length + (size_t)i] = (uint8_t)(sum >> 8 * i);
}

/* Bytes of a version 2 object header's first part before its checksum; 0 where
 * the file ends before. */
static size_t header_length(const uint8_t *at, size_t room) {
  size_t width = (size_t)1 << (at[5] & 3), length = 0;
  size_t prefix = 6 + (at[5] & 32 ? 16u : 0u) + (at[5] & 16 ? 4u : 0u);
  if (prefix + width > room) return 0;
  for (size_t i = 0; i < width && i < 4; i++)
    length |= (size_t)at[prefix + i] << 8 * i;
  length += prefix + width;
  return length + 4 <= room ? length : 0;
}

void fuzz_mend_hdf5(uint8_t *bytes, size_t size) {
  enum { SUPERBLOCK = 44 };
  if (size >= SUPERBLOCK + 4 && bytes[8] >= 2) put_checksum(bytes, SUPERBLOCK);
  for (size_t at = 0; at + 16 <= size; at++) {
    if (memcmp(bytes + at, "OHDR", 4) != 0) continue;
    size_t length = header_length(bytes + at, size - at);
    if (length > 0) put_checksum(bytes + at, length);
  }
}

/* ---- checkpoints ---- */

/* The digest that the file says, and the one of what is in it. */
static bool find_digests(hid_t file, char stored[CKPT_DIGEST_SIZE + 1],
                         char right[CKPT_DIGEST_SIZE]) {
  hid_t attribute = H5Aopen(file, "digest", H5P_DEFAULT);
  if (attribute < 0) return false;
  bool good = ckpt_attribute_text(attribute, stored, CKPT_DIGEST_SIZE + 1) &&
              strlen(stored) == CKPT_DIGEST_SIZE - 1;
  H5Aclose(attribute);
  ckpt_catalog catalog = {0};
  good = good && ckpt_catalog_read(&catalog, file, "", true) == STATUS_OK;
  snprintf(right, CKPT_DIGEST_SIZE, "%016llx",
           (unsigned long long)ckpt_catalog_digest(&catalog));
  ckpt_catalog_free(&catalog);
  return good;
}

static bool find_digests_in(const uint8_t *bytes, size_t size,
                            char stored[CKPT_DIGEST_SIZE + 1],
                            char right[CKPT_DIGEST_SIZE]) {
  int memory = memfd_create("changed", 0);
  if (write(memory, bytes, size) != (ssize_t)size)
    fuzz_fail("no file in memory");
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", memory);
  hdf5_file file;
  bool good = hdf5_file_open(&file, path, "an HDF5 file") == STATUS_OK;
  hdf5_lock();
  good = good && find_digests(file.id, stored, right);
  hdf5_unlock();
  hdf5_file_close(&file);
  close(memory);
  return good;
}

void fuzz_mend_checkpoint(uint8_t *bytes, size_t size) {
  char stored[CKPT_DIGEST_SIZE + 1], right[CKPT_DIGEST_SIZE];
  fuzz_mend_hdf5(bytes, size);
  if (!find_digests_in(bytes, size, stored, right)) return;
  uint8_t *at = memmem(bytes, size, stored, strlen(stored));
  if (at != NULL) memcpy(at, right, strlen(right));
  fuzz_mend_hdf5(bytes, size);
}

/* ---- models of xue's method ---- */

/* A first line, the digest, a line feed, and what it is of. */
void fuzz_mend_xue(uint8_t *bytes, size_t size) {
  enum { LINE = sizeof "harmonia xue model 1\n" - 1, DIGITS = 64 };
  char digits[DIGITS + 1];
  sha256 hash;
  if (size < LINE + DIGITS + 1) return;
  sha256_begin(&hash);
  sha256_add(&hash, bytes + LINE + DIGITS + 1, size - LINE - DIGITS - 1);
  sha256_end(&hash, digits);
  memcpy(bytes + LINE, digits, DIGITS);
}
