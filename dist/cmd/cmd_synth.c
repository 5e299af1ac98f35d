/* harmonia synth OUT.h5 */
#include "dist/cmd/command.h"

#include "data/data.h"

typedef struct synth_configuration {
  int64_t size, train, test, validation, seed, threads;
} synth_configuration;

#define AT(member) offsetof(synth_configuration, member)
static const option options[] = {
    {"size", OPTION_INT, AT(size), "64", 16, 4096, "S", NULL,
     "pixels a side of the images"},
    {"train", OPTION_INT, AT(train), "2000", 0, 1e6, "N", NULL,
     "scenes to train on"},
    {"test", OPTION_INT, AT(test), "200", 0, 1e6, "N", NULL,
     "scenes to test on"},
    {"validation", OPTION_INT, AT(validation), "0", 0, 1e6, "N", NULL,
     "scenes to validate on while training"},
    {"seed", OPTION_INT, AT(seed), "1", 0, 9e15, "S", NULL,
     "random seed: the same seed makes the same file"},
    {"threads", OPTION_INT, AT(threads), "0", 0, 256, "T", NULL,
     "threads; 0: all cores"},
};
#undef AT

static const option_table table = {
    .command = "synth",
    .synopsis = "[OPTIONS] OUT.h5",
    .description =
        "Makes a packed data set of procedural scenes: shapes on a ground "
        "under one light, one of them recoloured after a shape of another "
        "scene. Needs no photographs; a set to try the program with.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .positional_min = 1,
    .positional_max = 1,
};

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const synth_configuration *conf = configuration;
  data_synth_options synth = {
      .out = positional[0],
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
    .configuration_size = sizeof(synth_configuration),
    .run = run,
};
