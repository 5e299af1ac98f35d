/* What was done to a picture as layers for programs that compose pictures,
 * which then keep the plate itself untouched. */
#ifndef HARMONIA_LAYERS_H
#define HARMONIA_LAYERS_H

#include "dist/use/apply.h"

/* The object alone, as PNG: RGBA of the picture's size, bits and profile.
 * Alpha, straight, is the mask; where that is above 0 colours are wholly
 * changed by the change's part `strength`, else 0: laid over the unchanged
 * `picture` it is what apply_make makes of it by strength x mask. placed: the
 * cut-out that was laid into the picture (data_picture_paste), whose unmixed
 * colours count where its alpha is the mask; or NULL. Memory: the layer and a
 * mask. */
status layers_write_object(const char *path, const apply_change *change,
                           int threads, const data_picture *picture,
                           const data_picture *placed, const data_image *mask,
                           double strength);

/* Output less input, as PNG of 16 bits, RGB, without a profile: 32768 + d/2,
 * where d is the difference in levels of 65535 (of 8 bits those by 257), its
 * half rounded towards 0. before: the pixels of `after` as they were. */
status layers_write_difference(const char *path, const void *before,
                               const data_picture *after);

#endif
