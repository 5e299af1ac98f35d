#include "dist/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "checkpoint/checkpoint.h"

status make_folders(const char *path) {
  char part[RUN_PATH];
  if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
    return status_error(STATUS_IO, "%s: the path is too long", path);
  for (char *at = part + 1;; at++) {
    if (*at != '/' && *at != '\0') continue;
    char kept = *at;
    *at = '\0';
    if (mkdir(part, 0777) != 0 && errno != EEXIST)
      return status_error(STATUS_IO, "%s: cannot make the folder: %s", part,
                          strerror(errno));
    *at = kept;
    if (kept == '\0') break;
  }
  struct stat info;
  if (stat(path, &info) != 0 || !S_ISDIR(info.st_mode))
    return status_error(STATUS_IO, "%s: expected a folder", path);
  return STATUS_OK;
}

static status take_lock(run_folder *folder) {
  char path[RUN_PATH + 16];
  snprintf(path, sizeof path, "%s/lock", folder->path);
  folder->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (folder->lock < 0)
    return status_error(STATUS_IO, "%s: cannot be written: %s", path,
                        strerror(errno));
  if (flock(folder->lock, LOCK_EX | LOCK_NB) == 0) return STATUS_OK;
  if (errno == EWOULDBLOCK)
    return status_error(STATUS_IO, "%s: another run is using this folder",
                        folder->path);
  /* some network file systems know no locks: go on without */
  log_warning("%s: cannot be locked (%s): see to it that no other run uses "
              "the folder",
              path, strerror(errno));
  close(folder->lock);
  folder->lock = -1;
  return STATUS_OK;
}

/* Who has the lock writes here alone, so that what is half written is of dead
 * writers, of whatever host. */
static void clean(const run_folder *folder) {
  if (folder->lock < 0) return;
  if (ckpt_remove_temporaries(folder->checkpoints) != STATUS_OK)
    log_warning("%s", status_message());
}

status run_folder_open(const char *path, run_folder *out) {
  out->lock = -1;
  if (snprintf(out->path, sizeof out->path, "%s", path) >=
      (int)sizeof out->path - 32)
    return status_error(STATUS_IO, "%s: the path is too long", path);
  snprintf(out->checkpoints, sizeof out->checkpoints, "%.900s/checkpoints",
           path);
  TRY(make_folders(out->checkpoints));
  TRY(take_lock(out));
  clean(out);
  return STATUS_OK;
}

void run_folder_close(run_folder *folder) {
  if (folder->lock >= 0) close(folder->lock);
  folder->lock = -1;
}
