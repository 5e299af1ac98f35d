/* The one way to HDF5 files, for data sets and checkpoints: opened without file
 * locks, in the 1.10 format, over a driver of ours that keeps what the system
 * said. So a file that could not be read is told from one that is damaged, what
 * fails in passing is tried again (base/disk.h), and a file that could not be
 * written can still be closed. */
#ifndef HARMONIA_HDF5_FILE_H
#define HARMONIA_HDF5_FILE_H

#include <hdf5.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "hdf5/hdf5_lock.h"

typedef struct hdf5_file {
  const char *path; /* that messages name; the owner's */
  hid_t id;         /* HDF5's; -1: not open */
  int descriptor;   /* -1: none */
  int error;        /* what the system said first, an errno; 0: nothing */
  bool writing;
  uint64_t size; /* bytes */
} hdf5_file;

#define HDF5_FILE_CLOSED ((hdf5_file){.id = -1, .descriptor = -1})

/* For reading. STATUS_FORMAT where it is no HDF5 file, or a damaged one:
 * `expected` says what it should be. The structure must stay where it is until
 * the file is closed; after a failure, too, it is to be closed. */
status hdf5_file_open(hdf5_file *file, const char *path, const char *expected);

/* For writing: `temporary` is made, or emptied; messages name `path`. The
 * file's bytes follow from the calls alone. Otherwise as hdf5_file_open. */
status hdf5_file_create(hdf5_file *file, const char *temporary,
                        const char *path);

/* Closes what is open, with all objects in it. Of a file that was written it
 * fails where any write did, or closing itself; of one that was read, never. */
status hdf5_file_close(hdf5_file *file);

/* Closes a file that is to be thrown away: nothing more is written to it. */
void hdf5_file_abandon(hdf5_file *file);

/* The failure that a result of HDF5's really is: where the disk failed, nothing
 * is known of the file, and STATUS_IO gives the system's reason. To be asked at
 * the end of every series of calls: HDF5 may pass over a read that failed. What
 * is read afterwards may be good; what is written is lost for good. */
status hdf5_file_result(hdf5_file *file, status result);

/* The two to be called right after a failed call, under the lock, before
 * HDF5's error stack is cleared. */

/* STATUS_MEMORY if HDF5 had too little of it, else `otherwise`. */
status hdf5_failure(status otherwise, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Why HDF5 refused, in its own words. Valid until the next call. */
const char *hdf5_reason(void);

/* Properties of new files, groups and datasets (H5P_FILE_CREATE, ...) without
 * times, so that equal contents are equal bytes. Close with H5Pclose. */
hid_t hdf5_creation(hid_t class_id);

#endif
