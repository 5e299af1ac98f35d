#include "base/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"

/* To the disk: a file, or a folder (flags: O_DIRECTORY). */
static status flush(const char *which, const char *path, int flags) {
  int file = open(which, O_RDONLY | O_CLOEXEC | flags);
  int error = file < 0 || fsync(file) != 0 ? errno : 0;
  if (file >= 0 && close(file) != 0 && error == 0) error = errno;
  /* some file systems cannot flush folders */
  if (error == 0 || (error == EINVAL && (flags & O_DIRECTORY) != 0))
    return STATUS_OK;
  return status_system(error, "%s: cannot flush to the disk", path);
}

static status flush_folder_of(const char *path) {
  char *folder;
  TRY(memory_copy_text(path, &folder));
  char *slash = strrchr(folder, '/');
  if (slash != NULL) slash[slash == folder] = '\0';
  status result = flush(slash != NULL ? folder : ".", path, O_DIRECTORY);
  memory_free(folder);
  return result;
}

status publish_file(const char *temporary, const char *path) {
  TRY(flush(temporary, path, 0));
  if (rename(temporary, path) != 0)
    return status_system(errno, "%s: cannot rename %s to it", path, temporary);
  return flush_folder_of(path);
}
