/* CRC-32: the check value of its definition, and in pieces of any length. */
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/crc32.h"
#include "tests/tap.h"

int main(void) {
  tap_ok(crc32_add(0, "123456789", 9) == 0xCBF43926u, "the check value");
  tap_ok(crc32_add(0, NULL, 0) == 0 && crc32_add(7, "", 0) == 7,
         "of no bytes it stays");
  enum { SIZE = 5000 };
  static uint8_t bytes[SIZE];
  for (int i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * i >> 3);
  int wrong = 0;
  for (size_t first = 0; first <= SIZE; first += 1 + first / 9) {
    uint32_t sum = crc32_add(0, bytes, first);
    wrong += sum != (uint32_t)crc32_z(0, bytes, first);
    sum = crc32_add(sum, bytes + first, SIZE - first);
    wrong += sum != (uint32_t)crc32_z(0, bytes, SIZE);
  }
  tap_ok(wrong == 0, "zlib's, whole and in two pieces: %d differ", wrong);
  return tap_done();
}
