/* The weights of a file as a list of tensors over storages, which the readers
 * of the formats fill. */
#ifndef HARMONIA_FOREIGN_TENSORS_H
#define HARMONIA_FOREIGN_TENSORS_H

#include "checkpoint/foreign/archive.h"
#include "checkpoint/foreign/foreign.h"
#include "checkpoint/foreign/numbers.h"

typedef struct foreign_tensor {
  ckpt_array array;
  number_type stored;
  uint64_t stride[CKPT_MAX_RANK]; /* numbers */
  uint64_t first;                 /* number of the storage */
  size_t storage;
} foreign_tensor;

typedef struct foreign_storage {
  uint64_t at, size;          /* bytes of the file */
  const archive_entry *entry; /* or all bytes of this one; NULL */
} foreign_storage;

typedef struct foreign_text {
  char *key, *text;
} foreign_text;

struct foreign_file {
  char *path;
  input in;
  archive zip;
  bool big_endian;
  foreign_tensor *tensors;
  size_t tensor_count, tensor_room;
  foreign_storage *storages;
  size_t storage_count, storage_room;
  foreign_text *texts;
  size_t text_count, text_room;
  /* The bytes of the entry of the archive that was read last. */
  const archive_entry *held;
  uint8_t *held_bytes;
};

/* ---- for the readers ---- */

status foreign_add_storage(foreign_file *f, const foreign_storage *storage);
/* Takes all but the name and the type of tensor->array. STATUS_FORMAT where the
 * storage does not hold it, or a checkpoint could not. `name` has no zero
 * behind. */
status foreign_add_tensor(foreign_file *f, const char *name, size_t length,
                          const foreign_tensor *tensor);
status foreign_add_text(foreign_file *f, const char *key, const char *text);

/* ---- the formats ---- */

/* Whether the file begins as one of these. */
bool torch_zip_is(const uint8_t *begin, size_t size);
bool torch_legacy_is(const uint8_t *begin, size_t size);
bool safetensors_is(const uint8_t *begin, size_t size, uint64_t file_size);

status torch_zip_read(foreign_file *f, const char *part);
status torch_legacy_read(foreign_file *f, const char *part);
status safetensors_read(foreign_file *f, const char *part);

#endif
