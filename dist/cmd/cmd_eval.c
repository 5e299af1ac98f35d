/* harmonia eval: the table of the field. */
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "base/publish.h"
#include "dist/cmd/command.h"
#include "dist/score/evaluate_sheet.h"
#include "dist/score/evaluate_table.h"

/* Whose background gives the domain code. */
#define CODE_SOURCES(X)                                                        \
  X(CODE_OF_COMPOSITE, "composite")                                            \
  X(CODE_OF_REAL, "real")
CHOICE(code_source, CODE_SOURCES);

typedef struct eval_configuration {
  const char *data, *csv, *xue_model, *sheet;
  data_split split;
  data_background background;
  data_psnr_range range;
  quantisation quantise;
  code_source code;
  option_list checkpoints, labels, methods;
  int64_t limit, threads, sheet_rows;
  bool full_res, train_mode, cost;
} eval_configuration;

static const char *const splits[] = {[DATA_TRAIN] = "train",
                                     [DATA_TEST] = "test",
                                     [DATA_VALIDATION] = "validation",
                                     NULL};
static const char *const backgrounds[] = {[DATA_BG_AS_IS] = "as-is",
                                          [DATA_BG_GT] = "gt",
                                          [DATA_BG_MASKED] = "masked",
                                          NULL};
static const char *const ranges[] = {[DATA_RANGE_PRED] = "pred",
                                     [DATA_RANGE_TARGET_MAX] = "target-max",
                                     [DATA_RANGE_255] = "255",
                                     NULL};

#define ROW(name, field) OPTION_ROW(eval_configuration, name, field)
static const option options[] = {
    {ROW("data", data), .argument = "F.h5",
     .help = "the packed data set, or with --full-res a folder of HCOCO's "
             "layout"},
    {ROW("split", split), .preset = "test", .choices = splits,
     .help = "which part of it"},
    {ROW("checkpoint", checkpoints), .argument = "C.h5",
     .help = "a trained network; may be given many times"},
    {ROW("label", labels), .argument = "TEXT",
     .help = "what table and sheet call a checkpoint, the first one's first "
             "[its model]"},
    {ROW("method", methods), .argument = "NAME",
     .help = "a method without a network, may be given many times: composite "
             "(the input itself), lalonde (Lalonde and Efros 2007), xue (Xue "
             "et al. 2012) or xue-zero (the same without a model)"},
    {ROW("xue-model", xue_model), .argument = "FILE",
     .help = "where the model of method xue is kept, instead of F.h5.xue; it "
             "is fitted on the training split if it is not there"},
    {ROW("limit", limit), .preset = "0", .max = 1e9, .argument = "N",
     .help = "only the first N samples of the split; 0: all"},
    {ROW("csv", csv), .argument = "FILE",
     .help = "write the table there as well"},
    {ROW("cost", cost),
     .help = "tell as well what an image costs: a network's parameters and "
             "multiply-adds, and the seconds that a rank took for one by the "
             "wall's clock"},
    {ROW("sheet", sheet), .argument = "FILE.png",
     .help = "make a picture sheet: a column each for mask, composite, every "
             "method and the real image, each with a detail, and a map of its "
             "error. First come the samples that the last method leaves worst, "
             "median and best, by MSE over the composite's"},
    {ROW("sheet-rows", sheet_rows), .preset = "6", .max = 64, .argument = "N",
     .help = "more of its samples, spread evenly over those evaluated"},
    {ROW("full-res", full_res),
     .help = "at the pictures' own size, as apply: of a set of larger images "
             "than the networks', or of a folder's files, one after the other. "
             "Stands for --bg masked --psnr-range 255 --quantise float where "
             "these are not given: the protocol of PCT-Net and DCCF"},
    {ROW("bg", background), .preset = "as-is", .choices = backgrounds,
     .help = "background: as the method gives it, replaced by the real "
             "image's, or its error counted as zero"},
    {ROW("psnr-range", range), .preset = "pred", .choices = ranges,
     .help = "the peak of PSNR: max - min of the output (DoveNet), the real "
             "image's maximum (iDIH), or 255"},
    {ROW("quantise", quantise), .preset = "trunc",
     .choices = CHOICES(QUANTISATIONS), .help = "how outputs become levels"},
    {ROW("code", code), .preset = "composite", .choices = CHOICES(CODE_SOURCES),
     .help = "whose background gives the domain code of systems that have one: "
             "the composite's, or as in the published test the real image's"},
    {ROW("train-mode", train_mode),
     .help = "batch statistics of the single image and live dropout, as the "
             "published test scripts run"},
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "threads a rank; 0: this rank's share of the node's cores"},
};
#undef ROW

