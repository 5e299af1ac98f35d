/* The options of every command that reads masks: how a file becomes one. */
#ifndef HARMONIA_MASK_OPTIONS_H
#define HARMONIA_MASK_OPTIONS_H

#include "data/data.h"
#include "base/options.h"

typedef struct mask_options {
  int64_t threshold;
  bool alpha;
} mask_options;

/* Rows of a command's table; `masks` is the field of its `configuration` that
 * is mask_options, `preset_is` says what a threshold of 0 does, `from` whose
 * alpha is taken. */
#define MASK_OPTIONS(configuration, masks, preset_is, from)                    \
  {OPTION_ROW(configuration, "mask-threshold", masks.threshold),               \
   .preset = "0", .max = 65535, .argument = "N",                               \
   .help = "for masks that are not black and white: object is what has the "   \
           "value N or more in any channel, of 255 or, in 16-bit files, of "   \
           "65535; all else is background; 0: " preset_is},                    \
  {                                                                            \
    OPTION_ROW(configuration, "mask-alpha", masks.alpha),                      \
        .help = "take the alpha channel for the mask" from                     \
  }

/* For data's readers; with `warn` also of what is odd, and no fault. */
data_mask_options mask_options_of(const mask_options *given, bool warn);

/* The mask of a picture that was read from `image`: of the file `mask`, or
 * where that is "" the image's own alpha. */
status mask_options_read(const mask_options *given, const char *mask,
                         const char *image, const data_picture *picture,
                         data_image *out);

#endif
