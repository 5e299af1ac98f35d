/* harmonia apply: pictures of any size, one or many. */
#include <limits.h>
#include <string.h>

#include "base/folders.h"
#include "base/log.h"
#include "dist/use/apply_files.h"
#include "dist/use/builtin.h"
#include "dist/cmd/apply_options.h"
#include "dist/cmd/command.h"

/* What makes the picture: a network or a classical method. */
typedef struct maker {
  harmonizer_pool *networks;
  harmonizer_pool *scores; /* for --json, where the system has a score */
  const classical *classical;
  data_xue_model *model; /* for xue */
} maker;

/* By --xue-model alone any model is taken; by --data that of the set. */
static status open_model(const apply_configuration *conf, int threads,
                         data_xue_model **out) {
  char path[PATH_MAX];
  TRY(classical_model_path(conf->xue_model, conf->data, path, sizeof path));
  if (conf->data[0] == '\0') return data_xue_model_open(path, NULL, out);
  data_set *set;
  TRY(data_set_open(conf->data, &set));
  status result = classical_model_provide(set, path, threads);
  if (result == STATUS_OK)
    result = data_xue_model_open(path, data_set_describe(set)->identity, out);
  data_set_close(&set);
  return result;
}

/* A table of colours holds what depends on a pixel's colour alone. */
static status check_lut(const apply_configuration *conf, const char *checkpoint,
                        const harmonizer *network) {
  nn_head head = harmonizer_head(network);
  if (conf->products[APPLY_LUT][0] == '\0' || nn_head_changes_evenly(head))
    return STATUS_OK;
  return status_error(
      STATUS_USAGE,
      "option --lut: by its head, %s, %s changes pixels of one "
      "colour differently; expected a network with affine-image, "
      "affine-object or curves",
      CHOICES(NN_HEADS)[head], checkpoint);
}

static status open_network(const apply_configuration *conf, int threads,
                           harmonizer_pool **out) {
  char path[PATH_MAX];
  const char *checkpoint = conf->checkpoint;
  if (checkpoint[0] == '\0') {
    TRY(builtin_network(path, sizeof path));
    log_info("by the network in the box, %s", path);
    checkpoint = path;
  }
  harmonizer *network;
  TRY(harmonizer_open(checkpoint, threads, false, &network));
  status result = check_lut(conf, checkpoint, network);
  if (result != STATUS_OK) {
    harmonizer_destroy(&network);
    return result;
  }
  return harmonizer_pool_create(&network, threads, out);
}

/* Of a system without a code extractor there is none. */
static status open_scores(const apply_configuration *conf, int threads,
                          harmonizer_pool **out) {
  harmonizer *network;
  if (!conf->json || conf->checkpoint[0] == '\0') return STATUS_OK;
  status result = harmonizer_open_score(conf->checkpoint, threads, &network);
  if (result == STATUS_MISFIT) return STATUS_OK;
  if (result != STATUS_OK) return result;
  return harmonizer_pool_create(&network, threads, out);
}

static status open_maker(const apply_configuration *conf, int threads,
                         maker *out) {
  if (conf->method[0] == '\0') {
    TRY(open_scores(conf, threads, &out->scores));
    return open_network(conf, threads, &out->networks);
  }
  out->classical = classical_find(conf->method);
  if (!out->classical->needs_model) return STATUS_OK;
  return open_model(conf, threads, &out->model);
}

static void close_maker(maker *by) {
  harmonizer_pool_destroy(&by->networks);
  harmonizer_pool_destroy(&by->scores);
  data_xue_model_free(&by->model);
}

static apply_how how_of(const apply_configuration *conf, const maker *by,
                        int threads) {
  return (apply_how){.networks = by->networks,
                     .classical = by->classical,
                     .model = by->model,
                     .threads = threads,
                     .mask = mask_options_of(&conf->masks, true),
                     .invert = conf->invert,
                     .grow = (int)conf->grow,
                     .feather = (int)conf->feather,
                     .strength = conf->strength,
                     .lut_size = (int)conf->lut_size,
                     .json = conf->json,
                     .scores = by->scores,
                     .quality = (int)conf->quality};
}

/* ---- one picture ---- */

/* Options that were checked. */
static apply_task task_of(const apply_configuration *conf) {
  bool cutout = conf->cutout[0] != '\0';
  apply_task task = {.image = cutout ? conf->background : conf->image,
                     .mask = conf->mask,
                     .output = conf->output,
                     .cutout = conf->cutout};
  memcpy(task.products, conf->products, sizeof task.products);
  INVARIANT(data_placing_read("", conf->at, conf->scale, &task.at) == STATUS_OK,
            "%s", status_message());
  return task;
}

static status apply_one(const cluster *c, const apply_configuration *conf) {
  if (c->rank > 0) return STATUS_OK;
  int threads = cluster_threads(c, conf->threads);
  maker by = {0};
  status result = open_maker(conf, threads, &by);
  apply_how how = how_of(conf, &by, threads);
  apply_task task = task_of(conf);
  apply_record record = apply_record_begin(&task);
  if (result == STATUS_OK)
    result = apply_file(&how, &task, conf->json ? &record : NULL);
  if (conf->json && record.outcome != NULL) apply_record_print(&record, stdout);
  close_maker(&by);
  return result;
}

/* ---- many ---- */

static status list_pairs(const apply_configuration *conf, data_pairs *pairs) {
  if (conf->output[0] != '\0') TRY(make_folders(conf->output));
  for (int i = 0; i < APPLY_PRODUCTS; i++)
    if (conf->products[i][0] != '\0') TRY(make_folders(conf->products[i]));
  if (conf->list[0] != '\0')
    return data_pairs_of_list(conf->list, conf->output, pairs);
  return data_pairs_of_folder(conf->image, conf->output, pairs);
}

/* Rank 0 first: a model that is not there yet is fitted once. */
static status open_makers(const cluster *c, const apply_configuration *conf,
                          int threads, maker *by) {
  status result = c->rank == 0 ? open_maker(conf, threads, by) : STATUS_OK;
  TRY(cluster_agree(c, result));
  if (c->rank > 0) result = open_maker(conf, threads, by);
  return cluster_agree(c, result);
}

/* Pictures side by side; where there are fewer than threads, more at each. */
static status apply_many(const cluster *c, const apply_configuration *conf) {
  data_pairs pairs = {0};
  maker by = {0};
  int threads = cluster_threads(c, conf->threads);
  status result = cluster_agree(c, list_pairs(conf, &pairs));
  size_t own = pairs.count / (size_t)c->ranks + 1;
  int workers = own < (size_t)threads ? (int)own : threads;
  if (result == STATUS_OK)
    result = open_makers(c, conf, threads / workers, &by);
  apply_how how = how_of(conf, &by, threads / workers);
  if (result == STATUS_OK)
    result = apply_files(c, &how, &pairs, conf->products, workers, conf->force);
  close_maker(&by);
  data_pairs_free(&pairs);
  return result;
}

static status run(const cluster *c, void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional, (void)positional_count;
  const apply_configuration *conf = configuration;
  status result = apply_options_check(conf, given);
  if (result == STATUS_OK)
    result =
        apply_options_many(conf) ? apply_many(c, conf) : apply_one(c, conf);
  return cluster_agree(c, result);
}

const command command_apply = {
    .summary = "harmonize pictures of any size",
    .table = &apply_option_table,
    .multiplies = true,
    .run_collective = run,
    .often_alone = true,
};
