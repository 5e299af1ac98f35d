/* Listings of folders. */
#include "data/folder/file_names.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/folders.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/folder/spelling.h"

/* Of files that are spelled alike the first by name: folders have no order. */
static status note_spelling(file_names *files, size_t number) {
  char key[SPELLING_ROOM];
  size_t *other, there;
  bool added;
  const char *name = files->names[number];
  if (!spelling_key(name, key) || strcmp(name, key) == 0) return STATUS_OK;
  other = name_set_find(&files->alike, key);
  if (other == NULL)
    return name_set_add(&files->alike, key, number, &there, &added);
  if (strcmp(name, files->names[*other]) < 0) *other = number;
  return STATUS_OK;
}

static status add_name(file_names *files, const char *name) {
  size_t number = files->exact.count, there;
  bool added;
  TRY(MEMORY_GROW(&files->names, files->exact.count, &files->room,
                  "listing of a folder"));
  TRY(name_set_add(&files->exact, name, number, &there, &added));
  if (!added) return STATUS_OK;
  TRY(memory_copy_text(name, &files->names[number]));
  return note_spelling(files, number);
}

status file_names_read(const char *folder, file_names *out) {
  *out = (file_names){0};
  DIR *directory = opendir(folder);
  if (directory == NULL)
    return status_error(STATUS_IO, "%s: cannot list the folder: %s", folder,
                        strerror(errno));
  status result = STATUS_OK;
  const struct dirent *file;
  while (result == STATUS_OK && (errno = 0, file = readdir(directory)) != NULL)
    if (file->d_name[0] != '.') result = add_name(out, file->d_name);
  if (result == STATUS_OK && errno != 0)
    result = status_error(STATUS_IO, "%s: cannot list the folder: %s", folder,
                          strerror(errno));
  closedir(directory);
  return result;
}

void file_names_free(file_names *files) {
  for (size_t i = 0; i < files->exact.count && i < files->room; i++)
    memory_free(files->names[i]);
  memory_free(files->names);
  name_set_free(&files->exact);
  name_set_free(&files->alike);
  *files = (file_names){0};
}

static const char *find_exact(const file_names *files, const char *name) {
  const size_t *number = name_set_find(&files->exact, name);
  return number != NULL ? files->names[*number] : NULL;
}

static const char *find_alike(const file_names *files, const char *name) {
  char key[SPELLING_ROOM];
  if (!spelling_key(name, key)) return NULL;
  const char *found = find_exact(files, key);
  if (found != NULL) return found;
  const size_t *number = name_set_find(&files->alike, key);
  return number != NULL ? files->names[*number] : NULL;
}

const char *file_names_find(const file_names *files, const char *name) {
  const char *found = find_exact(files, name);
  return found != NULL ? found : find_alike(files, name);
}

const char *file_names_find_stem(const file_names *files, const char *stem,
                                 const char *const *endings, int count) {
  char name[SPELLING_LONGEST + 8];
  const char *found = NULL;
  for (int i = 0; i < 2 * count && found == NULL; i++) {
    snprintf(name, sizeof name, "%.*s%s", SPELLING_LONGEST, stem,
             endings[i % count]);
    found = (i < count ? find_exact : find_alike)(files, name);
  }
  return found;
}

bool file_name_is_note(const char *path) {
  return strncmp(file_name_of(path), "._", 2) == 0;
}

void file_names_warn_notes(const char *list, size_t count) {
  if (count > 0)
    log_warning("%s: %zu lines name files \"._...\", macOS's notes on other "
                "files: passed over",
                list, count);
}
