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

#define AT(member) offsetof(compose_configuration, member)
static const option options[] = {
    {"methods", OPTION_TEXT, AT(methods), "gct,gctrgb,hgm,idt", 0, 0, "LIST",
     NULL,
     "colour transfers to draw from; one named twice is drawn twice as often"},
    {"per-image", OPTION_INT, AT(per_image), "1", 1, 1000, "K", NULL,
     "composites a photograph"},
    {"seed", OPTION_INT, AT(seed), "1", 0, 9e15, "S", NULL,
     "random seed: the same seed makes the same folder"},
    {"max-fmse", OPTION_REAL, AT(max_fmse), "0", 0, 65025, "X", NULL,
     "draw another reference and method, at most 8 times, while the "
     "foreground's MSE is above X; then the least; 0: never"},
    {"validation", OPTION_REAL, AT(validation), "0", 0, 1e9, "F", NULL,
     "hold scenes out of the training split, to validate on: below 1 a share "
     "of them, from 1 on their number; which ones follows from their names"},
    {"strict", OPTION_FLAG, AT(strict), "no", 0, 0, NULL, NULL,
     "an error, not a warning, where photographs of a scene are in two splits"},
    {"quality", OPTION_INT, AT(quality), "95", 1, 100, "Q", NULL,
     "JPEG quality"},
    MASK_OPTIONS(AT(masks), "128, of the grey", ""),
    {"threads", OPTION_INT, AT(threads), "0", 0, 256, "T", NULL,
     "threads; 0: all cores"},
};
#undef AT

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
    .configuration_size = sizeof(compose_configuration),
    .run = run,
};
