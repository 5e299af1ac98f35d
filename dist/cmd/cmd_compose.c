/* harmonia compose PHOTOS OUT_DIR */
#include "dist/cmd/command.h"

#include "data/data.h"
#include "dist/cmd/mask_options.h"

typedef struct compose_configuration {
  const char *methods;
  int64_t per_image, seed, quality, threads;
  double max_fmse, validation;
  mask_options masks;
  bool strict;
} compose_configuration;

#define ROW(name, field) OPTION_ROW(compose_configuration, name, field)
static const option options[] = {
    {ROW("methods", methods), .preset = "gct,gctrgb,hgm,idt",
     .argument = "LIST",
     .help = "colour transfers to draw from; one named twice is drawn twice as "
             "often"},
    {ROW("per-image", per_image), .preset = "1", .min = 1, .max = 1000,
     .argument = "K", .help = "composites a photograph"},
    {ROW("seed", seed), .preset = "1", .max = 9e15, .argument = "S",
     .help = "random seed: the same seed makes the same folder"},
    {ROW("max-fmse", max_fmse), .preset = "0", .max = 65025, .argument = "X",
     .help = "draw another reference and method, at most 8 times, while the "
             "foreground's MSE is above X; then the least; 0: never"},
    {ROW("validation", validation), .preset = "0", .max = 1e9, .argument = "F",
     .help = "hold scenes out of the training split, to validate on: below 1 a "
             "share of them, from 1 on their number; which ones follows from "
             "their names"},
    {ROW("strict", strict), .preset = "no",
     .help = "an error, not a warning, where photographs of a scene are in two "
             "splits"},
    {ROW("quality", quality), .preset = "95", .min = 1, .max = 100,
     .argument = "Q", .help = "JPEG quality"},
    MASK_OPTIONS(compose_configuration, masks, "128, of the grey", ""),
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "threads; 0: all cores"},
};
#undef ROW

static const option_table table = {
    .command = "compose",
    .synopsis = "[OPTIONS] PHOTOS OUT_DIR",
    .description =
        "Makes a folder of HCOCO's layout from photographs with masks: each "
        "foreground takes the colours of another foreground of its category. "
        "PHOTOS holds index.tsv, {train,test}/NAME.jpg and NAME.png. Run again "
        "after an interruption, it goes on where it was.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(compose_configuration),
    .positional_min = 2,
    .positional_max = 2,
};

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const compose_configuration *conf = configuration;
  data_compose_options compose = {
      .photos = positional[0],
      .out = positional[1],
      .mask = mask_options_of(&conf->masks, false),
      .methods = conf->methods,
      .per_image = (int)conf->per_image,
      .seed = (uint64_t)conf->seed,
      .max_fmse = conf->max_fmse,
      .validation = conf->validation,
      .quality = (int)conf->quality,
      .threads = (int)conf->threads,
      .strict = conf->strict,
  };
  return data_compose(&compose);
}

const command command_compose = {
    .summary = "make an HCOCO-layout folder from photographs with masks",
    .table = &table,
    .run = run,
};
