/* harmonia pack HCOCO_DIR OUT.h5 */
#include "dist/cmd/command.h"

#include "data/data.h"
#include "dist/cmd/mask_options.h"

/* Those of data's filters that a public loader has. */
#define PACK_FILTERS(X)                                                        \
  X(PACK_BILINEAR, "bilinear", DATA_BILINEAR)                                  \
  X(PACK_BICUBIC, "bicubic", DATA_BICUBIC)                                     \
  X(PACK_CV_LINEAR, "cv-linear", DATA_CV_LINEAR)
CHOICE(pack_filter, PACK_FILTERS);

typedef struct pack_configuration {
  pack_filter filter;
  data_binarize mask;
  int64_t size, compression, threads;
  double validation;
  bool skip_bad, strict;
  mask_options masks;
} pack_configuration;

static const char *const binarizations[] = {
    [DATA_THRESHOLD] = "threshold", [DATA_DITHER] = "dither", NULL};

#define ROW(name, field) OPTION_ROW(pack_configuration, name, field)
static const option options[] = {
    {ROW("size", size), .preset = "256", .min = 16, .max = 4096,
     .argument = "N",
     .help = "pixels a side; images are brought to N x N whatever their shape"},
    {ROW("filter", filter), .preset = "bilinear",
     .choices = CHOICES(PACK_FILTERS),
     .help = "how images are resized: as Pillow's bilinear (DoveNet's loader) "
             "or bicubic, or as OpenCV's linear (BargainNet's, iDIH's)"},
    {ROW("mask", mask), .preset = "threshold", .choices = binarizations,
     .help = "how masks become black and white: at 128, or as Pillow's "
             "convert('1')"},
    MASK_OPTIONS(pack_configuration, masks, "as --mask says", ""),
    {ROW("validation", validation), .preset = "0", .max = 1e9, .argument = "F",
     .help = "hold scenes out of the training split, to validate on: below 1 a "
             "share of them, from 1 on their number; which ones follows from "
             "their names"},
    {ROW("skip-bad", skip_bad), .preset = "no",
     .help = "leave out samples that cannot be read, listing them on stderr "
             "and in OUT.h5.skipped.txt"},
    {ROW("strict", strict), .preset = "no",
     .help = "an error, not a warning, where a real image is in two splits, or "
             "the same pixels under two names"},
    {ROW("compression", compression), .preset = "3", .max = 9,
     .argument = "LEVEL", .help = "deflate level; 0: none"},
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "threads; 0: all cores"},
};
#undef ROW

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
    .size = sizeof(pack_configuration),
    .positional_min = 2,
    .positional_max = 2,
};

static data_filter filter_of(pack_filter filter) {
#define FILTER(value, name, filter) [value] = (filter),
  static const data_filter all[] = {PACK_FILTERS(FILTER)};
#undef FILTER
  return all[filter];
}

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const pack_configuration *conf = configuration;
  if (conf->mask == DATA_DITHER && conf->masks.threshold > 0)
    return status_error(STATUS_USAGE,
                        "options --mask dither and --mask-threshold: one of "
                        "them");
  data_pack_options pack = {
      .folder = positional[0],
      .out = positional[1],
      .size = (int)conf->size,
      .filter = filter_of(conf->filter),
      .mask = mask_options_of(&conf->masks, false),
      .binarize = conf->mask,
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
    .run = run,
};
