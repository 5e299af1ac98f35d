/* Reading and writing files on disks that may fail in passing. */
#include "base/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

/* What a file system over a network says of a fault that may be over soon. */
static bool is_passing(int error) {
  return error == EIO || error == EINTR || error == ESTALE ||
         error == ETIMEDOUT || error == EAGAIN || error == EBUSY ||
         error == EREMOTEIO || error == ECONNRESET || error == ENOTCONN;
}

bool disk_again(int *tries, int error, const char *path) {
  enum { TRIES = 4 };
  static const double pauses[TRIES] = {0.1, 0.3, 0.9, 2.7}; /* seconds */
  if (!is_passing(error) || *tries == TRIES) return false;
  double pause = pauses[(*tries)++];
  log_warning("%s: %s; trying again in %.1f s", path, strerror(error), pause);
  clock_sleep(pause);
  return true;
}

int disk_open(const char *path, int flags) {
  int file, tries = 0;
  do file = open(path, flags | O_CLOEXEC, 0666);
  while (file < 0 && disk_again(&tries, errno, path));
  return file;
}

bool disk_is_absent(const char *path) {
  struct stat about;
  int error, tries = 0;
  do error = lstat(path, &about) == 0 ? 0 : errno;
  while (disk_again(&tries, error, path));
  return error == ENOENT;
}

int disk_about(int file, const char *path, struct stat *about) {
  int error, tries = 0;
  do error = fstat(file, about) == 0 ? 0 : errno;
  while (disk_again(&tries, error, path));
  return error;
}

/* Gives the descriptor the file that has the name now. */
static void open_again(int file, const char *path) {
  int flags = fcntl(file, F_GETFL);
  if (flags < 0 || (flags & O_ACCMODE) != O_RDONLY) return;
  int fresh = open(path, O_RDONLY | O_CLOEXEC);
  if (fresh < 0) return;
  dup3(fresh, file, O_CLOEXEC);
  close(fresh);
}

int disk_read(int file, const char *path, void *bytes, size_t count,
              uint64_t at) {
  uint8_t *to = bytes;
  int tries = 0;
  while (count > 0) {
    ssize_t done = pread(file, to, count, (off_t)at);
    if (done == 0) return DISK_END;
    if (done < 0) {
      int error = errno;
      if (!disk_again(&tries, error, path)) return error;
      if (error == ESTALE) open_again(file, path);
      continue;
    }
    to += done;
    count -= (size_t)done;
    at += (uint64_t)done;
  }
  return 0;
}

int disk_write(int file, const void *bytes, size_t count, uint64_t at) {
  const uint8_t *from = bytes;
  while (count > 0) {
    ssize_t done = at == DISK_HERE ? write(file, from, count)
                                   : pwrite(file, from, count, (off_t)at);
    if (done < 0 && errno == EINTR) continue;
    if (done <= 0) return done < 0 ? errno : ENOSPC;
    from += done;
    count -= (size_t)done;
    if (at != DISK_HERE) at += (uint64_t)done;
  }
  return 0;
}
