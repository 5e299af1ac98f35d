/* The folder of a run: step-NNNNNNNN.h5, and what dead writers left. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/disk.h"
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

/* ---- listing ---- */

typedef struct steps {
  uint64_t *values; /* newest first */
  size_t count, room;
  bool best;         /* there is a best.h5 */
  char strange[256]; /* "step-7.h5": one that no writer here named, or "" */
} steps;

static status add_step(steps *list, uint64_t step) {
  TRY(MEMORY_GROW(&list->values, list->count, &list->room,
                  "list of checkpoints"));
  list->values[list->count++] = step;
  return STATUS_OK;
}

static int newest_first(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x < y) - (x > y);
}

static status cannot_list(const char *folder, int error) {
  return status_system(error, "%s: cannot list", folder);
}

/* Shows every name in a folder until a failure. No folder is a folder with
 * nothing in it. */
static status visit(const char *folder,
                    status (*see)(void *context, const char *name),
                    void *context) {
  DIR *dir = opendir(folder);
  if (dir == NULL) {
    int error = errno;
    return error == ENOENT && disk_is_absent(folder)
               ? STATUS_OK
               : cannot_list(folder, error);
  }
  status result = STATUS_OK;
  const struct dirent *item;
  while (result == STATUS_OK && (errno = 0, item = readdir(dir)) != NULL)
    result = see(context, item->d_name);
  if (result == STATUS_OK && errno != 0) result = cannot_list(folder, errno);
  closedir(dir);
  return result;
}

static status note_step(void *context, const char *name) {
  steps *list = context;
  uint64_t step;
  const char *rest = parse_step(name, &step), *end = strrchr(name, '.');
  if (rest != NULL && *rest == '\0') return add_step(list, step);
  if (strcmp(name, CKPT_BEST) == 0) list->best = true;
  if (strncmp(name, "step-", 5) == 0 && end != NULL && strcmp(end, ".h5") == 0)
    snprintf(list->strange, sizeof list->strange, "%s", name);
  return STATUS_OK;
}

static status list_steps(const char *folder, steps *list) {
  status result;
  int tries = 0;
  *list = (steps){0};
  do {
    memory_free(list->values);
    *list = (steps){0};
    result = visit(folder, note_step, list);
  } while (result == STATUS_IO && disk_again(&tries, status_errno(), folder));
  if (result != STATUS_OK) memory_free(list->values), *list = (steps){0};
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

/* ---- the newest ---- */

/* A file under another's name would go on with the wrong learning rate, and
 * push those out that are of its steps. */
static status check_step(ckpt_reader *reader, uint64_t step) {
  char text[32], expected[32];
  TRY(ckpt_read_text(reader, "step", text, sizeof text));
  snprintf(expected, sizeof expected, "%llu", (unsigned long long)step);
  if (strcmp(text, expected) == 0) return STATUS_OK;
  return status_error(STATUS_FORMAT, "%s: is of step %s, unlike its name",
                      ckpt_reader_file(reader)->path, text);
}

/* step: that of its name, or NULL. */
static status check_whole(const char *path, const uint64_t *step,
                          bool every_array) {
  ckpt_reader *reader;
  TRY(ckpt_reader_open(path, &reader));
  status result = step != NULL ? check_step(reader, *step) : STATUS_OK;
  if (result == STATUS_OK && every_array) result = ckpt_verify(reader);
  ckpt_reader_close(&reader);
  return result;
}

enum { REASONS_TEXT = 700 };

/* The search for the newest. */
typedef struct search {
  const char *folder;
  steps list;
  char **reasons;              /* of each place: what is wrong there, or NULL */
  size_t damaged, gone, found; /* found: the place of the newest */
  bool unread;                 /* one of them could not be read */
} search;

/* Places are those of the list, then best.h5, if it is there. */
static size_t place_count(const search *s) {
  return s->list.count + s->list.best;
}

static status place_path(const search *s, size_t place, char **path) {
  return place < s->list.count
             ? step_path(s->folder, s->list.values[place], path)
             : join(s->folder, CKPT_BEST, path);
}

/* *good is false where the file is damaged, cannot be read, or was removed
 * since it was listed. */
static status try_place(search *s, size_t place, bool *good) {
  char *path;
  TRY(place_path(s, place, &path));
  const uint64_t *step = place < s->list.count ? &s->list.values[place] : NULL;
  status whole = check_whole(path, step, !s->unread);
  bool gone =
      whole == STATUS_IO && status_errno() == ENOENT && disk_is_absent(path);
  memory_free(path);
  *good = whole == STATUS_OK;
  s->gone += gone;
  if (*good || gone) return STATUS_OK;
  s->damaged += whole == STATUS_FORMAT;
  s->unread |= whole != STATUS_FORMAT;
  return memory_copy_text(status_message(), &s->reasons[place]);
}

/* One that cannot be read may be good: none before it is the newest then, and
 * those are looked at only to tell what is wrong with them. */
static status search_places(search *s, bool *found) {
  *found = false;
  for (size_t i = 0; i < place_count(s) && !*found; i++) {
    bool good;
    TRY(try_place(s, i, &good));
    *found = good && !s->unread;
    s->found = i;
  }
  return STATUS_OK;
}

static void tell_reasons(const search *s, const char *what) {
  for (size_t i = 0; i < place_count(s); i++)
    if (s->reasons[i] != NULL) log_warning("%s%s", s->reasons[i], what);
}

/* All reasons in one line, and those that it has no room for in their own. */
static void join_reasons(const search *s, char *text, size_t size) {
  size_t used = 0;
  text[0] = '\0';
  for (size_t i = 0; i < place_count(s) && used < size; i++)
    if (s->reasons[i] != NULL)
      used += (size_t)snprintf(text + used, size - used, "%s%s",
                               used > 0 ? "; " : "", s->reasons[i]);
  if (used >= size) tell_reasons(s, "");
}

static status none_read(const search *s) {
  char text[REASONS_TEXT];
  join_reasons(s, text, sizeof text);
  return status_error(STATUS_IO, "%s", text);
}

static status none_good(const search *s) {
  char text[REASONS_TEXT];
  join_reasons(s, text, sizeof text);
  return status_error(STATUS_FORMAT,
                      "%s: none of its checkpoints can be resumed, so nothing "
                      "is changed (mend or move them, or use another folder): "
                      "%s",
                      s->folder, text);
}

/* Where no checkpoint was found. */
static status check_none(const search *s) {
  if (s->damaged > 0) return none_good(s);
  if (s->list.strange[0] == '\0') return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s/%s: a checkpoint is named step- and the step in "
                      "eight digits: rename it, or use another folder",
                      s->folder, s->list.strange);
}

