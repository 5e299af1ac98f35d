/* A file that is read here and there. */
#ifndef HARMONIA_FOREIGN_INPUT_H
#define HARMONIA_FOREIGN_INPUT_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum { INPUT_WINDOW = 1 << 14 };

typedef struct input {
  const char *path; /* the owner's */
  int descriptor;
  uint64_t size; /* bytes */
  int error;     /* what the system said first, an errno; 0: nothing */
  /* What was read around small requests. */
  uint64_t window_at;
  size_t window_size;
  uint8_t window[INPUT_WINDOW];
} input;

/* STATUS_IO for what is no plain file or cannot be read. After a failure, too,
 * it is to be closed. */
status input_open(input *in, const char *path);
void input_close(input *in);

/* STATUS_FORMAT where the file ends before. */
status input_read(input *in, uint64_t at, void *bytes, size_t count);

/* The same into new memory, with a zero behind; free with memory_free. */
status input_load(input *in, uint64_t at, size_t count, uint8_t **bytes);

#endif
