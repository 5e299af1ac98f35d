/* How HDF5 reads and writes here: through a file of ours, which knows what the
 * system said. HDF5's own driver tells of an errno only in the words of its
 * error stack, which differ between its versions and are lost on the way; so a
 * disk that fails looks like a file that is damaged. A write that failed is
 * noted, and everything after it goes nowhere: HDF5 can then always close the
 * file, which it cannot where closing writes and fails. */
#include "hdf5/hdf5_driver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/disk.h"
#if H5_VERSION_GE(1, 13, 0)
#include <H5FDdevelop.h>
#endif

typedef struct driver_file {
  H5FD_t public; /* HDF5's own; first */
  hdf5_file *disk;
  bool writing;
  haddr_t end; /* of what HDF5 has allocated */
} driver_file;

static H5FD_t *driver_open(const char *name, unsigned flags, hid_t access,
                           haddr_t maxaddr) {
  (void)name, (void)maxaddr;
  hdf5_file *const *disk = H5Pget_driver_info(access);
  driver_file *file = disk == NULL ? NULL : calloc(1, sizeof *file);
  if (file == NULL) return NULL;
  file->disk = *disk;
  file->writing = (flags & H5F_ACC_RDWR) != 0;
  return &file->public;
}

/* The descriptor is its owner's. */
static herr_t driver_close(H5FD_t *file) {
  free(file);
  return 0;
}

/* Those of HDF5's own driver, so that a file's bytes are what they would be
 * with it. What is only read is not accumulated: where an address in a damaged
 * file is near the last that there is, the accumulator takes it for one that it
 * has, and crashes (1.10.8). */
static herr_t driver_query(const H5FD_t *file, unsigned long *flags) {
  const driver_file *own = (const driver_file *)file;
  *flags = H5FD_FEAT_AGGREGATE_METADATA | H5FD_FEAT_DATA_SIEVE |
           H5FD_FEAT_AGGREGATE_SMALLDATA | H5FD_FEAT_DEFAULT_VFD_COMPATIBLE;
  if (own == NULL || own->writing) *flags |= H5FD_FEAT_ACCUMULATE_METADATA;
  return 0;
}

static haddr_t driver_get_end(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return ((const driver_file *)file)->end;
}

static herr_t driver_set_end(H5FD_t *file, H5FD_mem_t type, haddr_t end) {
  (void)type;
  ((driver_file *)file)->end = end;
  return 0;
}

static haddr_t driver_get_size(const H5FD_t *file, H5FD_mem_t type) {
  (void)type;
  return ((const driver_file *)file)->disk->size;
}

static uint64_t number_at(const uint8_t *at) {
  uint64_t value = 0;
  for (int i = 7; i >= 0; i--) value = value << 8 | at[i];
  return value;
}

/* Whether HDF5 comes to the end of what may be a heap of texts: it goes from
 * object to object by their sizes, for ever where one is 0 or more than there
 * is. Object 0 is free space, whose size has its own head in it. */
static bool is_sound_heap(const uint8_t *bytes, size_t size) {
  enum { HEAD = 16 };
  static const uint8_t signature[8] = {'G', 'C', 'O', 'L', 1};
  if (size < HEAD || memcmp(bytes, signature, sizeof signature) != 0)
    return true;
  uint64_t total = number_at(bytes + 8), at = HEAD;
  while (at + HEAD <= total && at + HEAD <= size) {
    uint64_t length = number_at(bytes + at + 8);
    bool is_free = bytes[at] == 0 && bytes[at + 1] == 0;
    if (length > total - at || (is_free && length < HEAD)) return false;
    at += is_free ? length : HEAD + (length + 7) / 8 * 8;
    if (at > total) return false;
  }
  return true;
}

/* What lies behind the file's end is zeros. */
static herr_t driver_read(H5FD_t *file, H5FD_mem_t type, hid_t transfer,
                          haddr_t at, size_t size, void *bytes) {
  (void)type, (void)transfer;
  hdf5_file *disk = ((driver_file *)file)->disk;
  if (disk->error != 0) return -1;
  uint64_t there = at < disk->size ? disk->size - at : 0;
  size_t count = there < size ? (size_t)there : size;
  memset((char *)bytes + count, 0, size - count);
  int error = disk_read(disk->descriptor, disk->path, bytes, count, at);
  if (error == DISK_END) return -1; /* it was cut meanwhile */
  disk->error = error;
  return error == 0 && is_sound_heap(bytes, size) ? 0 : -1;
}

static herr_t driver_write(H5FD_t *file, H5FD_mem_t type, hid_t transfer,
                           haddr_t at, size_t size, const void *bytes) {
  (void)type, (void)transfer;
  hdf5_file *disk = ((driver_file *)file)->disk;
  if (disk->error == 0)
    disk->error = disk_write(disk->descriptor, bytes, size, at);
  if (at + size > disk->size) disk->size = at + size;
  return 0;
}

static herr_t driver_truncate(H5FD_t *file, hid_t transfer, hbool_t closing) {
  (void)transfer, (void)closing;
  driver_file *own = (driver_file *)file;
  hdf5_file *disk = own->disk;
  if (own->end == disk->size) return 0;
  if (disk->error == 0 && ftruncate(disk->descriptor, (off_t)own->end) != 0)
    disk->error = errno;
  disk->size = own->end;
  return 0;
}

static const H5FD_class_t driver_class = {
#ifdef H5FD_CLASS_VERSION
    .version = H5FD_CLASS_VERSION,
    .value = (H5FD_class_value_t)600, /* above those of the HDF Group */
#endif
    .name = "harmonia",
    .maxaddr = INT64_MAX,
    .fc_degree = H5F_CLOSE_STRONG,
    .fapl_size = sizeof(hdf5_file *),
    .open = driver_open,
    .close = driver_close,
    .query = driver_query,
    .get_eoa = driver_get_end,
    .set_eoa = driver_set_end,
    .get_eof = driver_get_size,
    .read = driver_read,
    .write = driver_write,
    .truncate = driver_truncate,
    .fl_map = H5FD_FLMAP_DICHOTOMY,
};

hid_t hdf5_driver_access(hdf5_file *file) {
  static hid_t driver = -1; /* under the lock */
  if (driver < 0) driver = H5FDregister(&driver_class);
  hid_t access = H5Pcreate(H5P_FILE_ACCESS);
  H5Pset_driver(access, driver, &file);
  /* The 1.10 format has checksums in all metadata, older ones have none. */
  H5Pset_libver_bounds(access, H5F_LIBVER_V110, H5F_LIBVER_V110);
  return access;
}
