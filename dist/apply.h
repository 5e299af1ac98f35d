/* Harmonization of a picture of any size: by a network of a fixed size, or by a
 * classical method. */
#ifndef HARMONIA_APPLY_H
#define HARMONIA_APPLY_H

#include "data/data.h"
#include "dist/classical.h"
#include "dist/harmonizer.h"

/* Shrinks (or enlarges) image and mask to the network's size, runs it, and adds
 * to the image the change it made, bilinearly brought back to the picture's
 * size, in proportion to the mask. Pixels where the mask is 0 keep their
 * values. An empty mask is STATUS_MISFIT. The bits do not depend on
 * `threads`. */
status apply_network(harmonizer *h, int threads, data_image *image,
                     const data_image *mask);

/* At the picture's own size, to a new image; what was said of pixels and masks
 * holds here too. A mask without background is STATUS_MISFIT as well. */
status apply_classical(const classical *method, const data_xue_model *model,
                       const data_image *image, const data_image *mask,
                       data_image *out);

/* The harmony score (0 to 1) of an image of any size; `h` is one of
 * harmonizer_open_score. A mask that is empty or full is STATUS_MISFIT. */
status apply_score(harmonizer *h, const data_image *image,
                   const data_image *mask, double *score);

#endif
