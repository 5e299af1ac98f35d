/* Who started this process. */
#ifndef HARMONIA_LAUNCHER_H
#define HARMONIA_LAUNCHER_H

#include <stdbool.h>

#include "base/status.h"

/* Whether the environment tells that this is one of several processes that a
 * launcher started, of any MPI. MPI need not have started. */
bool launcher_started_several(void);

/* After MPI has started. A launcher that this MPI does not know starts N
 * processes that each take themselves for the only one: STATUS_MISFIT where the
 * environment tells so, unless HARMONIA_LAUNCHER=ignore. */
status launcher_check(int ranks);

#endif
