/* Harmonization of a picture of any size: by a network of a fixed size, or by a
 * classical method. */
#ifndef HARMONIA_APPLY_H
#define HARMONIA_APPLY_H

#include "data/data.h"
#include "dist/classical.h"
#include "dist/harmonizer.h"

/* Masks have object (128 and above) and background, as those of data_mask_read,
 * and the image's size.
 *
 * Shrinks (or enlarges) image and mask to the network's size, runs it, and adds
 * to the image the change it made, bilinearly brought back to the picture's
 * size, in proportion to the mask. Pixels where the mask is 0 keep their
 * values. Warns of an object smaller than a pixel of the network. The bits do
 * not depend on `threads`. */
status apply_network(harmonizer *h, int threads, data_image *image,
                     const data_image *mask);

/* At the picture's own size, to a new image; what was said of pixels holds here
 * too. Warns where the method changes nothing. */
status apply_classical(const classical *method, const data_xue_model *model,
                       const data_image *image, const data_image *mask,
                       data_image *out);

/* The harmony score (0 to 1) of an image of any size; `h` is one of
 * harmonizer_open_score. */
status apply_score(harmonizer *h, const data_image *image,
                   const data_image *mask, double *score);

#endif
