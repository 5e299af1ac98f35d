/* The folder of a run:
 *   RUN/checkpoints/step-NNNNNNNN.h5   RUN/checkpoints/best.h5
 *   RUN/log.csv     RUN/validation.csv
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
 * error. Then removes checkpoints that writers left half written when they
 * died. */
status run_folder_open(const char *path, run_folder *out);
void run_folder_close(run_folder *folder);

/* mkdir -p */
status make_folders(const char *path);

#endif
