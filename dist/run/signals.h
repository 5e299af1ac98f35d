/* Requests to stop, and what happens when nobody reads any more. */
#ifndef HARMONIA_SIGNALS_H
#define HARMONIA_SIGNALS_H

#include <stdbool.h>

/* From now on SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2 and SIGXCPU only set a
 * flag, except those that are ignored already (nohup, background jobs). A
 * SIGINT or SIGTERM that comes more than 2 s after the first of them ends the
 * process at once, and says so. */
void signals_watch(void);
bool signals_stop_asked(void);

/* Once, before any file is opened: writing to a pipe without a reader or beyond
 * a file size limit fails instead of ending the process, and standard
 * descriptors that are closed are taken, such that writing to them fails. */
void signals_outlive_readers(void);

/* Ends the process as a pipe without a reader ends others: quietly. */
void signals_end_by_pipe(void);

#endif
