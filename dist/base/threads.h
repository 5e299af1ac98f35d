/* A loop over independent items on a few threads. */
#ifndef HARMONIA_THREADS_H
#define HARMONIA_THREADS_H

#include <stddef.h>

#include "base/status.h"

/* As many as this process has CPUs to itself (base/cpus.h). */
int threads_available(void);

/* Calls work(context, i) once for each i in [0, count), on `threads` threads
 * (0: threads_available()). After a failure no new item is started; the failure
 * of the lowest item that failed is returned, its message on this thread. */
status threads_for(size_t count, int threads,
                   status (*work)(void *context, size_t i), void *context);

#endif
