/* Random flips and crops of a sample, and its conversion to network inputs. */
#ifndef HARMONIA_AUGMENT_H
#define HARMONIA_AUGMENT_H

#include "dist/feed/loader.h"

/* Bytes of one sample ([S,S,3], [S,S], [S,S,3]) to floats: images to [-1,1],
 * the mask to 0 or 1. Flip and crop are drawn from (seed, position); a crop
 * without foreground is drawn again, and after ten of them the whole image is
 * taken. Crops are resized to S x S bilinearly, the mask to the nearest pixel
 * (BargainNet's RandomResizedCrop). */
void augment_sample(const augmentation *how, uint64_t position, int size,
                    const uint8_t *composite, const uint8_t *mask,
                    const uint8_t *real, float *net_composite, float *net_mask,
                    float *net_real);

/* The inputs of one sample as it is; `real` may be NULL. */
void augment_none(const uint8_t *composite, const uint8_t *mask,
                  const uint8_t *real, int size, float *net_composite,
                  float *net_mask, float *net_real);

#endif
