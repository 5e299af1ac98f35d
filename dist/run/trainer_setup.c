/* Setting up a run: options, folder, data, networks, state. */
#include <errno.h>
#include <mpi.h>
#include <string.h>
#include <unistd.h>

#include "base/folders.h"
#include "base/log.h"
#include "base/memory.h"
#include "dist/run/photos.h"
#include "dist/run/trainer_internal.h"
#include "dist/state/vgg_weights.h"

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

static status check_paths(const train_options *o) {
  bool data = o->data[0] != '\0', photos = o->photos[0] != '\0';
  if (data && photos)
    return status_error(STATUS_USAGE,
                        "option --photos: expected it or --data, not both");
  if (o->out[0] != '\0' && (data || photos)) return STATUS_OK;
  return status_error(STATUS_USAGE, "option --%s is missing",
                      data || photos ? "out" : "data");
}

static void begin_anew(trainer *t) {
  train_options *o = t->options;
  train_options_preset(o, t->given);
  int recompose = options_find(&train_option_table, "recompose");
  if (o->photos[0] != '\0' && !t->given[recompose]) o->recompose = 1;
  if (o->resume) log_info("no checkpoint in %s: starting anew", o->out);
}

/* Rank 0: photographs become the run's data set. */
static status take_photos(trainer *t) {
  if (t->options->photos[0] == '\0') return STATUS_OK;
  photos_set_path(t->folder.path, t->photos, sizeof t->photos);
  t->options->data = t->photos;
  return photos_pack(t->options, t->folder.path);
}

