/* harmonia pack HCOCO_DIR OUT.h5 */
#include "dist/cmd/command.h"

#include <string.h>

#include "data/data.h"
#include "dist/cmd/mask_options.h"

typedef struct pack_configuration {
  const char *filter, *mask;
  int64_t size, compression, threads;
  double validation;
  bool skip_bad, strict;
  mask_options masks;
} pack_configuration;

#define AT(member) offsetof(pack_configuration, member)
static const option options[] = {
    {"size", OPTION_INT, AT(size), "256", 16, 4096, "N", NULL,
     "pixels a side; images are brought to N x N whatever their shape"},
    {"filter", OPTION_CHOICE, AT(filter), "bilinear", 0, 0, "NAME",
     "bilinear|bicubic|cv-linear",
     "how images are resized: as Pillow's bilinear (DoveNet's loader) or "
     "bicubic, or as OpenCV's linear (BargainNet's, iDIH's)"},
    {"mask", OPTION_CHOICE, AT(mask), "threshold", 0, 0, "HOW",
     "threshold|dither",
     "how masks become black and white: at 128, or as Pillow's convert('1')"},
    MASK_OPTIONS(AT(masks), "as --mask says", ""),
    {"validation", OPTION_REAL, AT(validation), "0", 0, 1e9, "F", NULL,
     "hold scenes out of the training split, to validate on: below 1 a share "
     "of them, from 1 on their number; which ones follows from their names"},
    {"skip-bad", OPTION_FLAG, AT(skip_bad), "no", 0, 0, NULL, NULL,
     "leave out samples that cannot be read, listing them on stderr and in "
     "OUT.h5.skipped.txt"},
    {"strict", OPTION_FLAG, AT(strict), "no", 0, 0, NULL, NULL,
     "an error, not a warning, where a real image is in two splits, or the "
     "same pixels under two names"},
    {"compression", OPTION_INT, AT(compression), "3", 0, 9, "LEVEL", NULL,
     "deflate level; 0: none"},
    {"threads", OPTION_INT, AT(threads), "0", 0, 256, "T", NULL,
     "threads; 0: all cores"},
};
#undef AT

static const option_table table = {
    .command = "pack",
    .synopsis = "[OPTIONS] HCOCO_DIR OUT.h5",
    .description =
        "Decodes and resizes an HCOCO folder (or the HCOCO of an iHarmony4 "
        "folder) and stores it in one HDF5 file. Interrupted, the same command "
        "goes on where it was; meanwhile OUT.h5.partial holds the work done, "
        "and the disk needs room for twice the result.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .positional_min = 2,
    .positional_max = 2,
};

static data_filter filter_of(const char *name) {
  if (strcmp(name, "bicubic") == 0) return DATA_BICUBIC;
  if (strcmp(name, "cv-linear") == 0) return DATA_CV_LINEAR;
  return DATA_BILINEAR;
}

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const pack_configuration *conf = configuration;
  bool dither = strcmp(conf->mask, "dither") == 0;
  if (dither && conf->masks.threshold > 0)
    return status_error(STATUS_USAGE,
                        "options --mask dither and --mask-threshold: one of "
                        "them");
  data_pack_options pack = {
      .folder = positional[0],
      .out = positional[1],
      .size = (int)conf->size,
      .filter = filter_of(conf->filter),
      .mask = mask_options_of(&conf->masks, false),
      .binarize = dither ? DATA_DITHER : DATA_THRESHOLD,
      .validation = conf->validation,
      .skip_bad = conf->skip_bad,
      .strict = conf->strict,
      .compression = (int)conf->compression,
      .threads = (int)conf->threads,
  };
  return data_pack(&pack);
}

const command command_pack = {
    .summary = "decode, resize and store an HCOCO folder as HDF5",
    .table = &table,
    .configuration_size = sizeof(pack_configuration),
    .run = run,
};
