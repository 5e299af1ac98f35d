/* Making folders. */
#include "base/folders.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/disk.h"

static status make_folder(const char *path) {
  struct stat about;
  int error, tries = 0;
  do error = mkdir(path, 0777) == 0 || errno == EEXIST ? 0 : errno;
  while (disk_again(&tries, error, path));
  if (error != 0)
    return status_system(error, "%s: cannot make the folder", path);
  do error = stat(path, &about) == 0 ? 0 : errno;
  while (disk_again(&tries, error, path));
  if (error != 0) return status_system(error, "%s: cannot be read", path);
  return S_ISDIR(about.st_mode)
             ? STATUS_OK
             : status_error(STATUS_IO, "%s: expected a folder", path);
}

status make_folders(const char *path) {
  enum { PATH = 1024 };
  char part[PATH];
  if (snprintf(part, sizeof part, "%s", path) >= (int)sizeof part)
    return status_error(STATUS_IO, "%s: the path is too long", path);
  for (char *at = part + 1;; at++) {
    if (*at != '/' && *at != '\0') continue;
    char kept = *at;
    *at = '\0';
    status result = make_folder(part);
    if (result != STATUS_OK || kept == '\0') return result;
    *at = kept;
  }
}

const char *file_name_of(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash != NULL ? slash + 1 : path;
}
