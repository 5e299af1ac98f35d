/* The folder of a run: step-NNNNNNNN.h5, and what dead writers left. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/internal.h"

#define CKPT_BEST "best.h5"

void ckpt_path(const char *folder, uint64_t step, char *path, size_t size) {
  int used = snprintf(path, size, "%s/step-%08llu.h5", folder,
                      (unsigned long long)step);
  INVARIANT(used >= 0 && (size_t)used < size,
            "no room for the path of step "
            "%llu",
            (unsigned long long)step);
}

void ckpt_best_path(const char *folder, char *path, size_t size) {
  int used = snprintf(path, size, "%s/" CKPT_BEST, folder);
  INVARIANT(used >= 0 && (size_t)used < size, "no room for %s", folder);
}

/* "step-<8 digits or more>.h5"; the end of it, or NULL. */
static const char *parse_step(const char *name, uint64_t *step) {
  enum { PREFIX = 5, DIGITS = 8, MAX_DIGITS = 19 };
  if (strncmp(name, "step-", PREFIX) != 0) return NULL;
  size_t digits = strspn(name + PREFIX, "0123456789");
  const char *end = name + PREFIX + digits;
  if (digits < DIGITS || digits > MAX_DIGITS || strncmp(end, ".h5", 3) != 0)
    return NULL;
  *step = strtoull(name + PREFIX, NULL, 10);
  return end + 3;
}

/* "step-NNNNNNNN.h5.tmp-..." or "best.h5.tmp-..." */
static bool is_temporary(const char *name) {
  uint64_t step;
  const char *rest = parse_step(name, &step);
  if (rest == NULL && strncmp(name, CKPT_BEST, sizeof CKPT_BEST - 1) == 0)
    rest = name + sizeof CKPT_BEST - 1;
  return rest != NULL && strncmp(rest, ".tmp-", 5) == 0;
}

/* ---- listing --------------------------------------------------------------
 */

typedef struct steps {
  uint64_t *values; /* newest first */
  size_t count, room;
} steps;

static status add_step(steps *list, uint64_t step) {
  if (list->count == list->room) {
    size_t room = list->room == 0 ? 32 : list->room * 2;
    uint64_t *larger;
    TRY(MEMORY_NEW(room, "list of checkpoints", &larger));
    if (list->count > 0)
      memcpy(larger, list->values, list->count * sizeof *larger);
    memory_free(list->values);
    list->values = larger;
    list->room = room;
  }
  list->values[list->count++] = step;
  return STATUS_OK;
}

static int newest_first(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x < y) - (x > y);
}

/* Shows every name in a folder until a failure. No folder is a folder with
 * nothing in it. */
static status visit(const char *folder,
                    status (*see)(void *context, const char *name),
                    void *context) {
  DIR *dir = opendir(folder);
  if (dir == NULL && errno == ENOENT) return STATUS_OK;
  if (dir == NULL)
    return status_error(STATUS_IO, "%s: cannot list: %s", folder,
                        strerror(errno));
  status result = STATUS_OK;
  const struct dirent *item;
  while (result == STATUS_OK && (item = readdir(dir)) != NULL)
    result = see(context, item->d_name);
  closedir(dir);
  return result;
}

static status note_step(void *list, const char *name) {
  uint64_t step;
  const char *rest = parse_step(name, &step);
  return rest != NULL && *rest == '\0' ? add_step(list, step) : STATUS_OK;
}

static status list_steps(const char *folder, steps *list) {
  *list = (steps){0};
  status result = visit(folder, note_step, list);
  if (result != STATUS_OK) {
    memory_free(list->values);
    *list = (steps){0};
  }
  if (list->count > 1)
    qsort(list->values, list->count, sizeof *list->values, newest_first);
  return result;
}

/* "folder/name" in new memory. */
static status join(const char *folder, const char *name, char **out) {
  size_t size = strlen(folder) + strlen(name) + 2;
  TRY(MEMORY_NEW(size, "path", out));
  snprintf(*out, size, "%s/%s", folder, name);
  return STATUS_OK;
}

static status step_path(const char *folder, uint64_t step, char **out) {
  char name[40];
  snprintf(name, sizeof name, "step-%08llu.h5", (unsigned long long)step);
  return join(folder, name, out);
}

/* ---- the newest -----------------------------------------------------------
 */

static status check_whole(const char *path, bool every_array) {
  ckpt_reader *reader;
  TRY(ckpt_reader_open(path, &reader));
  status result = every_array ? ckpt_verify(reader) : STATUS_OK;
  ckpt_reader_close(&reader);
  return result;
}

status ckpt_newest(const char *folder, bool *found, uint64_t *step, char *path,
                   size_t size) {
  *found = false;
  steps list;
  TRY(list_steps(folder, &list));
  status result = STATUS_OK;
  for (size_t i = 0; i < list.count && !*found && result == STATUS_OK; i++) {
    char *candidate;
    result = step_path(folder, list.values[i], &candidate);
    if (result != STATUS_OK) break;
    status whole = check_whole(candidate, true);
    if (whole == STATUS_MEMORY) {
      result = whole; /* says nothing about the file */
    } else if (whole != STATUS_OK) {
      log_warning("%s; passed over", status_message());
    } else {
      *found = true;
      *step = list.values[i];
      ckpt_path(folder, *step, path, size);
    }
    memory_free(candidate);
  }
  memory_free(list.values);
  return result;
}

/* ---- pruning --------------------------------------------------------------
 */

static status remove_file(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT) return STATUS_OK;
  return status_error(STATUS_IO, "%s: cannot remove: %s", path,
                      strerror(errno));
}

/* Only checkpoints that open count as kept: a damaged newest one must not cost
 * the last good one. (Its arrays are not read here: too slow after each save.)
 */
static status remove_old(const char *folder, const steps *list, int keep) {
  int kept = 0;
  for (size_t i = 0; i < list->count; i++) {
    char *path;
    TRY(step_path(folder, list->values[i], &path));
    status result = STATUS_OK;
    if (kept >= keep)
      result = remove_file(path);
    else if (check_whole(path, false) == STATUS_OK)
      kept++;
    memory_free(path);
    TRY(result);
  }
  return STATUS_OK;
}

status ckpt_prune(const char *folder, int keep) {
  if (keep < 1) return STATUS_OK;
  steps list;
  TRY(list_steps(folder, &list));
  status result = remove_old(folder, &list, keep);
  memory_free(list.values);
  return result;
}

static status remove_temporary(void *folder, const char *name) {
  char *path;
  if (!is_temporary(name)) return STATUS_OK;
  TRY(join(folder, name, &path));
  status result = remove_file(path);
  memory_free(path);
  return result;
}

status ckpt_remove_temporaries(const char *folder) {
  return visit(folder, remove_temporary, (void *)folder);
}
