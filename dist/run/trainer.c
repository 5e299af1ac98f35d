/* The training loop. */
#include <mpi.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "dist/run/signals.h"
#include "dist/run/trainer_internal.h"

/* ---- checkpoints ---- */

/* Collective. A thread of rank 0 writes; training pauses while the write before
 * ends, moments are gathered and everything is copied. */
static status save(trainer *t, unsigned files) {
  double start = clock_seconds();
  status own = t->pending;
  if (own == STATUS_OK && t->saver != NULL) own = saver_wait(t->saver);
  TRY(cluster_agree(t->cluster, own));
  for (int k = 0; k < 2; k++)
    update_gather_moments(t->update, k, trainer_moments(t, k));
  if (t->saver != NULL && t->validation != NULL)
    saver_copy(t->saver)->best = validation_best(t->validation);
  const nn_real *averaged = update_averaged(t->update);
  if (t->saver == NULL) return STATUS_OK;
  if (t->options->lr_horizon == LR_BY_TIME) {
    saver_copy(t->saver)->trained = pace_spent(&t->pace);
    saver_copy(t->saver)->lr_factor = t->lr_factor;
  }
  saver_start(t->saver, t->step, update_state(t->update), averaged, files,
              start);
  return STATUS_OK;
}

/* Collective. */
static status validate(trainer *t, unsigned *files) {
  bool improved;
  update_averaged(t->update); /* is what is scored */
  TRY(validation_run(t->validation, t->step, &improved));
  if (improved) *files |= SAVE_BEST;
  return STATUS_OK;
}

/* Collective: what is being written is safe, or its failure everybody's. Who
 * was asked to stop draws no pictures. */
static status finish_saving(trainer *t) {
  status own = t->pending;
  if (own == STATUS_OK && t->saver != NULL)
    own = signals_stop_asked() ? saver_wait(t->saver) : saver_settle(t->saver);
  return cluster_agree(t->cluster, own);
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

/* Asks for the micro-batches to come, as far as they are dealt, while there is
 * room. */
static void ask_ahead(trainer *t) {
  while (t->asked_step < t->shard.end_step && loader_room(t->loader) > 0) {
    ask_for(t, t->asked_step, t->asked_micro % t->micro_per_step);
    if (++t->asked_micro == t->micro_per_step * t->readings) {
      t->asked_micro = 0;
      t->asked_step++;
    }
  }
}

/* A loss that is no number: tells whose. */
static status check_reports(const nn_layout *layout, const nn_real *results,
                            const loaded *batch) {
  for (int i = 0; i < layout->report_count; i++) {
    nn_real loss =
        results[nn_layout_result(layout, layout->report_offset + (size_t)i)];
    if (loss - loss == 0) continue;
    char names[512] = "";
    size_t used = 0;
    for (int k = 0; k < batch->count && used < sizeof names; k++)
      used += (size_t)snprintf(names + used, sizeof names - used, "%s%s",
                               k > 0 ? ", " : "", batch->names[k]);
    return status_error(STATUS_NUMERIC, "loss %s is %g (samples %s)",
                        layout->reports[i], (double)loss, names);
  }
  return STATUS_OK;
}

/* A micro-batch of the step: from the loader, or as the phase before had it. */
static status take_batch(trainer *t, int phase, uint64_t k, loaded *out) {
  if (phase > 0 && t->readings == 1) {
    *out = loader_again(t->loader, (int)k);
    return STATUS_OK;
  }
  status result = loader_next(t->loader, out);
  ask_ahead(t); /* there is room again */
  return result;
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
    TRY(take_batch(t, phase, k, &batch));
    const nn_real *inputs[3 + NN_VGG_INPUTS] = {batch.composite, batch.mask,
                                                batch.real};
    if (t->vgg != NULL)
      nn_vgg_bind(t->system->phases[phase].graph, t->vgg, inputs);
    nn_real *results = update_target(t->update);
    nn_run_options run = {.state = update_state(t->update),
                          .results = results,
                          .inputs = inputs,
                          .completed = update_advance,
                          .hand_over = update_parameter,
                          .context = t->update,
                          .seed = (uint64_t)o->seed,
                          .first_sample =
                              position + k * (uint64_t)o->micro_batch};
    double start = clock_seconds() - spent_on_update(t);
    nn_run(plan, &run);
    t->computing += clock_seconds() - spent_on_update(t) - start;
    TRY(check_reports(nn_plan_layout(plan), results, &batch));
    update_add(t->update);
  }
  return STATUS_OK;
}

