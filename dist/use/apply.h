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

/* What a network wants changed of a picture's colours. */
typedef struct apply_change {
  const data_profile *profile; /* of the picture's colours, or NULL */
  /* How colours become others, at any size; where the network does not say
   * that, `maps` is NULL and it is */
  nn_colour_change colours;
  float *added; /* [size,size,3], in levels of 255 of the picture's own colours,
                   bilinearly brought to its size */
  int size;     /* the network's, pixels a side */
} apply_change;

/* Shrinks (or enlarges) picture and mask to the network's size and runs it on
 * the colours in sRGB. The mask has object and background, as data_mask_read
 * has it; an object smaller than a pixel of the network is warned of. *out
 * holds until `h` runs again; free it with apply_change_free. */
status apply_find(harmonizer *h, const data_profile *profile,
                  const data_picture *picture, const data_image *mask,
                  apply_change *out);
/* Changes the picture in proportion to `weights` (255: all; of its size, most
 * often the mask), in its own colours and bits, at its own size. Pixels of
 * weight 0 keep their values, and all pixels their alpha. The bits do not
 * depend on `threads`. */
status apply_make(const apply_change *change, int threads,
                  const data_picture *picture, const data_image *weights);
void apply_change_free(apply_change *change);

/* Both. */
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
