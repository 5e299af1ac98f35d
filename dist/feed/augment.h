/* Random flips and crops of a sample, and its conversion to network inputs. */
#ifndef HARMONIA_AUGMENT_H
#define HARMONIA_AUGMENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/choice.h"
#include "dist/feed/sample_source.h"

/* How the mask of a crop is resized, and which crops are drawn again. */
#define CROP_MASKS(X)                                                          \
  X(CROP_MASK_NEAREST, "nearest") /* BargainNet */                             \
  X(CROP_MASK_SOFT, "soft")       /* as the images: iDIH */
CHOICE(crop_mask, CROP_MASKS);

typedef struct augmentation {
  uint64_t seed;
  bool flip;       /* mirror half of the samples */
  double crop_min; /* random resized crop: share of the area from crop_min to 1,
                      aspect 3/4 to 4/3; 1: no crop */
  crop_mask crop_mask;
  double mask_jitter; /* share of samples whose mask is changed at its edge */
} augmentation;

/* A sample as a network is given it: [S,S,3], [S,S], [S,S,3]. */
typedef struct sample_inputs {
  float *composite, *mask, *real;
} sample_inputs;

/* Memory to augment samples of one size in. */
typedef struct augmenter {
  int size;
  struct between *columns; /* of a crop */
  float *masks;
} augmenter;
status augmenter_create(int size, augmenter *out);
void augmenter_destroy(augmenter *a); /* accepts zeros */
size_t augmenter_bytes(int size);

/* Bytes of one sample to floats: images to [-1,1], the mask to 0 to 1. All is
 * drawn from (seed, position).
 *
 * Crops are torchvision's RandomResizedCrop, resized to S x S bilinearly. As
 * BargainNet has it the mask is resized to the nearest pixel and stays 0 or 1,
 * and a crop without foreground is drawn again, after ten of them the whole
 * image. CROP_MASK_SOFT, as iDIH has it: the mask is resized as the images are,
 * and a crop whose mask sums to at most one pixel is drawn again, but with
 * probability 0.05.
 *
 * mask_jitter: masks are grown, shrunk or feathered by one or two pixels
 * (mask_edge.h); images stay. */
void augment_sample(const augmenter *a, const augmentation *how,
                    uint64_t position, const sample_bytes *sample,
                    const sample_inputs *out);

/* The inputs of one sample as it is; `real` may be NULL. */
void augment_none(const uint8_t *composite, const uint8_t *mask,
                  const uint8_t *real, int size, float *net_composite,
                  float *net_mask, float *net_real);

#endif
