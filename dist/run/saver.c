/* The thread that writes checkpoints and pictures of copies. */
#include "dist/run/saver.h"

#include <pthread.h>
#include <string.h>

#include "base/disk.h"
#include "base/log.h"
#include "base/memory.h"
#include "dist/run/report.h"

struct saver {
  const run_folder *folder;
  snapshot copy; /* the thread's while busy, else the caller's */
  nn_real *scratch;
  unsigned files;
  double paused; /* seconds */
  data_set *set; /* of the pictures, opened for the first of them */
  harmonizer *network;
  bool writing, busy; /* busy: writing, or making pictures of the copies */
  bool hurry;         /* the copies are wanted: no more pictures */
  bool stop, running;
  status result; /* of the last write, until it is told */
  char message[1024];
  pthread_t thread;
  pthread_mutex_t mutex; /* of the flags and the result */
  pthread_cond_t changed;
};

/* ---- the thread ---- */

/* A fault of the disk that may be over soon: the whole file is written anew. */
static status write_to(saver *s, const char *path, double *seconds) {
  double start = clock_seconds();
  int tries = 0;
  status result;
  do result = snapshot_write(path, &s->copy, s->scratch);
  while (result == STATUS_IO && disk_again(&tries, status_errno(), path));
  TRY(result);
  *seconds = clock_seconds() - start;
  return STATUS_OK;
}

/* The best one first: a step's checkpoint that tells of it comes after it. */
static status write_files(saver *s) {
  char path[RUN_PATH + 64];
  double seconds;
  if (s->files & SAVE_BEST) {
    ckpt_best_path(s->folder->checkpoints, path, sizeof path);
    TRY(write_to(s, path, &seconds));
    log_info("saved %s, the best so far (%.2f s, training paused %.0f ms)",
             path, seconds, 1e3 * s->paused);
  }
  if (s->files & SAVE_STEP) {
    ckpt_path(s->folder->checkpoints, s->copy.step, path, sizeof path);
    TRY(write_to(s, path, &seconds));
    log_info("saved %s (%.2f s, training paused %.0f ms)", path, seconds,
             1e3 * s->paused);
    status pruned =
        ckpt_prune(s->folder->checkpoints, (int)s->copy.options->keep);
    if (pruned != STATUS_OK) log_warning("%s", status_message());
  }
  return STATUS_OK;
}

/* On this thread alone: the others are training's. */
static status open_pictures(saver *s) {
  if (s->set == NULL) TRY(data_set_open(s->copy.options->data, &s->set));
  if (s->network != NULL) return STATUS_OK;
  const nn_real *used =
      s->copy.averaged != NULL ? s->copy.averaged : s->copy.state;
  return harmonizer_borrow(s->copy.options, s->copy.layout, used, 1,
                           &s->network);
}

static bool has_time(void *context) {
  saver *s = context;
  pthread_mutex_lock(&s->mutex);
  bool time = !s->hurry;
  pthread_mutex_unlock(&s->mutex);
  return time;
}

static void make_pictures(saver *s) {
  int rows = (int)s->copy.options->report_samples;
  if (rows == 0 || !has_time(s)) return;
  status result = report_curves(s->folder->path);
  if (result == STATUS_OK) result = open_pictures(s);
  if (result == STATUS_OK)
    result = report_sheet(s->folder->path, s->network, s->copy.step, s->set,
                          rows, (sheet_pace){has_time, s});
  if (result != STATUS_OK && result != STATUS_STOPPED)
    log_warning("no pictures: %s", status_message());
}

static void note_result(saver *s, status result) {
  pthread_mutex_lock(&s->mutex);
  s->result = result;
  s->writing = false;
  pthread_cond_broadcast(&s->changed);
  if (result != STATUS_OK)
    snprintf(s->message, sizeof s->message, "%s", status_message());
  pthread_mutex_unlock(&s->mutex);
}

