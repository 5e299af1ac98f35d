/* Setting up a run: options, folder, data, networks, state. */
#include <mpi.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/trainer_internal.h"
#include "dist/vgg_weights.h"

/* ---- options ---- */

/* Rank 0's options become everybody's: ranks on other nodes may not see the
 * checkpoint. */
static status share_options(trainer *t) {
  enum { TEXT = 1024 };
  const option_table *table = &train_option_table;
  size_t size = (size_t)table->count * TEXT;
  TRY(MEMORY_NEW(size, "options", &t->texts));
  for (int i = 0; i < table->count; i++)
    options_format(table, t->options, i, t->texts + (size_t)i * TEXT, TEXT);
  MPI_Bcast(t->texts, (int)size, MPI_CHAR, 0, t->cluster->world);
  for (int i = 0; i < table->count; i++)
    TRY(options_set(table, t->options, table->options[i].name,
                    t->texts + (size_t)i * TEXT));
  return STATUS_OK;
}

/* Rank 0: the folder, and the newest checkpoint in it. */
static status open_folder(trainer *t, char *checkpoint, size_t size) {
  train_options *o = t->options;
  checkpoint[0] = '\0';
  if (o->data[0] == '\0' || o->out[0] == '\0')
    return status_error(STATUS_USAGE, "option --%s is missing",
                        o->data[0] == '\0' ? "data" : "out");
  TRY(run_folder_open(o->out, &t->folder));
  bool found;
  TRY(ckpt_newest(t->folder.checkpoints, &found, &t->step, checkpoint, size));
  if (!found) {
    checkpoint[0] = '\0';
    train_options_preset(o, t->given);
    if (o->resume) log_info("no checkpoint in %s: starting anew", o->out);
    return STATUS_OK;
  }
  if (!o->resume)
    return status_error(STATUS_USAGE,
                        "%s holds a run of %llu steps: add --resume to go on, "
                        "or choose another --out",
                        o->out, (unsigned long long)t->step);
  log_info("resuming from %s", checkpoint);
  ckpt_reader *reader;
  TRY(ckpt_reader_open(checkpoint, &reader));
  status result = train_options_load(o, t->given, reader, &t->checkpoint_texts);
  ckpt_reader_close(&reader);
  return result == STATUS_OK ? result
                             : status_context(result, "%s", checkpoint);
}

/* ---- data ---- */

int trainer_micro_batch(int batch, int ranks) {
  int best = 1;
  for (int m = 1; m <= 4; m++)
    if (batch % m == 0 && batch / m >= ranks) best = m;
  return best;
}

static status check_batch(const trainer *t) {
  const train_options *o = t->options;
  int ranks = t->cluster->ranks;
  size_t samples = t->info->split_count[DATA_TRAIN];
  if (samples == 0)
    return status_error(STATUS_MISFIT, "%s: the training split is empty",
                        o->data);
  if (samples < (size_t)ranks)
    return status_error(STATUS_MISFIT,
                        "%s: %zu training samples are fewer than the %d ranks",
                        o->data, samples, ranks);
  if (o->batch % o->micro_batch != 0)
    return status_error(STATUS_USAGE,
                        "option --micro-batch: %lld does not divide --batch "
                        "%lld",
                        (long long)o->micro_batch, (long long)o->batch);
  if (o->batch / o->micro_batch < ranks)
    return status_error(STATUS_USAGE,
                        "option --batch: %lld in micro-batches of %lld is less "
                        "than one for each of the %d ranks",
                        (long long)o->batch, (long long)o->micro_batch, ranks);
  return STATUS_OK;
}

static status open_data(trainer *t) {
  train_options *o = t->options;
  TRY(data_set_open(o->data, &t->set));
  t->info = data_set_describe(t->set);
  if (o->size == 0) o->size = t->info->size;
  if (o->size != t->info->size)
    return status_error(STATUS_MISFIT,
                        "%s: holds images of %d pixels, option --size is %lld",
                        o->data, t->info->size, (long long)o->size);
  if (o->micro_batch == 0)
    o->micro_batch = trainer_micro_batch((int)o->batch, t->cluster->ranks);
  return check_batch(t);
}

