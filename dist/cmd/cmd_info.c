/* harmonia info FILE.h5, or --newest RUN */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "checkpoint/checkpoint.h"
#include "data/data.h"
#include "dist/cmd/command.h"
#include "dist/run/run_folder.h"
#include "dist/state/snapshot.h"

typedef struct info_configuration {
  bool arrays, verify, changed, newest;
} info_configuration;

#define ROW(name, field) OPTION_ROW(info_configuration, name, field)
static const option options[] = {
    {ROW("arrays", arrays), .help = "list every array of a checkpoint"},
    {ROW("changed", changed),
     .help = "only the training options of a checkpoint that are not train's "
             "defaults, in one line"},
    {ROW("newest", newest),
     .help = "the argument is the folder of a run: print the path of the "
             "checkpoint that train --resume goes on from, or nothing where "
             "there is none; where there are some and none can be resumed, the "
             "exit status is 1"},
    {ROW("verify", verify), .help = "read everything and check all checksums"},
};
#undef ROW

static const option_table table = {
    .command = "info",
    .synopsis = "[OPTIONS] FILE.h5|RUN",
    .description = "Describes a packed data set or a checkpoint.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(info_configuration),
    .positional_min = 1,
    .positional_max = 1,
};

/* ---- a data set ---- */

static status verify_set(data_set *set) {
  const data_set_info *info = data_set_describe(set);
  size_t pixels = (size_t)info->size * (size_t)info->size;
  data_image scratch;
  TRY(data_image_create(info->size, info->size * 3, 3, &scratch));
  status result = STATUS_OK;
  for (size_t i = 0; i < info->count && result == STATUS_OK; i++)
    result = data_set_read(set, i, scratch.pixels, scratch.pixels + 3 * pixels,
                           scratch.pixels + 6 * pixels);
  data_image_free(&scratch);
  if (result == STATUS_OK) printf("checksums  all good\n");
  return result;
}

static void print_set(const char *path, const data_set *set) {
  const data_set_info *info = data_set_describe(set);
  printf("%s: packed data set\n", path);
  printf("size       %d x %d pixels\n", info->size, info->size);
  printf("train      %zu composites\n", info->split_count[DATA_TRAIN]);
  printf("test       %zu composites\n", info->split_count[DATA_TEST]);
  if (info->split_count[DATA_VALIDATION] > 0)
    printf("validation %zu composites\n", info->split_count[DATA_VALIDATION]);
  printf("real       %zu images\n", info->reals);
  printf("masks      %zu\n", info->masks);
  printf("protocol   %s\n", info->protocol);
  printf("identity   %s\n", info->identity);
  if (info->count > 0) printf("first      %s\n", data_set_name(set, 0));
}

/* ---- a checkpoint ---- */

static status print_texts(ckpt_reader *reader) {
  for (size_t i = 0; i < ckpt_text_count(reader); i++) {
    char key[CKPT_NAME_SIZE], text[CKPT_TEXT_SIZE];
    TRY(ckpt_text_key(reader, i, key, sizeof key));
    TRY(ckpt_read_text(reader, key, text, sizeof text));
    printf("%-26s %s\n", key, text);
  }
  return STATUS_OK;
}

/* As train takes them: "--model=dovenet --ngf=32". */
static status print_changed(ckpt_reader *reader) {
  train_options defaults;
  const char *separator = "";
  options_defaults(&train_option_table, &defaults);
  for (int i = 0; i < train_option_table.count; i++) {
    const char *name = train_option_table.options[i].name;
    char key[CKPT_NAME_SIZE], text[CKPT_TEXT_SIZE], preset[CKPT_TEXT_SIZE];
    snprintf(key, sizeof key, "option.%s", name);
    if (!ckpt_has_text(reader, key)) continue;
    TRY(ckpt_read_text(reader, key, text, sizeof text));
    options_format(&train_option_table, &defaults, i, preset, sizeof preset);
    if (strcmp(text, preset) == 0) continue;
    printf("%s--%s=%s", separator, name, text);
    separator = " ";
  }
  putchar('\n');
  return STATUS_OK;
}

static uint64_t count_values(const ckpt_array *array) {
  uint64_t count = 1;
  for (int k = 0; k < array->rank; k++) count *= array->shape[k];
  return count;
}

static void print_arrays(ckpt_reader *reader, bool all) {
  uint64_t network = 0, optimizer = 0, averages = 0;
  for (size_t i = 0; i < ckpt_array_count(reader); i++) {
    const ckpt_array *array = ckpt_array_at(reader, i);
    bool moment = strncmp(array->name, "optimizer/", 10) == 0;
    bool average = snapshot_is_average(array->name);
    *(moment    ? &optimizer
      : average ? &averages
                : &network) += count_values(array);
    if (!all) continue;
    printf("  %s [", array->name);
    for (int k = 0; k < array->rank; k++)
      printf("%s%" PRIu64, k > 0 ? "," : "", array->shape[k]);
    printf("]\n");
  }
  printf("%-26s %.3f M values of networks, %.3f M of the optimizer\n", "arrays",
         (double)network * 1e-6, (double)optimizer * 1e-6);
  if (averages > 0)
    printf("%-26s %.3f M values of averages, which eval, apply and score use\n",
           "weights", (double)averages * 1e-6);
}

static status describe_checkpoint(const info_configuration *conf,
                                  const char *path, ckpt_reader *reader) {
  if (conf->changed) return print_changed(reader);
  printf("%s: checkpoint\n", path);
  TRY(print_texts(reader));
  print_arrays(reader, conf->arrays);
  if (!conf->verify) return STATUS_OK;
  TRY(ckpt_verify(reader));
  printf("%-26s all good\n", "checksums");
  return STATUS_OK;
}

static status print_newest(const char *run_path) {
  char folder[RUN_PATH], path[RUN_PATH + 64];
  bool found;
  uint64_t step;
  TRY(run_folder_checkpoints(run_path, folder, sizeof folder));
  TRY(ckpt_newest(folder, &found, &step, path, sizeof path));
  if (found) puts(path);
  return STATUS_OK;
}

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const info_configuration *conf = configuration;
  const char *path = positional[0];
  if (conf->newest) return print_newest(path);
  ckpt_reader *reader;
  status result = ckpt_reader_open(path, &reader);
  if (result == STATUS_OK) {
    result = describe_checkpoint(conf, path, reader);
    ckpt_reader_close(&reader);
    return result;
  }
  if (result != STATUS_FORMAT) return result;
  char as_checkpoint[512];
  snprintf(as_checkpoint, sizeof as_checkpoint, "%s", status_message());
  data_set *set;
  result = data_set_open(path, &set);
  if (result == STATUS_IO) return result;
  if (result != STATUS_OK)
    return status_error(result, "%s; nor a data set: %s", as_checkpoint,
                        status_message());
  print_set(path, set);
  if (conf->verify) result = verify_set(set);
  data_set_close(&set);
  return result;
}

const command command_info = {
    .summary = "describe a packed data set or a checkpoint",
    .table = &table,
    .run = run,
};