static void *work(void *argument) {
  saver *s = argument;
  pthread_mutex_lock(&s->mutex);
  for (;;) {
    while (!s->busy && !s->stop) pthread_cond_wait(&s->changed, &s->mutex);
    if (!s->busy) break;
    pthread_mutex_unlock(&s->mutex);
    status result = write_files(s);
    note_result(s, result);
    if (result == STATUS_OK && s->files & SAVE_STEP) make_pictures(s);
    pthread_mutex_lock(&s->mutex);
    s->busy = false;
    pthread_cond_broadcast(&s->changed);
  }
  pthread_mutex_unlock(&s->mutex);
  return NULL;
}

/* ---- the interface ---- */

static status allocate(saver *s) {
  const nn_layout *layout = s->copy.layout;
  TRY(MEMORY_NEW(layout->state_size, "rank 0's copy of the state to save",
                 &s->copy.state));
  if (s->copy.options->ema > 0)
    TRY(MEMORY_NEW(layout->state_size, "rank 0's copy of averages to save",
                   &s->copy.averaged));
  for (int k = 0; k < 2; k++)
    TRY(MEMORY_NEW(layout->parameter_size, "rank 0's copy of moments to save",
                   &s->copy.moments[k]));
  return MEMORY_NEW(snapshot_scratch(layout), "a parameter to save",
                    &s->scratch);
}

status saver_create(const snapshot *like, const run_folder *folder,
                    saver **out) {
  TRY(MEMORY_NEW(1, "saver", out));
  saver *s = *out;
  s->folder = folder;
  s->copy = *like;
  s->copy.state = s->copy.averaged = NULL;
  s->copy.moments[0] = s->copy.moments[1] = NULL;
  pthread_mutex_init(&s->mutex, NULL);
  pthread_cond_init(&s->changed, NULL);
  status result = allocate(s);
  if (result == STATUS_OK && pthread_create(&s->thread, NULL, work, s) != 0)
    result = status_error(STATUS_MEMORY, "no memory for the saver's thread");
  s->running = result == STATUS_OK;
  if (result != STATUS_OK) saver_destroy(out);
  return result;
}

void saver_destroy(saver **pointer) {
  saver *s = *pointer;
  if (s == NULL) return;
  if (s->running) {
    pthread_mutex_lock(&s->mutex);
    s->stop = true;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->mutex);
    pthread_join(s->thread, NULL);
    if (s->result != STATUS_OK) log_warning("%s", s->message);
  }
  pthread_cond_destroy(&s->changed);
  pthread_mutex_destroy(&s->mutex);
  harmonizer_destroy(&s->network);
  data_set_close(&s->set);
  memory_free(s->copy.state);
  memory_free(s->copy.averaged);
  for (int k = 0; k < 2; k++) memory_free(s->copy.moments[k]);
  memory_free(s->scratch);
  memory_free(s);
  *pointer = NULL;
}

snapshot *saver_copy(saver *s) { return &s->copy; }

status saver_read(saver *s, ckpt_reader *reader) {
  return snapshot_read(reader, &s->copy, s->scratch);
}

void saver_start(saver *s, uint64_t step, const nn_real *state,
                 const nn_real *averaged, unsigned files, double paused) {
  size_t bytes = s->copy.layout->state_size * sizeof *state;
  memcpy(s->copy.state, state, bytes);
  if (averaged != NULL) memcpy(s->copy.averaged, averaged, bytes);
  s->copy.step = step;
  s->files = files;
  s->paused = clock_seconds() - paused;
  pthread_mutex_lock(&s->mutex);
  s->writing = s->busy = true;
  s->hurry = false;
  pthread_cond_broadcast(&s->changed);
  pthread_mutex_unlock(&s->mutex);
}

/* Waits while a flag is set; then the failure of what was written, once. */
static status end_of(saver *s, const bool *flag, bool hurry) {
  pthread_mutex_lock(&s->mutex);
  s->hurry |= hurry;
  while (flag != NULL && *flag) pthread_cond_wait(&s->changed, &s->mutex);
  status result = s->result;
  s->result = STATUS_OK;
  if (result != STATUS_OK) status_adopt(result, s->message);
  pthread_mutex_unlock(&s->mutex);
  return result;
}

status saver_wait(saver *s) { return end_of(s, &s->busy, true); }

status saver_settle(saver *s) { return end_of(s, &s->writing, false); }

status saver_failure(saver *s) { return end_of(s, NULL, false); }
