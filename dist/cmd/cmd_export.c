/* harmonia export: a checkpoint's weights for other programs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/cmd/command.h"
#include "dist/state/snapshot.h"

typedef struct export_configuration {
  bool all;
} export_configuration;

#define ROW(name, field) OPTION_ROW(export_configuration, name, field)
static const option options[] = {
    {ROW("all", all),
     .help = "all networks, with their groups before the names: "
             "\"G/model.model.0.weight\", E/, D/; otherwise the generator, "
             "without"},
};
#undef ROW

static const option_table table = {
    .command = "export",
    .synopsis = "C.h5 OUT.safetensors [--all]",
    .description =
        "Writes the weights of a checkpoint as safetensors: names and shapes "
        "are those of PyTorch's state_dict, so that load_state_dict takes "
        "them, and of a run with --ema they are the averages. Model, options "
        "and step are the file's metadata; import makes a checkpoint of it "
        "again. Equal weights are equal bytes.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(export_configuration),
    .positional_min = 2,
    .positional_max = 2,
};

typedef struct exporting {
  ckpt_reader *reader;
  ckpt_export *arrays;
  size_t count;
  ckpt_export_text *texts;
  char (*keys)[CKPT_NAME_SIZE], (*values)[CKPT_TEXT_SIZE];
  size_t text_count;
} exporting;

/* The network's arrays, of which the file may hold averages besides. */
static status choose_arrays(exporting *ex, bool all) {
  size_t count = ckpt_array_count(ex->reader);
  bool averages = snapshot_has_average(ex->reader);
  TRY(MEMORY_NEW(count, "list of arrays", &ex->arrays));
  for (size_t i = 0; i < count; i++) {
    const ckpt_array *array = ckpt_array_at(ex->reader, i);
    const char *name = array->name;
    if (snapshot_is_average(name) != averages) continue;
    if (averages) name += strlen(SNAPSHOT_AVERAGES);
    if (strncmp(name, "optimizer/", 10) == 0) continue;
    if (!all && strncmp(name, "G/", 2) != 0) continue;
    ex->arrays[ex->count++] =
        (ckpt_export){.array = array, .name = all ? name : name + 2};
  }
  return STATUS_OK;
}

static status read_texts(exporting *ex) {
  size_t count = ckpt_text_count(ex->reader);
  TRY(MEMORY_NEW(count, "texts", &ex->texts));
  TRY(MEMORY_NEW(count, "texts", &ex->keys));
  TRY(MEMORY_NEW(count, "texts", &ex->values));
  for (size_t i = 0; i < count; i++) {
    TRY(ckpt_text_key(ex->reader, i, ex->keys[i], sizeof ex->keys[i]));
    TRY(ckpt_read_text(ex->reader, ex->keys[i], ex->values[i],
                       sizeof ex->values[i]));
    ex->texts[i] = (ckpt_export_text){ex->keys[i], ex->values[i]};
  }
  ex->text_count = count;
  return STATUS_OK;
}

/* Two names in the wrong order must not cost a run. */
static status check_out(const char *path) {
  ckpt_reader *there;
  if (access(path, F_OK) != 0 || ckpt_reader_open(path, &there) != STATUS_OK)
    return STATUS_OK;
  ckpt_reader_close(&there);
  return status_error(STATUS_USAGE,
                      "%s is a checkpoint: expected another name for the "
                      "weights",
                      path);
}

static status make(exporting *ex, const char *from, const char *to, bool all) {
  TRY(check_out(to));
  TRY(ckpt_reader_open(from, &ex->reader));
  TRY(choose_arrays(ex, all));
  TRY(read_texts(ex));
  TRY(ckpt_export_safetensors(ex->reader, ex->arrays, ex->count, ex->texts,
                              ex->text_count, to));
  log_info("%s: %zu arrays of %s%s", to, ex->count, from,
           snapshot_has_average(ex->reader) ? " (averages)" : "");
  return STATUS_OK;
}

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const export_configuration *conf = configuration;
  exporting ex = {0};
  status result = make(&ex, positional[0], positional[1], conf->all);
  memory_free(ex.arrays);
  memory_free(ex.texts);
  memory_free(ex.keys);
  memory_free(ex.values);
  ckpt_reader_close(&ex.reader);
  return result;
}

const command command_export = {
    .summary = "write a checkpoint's weights as safetensors",
    .table = &table,
    .run = run,
};
