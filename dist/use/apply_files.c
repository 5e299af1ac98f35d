/* Pictures side by side: on threads, and on ranks. */
#include "dist/use/apply_files.h"

#include <stdatomic.h>
#include <string.h>

#include "base/log.h"
#include "base/threads.h"

typedef struct batch {
  const cluster *cluster;
  const apply_how *how;
  const data_pairs *pairs;
  const char *const *folders;
  bool force;
  size_t own; /* pictures of this rank */
  double started;
  atomic_size_t written, there, failed;
} batch;

/* What is said of a picture names it. */
static void tell(const apply_task *task, status result, char *said) {
  const char *name = task->cutout[0] != '\0' ? task->cutout : task->image;
  char *rest = said;
  for (const char *line; (line = strsep(&rest, "\n")) != NULL;)
    if (line[0] != '\0') log_warning("%s: %s", name, line);
  if (result == STATUS_OK) return;
  const char *why = status_message();
  bool named = strncmp(why, name, strlen(name)) == 0;
  log_error("%s%s%s", named ? "" : name, named ? "" : ": ", why);
}

/* By what was worked on: what was there already took no time. */
static void tell_progress(const batch *b) {
  char left[32];
  size_t made = atomic_load(&b->written) + atomic_load(&b->failed);
  size_t done = made + atomic_load(&b->there);
  double seconds = clock_seconds() - b->started;
  double rate = seconds > 0 ? (double)made / seconds : 0;
  log_live(
      done == b->own, "apply: %zu of %zu pictures, %.2f a second, %s left",
      done, b->own, rate,
      format_duration(rate > 0 ? (double)(b->own - done) / rate : -1, left));
}

static status do_task(const batch *b, const apply_task *task,
                      apply_record *record) {
  if (task->mask[0] != '\0' || task->cutout[0] != '\0' || b->how->mask.alpha)
    return apply_file(b->how, task, record);
  status result =
      status_error(STATUS_FORMAT, "%s: there is no mask for it", task->image);
  if (record != NULL) {
    record->outcome = "failed";
    record->error = status_message();
  }
  return result;
}

/* What warnings there are is told with the picture's name. */
static void make_task(batch *b, const apply_task *task, apply_record *record) {
  char said[1024];
  log_keep(said, sizeof said);
  status result = do_task(b, task, record);
  log_keep(NULL, 0);
  tell(task, result, said);
  atomic_fetch_add(result == STATUS_OK ? &b->written : &b->failed, 1);
}

static status do_item(void *context, size_t i) {
  batch *b = context;
  const cluster *c = b->cluster;
  const data_pair *pair =
      &b->pairs->pairs[i * (size_t)c->ranks + (size_t)c->rank];
  apply_paths room;
  apply_task task;
  TRY(apply_task_of_pair(pair, b->folders, &room, &task));
  apply_record record = apply_record_begin(&task);
  if (!b->force && apply_task_is_done(&task)) {
    record.outcome = "there";
    atomic_fetch_add(&b->there, 1);
  } else {
    make_task(b, &task, b->how->json ? &record : NULL);
  }
  if (b->how->json) apply_record_print(&record, stdout);
  tell_progress(b);
  return STATUS_OK;
}

status apply_files(const cluster *c, const apply_how *how,
                   const data_pairs *pairs,
                   const char *const folders[APPLY_PRODUCTS], int workers,
                   bool force) {
  size_t ranks = (size_t)c->ranks, rank = (size_t)c->rank;
  batch b = {.cluster = c,
             .how = how,
             .pairs = pairs,
             .folders = folders,
             .force = force,
             .own = (pairs->count + ranks - 1 - rank) / ranks,
             .started = clock_seconds()};
  TRY(apply_task_check_paths(pairs, folders));
  TRY(threads_for(b.own, workers, do_item, &b));
  uint64_t sums[3] = {b.written, b.there, b.failed};
  cluster_sum(c, sums, 3);
  log_info("apply: %llu pictures written, %llu were there, %llu failed",
           (unsigned long long)sums[0], (unsigned long long)sums[1],
           (unsigned long long)sums[2]);
  if (sums[2] == 0) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%llu of %zu pictures failed: each is named above",
                      (unsigned long long)sums[2], pairs->count);
}
