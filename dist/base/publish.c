/* How files come by their names: publish.h. */
#include "base/publish.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/memory.h"

enum { MAX_LINKS = 40 }; /* as Linux follows */

static status io_error(const char *path, const char *what) {
  return status_system(errno, "%s: cannot %s", path, what);
}

/* ---- a temporary file's name ---- */

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

/* ---- where a name leads ---- */

typedef struct place {
  char path[PATH_MAX]; /* with links followed */
  int descriptor;      /* of this process, that the name stands for; or -1 */
  bool straight;       /* a pipe or a device: not to be replaced */
  mode_t mode;         /* of the file that is replaced; 0 without one */
} place;

/* The number in /dev/fd/N or /proc/self/fd/N, or -1. What lies behind is open
 * already, and its reader waits for more than one writer. */
static int descriptor_of(const char *path) {
  static const char *const folders[] = {"/dev/fd/", "/proc/self/fd/"};
  for (int i = 0; i < 2; i++) {
    size_t length = strlen(folders[i]);
    if (strncmp(path, folders[i], length) != 0) continue;
    const char *digits = path + length;
    size_t count = strspn(digits, "0123456789");
    if (count > 0 && count < 9 && digits[count] == '\0') return atoi(digits);
  }
  return -1;
}

/* One link further; a relative one begins in its own folder. */
static bool follow(char path[PATH_MAX]) {
  char link[PATH_MAX], next[2 * PATH_MAX];
  ssize_t length = readlink(path, link, sizeof link - 1);
  if (length < 0) return false;
  link[length] = '\0';
  const char *slash = strrchr(path, '/');
  int folder = slash == NULL || link[0] == '/' ? 0 : (int)(slash + 1 - path);
  int total = snprintf(next, sizeof next, "%.*s%s", folder, path, link);
  if (total >= PATH_MAX) return errno = ENAMETOOLONG, false;
  memcpy(path, next, (size_t)total + 1);
  return true;
}

static status find_place(const char *path, place *out) {
  struct stat about;
  *out = (place){.descriptor = -1};
  if (path[0] == '\0') return errno = ENOENT, io_error("''", "write");
  if (strlen(path) >= PATH_MAX)
    return errno = ENAMETOOLONG, io_error(path, "write");
  memcpy(out->path, path, strlen(path) + 1);
  for (int links = 0; (out->descriptor = descriptor_of(out->path)) < 0;
       links++) {
    if (lstat(out->path, &about) != 0)
      return errno == ENOENT ? STATUS_OK : io_error(path, "write");
    if (!S_ISLNK(about.st_mode)) break;
    if (links == MAX_LINKS) errno = ELOOP;
    if (links == MAX_LINKS || !follow(out->path))
      return io_error(path, "follow the link");
  }
  out->straight = out->descriptor >= 0 || !S_ISREG(about.st_mode);
  if (!out->straight) out->mode = about.st_mode;
  if (out->descriptor < 0 && S_ISDIR(about.st_mode))
    return errno = EISDIR, io_error(path, "write");
  return STATUS_OK;
}

status publish_target(const char *path, char **target) {
  place at;
  *target = NULL;
  TRY(find_place(path, &at));
  if (at.straight)
    return status_error(
        STATUS_IO, "%s: a pipe or a device; expected the name of a file", path);
  return memory_copy_text(at.path, target);
}

/* ---- bytes ---- */

static status write_all(const char *path, int file, const char *bytes,
                        size_t length) {
  int error = disk_write(file, bytes, length, DISK_HERE);
  return error == 0 ? STATUS_OK
                    : status_system(error, "%s: cannot write", path);
}

static status close_file(const char *path, int file, status result) {
  if (close(file) != 0 && result == STATUS_OK) return io_error(path, "write");
  return result;
}

/* Opens a new file beside the place; its name comes in `name`. Nobody may read
 * it who may not read the file that it replaces. */
static status open_beside(const char *path, const place *at, char *name,
                          size_t size, int *file) {
  static atomic_uint counter;
  for (int attempt = 0; attempt < 1000; attempt++) {
    snprintf(name, size, "%s.%ld-%u.part", at->path, (long)getpid(),
             atomic_fetch_add(&counter, 1));
    *file = open(name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC,
                 at->mode != 0 ? at->mode & 0666 : 0666);
    /* Some file systems have no modes to set. */
    if (*file >= 0 && at->mode != 0) (void)!fchmod(*file, at->mode & 0777);
    if (*file >= 0) return STATUS_OK;
    if (errno != EEXIST) break;
  }
  return io_error(path, "create");
}

static status write_straight(const char *path, const place *at,
                             const char *bytes, size_t length) {
  int file = at->descriptor >= 0 ? fcntl(at->descriptor, F_DUPFD_CLOEXEC, 0)
                                 : open(at->path, O_WRONLY | O_CLOEXEC);
  if (file < 0) return io_error(path, "open");
  return close_file(path, file, write_all(path, file, bytes, length));
}

status publish_check(const char *path) {
  place at;
  char name[PATH_MAX + 64];
  int file;
  TRY(find_place(path, &at));
  if (at.descriptor >= 0)
    return fcntl(at.descriptor, F_GETFD) >= 0 ? STATUS_OK
                                              : io_error(path, "write");
  /* To open a pipe would tell its reader that somebody came and went. */
  if (at.straight)
    return access(at.path, W_OK) == 0 ? STATUS_OK : io_error(path, "write");
  TRY(open_beside(path, &at, name, sizeof name, &file));
  close(file);
  unlink(name);
  return STATUS_OK;
}

status publish_bytes(const char *path, const void *bytes, size_t length) {
  place at;
  char name[PATH_MAX + 64];
  int file;
  TRY(find_place(path, &at));
  if (at.straight) return write_straight(path, &at, bytes, length);
  TRY(open_beside(path, &at, name, sizeof name, &file));
  status result = write_all(path, file, bytes, length);
  /* A full disk may show only here; some file systems cannot flush. */
  if (result == STATUS_OK && fsync(file) != 0 && errno != EINVAL)
    result = io_error(path, "write");
  result = close_file(path, file, result);
  if (result == STATUS_OK && rename(name, at.path) != 0)
    result = io_error(path, "create");
  if (result != STATUS_OK) unlink(name);
  return result;
}
