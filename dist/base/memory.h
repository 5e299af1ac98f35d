/* Aligned, zeroed, accounted memory. */
#ifndef HARMONIA_MEMORY_H
#define HARMONIA_MEMORY_H

#include <stddef.h>

#include "base/status.h"

/* Zeroed memory at a 64-byte boundary. A failure names `what` and the size.
 * `*out` is set to NULL on failure. Free with memory_free. */
status memory_allocate(size_t bytes, const char *what, void **out);

/* Typed form: MEMORY_NEW(count, "what", &pointer). */
#define MEMORY_NEW(count, what, out)                                           \
  memory_allocate_array((count), sizeof **(out), (what), (void **)(out))

/* As memory_allocate for count * size bytes; an overflow is STATUS_MEMORY. */
status memory_allocate_array(size_t count, size_t size, const char *what,
                             void **out);

/* Accepts NULL. */
void memory_free(void *pointer);

/* A copy of `text`; free with memory_free. */
status memory_copy_text(const char *text, char **out);

/* Resident memory of this process in bytes, now and at its peak; 0 where the
 * system does not tell. */
size_t memory_resident(void);
size_t memory_peak_resident(void);

#endif
