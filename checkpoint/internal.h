/* What the files of libcheckpoint share. */
#ifndef HARMONIA_CHECKPOINT_INTERNAL_H
#define HARMONIA_CHECKPOINT_INTERNAL_H

#include <hdf5.h>

#include "checkpoint/checkpoint.h"

#define CKPT_FORMAT "harmonia checkpoint"
/* Behind the message of a file that is whole, but not as it was written. */
#define CKPT_EDITED_HINT                                                       \
  "; if another program wrote or changed it: harmonia import"
enum { CKPT_VERSION = 1, CKPT_DIGEST_SIZE = 17 };

/* ---- calls into HDF5 (hdf5.c) -------------------------------------------- */

typedef struct ckpt_quiet {
  H5E_auto2_t function;
  void *data;
} ckpt_quiet;

/* Between these two the thread holds the lock and HDF5 prints nothing. */
ckpt_quiet ckpt_enter(void);
void ckpt_leave(ckpt_quiet saved);

/* To be called right after a failed call, before HDF5's error stack is
 * cleared: STATUS_MEMORY if HDF5 had too little of it, else `otherwise`. */
status ckpt_failure(status otherwise, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

hid_t ckpt_native_type(ckpt_type type);
size_t ckpt_type_size(ckpt_type type);
/* Elements of the array; false where they or their bytes overflow. */
bool ckpt_element_count(const ckpt_array *array, size_t *count);
/* "[2,3]" or "scalar". Returns `text`. */
const char *ckpt_shape_text(const ckpt_array *array, char text[96]);

/* ---- the file under HDF5 (driver.c) ---- */

typedef struct ckpt_disk {
  const char *path; /* the owner's */
  int file;         /* -1: none */
  int error;        /* what the system said first, an errno; 0: nothing */
  uint64_t size;
} ckpt_disk;

/* For reading: STATUS_FORMAT where it is no regular file. For writing: empty,
 * or made so. On failure too ckpt_disk_close may be called. */
status ckpt_disk_open(ckpt_disk *disk, const char *path);
status ckpt_disk_create(ckpt_disk *disk, const char *path);
/* Fails where any write before did, or closing itself. */
status ckpt_disk_close(ckpt_disk *disk);

/* The file access both sides use; `disk` must stay where it is, and open, while
 * HDF5 has the file. Not locked: a file under its final name is never written
 * again, and some cluster file systems refuse locks. Under ckpt_enter. */
hid_t ckpt_access(ckpt_disk *disk);

/* ---- arrays in the file (arrays.c) --------------------------------------- */

/* A name of groups and an array: no empty part, not "." and not the state. */
bool ckpt_good_name(const char *name);
hid_t ckpt_dataset_creation(const ckpt_array *array, size_t count);
hid_t ckpt_dataset_space(const ckpt_array *array);
/* Rows of the outermost dimension that a chunk has. */
uint64_t ckpt_chunk_rows(const ckpt_array *array);

/* ---- arrays that others wrote (stored.c) ---- */

/* Whether HDF5 may read the array: the file has all that its header claims, and
 * it is laid out as this library or a common tool does it. What is compressed
 * is decoded for it. */
bool ckpt_is_stored(hid_t set, uint64_t file_size);

/* ---- an open reader (reader.c) ---- */

hid_t ckpt_reader_file(const ckpt_reader *reader);
const char *ckpt_reader_path(const ckpt_reader *reader);
/* The failure that a result of HDF5's really is: where the disk failed, nothing
 * is known of the file. */
status ckpt_reader_result(const ckpt_reader *reader, status result);

/* ---- checksums (crc.c) --------------------------------------------------- */

/* CRC-32 (ISO 3309, as zlib's), continued from `crc`; start with 0. Fletcher32
 * takes a chunk of zeros with a zero checksum for whole, which is just what a
 * file system leaves after a power failure; this does not. */
uint32_t ckpt_crc32(uint32_t crc, const void *bytes, size_t size);

/* What one text, and one array, add to the file's digest: a sum, so that the
 * order of writing does not matter. */
uint64_t ckpt_digest_text(const char *key, const char *text);
uint64_t ckpt_digest_array(const ckpt_array *array, uint32_t crc);

#endif
