/* The training loop.
 *
 * Setting up is a series of stages; after each the ranks agree whether it went
 * well everywhere, so that a fault of one ends them all with one message. */
#include "dist/trainer.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/loader.h"
#include "dist/report.h"
#include "dist/run_folder.h"
#include "dist/shard.h"
#include "dist/signals.h"
#include "dist/snapshot.h"
#include "dist/train_log.h"
#include "dist/update.h"

typedef struct trainer {
  const cluster *cluster;
  train_options *options;
  const bool *given;
  run_folder folder;
  char *texts; /* of options that came from a checkpoint or from rank 0 */
  char *checkpoint_texts;
  data_set *set, *report_set; /* the loader's, and rank 0's for pictures */
  const data_set_info *info;
  nn_graph *graph;
  nn_plan *plan;
  const nn_layout *layout;
  update *update;
  loader *loader;
  shard shard;
  train_log log;
  nn_real *moments[2], *scratch; /* rank 0: for checkpoints */
  uint64_t step, end_step;
  uint64_t asked_step, asked_micro; /* next micro-batch to ask for */
  uint64_t micro_per_step;          /* of this rank */
  status pending; /* rank 0: a failure the others do not know of yet */
  double started;
} trainer;

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
  MPI_Bcast(t->texts, (int)size, MPI_CHAR, 0, MPI_COMM_WORLD);
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

static int default_micro_batch(int batch, int ranks) {
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
    o->micro_batch = default_micro_batch((int)o->batch, t->cluster->ranks);
  return check_batch(t);
}

/* The same data on every rank, and as in the checkpoint. */
static status check_identity(trainer *t, const char *checkpoint) {
  char first[sizeof t->info->identity];
  memcpy(first, t->info->identity, sizeof first);
  MPI_Bcast(first, (int)sizeof first, MPI_CHAR, 0, MPI_COMM_WORLD);
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

static int threads_of(const trainer *t) {
  return t->options->threads > 0 ? (int)t->options->threads
                                 : cluster_threads(t->cluster);
}

static status build_network(trainer *t) {
  train_options *o = t->options;
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, true, true);
  TRY(nn_model_build(&model, &t->graph));
  nn_plan_options plan = {.threads = threads_of(t)};
  TRY(nn_plan_create(t->graph, &plan, &t->plan));
  t->layout = nn_plan_layout(t->plan);
  update_options how = {.cluster = t->cluster,
                        .layout = t->layout,
                        .micro_batches = (int)(o->batch / o->micro_batch),
                        .threads = threads_of(t)};
  TRY(update_create(&how, &t->update));
  if (t->cluster->rank != 0) return STATUS_OK;
  for (int k = 0; k < 2; k++)
    TRY(MEMORY_NEW(t->layout->parameter_size, "moments", &t->moments[k]));
  return MEMORY_NEW(snapshot_scratch(t->layout), "a parameter", &t->scratch);
}

static snapshot snapshot_of(trainer *t) {
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
  snapshot s = snapshot_of(t);
  status result = snapshot_read(reader, &s, t->scratch);
  ckpt_reader_close(&reader);
  return result == STATUS_OK ? result
                             : status_context(result, "%s", checkpoint);
}

static void share_state(trainer *t) {
  MPI_Bcast(&t->step, 1, MPI_UINT64_T, 0, MPI_COMM_WORLD);
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
           t->cluster->ranks == 1 ? "" : "s", threads_of(t),
           threads_of(t) == 1 ? "" : "s", nn_blas_core());
  log_info("%s: %zu training samples; batch %lld in micro-batches of %lld; "
           "steps %llu to %llu",
           t->options->data, t->info->split_count[DATA_TRAIN],
           (long long)t->options->batch, (long long)t->options->micro_batch,
           (unsigned long long)t->step, (unsigned long long)t->end_step);
}

