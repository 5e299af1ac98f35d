/* harmonia synth OUT.h5 */
#include "dist/cmd/command.h"

#include "data/data.h"

typedef struct synth_configuration {
  const char *pictures;
  int64_t size, train, test, validation, seed, threads;
} synth_configuration;

#define ROW(name, field) OPTION_ROW(synth_configuration, name, field)
static const option options[] = {
    {ROW("size", size), .preset = "64", .min = 16, .max = 4096, .argument = "S",
     .help = "pixels a side of the images"},
    {ROW("train", train), .preset = "2000", .max = 1e6, .argument = "N",
     .help = "scenes to train on"},
    {ROW("test", test), .preset = "200", .max = 1e6, .argument = "N",
     .help = "scenes to test on"},
    {ROW("validation", validation), .preset = "0", .max = 1e6, .argument = "N",
     .help = "scenes to validate on while training"},
    {ROW("seed", seed), .preset = "1", .max = 9e15, .argument = "S",
     .help = "random seed: the same seed makes the same file"},
    {ROW("pictures", pictures), .argument = "DIR",
     .help = "write the scenes there as pictures, too: NAME.png, NAME_mask.png "
             "and NAME_real.png, as apply takes them"},
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "threads; 0: all cores"},
};
#undef ROW

static const option_table table = {
    .command = "synth",
    .synopsis = "[OPTIONS] OUT.h5",
    .description =
        "Makes a packed data set of procedural scenes: shapes on a ground "
        "under one light, one of them recoloured after a shape of another "
        "scene. Needs no photographs; a set to try the program with.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(synth_configuration),
    .positional_min = 1,
    .positional_max = 1,
};

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const synth_configuration *conf = configuration;
  data_synth_options synth = {
      .out = positional[0],
      .pictures = conf->pictures[0] != '\0' ? conf->pictures : NULL,
      .size = (int)conf->size,
      .train_count = (int)conf->train,
      .test_count = (int)conf->test,
      .validation_count = (int)conf->validation,
      .seed = (uint64_t)conf->seed,
      .threads = (int)conf->threads,
  };
  return data_synth(&synth);
}

const command command_synth = {
    .summary = "make a data set of procedural scenes",
    .table = &table,
    .run = run,
};
