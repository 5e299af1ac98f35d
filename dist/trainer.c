/* The training loop. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/report.h"
#include "dist/signals.h"
#include "dist/trainer_internal.h"

/* ---- checkpoints ---- */

static status write_checkpoint(trainer *t) {
  char path[RUN_PATH + 64];
  ckpt_path(t->folder.checkpoints, t->step, path, sizeof path);
  snapshot s = trainer_snapshot(t);
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
                               trainer_threads(t), &h);
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

/* Asks for this step's and the next one's micro-batches while there is room;
 * every phase of a step goes through all of them. */
static void ask_ahead(trainer *t) {
  if (t->step >= t->shard.end_step) {
    shard_deal(&t->shard, t->step, t->end_step);
    t->asked_step = t->step;
    t->asked_micro = 0;
  }
  while (t->asked_step < t->shard.end_step && t->asked_step < t->step + 2 &&
         loader_room(t->loader) > 0) {
    ask_for(t, t->asked_step, t->asked_micro % t->micro_per_step);
    if (++t->asked_micro ==
        t->micro_per_step * (uint64_t)t->system->phase_count) {
      t->asked_micro = 0;
      t->asked_step++;
    }
  }
}

/* A loss that is no number: tells whose. */
static status check_reports(const trainer *t, const nn_layout *layout,
                            const nn_real *results, const loaded *batch) {
  for (int i = 0; i < layout->report_count; i++) {
    nn_real loss =
        results[nn_layout_result(layout, layout->report_offset + (size_t)i)];
    if (loss - loss == 0) continue;
    char names[512] = "";
    size_t used = 0;
    for (int k = 0; k < batch->count && used < sizeof names; k++)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                               k > 0 ? ", " : "",
                               data_set_name(t->set, batch->samples[k]));
    return status_error(STATUS_NUMERIC, "loss %s is %g (samples %s)",
                        layout->reports[i], (double)loss, names);
  }
  return STATUS_OK;
}

/* Seconds since the start of the run; some of them lie within passes. */
static double spent_on_update(const trainer *t) {
  update_times spent = update_spent(t->update);
  return spent.summing + spent.updating + spent.waiting;
}

/* This rank's micro-batches of the step, in one phase of it. */
static status compute(trainer *t, int phase) {
  const train_options *o = t->options;
  nn_plan *plan = t->system->phases[phase].plan;
  uint64_t position = first_position(t, t->step);
  for (uint64_t k = 0; k < t->micro_per_step; k++) {
    loaded batch;
    TRY(loader_next(t->loader, &batch));
    ask_ahead(t); /* there is room again */
    const nn_real *inputs[3 + NN_VGG_INPUTS] = {batch.composite, batch.mask,
                                                batch.real};
    if (t->vgg != NULL)
      nn_vgg_bind(t->system->phases[phase].graph, t->vgg, inputs);
    nn_real *results = update_target(t->update, phase);
    nn_run_options run = {.state = update_state(t->update),
                          .results = results,
                          .inputs = inputs,
                          .completed = update_advance,
                          .context = t->update,
                          .seed = (uint64_t)o->seed,
                          .first_sample =
                              position + k * (uint64_t)o->micro_batch};
    double start = clock_seconds() - spent_on_update(t);
    nn_run(plan, &run);
    t->computing += clock_seconds() - spent_on_update(t) - start;
    TRY(check_reports(t, nn_plan_layout(plan), results, &batch));
    update_add(t->update, phase);
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

/* Collective. Rank 0 alone writes the log; should that fail, the others learn
 * of it when the next step is agreed upon. */
static void log_step(trainer *t, double lr) {
  times_summary summary = {0};
  if (train_log_is_due(t->step, t->end_step, (int)t->options->log_every)) {
    update_times spent = update_spent(t->update);
    times total = {.computing = t->computing,
                   .summing = spent.summing,
                   .updating = spent.updating,
                   .waiting = spent.waiting,
                   .data = loader_waited(t->loader)};
    times_gather(t->times, &total, &summary);
  }
  if (t->cluster->rank != 0) return;
  double samples = (double)t->info->split_count[DATA_TRAIN];
  t->pending = train_log_step(
      &t->log, t->layout, t->step,
      (double)t->step * (double)t->options->batch / samples, lr,
      (int)t->options->batch,
      update_state(t->update) + t->layout->report_offset, &summary);
}

static status run_phase(trainer *t, int phase, const nn_adam_options *adam,
                        bool *stop) {
  const train_options *o = t->options;
  status own = t->pending;
  if (own == STATUS_OK) {
    own = compute(t, phase);
    if (own != STATUS_OK)
      status_add_context("step %llu", (unsigned long long)t->step + 1);
  }
  nn_adam_options its = *adam;
  bool of_d = t->system->phases[phase].network == 'D';
  its.lr *= of_d ? o->d_lr_ratio : o->g_lr_ratio;
  return update_finish(t->update, phase, &its, own, stop);
}

static status run_step(trainer *t, bool *stop) {
  const train_options *o = t->options;
  ask_ahead(t);
  uint64_t samples = t->info->split_count[DATA_TRAIN];
  nn_adam_options adam = adam_at(t, t->step * (uint64_t)o->batch / samples);
  for (int k = 0; k < t->system->phase_count; k++) {
    bool ignored = false; /* a step that has begun is ended */
    bool last = k + 1 == t->system->phase_count;
    if (last)
      *stop = signals_stop_asked() ||
              (o->max_minutes > 0 &&
               clock_seconds() - t->started > 60 * o->max_minutes);
    TRY(run_phase(t, k, &adam, last ? stop : &ignored));
  }
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

status trainer_run(const cluster *c, train_options *options,
                   const bool *given) {
  trainer t = {.cluster = c,
               .options = options,
               .given = given,
               .folder = {.lock = -1},
               .started = clock_seconds()};
  signals_watch();
  status result = trainer_set_up(&t);
  if (result == STATUS_OK && t.step >= t.end_step)
    log_info("nothing to do: %llu steps are done, %llu were asked for",
             (unsigned long long)t.step, (unsigned long long)t.end_step);
  else if (result == STATUS_OK)
    result = run_steps(&t);
  trainer_tear_down(&t);
  return result;
}