/* Rank 0: the folder, and the newest checkpoint in it. */
static status open_folder(trainer *t, char *checkpoint, size_t size) {
  train_options *o = t->options;
  checkpoint[0] = '\0';
  TRY(check_paths(o));
  TRY(run_folder_open(o->out, &t->folder));
  bool found;
  TRY(ckpt_newest(t->folder.checkpoints, &found, &t->step, checkpoint, size));
  if (!found) {
    checkpoint[0] = '\0';
    begin_anew(t);
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

static status check_samples(const trainer *t) {
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
  return STATUS_OK;
}

/* Collective. */
static status open_data(trainer *t) {
  const train_options *o = t->options;
  TRY(data_access_open(t->cluster, o->data, o->shard, o->stage, &t->data));
  t->info = &t->data.info;
  return STATUS_OK;
}

static status check_data(trainer *t) {
  TRY(train_options_fit(t->options, t->info->size));
  return check_samples(t);
}

/* Rank 0: the same data as in the checkpoint. */
static status check_identity(const trainer *t, const char *checkpoint) {
  if (checkpoint[0] == '\0') return STATUS_OK;
  ckpt_reader *reader;
  char text[128];
  TRY(ckpt_reader_open(checkpoint, &reader));
  status result = ckpt_read_text(reader, "data.identity", text, sizeof text);
  ckpt_reader_close(&reader);
  if (result == STATUS_OK && strcmp(text, t->info->identity) != 0)
    result = status_error(STATUS_MISFIT,
                          "%s: is not the data set that %s was trained on",
                          t->options->data, checkpoint);
  return result;
}

/* ---- network and state ---- */

static int threads_of(const trainer *t) {
  return cluster_threads(t->cluster, t->options->threads);
}

/* Collective, and agreed upon. */
static status settle_micro_batch(trainer *t) {
  train_options *o = t->options;
  TRY(cluster_divide(t->cluster, (int)o->node_ranks, &t->sharing));
  return budget_settle(&t->sharing, threads_of(t), t->data.stream != NULL, o,
                       &t->budget);
}

/* The run as a checkpoint sees it. */
static status start_saver(trainer *t) {
  snapshot like = {.options = t->options,
                   .data_identity = t->info->identity,
                   .data_name = file_name_of(t->options->data),
                   .layout = t->layout};
  return saver_create(&like, &t->folder, &t->saver);
}

static status build_network(trainer *t) {
  train_options *o = t->options;
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, NN_FOR_TRAINING, true);
  nn_plan_options plan =
      train_plan_options(o, threads_of(t), t->cluster->rank, t->cluster->ranks);
  TRY(nn_system_create(&model, &plan, &t->system));
  t->layout = &t->system->layout;
  if (model.lambda_style > 0 || model.lambda_gram > 0)
    TRY(vgg_weights_load(o->vgg_weights, NN_VGG_WIDTH,
                         nn_vgg_conv_count((unsigned)model.style_layers),
                         &t->vgg));
  return t->cluster->rank == 0 ? start_saver(t) : STATUS_OK;
}

nn_real *trainer_moments(const trainer *t, int which) {
  return t->saver != NULL ? saver_copy(t->saver)->moments[which] : NULL;
}

/* Collective, and agreed upon. */
static status build_update(trainer *t) {
  const train_options *o = t->options;
  update_options how = {.cluster = &t->sharing,
                        .layout = t->layout,
                        .phase_count = t->system->phase_count,
                        .micro_batches = (int)(o->batch / o->micro_batch),
                        .threads = threads_of(t),
                        .overlap = o->overlap,
                        .rounded = o->grad_dtype == GRAD_BFLOAT16,
                        .clip_norm = o->clip_norm,
                        .average = o->ema};
  for (int k = 0; k < how.phase_count; k++)
    how.phases[k] = nn_plan_layout(t->system->phases[k].plan);
  TRY(update_create(&how, &t->update));
  return times_create(t->cluster, &t->times);
}

/* Other kernels add in another order. */
static status warn_of_core(ckpt_reader *reader) {
  char core[64];
  TRY(snapshot_core(reader, core, sizeof core));
  if (strcmp(core, nn_blas_core()) != 0)
    log_warning("the checkpoint was made with OpenBLAS core %s, this run goes "
                "on with %s: the bits will differ from those of an undisturbed "
                "run",
                core, nn_blas_core());
  return STATUS_OK;
}

static status read_checkpoint(trainer *t, ckpt_reader *reader) {
  TRY(saver_read(t->saver, reader));
  TRY(snapshot_best(reader, &saver_copy(t->saver)->best));
  if (t->options->lr_horizon == LR_BY_TIME)
    TRY(snapshot_trained(reader, &t->pace.before));
  return warn_of_core(reader);
}

/* Rank 0: fresh weights, or those of the checkpoint; averages begin at them. */
static status load_state(trainer *t, const char *checkpoint) {
  nn_real *state = update_state(t->update);
  nn_real *averaged = update_averaged(t->update);
  size_t bytes = t->layout->state_size * sizeof *state;
  if (checkpoint[0] == '\0') {
    nn_layout_initialise(t->layout, (uint64_t)t->options->seed, state);
    if (averaged != NULL) memcpy(averaged, state, bytes);
    return STATUS_OK;
  }
  ckpt_reader *reader;
  TRY(ckpt_reader_open(checkpoint, &reader));
  status result = read_checkpoint(t, reader);
  ckpt_reader_close(&reader);
  if (result != STATUS_OK) return status_context(result, "%s", checkpoint);
  const snapshot *copy = saver_copy(t->saver);
  memcpy(state, copy->state, bytes);
  if (averaged != NULL) memcpy(averaged, copy->averaged, bytes);
  return STATUS_OK;
}

static void share_state(trainer *t) {
  MPI_Bcast(&t->step, 1, MPI_UINT64_T, 0, t->cluster->world);
  MPI_Bcast(&t->pace.before, 1, MPI_DOUBLE, 0, t->cluster->world);
  update_broadcast_state(t->update);
  for (int k = 0; k < 2; k++)
    update_scatter_moments(t->update, k, trainer_moments(t, k));
}

/* What the table of options cannot tell. */
static status check_options(const train_options *o) {
  data_methods methods;
  TRY(train_options_check(o));
  return data_methods_read("recompose-methods", o->recompose_methods, true,
                           &methods);
}

/* Collective, and agreed upon: which samples lend each other colours, as rank
 * 0's data set tells. */
static status group_samples(trainer *t) {
  const cluster *c = t->cluster;
  size_t samples = t->info->split_count[DATA_TRAIN];
  uint32_t *group = NULL, groups = 0;
  if (!(t->options->recompose > 0)) return STATUS_OK;
  TRY(cluster_agree(c, MEMORY_NEW(samples, "groups of samples", &group)));
  if (c->rank == 0) groups = data_set_categories(t->data.set, samples, group);
  MPI_Bcast(&groups, 1, MPI_UINT32_T, 0, c->world);
  if (groups > 0) MPI_Bcast(group, (int)samples, MPI_UINT32_T, 0, c->world);
  status own = sample_groups_create(groups > 0 ? group : NULL,
                                    (uint32_t)samples, groups, &t->groups);
  memory_free(group);
  return cluster_agree(c, own);
}

static status set_recomposition(const trainer *t, recomposition *out) {
  const train_options *o = t->options;
  *out = (recomposition){
      .share = o->recompose, .seed = (uint64_t)o->seed, .groups = &t->groups};
  if (!(o->recompose > 0)) return STATUS_OK;
  return data_methods_read("recompose-methods", o->recompose_methods, true,
                           &out->methods);
}

static status start_loading(trainer *t) {
  train_options *o = t->options;
  shard_options options = {.cluster = t->cluster,
                           .seed = (uint64_t)o->seed,
                           .samples = t->info->split_count[DATA_TRAIN],
                           .batch = (int)o->batch,
                           .micro_batch = (int)o->micro_batch};
  TRY(shard_create(&options, &t->shard));
  t->micro_per_step = t->shard.per_step / (uint64_t)o->micro_batch;
  t->asked_step = t->step;
  int per_step = (int)t->micro_per_step, phases = t->system->phase_count;
  int size = train_image_size(o);
  loader_options how = {
      .size = size,
      .micro_batch = (int)o->micro_batch,
      .kept = loader_kept(size, (int)o->micro_batch, per_step, phases),
      .augmentation = o->augmentation};
  how.augmentation.seed = (uint64_t)o->seed;
  TRY(set_recomposition(t, &how.recomposition));
  t->readings = how.kept == per_step ? 1 : (uint64_t)phases;
  how.source = data_access_source(&t->data);
  return loader_create(&how, &t->loader);
}

/* Collective. Without validation the checkpoint's best score is handed on. */
static status start_validation(trainer *t) {
  if (t->options->validate_every == 0) return STATUS_OK;
  validation_options how = {.cluster = t->cluster,
                            .train = t->options,
                            .layout = t->layout,
                            .state = t->options->ema > 0
                                         ? update_averaged(t->update)
                                         : update_state(t->update),
                            .threads = threads_of(t),
                            .data = &t->data,
                            .folder = t->folder.path,
                            .step = t->step};
  if (t->saver != NULL) how.best = saver_copy(t->saver)->best;
  return validation_create(&how, &t->validation);
}

/* "steps 0 to 500", or "from step 0 on, for 10 minutes" */
static void tell_end(const trainer *t, char *text, size_t size) {
  unsigned long long from = (unsigned long long)t->step;
  unsigned long long to = (unsigned long long)t->pace.end_step;
  if (t->pace.end_step == PACE_NO_END)
    snprintf(text, size, "from step %llu on, for %.4g minutes", from,
             t->options->max_minutes - t->pace.before / 60);
  else
    snprintf(text, size, "steps %llu to %llu", from, to);
}

static void introduce(const trainer *t) {
  double parameters = (double)nn_layout_parameters(t->layout, "");
  char end[96], size[TRAIN_SIZE_TEXT];
  tell_end(t, end, sizeof end);
  log_info("%s: %.2f M parameters, %s; %d rank%s x %d "
           "thread%s on %d node%s, OpenBLAS core %s",
           train_model_name(t->options->model), parameters * 1e-6,
           train_size_text(t->options, size), t->cluster->ranks,
           t->cluster->ranks == 1 ? "" : "s", threads_of(t),
           threads_of(t) == 1 ? "" : "s", t->sharing.nodes,
           t->sharing.nodes == 1 ? "" : "s", nn_blas_core());
  log_info("%s: %zu training samples; batch %lld in micro-batches of %lld%s, "
           "about %.2f GiB a rank; %s",
           t->options->data, t->info->split_count[DATA_TRAIN],
           (long long)t->options->batch, (long long)t->options->micro_batch,
           t->budget.automatic ? " (auto)" : "",
           rank_memory_sum(&t->budget.memory.most) / GIBIBYTE, end);
}

/* A run that goes on from best.h5, for want of another, has it as its step's
 * checkpoint as well: by a second name, which costs nothing. */
static void keep_best(const trainer *t, const char *checkpoint) {
  char best[RUN_PATH + 64], path[RUN_PATH + 64];
  ckpt_best_path(t->folder.checkpoints, best, sizeof best);
  if (strcmp(checkpoint, best) != 0) return;
  ckpt_path(t->folder.checkpoints, t->step, path, sizeof path);
  if (link(best, path) != 0)
    log_warning("%s: cannot be linked to %s: %s", path, best, strerror(errno));
}

status trainer_set_up(trainer *t) {
  const cluster *c = t->cluster;
  char checkpoint[RUN_PATH + 64] = "";
  status own = STATUS_OK;
  if (c->rank == 0) own = open_folder(t, checkpoint, sizeof checkpoint);
  if (c->rank == 0 && own == STATUS_OK) own = take_photos(t);
  TRY(cluster_agree(c, own));
  TRY(cluster_agree(c, share_options(t)));
  TRY(cluster_agree(c, check_options(t->options)));
  TRY(open_data(t));
  TRY(cluster_agree(c, check_data(t)));
  TRY(cluster_agree(c, check_identity(t, checkpoint)));
  TRY(settle_micro_batch(t));
  TRY(cluster_agree(c, build_network(t)));
  TRY(build_update(t));
  own = c->rank == 0 ? load_state(t, checkpoint) : STATUS_OK;
  TRY(cluster_agree(c, own));
  share_state(t);
  t->pace.end_step =
      pace_end_step(t->options, t->info->split_count[DATA_TRAIN]);
  TRY(group_samples(t));
  TRY(cluster_agree(c, start_loading(t)));
  own = STATUS_OK;
  if (c->rank == 0) {
    introduce(t);
    run_folder_clean(&t->folder); /* the first that a run changes in it */
    keep_best(t, checkpoint);
    own = train_log_open(t->folder.path, t->layout, t->step, t->pace.end_step,
                         (int)t->options->log_every, &t->log);
  }
  TRY(cluster_agree(c, own));
  return start_validation(t);
}

void trainer_tear_down(trainer *t) {
  saver_destroy(&t->saver);
  validation_destroy(&t->validation);
  loader_destroy(&t->loader);
  sample_groups_destroy(&t->groups);
  data_access_close(&t->data);
  shard_destroy(&t->shard);
  train_log_close(&t->log);
  update_destroy(&t->update);
  times_destroy(&t->times);
  cluster_free(&t->sharing);
  nn_system_destroy(&t->system);
  nn_vgg_weights_destroy(&t->vgg);
  memory_free(t->texts);
  memory_free(t->checkpoint_texts);
  run_folder_close(&t->folder);
}
