/* Reading a file whole. */
#include "base/read_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"

static status io_error(const char *path, const char *what) {
  return status_system(errno, "%s: cannot %s", path, what);
}

static status read_open(FILE *file, const char *path, char **bytes,
                        size_t *length) {
  struct stat about;
  if (fstat(fileno(file), &about) != 0) return io_error(path, "read");
  if (!S_ISREG(about.st_mode))
    return status_error(STATUS_IO, "%s: not a file", path);
  size_t size = (size_t)about.st_size;
  TRY(MEMORY_NEW(size + 1, path, bytes));
  *length = fread(*bytes, 1, size, file);
  return ferror(file) ? io_error(path, "read") : STATUS_OK;
}

status read_file(const char *path, char **bytes, size_t *length) {
  *bytes = NULL;
  *length = 0;
  FILE *file = fopen(path, "rb");
  if (file == NULL) return io_error(path, "open");
  status result = read_open(file, path, bytes, length);
  fclose(file);
  if (result == STATUS_OK) return STATUS_OK;
  memory_free(*bytes);
  *bytes = NULL;
  return result;
}
