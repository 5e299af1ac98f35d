/* hgm: cumulative histogram mapping in YCbCr, after the code HCOCO was made
 * with (Xu; see Xu and Mulligan, "Performance evaluation of color correction
 * approaches", CVPR 2010). */
#include "data/colour/transfer_internal.h"

#include <string.h>

/* ITU-R BT.601, studio range, for R'G'B' in 0 to 255: Y 16 to 235, Cb and Cr
 * 16 to 240 (MATLAB's rgb2ycbcr, rounded to whole levels). */
static const double to_ycbcr[3][3] = {{65.481, 128.553, 24.966},
                                      {-37.797, -74.203, 112.0},
                                      {112.0, -93.786, -18.214}};
static const double ycbcr_offset[3] = {16, 128, 128};
static const int first_level[3] = {16, 16, 16};
static const int last_level[3] = {235, 240, 240};

static void rgb_to_ycbcr(const uint8_t rgb[3], uint8_t out[3]) {
  for (int i = 0; i < 3; i++)
    out[i] = transfer_byte((to_ycbcr[i][0] * rgb[0] + to_ycbcr[i][1] * rgb[1] +
                            to_ycbcr[i][2] * rgb[2]) /
                               255 +
                           ycbcr_offset[i]);
}

/* The exact inverse of the above, from BT.601's own numbers (0.299, 0.114). */
static void ycbcr_to_rgb(const uint8_t ycbcr[3], uint8_t rgb[3]) {
  double y = (ycbcr[0] - 16) * (255.0 / 219);
  double cb = (ycbcr[1] - 128) * (255.0 / 224);
  double cr = (ycbcr[2] - 128) * (255.0 / 224);
  rgb[0] = transfer_byte(y + 1.402 * cr);
  rgb[1] = transfer_byte(y - 1.772 * 0.114 / 0.587 * cb -
                         1.402 * 0.299 / 0.587 * cr);
  rgb[2] = transfer_byte(y + 1.772 * cb);
}

typedef struct histograms {
  uint64_t below[3][256]; /* cumulative: pixels of this level or less */
} histograms;

static void count_levels(const transfer_region *region, histograms *out) {
  memset(out, 0, sizeof *out);
  for (size_t i = 0; i < region->count; i++) {
    uint8_t ycbcr[3];
    rgb_to_ycbcr(region->rgb + 3 * i, ycbcr);
    for (int c = 0; c < 3; c++) out->below[c][ycbcr[c]]++;
  }
  for (int c = 0; c < 3; c++)
    for (int v = 1; v < 256; v++) out->below[c][v] += out->below[c][v - 1];
}

/* A level goes to the highest reference level whose share of pixels at or below
 * is no larger. The target's top level has share 1 and would go to the end of
 * the range; it goes to the reference's highest level instead. (The original
 * takes the mean of the reference's pixels in the last bin, which is 0 / 0 and
 * ends as 0 if there are none: a few black or coloured specks.) */
static void make_table(const uint64_t target[256],
                       const uint64_t reference[256], int first, int last,
                       uint8_t table[256]) {
  uint64_t target_total = target[255], reference_total = reference[255];
  while (last > first && reference[last - 1] == reference_total) last--;
  int m = first;
  for (int v = first; v < 256; v++) {
    /* Cross-multiplied: shares are compared without rounding. */
    while (m < last &&
           reference[m + 1] * target_total <= target[v] * reference_total)
      m++;
    table[v] = (uint8_t)m;
  }
}

void transfer_hgm(const transfer_region *target,
                  const transfer_region *reference, uint8_t *rgb_out) {
  histograms t, r;
  count_levels(target, &t);
  count_levels(reference, &r);
  uint8_t table[3][256] = {{0}};
  for (int c = 0; c < 3; c++)
    make_table(t.below[c], r.below[c], first_level[c], last_level[c], table[c]);
  for (size_t i = 0; i < target->count; i++) {
    uint8_t ycbcr[3];
    rgb_to_ycbcr(target->rgb + 3 * i, ycbcr);
    for (int c = 0; c < 3; c++) ycbcr[c] = table[c][ycbcr[c]];
    ycbcr_to_rgb(ycbcr, rgb_out + 3 * i);
  }
}
