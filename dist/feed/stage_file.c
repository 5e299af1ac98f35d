/* The file that becomes a copy, and what dead runs left of theirs. */
#include "dist/feed/stage_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/memory.h"
#include "base/publish.h"

enum { PIECE = 4 << 20 }; /* bytes copied at once */

static status failure(const char *path, const char *what) {
  return status_error(STATUS_IO, "%s: cannot be %s: %s", path, what,
                      strerror(errno));
}

/* A lock that can be had means that nobody writes there any more. */
static void remove_if_left(const char *path) {
  int file = open(path, O_RDWR | O_CLOEXEC);
  if (file < 0) return;
  if (flock(file, LOCK_EX | LOCK_NB) == 0) unlink(path);
  close(file);
}

void stage_file_clean(const char *folder, const char *name) {
  DIR *entries = opendir(folder);
  if (entries == NULL) return;
  char prefix[300], path[STAGE_FILE_PATH + 300];
  snprintf(prefix, sizeof prefix, "%.255s.part-", name);
  const struct dirent *entry;
  while ((entry = readdir(entries)) != NULL) {
    if (strncmp(entry->d_name, prefix, strlen(prefix)) != 0) continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    remove_if_left(path);
  }
  closedir(entries);
}

/* Another run's cleaning may come between making and locking. */
static bool still_there(int descriptor) {
  struct stat now;
  return fstat(descriptor, &now) == 0 && now.st_nlink > 0;
}

status stage_file_create(const char *target, stage_file *out) {
  do {
    snprintf(out->path, sizeof out->path, "%.1000s.part-XXXXXX", target);
    out->descriptor = mkostemp(out->path, O_CLOEXEC);
    if (out->descriptor < 0) return failure(out->path, "written");
    flock(out->descriptor, LOCK_EX | LOCK_NB);
    if (still_there(out->descriptor)) break;
    close(out->descriptor);
  } while (true);
  fchmod(out->descriptor, 0644); /* runs of other users may read it */
  return STATUS_OK;
}

status stage_file_write(stage_file *file, const void *bytes, size_t count) {
  int error = disk_write(file->descriptor, bytes, count, DISK_HERE);
  return error == 0 ? STATUS_OK
                    : status_system(error, "%s: cannot be written", file->path);
}

status stage_read(int descriptor, const char *path, void *bytes, size_t count,
                  size_t *got) {
  *got = 0;
  while (*got < count) {
    ssize_t part = read(descriptor, (char *)bytes + *got, count - *got);
    if (part < 0 && errno == EINTR) continue;
    if (part < 0) return failure(path, "read");
    if (part == 0) break;
    *got += (size_t)part;
  }
  return STATUS_OK;
}

static status copy_pieces(stage_file *file, int from, const char *path,
                          char *piece) {
  size_t got;
  do {
    TRY(stage_read(from, path, piece, PIECE, &got));
    TRY(stage_file_write(file, piece, got));
  } while (got == PIECE);
  return STATUS_OK;
}

status stage_file_copy(stage_file *file, const char *path) {
  int from = open(path, O_RDONLY | O_CLOEXEC);
  if (from < 0) return failure(path, "read");
  char *piece;
  status result = MEMORY_NEW(PIECE, "a piece of a file", &piece);
  if (result == STATUS_OK) result = copy_pieces(file, from, path, piece);
  memory_free(piece);
  close(from);
  return result;
}

status stage_file_commit(stage_file *file, const char *target) {
  TRY(publish_file(file->path, target));
  close(file->descriptor);
  file->descriptor = -1;
  return STATUS_OK;
}

void stage_file_close(stage_file *file) {
  if (file->descriptor < 0) return;
  unlink(file->path);
  close(file->descriptor);
  file->descriptor = -1;
}