static const option_table table = {
    .command = "eval",
    .synopsis = "--data F.h5 (--checkpoint C.h5 | --method NAME)... [OPTIONS]",
    .description =
        "Compares methods by the field's metrics: means over images of MSE, "
        "PSNR, foreground MSE and SSIM, for all and by foreground share. The "
        "defaults are DoveNet's protocol. Under mpirun the images are shared "
        "out over the ranks.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(eval_configuration),
};

/* ---- the methods ---- */

/* The label, where there is one; "unet", or with the checkpoint's path where
 * that name stands already. */
static void name_method(method *methods, int index, const char *label,
                        const char *checkpoint) {
  method *m = &methods[index];
  snprintf(m->name, sizeof m->name, "%s",
           label != NULL ? label : harmonizer_model(m->network));
  if (label != NULL) return;
  for (int i = 0; i < index; i++)
    if (strcmp(methods[i].name, m->name) == 0)
      snprintf(m->name, sizeof m->name, "%s:%.200s",
               harmonizer_model(m->network), checkpoint);
}

static status open_methods(const eval_configuration *conf, int threads,
                           int size, method *methods) {
  int count = 0;
  for (int i = 0; i < conf->methods.count; i++) {
    const char *name = conf->methods.values[i];
    method *m = &methods[count++];
    snprintf(m->name, sizeof m->name, "%s", name);
    m->classical = classical_find(name);
    if (m->classical == NULL && strcmp(name, "composite") != 0)
      return status_error(STATUS_USAGE,
                          "option --method: '%s' is not one of composite, %s",
                          name, classical_names);
  }
  for (int i = 0; i < conf->checkpoints.count; i++) {
    const char *path = conf->checkpoints.values[i];
    TRY(harmonizer_open(path, threads, conf->train_mode,
                        &methods[count].network));
    if (!conf->full_res && harmonizer_size(methods[count].network) != size)
      return status_error(STATUS_MISFIT,
                          "%s: a network for %d pixels a side, the data set "
                          "has %d (--full-res: at the data set's size)",
                          path, harmonizer_size(methods[count].network), size);
    name_method(methods, count,
                i < conf->labels.count ? conf->labels.values[i] : NULL, path);
    count++;
  }
  return STATUS_OK;
}

static bool need_model(const method *methods, int count) {
  for (int m = 0; m < count; m++)
    if (methods[m].classical != NULL && methods[m].classical->needs_model)
      return true;
  return false;
}

/* Collective. Rank 0 fits the model if it is missing; all open it. */
static status open_model(const cluster *c, const eval_configuration *conf,
                         data_set *set, method *methods, int count,
                         data_xue_model **model) {
  char path[PATH_MAX];
  int threads = cluster_threads(c, conf->threads);
  if (!need_model(methods, count)) return STATUS_OK;
  if (data_set_describe(set)->size == 0)
    return status_error(STATUS_USAGE,
                        "option --method: xue is fitted on a packed data set; "
                        "%s is a folder",
                        conf->data);
  status result =
      classical_model_path(conf->xue_model, conf->data, path, sizeof path);
  if (result == STATUS_OK && c->rank == 0)
    result = classical_model_provide(set, path, threads);
  TRY(cluster_agree(c, result));
  result = data_xue_model_open(path, data_set_describe(set)->identity, model);
  for (int m = 0; m < count; m++) methods[m].model = *model;
  return cluster_agree(c, result);
}

/* ---- the results ---- */

/* Before the evaluation, which may take hours. */
static status check_places(const cluster *c, const eval_configuration *conf) {
  if (c->rank != 0) return STATUS_OK;
  if (conf->csv[0] != '\0') TRY(publish_check(conf->csv));
  if (conf->sheet[0] != '\0') TRY(data_image_check(conf->sheet));
  return STATUS_OK;
}

static status make_sheet(const eval_configuration *conf, data_set *set,
                         const protocol *how, const method *methods,
                         int count) {
  const method *judged = evaluate_sheet_judged(methods, count);
  size_t samples = evaluate_count(set, how);
  const char *split = data_split_name(how->split);
  char title[384];
  if (judged != NULL)
    snprintf(title, sizeof title,
             "%s: worst, median and best of %zu %s samples by MSE over the "
             "composite's; then others",
             judged->name, samples, split);
  else
    snprintf(title, sizeof title, "of %zu %s samples", samples, split);
  return evaluate_sheet(conf->sheet, title, set, how, methods, count,
                        (int)conf->sheet_rows, (sheet_pace){NULL, NULL});
}

