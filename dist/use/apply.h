/* Harmonization of a picture of any size: by a network of a fixed size, or by a
 * classical method. */
#ifndef HARMONIA_APPLY_H
#define HARMONIA_APPLY_H

#include "data/data.h"
#include "dist/use/methods.h"
#include "dist/use/harmonizer.h"

/* Reads a picture as RGB, with alpha where it has it, and opens its colour
 * profile: NULL where its colours are those of sRGB or (with a warning) taken
 * for them. On failure both may hold something: the caller frees them. */
status apply_read(const char *path, data_picture *picture,
                  data_profile **profile);

/* Shrinks (or enlarges) picture and mask to the network's size, runs it on the
 * colours in sRGB, and changes the picture in proportion to `weights` (255:
 * all; of the mask's size, most often the mask itself), in its own colours and
 * bits: where the network says how colours change, so at the picture's size
 * (nn_picture_change), else by the change that it made of its small picture,
 * bilinearly brought back. Pixels of weight 0 keep their values, and all pixels
 * their alpha. The mask has object and background, as data_mask_read has it; an
 * object smaller than a pixel of the network is warned of. The bits do not
 * depend on `threads`. */
status apply_network(harmonizer *h, int threads, const data_profile *profile,
                     data_picture *picture, const data_image *mask,
                     const data_image *weights);

/* The same of an image of 8 bits in sRGB, as evaluations have it: composite
 * [H,W,3] and mask [H,W] become levels of 0 to 255, [H,W,3], which are not
 * rounded. Domain codes are those of `reference` (NULL: of the composite);
 * `sample` keys dropout. */
status apply_to_levels(harmonizer *h, int threads, const data_image *composite,
                       const data_image *mask, const data_image *reference,
                       uint64_t sample, float *levels);

/* At the picture's own size, on 8 bits; what was said of colours, pixels and
 * masks holds here too. Warns where the method changes nothing. */
status apply_classical(const classical *method, const data_xue_model *model,
                       const data_profile *profile, data_picture *picture,
                       const data_image *mask);

/* The harmony score (0 to 1) of a picture of any size; `h` is one of
 * harmonizer_open_score. */
status apply_score(harmonizer *h, const data_profile *profile,
                   const data_picture *picture, const data_image *mask,
                   double *score);

#endif
