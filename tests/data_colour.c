/* Colours and the networks' range, against Python's colorsys and PyTorch. */
#include <math.h>

#include "base/random.h"
#include "data/data.h"
#include "tests/golden.h"
#include "tests/tap.h"

typedef void convert(const double in[3], double out[3]);

static void check_rows(hid_t file, const char *from, const char *to,
                       convert *function) {
  golden in = golden_read(file, "colour/%s", from);
  golden want = golden_read(file, "colour/%s", to);
  double worst = 0;
  for (size_t i = 0; i < in.count; i += 3) {
    double got[3];
    function(in.values + i, got);
    worst = fmax(worst, tap_largest_difference(got, want.values + i, 3));
  }
  tap_near(worst, 0, 1e-15, "%s to %s: %zu colours as colorsys", from, to,
           in.count / 3);
  golden_free(&in);
  golden_free(&want);
}

/* Every 8-bit colour of a coarse lattice and random ones survive both ways. */
static void check_round_trip(void) {
  random_stream random = random_stream_make(1, RANDOM_TEST, 0, 0);
  double worst = 0;
  bool in_range = true;
  for (int i = 0; i < 20000; i++) {
    double rgb[3], hsv[3], back[3];
    for (int c = 0; c < 3; c++)
      rgb[c] = i % 2 == 0 ? random_below(&random, 256) / 255.0
                          : random_uniform(&random);
    data_rgb_to_hsv(rgb, hsv);
    data_hsv_to_rgb(hsv, back);
    for (int c = 0; c < 3; c++)
      in_range = in_range && hsv[c] >= 0 && hsv[c] <= 1;
    in_range = in_range && hsv[0] < 1;
    worst = fmax(worst, tap_largest_difference(back, rgb, 3));
  }
  tap_near(worst, 0, 1e-14, "rgb to hsv and back");
  tap_ok(in_range, "h in [0,1), s and v in [0,1]");
  double red[3] = {1, 0, 1.2e-16}, hsv[3];
  data_rgb_to_hsv(red, hsv);
  tap_ok(hsv[0] >= 0 && hsv[0] < 1, "h just below a full turn stays below 1");
}

static void check_bytes(hid_t file) {
  golden byte = golden_read(file, "bytes/byte");
  golden net = golden_read(file, "bytes/to_net");
  size_t wrong = 0, returned = 0;
  for (size_t i = 0; i < byte.count; i++) {
    float value = data_byte_to_net((uint8_t)byte.values[i]);
    if (value != (float)net.values[i]) wrong++;
    if (data_net_to_byte_rounded(value) != (uint8_t)byte.values[i]) returned++;
  }
  tap_ok(wrong == 0, "256 bytes to the networks' range: %zu differ", wrong);
  tap_ok(returned == 0, "and back, rounded: %zu differ", returned);
  golden value = golden_read(file, "bytes/net_value");
  golden want = golden_read(file, "bytes/from_net");
  wrong = 0;
  for (size_t i = 0; i < value.count; i++)
    if (data_net_to_byte((float)value.values[i]) != (uint8_t)want.values[i])
      wrong++;
  tap_ok(wrong == 0, "%zu values to bytes, truncated: %zu differ", value.count,
         wrong);
  golden_free(&byte);
  golden_free(&net);
  golden_free(&value);
  golden_free(&want);
}

static void check_limits(void) {
  tap_ok(data_net_to_byte(1) == 255 && data_net_to_byte(-1) == 0 &&
             data_net_to_byte(1e30f) == 255 && data_net_to_byte(-1e30f) == 0 &&
             data_net_to_byte(INFINITY) == 255 && data_net_to_byte(NAN) == 0,
         "values outside of the range are clamped");
  tap_ok(data_net_to_byte_rounded(1.01f) == 255 &&
             data_net_to_byte_rounded(-1.01f) == 0 &&
             data_net_to_byte_rounded(NAN) == 0,
         "the same, rounded");
}

int main(void) {
  hid_t file = golden_open("data_ops.h5");
  check_rows(file, "rgb", "hsv", data_rgb_to_hsv);
  check_rows(file, "hsv_in", "rgb_out", data_hsv_to_rgb);
  check_round_trip();
  check_bytes(file);
  check_limits();
  H5Fclose(file);
  return tap_done();
}
