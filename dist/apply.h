/* A network of a fixed size applied to a picture of any size. */
#ifndef HARMONIA_APPLY_H
#define HARMONIA_APPLY_H

#include "data/data.h"
#include "dist/harmonizer.h"

/* Shrinks (or enlarges) image and mask to the network's size, runs it, and adds
 * the change it made, bilinearly brought back to the picture's size, in
 * proportion to the mask. Pixels where the mask is 0 keep their values. An
 * empty mask is STATUS_MISFIT. */
status apply_network(harmonizer *h, const data_image *image,
                     const data_image *mask, data_image *out);

/* The harmony score (0 to 1) of an image of any size; `h` is one of
 * harmonizer_open_score. A mask that is empty or full is STATUS_MISFIT. */
status apply_score(harmonizer *h, const data_image *image,
                   const data_image *mask, double *score);

#endif
