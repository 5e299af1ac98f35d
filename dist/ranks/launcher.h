/* Who started this process. */
#ifndef HARMONIA_LAUNCHER_H
#define HARMONIA_LAUNCHER_H

#include "base/status.h"

/* After MPI has started. A launcher that this MPI does not know starts N
 * processes that each take themselves for the only one: STATUS_MISFIT where the
 * environment tells so, unless HARMONIA_LAUNCHER=ignore. */
status launcher_check(int ranks);

#endif