static status give_results(const eval_configuration *conf, data_set *set,
                           const protocol *how, const method *methods,
                           int count, const averages *scores) {
  evaluate_table_print(stdout, set, how, methods, count, scores, conf->cost);
  fflush(stdout); /* --csv may be /dev/stdout */
  if (conf->csv[0] != '\0')
    TRY(evaluate_table_write(conf->csv, methods, count, scores, conf->cost));
  if (conf->sheet[0] != '\0') TRY(make_sheet(conf, set, how, methods, count));
  return STATUS_OK;
}

/* ---- the command ---- */

static status check(const eval_configuration *conf) {
  if (conf->data[0] == '\0')
    return status_error(STATUS_USAGE, "option --data is missing");
  if (conf->methods.count + conf->checkpoints.count == 0)
    return status_error(STATUS_USAGE,
                        "nothing to evaluate: give --checkpoint or --method");
  if (conf->labels.count > conf->checkpoints.count)
    return status_error(STATUS_USAGE,
                        "option --label: %d of them for %d of --checkpoint",
                        conf->labels.count, conf->checkpoints.count);
  return STATUS_OK;
}

static bool is_folder(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static status open_set(const eval_configuration *conf, data_set **set) {
  if (!is_folder(conf->data)) return data_set_open(conf->data, set);
  if (!conf->full_res)
    return status_error(STATUS_USAGE,
                        "option --data: %s is a folder: expected --full-res, "
                        "for its files at their own sizes, or a packed data "
                        "set (harmonia pack)",
                        conf->data);
  if (conf->sheet[0] != '\0')
    return status_error(STATUS_USAGE,
                        "option --sheet: expected a packed data set, whose "
                        "images have one size; %s is a folder",
                        conf->data);
  return data_set_open_files(conf->data, set);
}

static status open_all(const cluster *c, const eval_configuration *conf,
                       data_set **set, method *methods) {
  TRY(check(conf));
  TRY(check_places(c, conf));
  TRY(open_set(conf, set));
  const data_set_info *info = data_set_describe(*set);
  if (info->split_count[conf->split] == 0)
    return status_error(STATUS_MISFIT, "%s: the %s split is empty", conf->data,
                        data_split_name(conf->split));
  int threads = cluster_threads(c, conf->threads);
  return open_methods(conf, threads, info->size, methods);
}

/* What --full-res stands for. */
static void preset_full_res(eval_configuration *conf, const bool *given) {
  if (!conf->full_res) return;
  if (!given[options_find(&table, "bg")]) conf->background = DATA_BG_MASKED;
  if (!given[options_find(&table, "psnr-range")]) conf->range = DATA_RANGE_255;
  if (!given[options_find(&table, "quantise")]) conf->quantise = QUANTISE_NONE;
}

static protocol protocol_of(const cluster *c, const eval_configuration *conf) {
  return (protocol){.split = conf->split,
                    .limit = (size_t)conf->limit,
                    .background = conf->background,
                    .range = conf->range,
                    .quantise = conf->quantise,
                    .code_of_real = conf->code == CODE_OF_REAL,
                    .full_res = conf->full_res,
                    .threads = cluster_threads(c, conf->threads)};
}

static status run(const cluster *c, void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional, (void)positional_count;
  preset_full_res(configuration, given);
  const eval_configuration *conf = configuration;
  int count = conf->methods.count + conf->checkpoints.count;
  data_set *set = NULL;
  method *methods = NULL;
  averages *scores = NULL;
  data_xue_model *model = NULL;
  status result = MEMORY_NEW((size_t)count + 1, "methods", &methods);
  if (result == STATUS_OK)
    result = MEMORY_NEW((size_t)count * SHARES + 1, "scores", &scores);
  if (result == STATUS_OK) result = open_all(c, conf, &set, methods);
  result = cluster_agree(c, result);
  if (result == STATUS_OK)
    result = open_model(c, conf, set, methods, count, &model);
  if (result == STATUS_OK) {
    protocol how = protocol_of(c, conf);
    result = evaluate(c, set, &how, methods, count, scores);
    if (result == STATUS_OK && scores != NULL && c->rank == 0)
      result = give_results(conf, set, &how, methods, count, scores);
  }
  result = cluster_agree(c, result);
  for (int m = 0; methods != NULL && m < count; m++)
    harmonizer_destroy(&methods[m].network);
  data_xue_model_free(&model);
  memory_free(methods);
  memory_free(scores);
  data_set_close(&set);
  return result;
}

const command command_eval = {
    .summary = "compare methods by the field's metrics",
    .table = &table,
    .multiplies = true,
    .run_collective = run,
};