/* Collective where the schedule goes by time. */
static nn_adam_options adam_now(trainer *t) {
  const train_options *o = t->options;
  uint64_t samples = t->info->split_count[DATA_TRAIN];
  uint64_t epoch = t->step * (uint64_t)o->batch / samples;
  nn_lr_moment now = {.step = t->step,
                      .epoch = (double)epoch,
                      .progress = pace_progress(&t->pace, t->step)};
  nn_adam_options adam = o->adam;
  t->lr_factor = nn_lr_factor(&o->schedule, &now);
  adam.lr *= t->lr_factor;
  adam.step = t->step + 1;
  return adam;
}

/* Collective. Rank 0 alone writes the log; should that fail, the others learn
 * of it when the next step is agreed upon. */
static void log_step(trainer *t, double lr) {
  times_summary summary = {0};
  if (train_log_is_due(t->step, t->pace.end_step, (int)t->options->log_every)) {
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
  nn_adam_options its = *adam;
  bool of_d = t->system->phases[phase].network == 'D';
  its.lr *= of_d ? o->d_lr_ratio : o->g_lr_ratio;
  update_begin(t->update, phase, &its);
  status own = t->pending;
  if (own == STATUS_OK) {
    own = compute(t, phase);
    if (own != STATUS_OK)
      status_add_context("step %llu", (unsigned long long)t->step + 1);
  }
  return update_finish(t->update, own, stop);
}

static status run_step(trainer *t, bool *stop) {
  shard_deal(&t->shard, t->step, t->pace.end_step);
  ask_ahead(t);
  if (t->saver != NULL && t->pending == STATUS_OK)
    t->pending = saver_failure(t->saver);
  nn_adam_options adam = adam_now(t);
  for (int k = 0; k < t->system->phase_count; k++) {
    bool ignored = false; /* a step that has begun is ended */
    bool last = k + 1 == t->system->phase_count;
    if (last) *stop = signals_stop_asked() || pace_is_over(&t->pace);
    TRY(run_phase(t, k, &adam, last ? stop : &ignored));
  }
  t->step++;
  update_average(t->update, t->step);
  log_step(t, adam.lr);
  return STATUS_OK;
}

static bool is_due(const trainer *t, int64_t every) {
  return t->step % (uint64_t)every == 0;
}

static status run_steps(trainer *t) {
  bool stop = false;
  while (t->step < t->pace.end_step && !stop) {
    TRY(run_step(t, &stop));
    unsigned files = 0;
    if (t->validation != NULL && is_due(t, t->options->validate_every))
      TRY(validate(t, &files));
    if (is_due(t, t->options->save_every) || stop ||
        t->step == t->pace.end_step)
      files |= SAVE_STEP;
    if (files != 0) TRY(save(t, files));
  }
  TRY(finish_saving(t));
  status own = STATUS_OK;
  if (t->step < t->pace.end_step && signals_stop_asked())
    own = status_error(STATUS_STOPPED,
                       "stopped by a signal after step %llu, which is saved: "
                       "--resume goes on",
                       (unsigned long long)t->step);
  return cluster_agree(t->cluster, own);
}

/* Collective: whether the data came in time, where they came latest. */
static void tell_waiting(const trainer *t) {
  struct {
    double seconds;
    int rank;
  } mine = {loader_waited(t->loader), t->cluster->rank}, most = mine;
  MPI_Reduce(&mine, &most, 1, MPI_DOUBLE_INT, MPI_MAXLOC, 0, t->cluster->world);
  char text[32];
  log_info("waited for data: at most %.2f s (rank %d) of %s", most.seconds,
           most.rank, format_duration(clock_seconds() - t->pace.started, text));
}

status trainer_run(const cluster *c, train_options *options,
                   const bool *given) {
  trainer t = {
      .cluster = c,
      .options = options,
      .given = given,
      .folder = {.lock = -1},
      .pace = {.cluster = c, .options = options, .started = clock_seconds()}};
  status result = trainer_set_up(&t);
  if (result == STATUS_OK && options->lr_horizon == LR_BY_TIME &&
      pace_is_over(&t.pace))
    log_info("nothing to do: the run has had its %g minutes",
             options->max_minutes);
  else if (result == STATUS_OK && t.step >= t.pace.end_step)
    log_info("nothing to do: %llu steps are done, %llu were asked for",
             (unsigned long long)t.step, (unsigned long long)t.pace.end_step);
  else if (result == STATUS_OK) {
    result = run_steps(&t);
    if (result == STATUS_OK) tell_waiting(&t);
  }
  trainer_tear_down(&t);
  return result;
}
