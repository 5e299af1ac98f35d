/* What the colour transfers share. A transfer sees foregrounds as bare lists of
 * pixels and gives the target's pixels new colours; where they stand in the
 * picture matters only to idt's regrain. */
#ifndef HARMONIA_TRANSFER_INTERNAL_H
#define HARMONIA_TRANSFER_INTERNAL_H

#include "data/data.h"

/* The fewest pixels a foreground may have. */
enum { TRANSFER_FEWEST = 16 };

/* The foreground of an image: pixel i stands at place[i] (y * width + x) and
 * has the colour rgb[3 i ... 3 i + 2]. In order of place. */
typedef struct transfer_region {
  size_t count;
  uint32_t *place;
  uint8_t *rgb;
} transfer_region;

/* Foreground: mask >= 128. `what` ("target") names the image in messages. */
status transfer_region_take(const data_image *image, const data_image *mask,
                            const char *what, transfer_region *out);
void transfer_region_free(transfer_region *region);

/* Each fills rgb_out (3 * target->count bytes). */
void transfer_gct(const transfer_region *target,
                  const transfer_region *reference, uint8_t *rgb_out);
void transfer_hgm(const transfer_region *target,
                  const transfer_region *reference, uint8_t *rgb_out);
/* `mirror` turns principal axis k (ascending variance) around: all false but
 * where a test compares with the published output, whose signs are LAPACK's. */
void transfer_gctrgb(const transfer_region *target,
                     const transfer_region *reference, const bool mirror[3],
                     uint8_t *rgb_out);
void transfer_mkl(const transfer_region *target,
                  const transfer_region *reference, uint8_t *rgb_out);
status transfer_idt(const data_image *target_image,
                    const transfer_region *target,
                    const transfer_region *reference, uint64_t seed,
                    uint8_t *rgb_out);

/* idt before its regrain: the target's colours as three planes of
 * target->count floats, levels 0 to 1 but not clipped. */
status transfer_idt_match(const transfer_region *target,
                          const transfer_region *reference, uint64_t seed,
                          float *planes_out);

/* Eigenvalues (ascending) and unit eigenvectors (columns of `vectors`) of a
 * symmetric 3x3 matrix, by Jacobi's rotations. */
void transfer_eigen3(const double matrix[3][3], double values[3],
                     double vectors[3][3]);

/* Pitie's regrain (2007, section 5): an image with the colours of `graded` and
 * the gradients of `original`. Planes of width * height floats, channel after
 * channel (3), levels 0 to 1. `out` may be neither of the two. */
status transfer_regrain(const float *original, const float *graded, int width,
                        int height, float *out);

/* One of the methods; `image`, the target's picture, and STATUS_MEMORY are of
 * idt alone. */
status transfer_run(data_transfer_method method, const data_image *image,
                    const transfer_region *target,
                    const transfer_region *reference, uint64_t seed,
                    uint8_t *rgb_out);

/* Rounded to nearest and saturated, as MATLAB's uint8(); NaN gives 0. */
static inline uint8_t transfer_byte(double value) {
  if (!(value > 0)) return 0;
  return value >= 255 ? 255 : (uint8_t)(value + 0.5);
}

#endif
