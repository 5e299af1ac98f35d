/* Named numbers with remarks, as an HDF5 file that others read. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/publish.h"
#include "data/data.h"
#include "data/set/set_hdf5.h"

static status write_remark(const hdf5_file *file, const data_remark *remark) {
  if (remark->text == NULL)
    return set_hdf5_write_real(file, remark->name, remark->number);
  return set_hdf5_write_text(file, remark->name, remark->text);
}

/* Under the lock. */
static status write_contents(const hdf5_file *file,
                             const data_numbers_file *contents) {
  for (size_t i = 0; i < contents->remark_count; i++)
    TRY(write_remark(file, &contents->remarks[i]));
  for (size_t i = 0; i < contents->count; i++) {
    const data_numbers *array = &contents->arrays[i];
    TRY(set_hdf5_write_grid(file, array->name, H5T_NATIVE_FLOAT, array->rank,
                            array->shape, array->values));
  }
  return STATUS_OK;
}

static status write_file(const char *temporary, const char *path,
                         const data_numbers_file *contents) {
  hdf5_file file = HDF5_FILE_CLOSED;
  status result = hdf5_file_create(&file, temporary, path);
  if (result == STATUS_OK) {
    hdf5_lock();
    result = hdf5_file_result(&file, write_contents(&file, contents));
    hdf5_unlock();
  }
  if (result == STATUS_OK) return hdf5_file_close(&file);
  hdf5_file_abandon(&file);
  return result;
}

status data_numbers_write(const char *path, const data_numbers_file *contents) {
  char *target, *temporary;
  TRY(publish_target(path, &target));
  size_t size = strlen(target) + 32;
  status result = MEMORY_NEW(size, "a path", &temporary);
  if (result == STATUS_OK) {
    snprintf(temporary, size, "%s.tmp-%ld", target, (long)getpid());
    result = write_file(temporary, path, contents);
    if (result == STATUS_OK) result = publish_file(temporary, target);
    if (result != STATUS_OK) unlink(temporary);
  }
  memory_free(temporary);
  memory_free(target);
  return result;
}