/* Every stage, agreed upon. */
static status set_up(trainer *t) {
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

/* ---- checkpoints ---- */

static status write_checkpoint(trainer *t) {
  char path[RUN_PATH + 64];
  ckpt_path(t->folder.checkpoints, t->step, path, sizeof path);
  snapshot s = snapshot_of(t);
  double start = clock_seconds();
  TRY(snapshot_write(path, &s, t->scratch));
  log_info("saved %s (%.2f s)", path, clock_seconds() - start);
  status result = ckpt_prune(t->folder.checkpoints, (int)t->options->keep);
  if (result != STATUS_OK) log_warning("%s", status_message());
  return STATUS_OK;
}

/* Pictures are a convenience: a failure is a warning. */
static void refresh_pictures(trainer *t) {
  if (t->options->report_samples == 0) return;
  status result = report_curves(t->folder.path);
  if (result == STATUS_OK && t->report_set == NULL)
    result = data_set_open(t->options->data, &t->report_set);
  harmonizer *h = NULL;
  if (result == STATUS_OK)
    result = harmonizer_borrow(t->options, t->layout, update_state(t->update),
                               threads_of(t), &h);
  if (result == STATUS_OK)
    result = report_sheet(t->folder.path, h, t->step, t->report_set,
                          (int)t->options->report_samples);
  harmonizer_destroy(&h);
  if (result != STATUS_OK) log_warning("no pictures: %s", status_message());
}

/* Collective. */
static status save(trainer *t) {
  for (int k = 0; k < 2; k++)
    update_gather_moments(t->update, k, t->moments[k]);
  status own = t->pending;
  if (own == STATUS_OK && t->cluster->rank == 0) own = write_checkpoint(t);
  TRY(cluster_agree(t->cluster, own));
  if (t->cluster->rank == 0) refresh_pictures(t);
  return STATUS_OK;
}

/* ---- steps ---- */

/* Place in the run of the first sample that this rank computes in a step. */
static uint64_t first_position(const trainer *t, uint64_t step) {
  const train_options *o = t->options;
  int begin, end;
  order_share((int)(o->batch / o->micro_batch), t->cluster->rank,
              t->cluster->ranks, &begin, &end);
  return step * (uint64_t)o->batch + (uint64_t)begin * (uint64_t)o->micro_batch;
}

/* One micro-batch of a step that is dealt. */
static void ask_for(trainer *t, uint64_t step, uint64_t k) {
  uint64_t offset = k * (uint64_t)t->options->micro_batch;
  loader_ask(t->loader, shard_step(&t->shard, step) + offset,
             first_position(t, step) + offset);
}

/* Asks for this step's and the next one's micro-batches while there is room. */
static void ask_ahead(trainer *t) {
  if (t->step >= t->shard.end_step) {
    shard_deal(&t->shard, t->step, t->end_step);
    t->asked_step = t->step;
    t->asked_micro = 0;
  }
  while (t->asked_step < t->shard.end_step && t->asked_step < t->step + 2 &&
         loader_room(t->loader) > 0) {
    ask_for(t, t->asked_step, t->asked_micro);
    if (++t->asked_micro == t->micro_per_step) {
      t->asked_micro = 0;
      t->asked_step++;
    }
  }
}

/* A loss that is no number: tells whose. */
static status check_reports(const trainer *t, const nn_real *results,
                            const loaded *batch) {
  for (int i = 0; i < t->layout->report_count; i++) {
    nn_real loss = results[t->layout->state_size + (size_t)i];
    if (loss - loss == 0) continue;
    char names[512] = "";
    size_t used = 0;
    for (int k = 0; k < batch->count && used < sizeof names; k++)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                               k > 0 ? ", " : "",
                               data_set_name(t->set, batch->samples[k]));
    return status_error(STATUS_NUMERIC, "loss %s is %g (samples %s)",
                        t->layout->reports[i], (double)loss, names);
  }
  return STATUS_OK;
}