/* The same data on every rank, and as in the checkpoint. */
static status check_identity(trainer *t, const char *checkpoint) {
  char first[sizeof t->info->identity];
  memcpy(first, t->info->identity, sizeof first);
  MPI_Bcast(first, (int)sizeof first, MPI_CHAR, 0, t->cluster->world);
  if (strcmp(first, t->info->identity) != 0)
    return status_error(STATUS_MISFIT, "%s: is not the data set of rank 0",
                        t->options->data);
  if (checkpoint[0] == '\0') return STATUS_OK;
  ckpt_reader *reader;
  char text[128];
  TRY(ckpt_reader_open(checkpoint, &reader));
  status result = ckpt_read_text(reader, "data.identity", text, sizeof text);
  ckpt_reader_close(&reader);
  if (result == STATUS_OK && strcmp(text, first) != 0)
    result = status_error(STATUS_MISFIT,
                          "%s: is not the data set that %s was trained on",
                          t->options->data, checkpoint);
  return result;
}

/* ---- network and state ---- */

int trainer_threads(const trainer *t) {
  return t->options->threads > 0 ? (int)t->options->threads
                                 : cluster_threads(t->cluster);
}

static status build_network(trainer *t) {
  train_options *o = t->options;
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, NN_FOR_TRAINING, true);
  nn_plan_options plan = {.threads = trainer_threads(t)};
  TRY(nn_system_create(&model, &plan, &t->system));
  t->layout = &t->system->layout;
  update_options how = {.cluster = t->cluster,
                        .layout = t->layout,
                        .phase_count = t->system->phase_count,
                        .micro_batches = (int)(o->batch / o->micro_batch),
                        .threads = trainer_threads(t)};
  for (int k = 0; k < how.phase_count; k++)
    how.phases[k] = nn_plan_layout(t->system->phases[k].plan);
  TRY(update_create(&how, &t->update));
  if (o->lambda_style > 0 || o->lambda_gram > 0)
    TRY(vgg_weights_load(o->vgg_weights, NN_VGG_WIDTH,
                         nn_vgg_conv_count((unsigned)o->style_layers),
                         &t->vgg));
  if (t->cluster->rank != 0) return STATUS_OK;
  for (int k = 0; k < 2; k++)
    TRY(MEMORY_NEW(t->layout->parameter_size, "moments", &t->moments[k]));
  return MEMORY_NEW(snapshot_scratch(t->layout), "a parameter", &t->scratch);
}

snapshot trainer_snapshot(trainer *t) {
  const char *slash = strrchr(t->options->data, '/');
  return (snapshot){.step = t->step,
                    .options = t->options,
                    .data_identity = t->info->identity,
                    .data_name = slash != NULL ? slash + 1 : t->options->data,
                    .layout = t->layout,
                    .state = update_state(t->update),
                    .moments = {t->moments[0], t->moments[1]}};
}

/* Rank 0: fresh weights, or those of the checkpoint. */
static status load_state(trainer *t, const char *checkpoint) {
  if (checkpoint[0] == '\0') {
    nn_layout_initialise(t->layout, (uint64_t)t->options->seed,
                         update_state(t->update));
    return STATUS_OK;
  }
  ckpt_reader *reader;
  TRY(ckpt_reader_open(checkpoint, &reader));
  snapshot s = trainer_snapshot(t);
  status result = snapshot_read(reader, &s, t->scratch);
  ckpt_reader_close(&reader);
  return result == STATUS_OK ? result
                             : status_context(result, "%s", checkpoint);
}

