/* libcheckpoint: named arrays and run state in one HDF5 file, written
 * atomically. Knows neither networks, data nor MPI.
 *
 * A file is
 *   /                attributes format = "harmonia checkpoint", version = 1,
 *                    and digest, a checksum of all names, shapes and texts
 *   /state           attributes: one fixed string a key ("step" = "1200")
 *   /<group>/<name>  arrays, each in chunks with the Fletcher32 checksum and
 *                    with an attribute crc32; those of a run are float32.
 *                    <group> is for example "G" or "optimizer/exp_avg/G", and
 *                    <name> is a PyTorch state_dict key, dots included
 * Writing goes to "<path>.tmp-<host>-<pid>", is flushed to the disk (file and
 * folder) and renamed: a file under its final name is whole or was damaged
 * later, and then its checksums tell.
 * HDF5 is used under the lock of hdf5/hdf5_lock.h, which writing lets go of
 * after each megabyte or so: others may read meanwhile. */
#ifndef HARMONIA_CHECKPOINT_H
#define HARMONIA_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { CKPT_MAX_RANK = 4, CKPT_NAME_SIZE = 256, CKPT_TEXT_SIZE = 4096 };

typedef enum ckpt_type { CKPT_FLOAT32, CKPT_FLOAT64, CKPT_INT64 } ckpt_type;

typedef struct ckpt_array {
  char name[CKPT_NAME_SIZE]; /* with its groups: "G/model.model.0.weight" */
  ckpt_type type;
  int rank; /* 0: scalar */
  uint64_t shape[CKPT_MAX_RANK];
} ckpt_array;

/* That of the HDF5 library: "1.10.8". */
void ckpt_hdf5_version(char *text, size_t size);

/* ---- writing ---- */

typedef struct ckpt_writer ckpt_writer;

/* Starts a file; nothing is at `path` before ckpt_writer_commit. */
status ckpt_writer_open(const char *path, ckpt_writer **out);
status ckpt_write_text(ckpt_writer *writer, const char *key, const char *text);
status ckpt_write_array(ckpt_writer *writer, const ckpt_array *array,
                        const void *values);
/* Flushes, syncs, renames. Frees the writer also on failure (then the
 * temporary file is gone and whatever was at `path` is untouched). */
status ckpt_writer_commit(ckpt_writer **writer);
/* Gives up: removes the temporary file. Accepts a pointer to NULL. */
void ckpt_writer_abandon(ckpt_writer **writer);

/* ---- reading ---- */

typedef struct ckpt_reader ckpt_reader;

/* Opens and checks format and version. A file of any other kind, or a damaged
 * one, is STATUS_FORMAT, saying what was expected; one that could not be read
 * is STATUS_IO, here and in everything below, also after some tries (see
 * base/disk.h). */
status ckpt_reader_open(const char *path, ckpt_reader **out);
/* Opens named arrays that other programs wrote: PyTorch's files (.pth, .pt,
 * also as they were before 1.6), safetensors, and any HDF5 file (format,
 * version and /state may be missing, texts may be of any type), told apart by
 * what is in them. It may be a checkpoint that another program has changed: an
 * array that does not have the checksum of this library (but HDF5's own) is
 * taken as it is, and a line says so. part: which dictionary of several in a
 * file of PyTorch's, by its keys with slashes between; "": there is one, and
 * where there are more STATUS_USAGE lists them. Names are those of the
 * state_dict; the metadata of safetensors are texts. No code in a file is ever
 * run. */
status ckpt_reader_open_weights(const char *path, const char *part,
                                ckpt_reader **out);
void ckpt_reader_close(ckpt_reader **reader);

/* The text of a key, in a buffer of `size` bytes; STATUS_FORMAT if missing. */
status ckpt_read_text(ckpt_reader *reader, const char *key, char *text,
                      size_t size);
bool ckpt_has_text(ckpt_reader *reader, const char *key);
/* All keys in the order of their names. */
size_t ckpt_text_count(ckpt_reader *reader);
status ckpt_text_key(ckpt_reader *reader, size_t index, char *key, size_t size);

/* All arrays, in the order of their names. */
size_t ckpt_array_count(const ckpt_reader *reader);
const ckpt_array *ckpt_array_at(const ckpt_reader *reader, size_t index);
/* NULL if there is none of that name. */
const ckpt_array *ckpt_array_find(const ckpt_reader *reader, const char *name);

/* Reads an array as `type` (HDF5 converts between the number types). The shape
 * must be the stored one; a difference is STATUS_MISFIT naming both. A failed
 * checksum is STATUS_FORMAT naming file and array. */
status ckpt_read_array(ckpt_reader *reader, const ckpt_array *expected,
                       void *values);

/* The strings of an attribute of a group ("/" is the root), such as
 * `weight_names` in Keras files: up to `room`, with fixed or variable length.
 * *count is 0 where there is no such group or attribute; STATUS_FORMAT where it
 * is no list of strings, or too long. */
status ckpt_read_names(ckpt_reader *reader, const char *group,
                       const char *attribute, size_t room,
                       char (*names)[CKPT_NAME_SIZE], size_t *count);

/* Reads every array once to run all checksums. */
status ckpt_verify(ckpt_reader *reader);

/* ---- safetensors ---- */

/* An array of a reader, and the name that it gets in the file. */
typedef struct ckpt_export {
  const ckpt_array *array;
  const char *name;
} ckpt_export;

typedef struct ckpt_export_text {
  const char *key, *text;
} ckpt_export_text;

/* Writes arrays and texts (metadata) as safetensors, atomically. The bytes
 * follow from them and their order alone. */
status ckpt_export_safetensors(ckpt_reader *reader, const ckpt_export *arrays,
                               size_t count, const ckpt_export_text *texts,
                               size_t text_count, const char *path);

/* ---- a folder of checkpoints ---- */

/* "<folder>/step-00001200.h5" into path. */
void ckpt_path(const char *folder, uint64_t step, char *path, size_t size);
/* "<folder>/best.h5": never pruned. */
void ckpt_best_path(const char *folder, char *path, size_t size);

/* The newest checkpoint in `folder` that passes ckpt_verify and is of the step
 * in its name; best.h5 counts where there is no other. Damaged ones are passed
 * over with a warning each if another is good; where none is, that is
 * STATUS_FORMAT. One that cannot be read (STATUS_IO naming all of which that is
 * true, and those that are damaged) is never passed over. So *found is false
 * only where there is no checkpoint at all, or no folder. Changes nothing. */
status ckpt_newest(const char *folder, bool *found, uint64_t *step, char *path,
                   size_t size);

/* Removes all but the newest `keep` checkpoints that open (0: keeps all; a
 * damaged one does not count). Where one cannot be read, it and all older ones
 * stay: STATUS_IO. */
status ckpt_prune(const char *folder, int keep);

/* Removes the temporary files of writers that died, of this host or another.
 * Only for who alone writes here: it cannot tell them from those of living
 * ones. */
status ckpt_remove_temporaries(const char *folder);

#endif