/* This rank's micro-batches of the step. */
static status compute(trainer *t) {
  const train_options *o = t->options;
  uint64_t position = first_position(t, t->step);
  for (uint64_t k = 0; k < t->micro_per_step; k++) {
    loaded batch;
    TRY(loader_next(t->loader, &batch));
    ask_ahead(t); /* there is room again */
    const nn_real *inputs[] = {batch.composite, batch.mask, batch.real};
    nn_real *results = update_target(t->update);
    nn_run_options run = {.state = update_state(t->update),
                          .results = results,
                          .inputs = inputs,
                          .seed = (uint64_t)o->seed,
                          .first_sample =
                              position + k * (uint64_t)o->micro_batch};
    nn_run(t->plan, &run);
    TRY(check_reports(t, results, &batch));
    update_add(t->update);
  }
  return STATUS_OK;
}

static nn_adam_options adam_at(const trainer *t, uint64_t epoch) {
  const train_options *o = t->options;
  double factor =
      nn_lr_factor(o->lr_policy, (double)epoch, o->lr_constant_epochs,
                   o->lr_decay_epochs, o->lr_step_epochs);
  return (nn_adam_options){.lr = o->lr * factor,
                           .beta1 = o->beta1,
                           .beta2 = o->beta2,
                           .eps = o->eps,
                           .step = t->step + 1};
}

/* Rank 0 alone writes the log; should that fail, the others learn of it when
 * the next step is agreed upon. */
static void log_step(trainer *t, double lr) {
  if (t->cluster->rank != 0) return;
  train_times times = {.waited = loader_waited(t->loader)};
  update_times(t->update, &times.communicating, &times.updating);
  double samples = (double)t->info->split_count[DATA_TRAIN];
  t->pending =
      train_log_step(&t->log, t->layout, t->step,
                     (double)t->step * (double)t->options->batch / samples, lr,
                     (int)t->options->batch,
                     update_state(t->update) + t->layout->state_size, times);
}

static status run_step(trainer *t, bool *stop) {
  const train_options *o = t->options;
  ask_ahead(t);
  status own = t->pending;
  if (own == STATUS_OK) {
    own = compute(t);
    if (own != STATUS_OK)
      status_add_context("step %llu", (unsigned long long)t->step + 1);
  }
  uint64_t samples = t->info->split_count[DATA_TRAIN];
  nn_adam_options adam = adam_at(t, t->step * (uint64_t)o->batch / samples);
  *stop = signals_stop_asked() ||
          (o->max_minutes > 0 &&
           clock_seconds() - t->started > 60 * o->max_minutes);
  TRY(update_finish(t->update, &adam, own, stop));
  t->step++;
  log_step(t, adam.lr);
  return STATUS_OK;
}

static status run_steps(trainer *t) {
  bool stop = false;
  while (t->step < t->end_step && !stop) {
    TRY(run_step(t, &stop));
    if (t->step % (uint64_t)t->options->save_every == 0 || stop ||
        t->step == t->end_step)
      TRY(save(t));
  }
  status own = t->pending;
  if (own == STATUS_OK && t->step < t->end_step && signals_stop_asked())
    own = status_error(STATUS_STOPPED,
                       "stopped by a signal after step %llu, which is saved: "
                       "--resume goes on",
                       (unsigned long long)t->step);
  return cluster_agree(t->cluster, own);
}

static void tear_down(trainer *t) {
  loader_destroy(&t->loader);
  shard_destroy(&t->shard);
  train_log_close(&t->log);
  data_set_close(&t->set);
  data_set_close(&t->report_set);
  update_destroy(&t->update);
  nn_plan_destroy(&t->plan);
  nn_graph_destroy(&t->graph);
  for (int k = 0; k < 2; k++) memory_free(t->moments[k]);
  memory_free(t->scratch);
  memory_free(t->texts);
  memory_free(t->checkpoint_texts);
  run_folder_close(&t->folder);
}

status trainer_run(const cluster *c, train_options *options,
                   const bool *given) {
  trainer t = {.cluster = c,
               .options = options,
               .given = given,
               .folder = {.lock = -1},
               .started = clock_seconds()};
  signals_watch();
  status result = set_up(&t);
  if (result == STATUS_OK && t.step >= t.end_step)
    log_info("nothing to do: %llu steps are done, %llu were asked for",
             (unsigned long long)t.step, (unsigned long long)t.end_step);
  else if (result == STATUS_OK)
    result = run_steps(&t);
  tear_down(&t);
  return result;
}
