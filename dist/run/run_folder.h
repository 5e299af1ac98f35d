/* The folder of a run:
 *   RUN/checkpoints/step-NNNNNNNN.h5   RUN/checkpoints/best.h5
 *   RUN/log.csv     RUN/validation.csv    RUN/log.cut.csv, see run_table.h
 *   RUN/sheet.png   RUN/curves.png     RUN/lock
 * All functions are for rank 0. */
#ifndef HARMONIA_RUN_FOLDER_H
#define HARMONIA_RUN_FOLDER_H

#include "base/status.h"

enum { RUN_PATH = 1024 };

typedef struct run_folder {
  char path[RUN_PATH], checkpoints[RUN_PATH];
  int lock; /* descriptor; -1: none, or the file system knows no locks */
} run_folder;

/* Makes the folders and takes the lock: a second run in the same folder is an
 * error. */
status run_folder_open(const char *path, run_folder *out);
/* Removes checkpoints that writers left half written when they died: who has
 * the lock writes here alone, so that they are of dead ones, of whatever host.
 * Without the lock nothing is removed. */
void run_folder_clean(const run_folder *folder);
void run_folder_close(run_folder *folder);

/* "RUN/checkpoints" */
status run_folder_checkpoints(const char *path, char *out, size_t size);

#endif
