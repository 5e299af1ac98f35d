/* Requests to stop: SIGTERM, SIGINT and SIGUSR1. */
#ifndef HARMONIA_SIGNALS_H
#define HARMONIA_SIGNALS_H

#include <stdbool.h>

/* From now on these signals only set a flag; the second SIGINT or SIGTERM ends
 * the process at once. */
void signals_watch(void);
bool signals_stop_asked(void);

#endif
