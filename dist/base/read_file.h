/* Files that are read whole. */
#ifndef HARMONIA_READ_FILE_H
#define HARMONIA_READ_FILE_H

#include <stddef.h>

#include "base/status.h"

/* The bytes of a plain file, with a zero after the last; free with
 * memory_free. STATUS_IO for what is no plain file or cannot be read. */
status read_file(const char *path, char **bytes, size_t *length);

#endif
