/* PPM and PGM: what is written is read again, headers of all kinds, damage. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "data/data.h"
#include "tests/tap.h"

enum { WIDTH = 7, HEIGHT = 5 };

static char path[600];

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "%s", status_message());
  exit(tap_done());
}

static void check_round_trip(int channels, int bits, const char *lost) {
  random_stream random = random_stream_make(4, RANDOM_TEST, 0, 0);
  data_picture picture, again;
  char dropped[DATA_DROPPED_BYTES];
  must(data_picture_create(WIDTH, HEIGHT, channels, bits, &picture));
  size_t values = (size_t)(WIDTH * HEIGHT * channels);
  size_t size = (size_t)bits / 8;
  uint8_t *bytes = picture.pixels;
  for (size_t i = 0; i < values * size; i++)
    bytes[i] = (uint8_t)random_below(&random, 256);
  must(data_picture_write(path, &picture, 95, dropped));
  must(data_picture_read(path, &again));
  size_t colours = channels < 3 ? 1 : 3, wrong = 0;
  for (size_t p = 0; p < WIDTH * HEIGHT; p++)
    wrong += memcmp((uint8_t *)again.pixels + p * colours * size,
                    bytes + p * (size_t)channels * size, colours * size) != 0;
  tap_ok(again.channels == (int)colours && again.bits == bits && wrong == 0 &&
             strcmp(dropped, lost) == 0,
         "%d channels of %d bits come back (%s)", channels, bits, dropped);
  data_picture_free(&picture);
  data_picture_free(&again);
}

static status read_bytes(const void *bytes, size_t size, data_picture *out) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
    abort();
  return data_picture_read(path, out);
}

/* A file of one pixel of one channel. */
static void check_value(const char *what, const char *text, size_t size,
                        int bits, unsigned value) {
  data_picture picture;
  must(read_bytes(text, size, &picture));
  unsigned got =
      bits == 8 ? *(uint8_t *)picture.pixels : *(uint16_t *)picture.pixels;
  tap_ok(picture.bits == bits && got == value, "%s: %u of %d bits", what, value,
         bits);
  data_picture_free(&picture);
}
#define VALUE(what, text, bits, value)                                         \
  check_value(what, text, sizeof(text) - 1, bits, value)

static void refused(const char *text, const char *why) {
  data_picture picture;
  status result = read_bytes(text, strlen(text), &picture);
  tap_ok(result == STATUS_FORMAT && picture.pixels == NULL &&
             strstr(status_message(), why) != NULL,
         "'%.20s': %s", text, status_message());
  data_picture_free(&picture);
}

/* Whatever is there is read, or refused. */
static void check_mutations(void) {
  static const char good[] = "P6 # of a camera\n3 2\n255\nabcdefghijklmnopqr";
  random_stream random = random_stream_make(9, RANDOM_TEST, 0, 0);
  int odd = 0;
  for (int i = 0; i < 3000; i++) {
    char text[sizeof good];
    memcpy(text, good, sizeof good);
    for (uint32_t k = 1 + random_below(&random, 3); k > 0; k--)
      text[random_below(&random, 30)] =
          "0123456789 \n#P56-\xff"[random_below(&random, 18)];
    data_picture picture;
    status result =
        read_bytes(text, 1 + random_below(&random, sizeof good), &picture);
    odd += result != STATUS_OK && result != STATUS_FORMAT;
    data_picture_free(&picture);
  }
  tap_ok(odd == 0, "3000 files with damage are read or refused");
}

int main(void) {
  snprintf(path, sizeof path, "%s/picture.ppm", tap_scratch_folder());
  check_round_trip(1, 8, "");
  check_round_trip(2, 8, "alpha");
  check_round_trip(3, 8, "");
  check_round_trip(4, 8, "alpha");
  check_round_trip(1, 16, "");
  check_round_trip(3, 16, "");
  VALUE("plain", "P5 1 1 255\n\x80", 8, 128);
  VALUE("comments", "P5\n# a comment 9 9\n1\t1 # and one\n255\n\x80", 8, 128);
  VALUE("white of 15", "P5 1 1 15\n\x0f", 8, 255);
  VALUE("brighter than white", "P5 1 1 15\n\x10", 8, 255);
  VALUE("a third", "P5 1 1 3\n\x01", 8, 85);
  VALUE("two bytes", "P5 1 1 65535\n\x12\x34", 16, 0x1234);
  VALUE("ten bits", "P5 1 1 1023\n\x03\xff", 16, 65535);
  refused("P6", "expected a PNG or JPEG");
  refused("P6 3 2", "header is damaged");
  refused("P6 3 2 255", "header is damaged");
  refused("P6 3 2 0 abcdefghijklmnopqr", "header is damaged");
  refused("P6 3 2 70000 abcdefghijklmnopqr", "header is damaged");
  refused("P6 3 2 255 abcdefghijklmnopq", "before its last pixel");
  refused("P6 99999 99999 255 abc", "expected 1 to");
  refused("P6 9999 9999 255 abc", "before its last pixel");
  refused("P6 0 2 255 abc", "0 x 2 pixels");
  refused("P6 -3 2 255 abc", "damaged");
  refused("P6 99999999999999999999 2 255 abc", "pixels");
  check_mutations();
  return tap_done();
}
