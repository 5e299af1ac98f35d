/* What the files of libcheckpoint share. */
#ifndef HARMONIA_CHECKPOINT_INTERNAL_H
#define HARMONIA_CHECKPOINT_INTERNAL_H

#include "checkpoint/checkpoint.h"
#include "hdf5/hdf5_file.h"

#define CKPT_FORMAT "harmonia checkpoint"
/* Behind the message of a file that is whole, but not as it was written. */
#define CKPT_EDITED_HINT                                                       \
  "; if another program wrote or changed it: harmonia import"
enum { CKPT_VERSION = 1, CKPT_DIGEST_SIZE = 17 };

/* ---- arrays in the file (arrays.c) ---- */

hid_t ckpt_native_type(ckpt_type type);
size_t ckpt_type_size(ckpt_type type);
/* Elements of the array; false where they or their bytes overflow. */
bool ckpt_element_count(const ckpt_array *array, size_t *count);
/* "[2,3]" or "scalar". Returns `text`. */
const char *ckpt_shape_text(const ckpt_array *array, char text[96]);
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

hdf5_file *ckpt_reader_file(ckpt_reader *reader);

/* ---- the digest (digest.c) ---- */

/* What one text, and one array, add to the file's digest: a sum, so that the
 * order of writing does not matter. */
uint64_t ckpt_digest_text(const char *key, const char *text);
uint64_t ckpt_digest_array(const ckpt_array *array, uint32_t crc);

#endif
