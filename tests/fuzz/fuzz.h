/* Fuzzing of everything that reads what others wrote: which readers there are,
 * and how inputs are changed. Two drivers use it: mutator.c, a plain mutator
 * for any compiler, and libfuzzer.c. Not for several threads. */
#ifndef HARMONIA_TESTS_FUZZ_H
#define HARMONIA_TESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { FUZZ_BYTES_MAX = 1 << 16, FUZZ_PATH_MAX = 512 };

typedef struct fuzz_target {
  const char *name;
  /* NULL, or makes what the reader needs beside the input, in `folder`. */
  void (*prepare)(const char *folder);
  /* The input's name in the folder; NULL: "input". */
  const char *file;
  /* Gives the file to the reader; whether that took it for a good one. It may
   * refuse but must not crash, hang, leak or leave a file or an HDF5 object
   * open. */
  bool (*read)(const char *path);
  /* Makes checksums right again that a change broke; NULL: there are none. */
  void (*mend)(uint8_t *bytes, size_t size);
  /* NULL-terminated: what is worth trying at any place of a text. */
  const char *const *words;
} fuzz_target;

extern const fuzz_target fuzz_targets[];
extern const size_t fuzz_target_count;
/* NULL if there is none of that name. */
const fuzz_target *fuzz_find(const char *name);

/* ---- trying (targets.c) ---- */

/* Makes the target's folder below TMPDIR, which who made TMPDIR removes, and
 * its file; once a process, which works in the folder from then on. */
void fuzz_open(const fuzz_target *target);
/* Stores the bytes and lets the reader read them: what that says of them.
 * Aborts, saying why, where it left something open. */
bool fuzz_try(const uint8_t *bytes, size_t size);

/* Ends the process as a crash does. */
_Noreturn void fuzz_fail(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* ---- pictures.c ---- */

bool fuzz_read_picture(const char *path);

/* ---- readers of folders (folder_readers.c) ---- */

void fuzz_prepare_list(const char *folder);
bool fuzz_read_list(const char *path);
bool fuzz_read_index(const char *path);
void fuzz_prepare_hosts(const char *folder);
bool fuzz_read_hosts(const char *path);

/* ---- weights.c ---- */

bool fuzz_read_weights(const char *path);
extern const char *const fuzz_weight_words[];

/* ---- whose fault it was (blame.c) ---- */

/* From now on a crash, and an input that takes too much of the processor's
 * time, which ends the process with FUZZ_HUNG, note in *in_hdf5 whether HDF5
 * was at work by itself. */
void fuzz_watch(volatile bool *in_hdf5);
/* The time begins anew. */
void fuzz_watch_next(void);
enum { FUZZ_HUNG = 78 };

/* ---- changing inputs (mutate.c) ---- */

/* Changes bytes[0..size-1] in room for FUZZ_BYTES_MAX, some steps by numbers
 * drawn from *state; `other` is a second input to take pieces of. Returns the
 * new size. */
size_t fuzz_mutate(const fuzz_target *target, uint8_t *bytes, size_t size,
                   const uint8_t *other, size_t other_size, uint64_t *state);

/* The next of a sequence of numbers. */
uint64_t fuzz_random(uint64_t *state);

/* ---- checksums (mend.c) ---- */

/* The CRC of every PNG chunk. */
void fuzz_mend_png(uint8_t *bytes, size_t size);
/* The CRC of every entry of a ZIP archive that is stored as it is. */
void fuzz_mend_zip(uint8_t *bytes, size_t size);
/* The checksums of HDF5's superblock and object headers. */
void fuzz_mend_hdf5(uint8_t *bytes, size_t size);
/* The same, and the checkpoint's own digest. */
void fuzz_mend_checkpoint(uint8_t *bytes, size_t size);
/* The SHA-256 of a model of xue's method. */
void fuzz_mend_xue(uint8_t *bytes, size_t size);

#endif
