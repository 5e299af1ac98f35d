/* Opening and locking the folder of a run. */
#include "dist/run/run_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/folders.h"
#include "base/log.h"
#include "checkpoint/checkpoint.h"

static status take_lock(run_folder *folder) {
  char path[RUN_PATH + 16];
  snprintf(path, sizeof path, "%s/lock", folder->path);
  folder->lock = disk_open(path, O_RDWR | O_CREAT);
  if (folder->lock < 0)
    return status_system(errno, "%s: cannot be written", path);
  int error, tries = 0;
  do error = flock(folder->lock, LOCK_EX | LOCK_NB) == 0 ? 0 : errno;
  while (error != EWOULDBLOCK && disk_again(&tries, error, path));
  if (error == 0) return STATUS_OK;
  if (error == EWOULDBLOCK)
    return status_error(STATUS_IO, "%s: another run is using this folder",
                        folder->path);
  /* some network file systems know no locks: go on without */
  log_warning("%s: cannot be locked (%s): see to it that no other run uses "
              "the folder",
              path, strerror(error));
  close(folder->lock);
  folder->lock = -1;
  return STATUS_OK;
}

void run_folder_clean(const run_folder *folder) {
  if (folder->lock < 0) return;
  if (ckpt_remove_temporaries(folder->checkpoints) != STATUS_OK)
    log_warning("%s", status_message());
}

status run_folder_checkpoints(const char *path, char *out, size_t size) {
  if (snprintf(out, size, "%s/checkpoints", path) >= (int)size)
    return status_error(STATUS_IO, "%s: the path is too long", path);
  return STATUS_OK;
}

status run_folder_open(const char *path, run_folder *out) {
  out->lock = -1;
  if (snprintf(out->path, sizeof out->path, "%s", path) >=
      (int)sizeof out->path - 32)
    return status_error(STATUS_IO, "%s: the path is too long", path);
  TRY(run_folder_checkpoints(path, out->checkpoints, sizeof out->checkpoints));
  TRY(make_folders(out->checkpoints));
  return take_lock(out);
}

void run_folder_close(run_folder *folder) {
  if (folder->lock >= 0) close(folder->lock);
  folder->lock = -1;
}
