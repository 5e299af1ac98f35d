/* Reading files by place, the small pieces through a window. */
#include "checkpoint/foreign/input.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/memory.h"

static status failure(input *in, int error) {
  if (in->error == 0) in->error = error;
  return status_system(error, "%s: cannot read", in->path);
}

status input_open(input *in, const char *path) {
  struct stat about;
  in->path = path;
  in->window_size = 0;
  in->error = 0;
  in->descriptor = disk_open(path, O_RDONLY);
  if (in->descriptor < 0) return status_system(errno, "%s: cannot open", path);
  int error = disk_about(in->descriptor, path, &about);
  if (error != 0) return failure(in, error);
  if (!S_ISREG(about.st_mode))
    return status_error(STATUS_IO, "%s: not a file", path);
  in->size = (uint64_t)about.st_size;
  return STATUS_OK;
}

void input_close(input *in) {
  if (in->descriptor >= 0) close(in->descriptor);
  in->descriptor = -1;
}

static status read_straight(input *in, uint64_t at, void *bytes, size_t count) {
  int error = disk_read(in->descriptor, in->path, bytes, count, at);
  if (error == 0) return STATUS_OK;
  if (error != DISK_END) return failure(in, error);
  return status_error(STATUS_FORMAT, "%s: cut off", in->path);
}

static status check_inside(const input *in, uint64_t at, size_t count) {
  if (at <= in->size && count <= in->size - at) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: cut off, or damaged (%zu bytes expected at %llu, it "
                      "has %llu)",
                      in->path, count, (unsigned long long)at,
                      (unsigned long long)in->size);
}

status input_read(input *in, uint64_t at, void *bytes, size_t count) {
  TRY(check_inside(in, at, count));
  if (count >= INPUT_WINDOW / 2) return read_straight(in, at, bytes, count);
  bool inside =
      at >= in->window_at && at + count <= in->window_at + in->window_size;
  if (!inside) {
    uint64_t left = in->size - at;
    in->window_size = 0;
    size_t wanted = left < INPUT_WINDOW ? (size_t)left : INPUT_WINDOW;
    TRY(read_straight(in, at, in->window, wanted));
    in->window_at = at;
    in->window_size = wanted;
  }
  memcpy(bytes, in->window + (at - in->window_at), count);
  return STATUS_OK;
}

status input_load(input *in, uint64_t at, size_t count, uint8_t **bytes) {
  *bytes = NULL;
  TRY(check_inside(in, at, count));
  TRY(MEMORY_NEW(count + 1, in->path, bytes));
  status result = input_read(in, at, *bytes, count);
  if (result == STATUS_OK) return STATUS_OK;
  memory_free(*bytes);
  *bytes = NULL;
  return result;
}
