/* Aligned, zeroed, accounted memory. */
#ifndef HARMONIA_MEMORY_H
#define HARMONIA_MEMORY_H

#include <stddef.h>

#include "base/status.h"

/* Zeroed memory for count items of `size` bytes at a 64-byte boundary. On
 * failure NULL, and this thread's message names `what` and the size. Free with
 * memory_free. */
void *memory_new(size_t count, size_t size, const char *what);

/* Sets *out to a new array of its type: a status. */
#define MEMORY_NEW(count, what, out)                                           \
  ((*(out) = memory_new((count), sizeof **(out), (what))) != NULL              \
       ? STATUS_OK                                                             \
       : STATUS_MEMORY)

/* Makes room for one more of the array *array, which has `count` items and room
 * for *room (0: none yet): twice as many, zeros behind the old ones. On failure
 * all is as it was. array: the address of a pointer. */
status memory_grow(void *array, size_t count, size_t *room, size_t size,
                   const char *what);
#define MEMORY_GROW(array, count, room, what)                                  \
  memory_grow((array), (count), (room), sizeof **(array), (what))

/* Asks for huge pages under memory that is not touched yet: large memory is
 * gone through again and again, and small pages miss the processor's table of
 * them. What memory_new gives has them already. */
void memory_wants_huge_pages(void *memory, size_t bytes);

/* Accepts NULL. */
void memory_free(void *pointer);

/* A copy of `text`; free with memory_free. */
status memory_copy_text(const char *text, char **out);

/* Resident memory of this process in bytes, now and at its peak; 0 where the
 * system does not tell. */
size_t memory_resident(void);
size_t memory_peak_resident(void);

#endif
