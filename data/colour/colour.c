/* Hue, saturation, value, and the networks' range. */
#include <math.h>

#include "data/data.h"

/* Python's colorsys, operation by operation: Foley & van Dam's hexcone. */
void data_rgb_to_hsv(const double rgb[3], double hsv[3]) {
  double r = rgb[0], g = rgb[1], b = rgb[2];
  double most = fmax(r, fmax(g, b)), least = fmin(r, fmin(g, b));
  double range = most - least, h = 0, s = 0;
  if (range > 0) {
    s = range / most;
    double rc = (most - r) / range, gc = (most - g) / range;
    double bc = (most - b) / range;
    if (r == most)
      h = bc - gc;
    else if (g == most)
      h = 2.0 + rc - bc;
    else
      h = 4.0 + gc - rc;
    h /= 6.0;
    if (h < 0) h += 1.0;
    if (h >= 1.0) h = 0; /* -1e-17 + 1 rounds to 1 */
  }
  hsv[0] = h;
  hsv[1] = s;
  hsv[2] = most;
}

void data_hsv_to_rgb(const double hsv[3], double rgb[3]) {
  double h = hsv[0], s = hsv[1], v = hsv[2];
  double whole = floor(h * 6.0);
  double f = h * 6.0 - whole;
  double p = v * (1.0 - s), q = v * (1.0 - s * f);
  double t = v * (1.0 - s * (1.0 - f));
  double sixth = fmod(whole, 6.0);
  const double table[6][3] = {{v, t, p}, {q, v, p}, {p, v, t},
                              {p, q, v}, {t, p, v}, {v, p, q}};
  int row = sixth >= 0 ? (int)sixth : 0; /* also for NaN */
  for (int c = 0; c < 3; c++) rgb[c] = s == 0 ? v : table[row][c];
}

float data_byte_to_net(uint8_t byte) {
  return ((float)byte / 255.0f - 0.5f) / 0.5f;
}

static uint8_t clip_level(float level) {
  if (!(level > 0)) return 0; /* also for NaN */
  return level >= 255.0f ? 255 : (uint8_t)level;
}

uint8_t data_net_to_byte(float value) {
  return clip_level((value + 1.0f) / 2.0f * 255.0f);
}

uint8_t data_net_to_byte_rounded(float value) {
  return clip_level(floorf((value + 1.0f) / 2.0f * 255.0f + 0.5f));
}