static status take_found(const search *s, uint64_t *step, char *path,
                         size_t size) {
  char *found, text[32];
  TRY(place_path(s, s->found, &found));
  int used = snprintf(path, size, "%s", found);
  memory_free(found);
  INVARIANT(used >= 0 && (size_t)used < size, "no room for %s", s->folder);
  if (s->found < s->list.count) {
    *step = s->list.values[s->found];
    return STATUS_OK;
  }
  ckpt_reader *reader;
  TRY(ckpt_reader_open(path, &reader));
  status result = ckpt_read_text(reader, "step", text, sizeof text);
  ckpt_reader_close(&reader);
  if (result == STATUS_OK) *step = strtoull(text, NULL, 10);
  return result;
}

/* One look at the folder; *again where files went while it was looked at. */
static status look(search *s, bool *found, uint64_t *step, char *path,
                   size_t size, bool *again) {
  TRY(list_steps(s->folder, &s->list));
  TRY(MEMORY_NEW(place_count(s) + 1, "reasons", &s->reasons));
  TRY(search_places(s, found));
  if (s->unread) return none_read(s);
  *again = !*found && s->gone > 0;
  if (*again) return STATUS_OK;
  if (!*found) return check_none(s);
  tell_reasons(s, "; passed over");
  return take_found(s, step, path, size);
}

static void free_search(search *s) {
  for (size_t i = 0; s->reasons != NULL && i < place_count(s); i++)
    memory_free(s->reasons[i]);
  memory_free(s->reasons);
  memory_free(s->list.values);
}

status ckpt_newest(const char *folder, bool *found, uint64_t *step, char *path,
                   size_t size) {
  *found = false;
  for (int looks = 0; looks < 5; looks++) {
    search s = {.folder = folder};
    bool again = false;
    status result = look(&s, found, step, path, size, &again);
    free_search(&s);
    if (!again) return result;
  }
  return status_error(STATUS_IO,
                      "%s: its checkpoints vanish while they are read: does "
                      "another run use the folder?",
                      folder);
}

/* ---- pruning ---- */

static status remove_file(const char *path) {
  if (unlink(path) == 0 || errno == ENOENT) return STATUS_OK;
  return status_system(errno, "%s: cannot remove", path);
}

/* Only checkpoints that open count as kept: a damaged newest one must not cost
 * the last good one. (Its arrays are not read here: too slow after each save.)
 * Where one cannot be read, nothing is removed: it may be the last good one, or
 * the others may. */
static status keep_or_remove(const char *path, uint64_t step, int keep,
                             int *kept) {
  if (*kept >= keep) return remove_file(path);
  status whole = check_whole(path, &step, false);
  if (whole == STATUS_OK) (*kept)++;
  bool gone = whole == STATUS_IO && status_errno() == ENOENT;
  return whole == STATUS_FORMAT || gone ? STATUS_OK : whole;
}

static status remove_old(const char *folder, const steps *list, int keep) {
  int kept = 0;
  for (size_t i = 0; i < list->count; i++) {
    char *path;
    TRY(step_path(folder, list->values[i], &path));
    status result = keep_or_remove(path, list->values[i], keep, &kept);
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
