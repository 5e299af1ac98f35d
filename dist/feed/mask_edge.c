/* Growing, shrinking and feathering masks: squares, one axis after the other.
 */
#include "dist/feed/mask_edge.h"

#include <string.h>

/* Values around one of a line, the border's going on beyond it. */
static float combine(mask_edge edge, int pixels, const float *line, int step,
                     int size, int at) {
  float greatest = 0, least = 1, sum = 0;
  for (int k = at - pixels; k <= at + pixels; k++) {
    int inside = k < 0 ? 0 : k < size ? k : size - 1;
    float value = line[inside * step];
    greatest = value > greatest ? value : greatest;
    least = value < least ? value : least;
    sum += value;
  }
  return edge == MASK_GROW     ? greatest
         : edge == MASK_SHRINK ? least
                               : sum / (float)(2 * pixels + 1);
}

static void pass(mask_edge edge, int pixels, int size, const float *in,
                 int along, int across, float *out) {
  for (int line = 0; line < size; line++)
    for (int at = 0; at < size; at++)
      out[line * across + at * along] =
          combine(edge, pixels, in + line * across, along, size, at);
}

void mask_edge_change(mask_edge edge, int pixels, int size, float *scratch,
                      float *mask) {
  size_t count = (size_t)size * (size_t)size;
  float *rows = scratch, *both = scratch + count, sum = 0;
  pass(edge, pixels, size, mask, 1, size, rows);
  pass(edge, pixels, size, rows, size, 1, both);
  for (size_t i = 0; i < count; i++) sum += both[i];
  if (edge == MASK_SHRINK && sum <= 1) return;
  memcpy(mask, both, count * sizeof *mask);
}

size_t mask_edge_scratch(int size) { return 2 * (size_t)size * (size_t)size; }