static void share_state(trainer *t) {
  MPI_Bcast(&t->step, 1, MPI_UINT64_T, 0, t->cluster->world);
  update_broadcast_state(t->update);
  for (int k = 0; k < 2; k++)
    update_scatter_moments(t->update, k, t->moments[k]);
}

static status start_loading(trainer *t) {
  train_options *o = t->options;
  shard_plan plan = {.cluster = t->cluster,
                     .seed = (uint64_t)o->seed,
                     .samples = t->info->split_count[DATA_TRAIN],
                     .batch = (int)o->batch,
                     .micro_batch = (int)o->micro_batch};
  TRY(shard_create(&plan, &t->shard));
  t->micro_per_step = t->shard.per_step / (uint64_t)o->micro_batch;
  augmentation augment = {
      .seed = (uint64_t)o->seed, .flip = o->flip, .crop_min = o->crop_min};
  return loader_create(t->set, (int)o->micro_batch, &augment, &t->loader);
}

static void find_end(trainer *t) {
  const train_options *o = t->options;
  uint64_t samples = t->info->split_count[DATA_TRAIN];
  uint64_t batch = (uint64_t)o->batch;
  t->end_step = o->steps > 0
                    ? (uint64_t)o->steps
                    : ((uint64_t)o->epochs * samples + batch - 1) / batch;
}

static void introduce(const trainer *t) {
  double parameters = 0;
  for (int i = 0; i < t->layout->entry_count; i++)
    if (t->layout->entries[i].trainable)
      parameters += (double)t->layout->entries[i].count;
  log_info("%s: %.2f M parameters, %lld x %lld pixels; %d rank%s x %d "
           "thread%s, OpenBLAS core %s",
           t->options->model, parameters * 1e-6, (long long)t->options->size,
           (long long)t->options->size, t->cluster->ranks,
           t->cluster->ranks == 1 ? "" : "s", trainer_threads(t),
           trainer_threads(t) == 1 ? "" : "s", nn_blas_core());
  log_info("%s: %zu training samples; batch %lld in micro-batches of %lld; "
           "steps %llu to %llu",
           t->options->data, t->info->split_count[DATA_TRAIN],
           (long long)t->options->batch, (long long)t->options->micro_batch,
           (unsigned long long)t->step, (unsigned long long)t->end_step);
  char advice[256];
  if (nn_blas_advice(advice, sizeof advice)) log_warning("%s", advice);
}

status trainer_set_up(trainer *t) {
  const cluster *c = t->cluster;
  char checkpoint[RUN_PATH + 64] = "";
  status own = STATUS_OK;
  if (c->rank == 0) own = open_folder(t, checkpoint, sizeof checkpoint);
  TRY(cluster_agree(c, own));
  TRY(cluster_agree(c, share_options(t)));
  TRY(cluster_agree(c, open_data(t)));
  TRY(cluster_agree(c, check_identity(t, checkpoint)));
  TRY(cluster_agree(c, build_network(t)));
  own = c->rank == 0 ? load_state(t, checkpoint) : STATUS_OK;
  TRY(cluster_agree(c, own));
  share_state(t);
  find_end(t);
  TRY(cluster_agree(c, start_loading(t)));
  own = STATUS_OK;
  if (c->rank == 0) {
    introduce(t);
    own = train_log_open(t->folder.path, t->layout, t->step, t->end_step,
                         (int)t->options->log_every, &t->log);
  }
  return cluster_agree(c, own);
}

void trainer_tear_down(trainer *t) {
  loader_destroy(&t->loader);
  shard_destroy(&t->shard);
  train_log_close(&t->log);
  data_set_close(&t->set);
  data_set_close(&t->report_set);
  update_destroy(&t->update);
  nn_system_destroy(&t->system);
  nn_vgg_weights_destroy(&t->vgg);
  for (int k = 0; k < 2; k++) memory_free(t->moments[k]);
  memory_free(t->scratch);
  memory_free(t->texts);
  memory_free(t->checkpoint_texts);
  run_folder_close(&t->folder);
}
