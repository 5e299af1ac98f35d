/* Opening and closing HDF5 files, and the reasons of their failures. */
#include "hdf5/hdf5_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "hdf5/hdf5_driver.h"

#if !H5_VERSION_GE(1, 10, 3)
#error "Harmonia needs HDF5 1.10.3 or newer (H5Dwrite_chunk)"
#endif

/* ---- reasons ---- */

static herr_t find_memory(unsigned depth, const H5E_error2_t *entry,
                          void *found) {
  (void)depth;
  if (entry->maj_num == H5E_RESOURCE && entry->min_num == H5E_NOSPACE)
    *(bool *)found = true;
  return 0;
}

status hdf5_failure(status otherwise, const char *format, ...) {
  bool memory = false;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, find_memory, &memory);
  char text[800];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (memory) return status_error(STATUS_MEMORY, "%s: not enough memory", text);
  return status_error(otherwise, "%s", text);
}

enum { REASON_ROOM = 256 };
static char reason[REASON_ROOM]; /* under the lock */

/* A filter was there and refused what it read. Which check failed only HDF5
 * before 1.14 says. */
static bool is_damage(const H5E_error2_t *entry) {
  return entry->maj_num == H5E_PLINE && entry->min_num == H5E_READERROR &&
         (entry->desc == NULL || strstr(entry->desc, "registered") == NULL);
}

/* The walk upward visits the deepest entry first. */
static herr_t note_reason(unsigned depth, const H5E_error2_t *entry,
                          void *unused) {
  (void)unused;
  if (is_damage(entry)) {
    snprintf(reason, sizeof reason,
             "stored bytes fail their checksum or decompression");
    return 1;
  }
  if (depth == 0 && entry->desc != NULL)
    snprintf(reason, sizeof reason, "%s", entry->desc);
  return 0;
}

const char *hdf5_reason(void) {
  snprintf(reason, sizeof reason, "HDF5 gives no reason");
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, note_reason, NULL);
  return reason;
}

status hdf5_file_result(hdf5_file *file, status result) {
  int error = file->error;
  if (error == 0) return result;
  if (!file->writing) file->error = 0;
  return status_system(error, "%s: cannot %s", file->path,
                       file->writing ? "write" : "read");
}

/* ---- opening ---- */

static status open_descriptor(hdf5_file *file) {
  struct stat about;
  file->descriptor = disk_open(file->path, O_RDONLY | O_NONBLOCK);
  if (file->descriptor < 0)
    return status_system(errno, "%s: cannot open", file->path);
  int error = disk_about(file->descriptor, file->path, &about);
  if (error != 0) return status_system(error, "%s: cannot read", file->path);
  file->size = (uint64_t)about.st_size;
  return S_ISREG(about.st_mode)
             ? STATUS_OK
             : status_error(STATUS_FORMAT, "%s: not a regular file",
                            file->path);
}

static bool has_signature(hdf5_file *file) {
  static const uint8_t signature[8] = {0x89, 'H',  'D', 'F',
                                       '\r', '\n', 26,  '\n'};
  uint8_t first[sizeof signature];
  int error = disk_read(file->descriptor, file->path, first, sizeof first, 0);
  if (error > 0 && file->error == 0) file->error = error;
  return error == 0 && memcmp(first, signature, sizeof first) == 0;
}

static status open_refused(hdf5_file *file, const char *expected) {
  status result =
      hdf5_failure(STATUS_FORMAT, "%s: a truncated or damaged HDF5 file (%s)",
                   file->path, hdf5_reason());
  if (result == STATUS_FORMAT && !has_signature(file))
    result = status_error(STATUS_FORMAT,
                          "%s: not an HDF5 file, or a damaged one; expected %s",
                          file->path, expected);
  return hdf5_file_result(file, result);
}

status hdf5_file_open(hdf5_file *file, const char *path, const char *expected) {
  *file = HDF5_FILE_CLOSED;
  file->path = path;
  TRY(open_descriptor(file));
  hdf5_lock();
  hid_t access = hdf5_driver_access(file);
  file->id = H5Fopen(path, H5F_ACC_RDONLY, access);
  status result = file->id < 0 ? open_refused(file, expected) : STATUS_OK;
  H5Pclose(access);
  hdf5_unlock();
  return result;
}

hid_t hdf5_creation(hid_t class_id) {
  hid_t creation = H5Pcreate(class_id);
  H5Pset_obj_track_times(creation, false);
  return creation;
}

status hdf5_file_create(hdf5_file *file, const char *temporary,
                        const char *path) {
  *file = HDF5_FILE_CLOSED;
  file->path = path;
  file->writing = true;
  file->descriptor = disk_open(temporary, O_RDWR | O_CREAT | O_TRUNC);
  if (file->descriptor < 0)
    return status_system(errno, "%s: cannot create", temporary);
  hdf5_lock();
  hid_t access = hdf5_driver_access(file);
  hid_t creation = hdf5_creation(H5P_FILE_CREATE);
  file->id = H5Fcreate(temporary, H5F_ACC_TRUNC, creation, access);
  status result = STATUS_OK;
  if (file->id < 0) result = hdf5_failure(STATUS_IO, "%s: cannot create", path);
  H5Pclose(creation);
  H5Pclose(access);
  hdf5_unlock();
  return hdf5_file_result(file, result);
}

/* ---- closing ---- */

static status close_id(hdf5_file *file) {
  if (file->id < 0) return STATUS_OK;
  hdf5_lock();
  bool good = !file->writing || H5Fflush(file->id, H5F_SCOPE_LOCAL) >= 0;
  good = H5Fclose(file->id) >= 0 && good;
  status result = STATUS_OK;
  if (!good) result = hdf5_failure(STATUS_IO, "%s: cannot write", file->path);
  hdf5_unlock();
  file->id = -1;
  return result;
}

status hdf5_file_close(hdf5_file *file) {
  status result = close_id(file);
  if (file->descriptor >= 0 && close(file->descriptor) != 0 &&
      file->error == 0 && errno != EINTR)
    file->error = errno;
  file->descriptor = -1;
  return file->writing ? hdf5_file_result(file, result) : STATUS_OK;
}

void hdf5_file_abandon(hdf5_file *file) {
  file->error = -1; /* nothing more is written */
  close_id(file);
  if (file->descriptor >= 0) close(file->descriptor);
  file->descriptor = -1;
}
