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
 * cleared: STATUS_IO with the system's reason if the stack names an errno,
 * else `otherwise` alone. */
status ckpt_failure(status otherwise, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The file access both sides use. Not locked: a file under its final name is
 * never written again, and some cluster file systems refuse locks. */
hid_t ckpt_access(void);

hid_t ckpt_native_type(ckpt_type type);
size_t ckpt_type_size(ckpt_type type);
/* Elements of the array; false where they or their bytes overflow. */
bool ckpt_element_count(const ckpt_array *array, size_t *count);
/* "[2,3]" or "scalar". Returns `text`. */
const char *ckpt_shape_text(const ckpt_array *array, char text[96]);

/* ---- arrays in the file (layout.c) --------------------------------------- */

/* A name of groups and an array: no empty part, not "." and not the state. */
bool ckpt_good_name(const char *name);
hid_t ckpt_dataset_creation(const ckpt_array *array, size_t count);
hid_t ckpt_dataset_space(const ckpt_array *array);
/* Rows of the outermost dimension that a chunk has. */
uint64_t ckpt_chunk_rows(const ckpt_array *array);

/* ---- an open reader (reader.c) --------------------------------------------
 */

hid_t ckpt_reader_file(const ckpt_reader *reader);
const char *ckpt_reader_path(const ckpt_reader *reader);

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
