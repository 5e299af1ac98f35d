/* The file that becomes a staged copy: NAME.part-XXXXXX, locked while its run
 * lives, so that what dead runs left can be told and removed. */
#ifndef HARMONIA_STAGE_FILE_H
#define HARMONIA_STAGE_FILE_H

#include <stdint.h>

#include "base/status.h"

enum { STAGE_FILE_PATH = 1024 };

typedef struct stage_file {
  int descriptor; /* -1: none */
  char path[STAGE_FILE_PATH];
} stage_file;

/* Removes the unfinished copies of FOLDER/NAME whose runs are gone. */
void stage_file_clean(const char *folder, const char *name);

/* Makes one for the copy `target`. Failures are STATUS_IO and name the file. */
status stage_file_create(const char *target, stage_file *out);
status stage_file_write(stage_file *file, const void *bytes, size_t count);
/* Copies all of `from`. */
status stage_file_copy(stage_file *file, const char *from);
/* Flushes to disk and gives it the name `target`. */
status stage_file_commit(stage_file *file, const char *target);
/* Removes it, unless it was committed. */
void stage_file_close(stage_file *file);

/* Up to `count` bytes, fewer only at the file's end. */
status stage_read(int descriptor, const char *path, void *bytes, size_t count,
                  size_t *got);

#endif
