/* The network in the box: a trained one that comes with the program. */
#ifndef HARMONIA_BUILTIN_H
#define HARMONIA_BUILTIN_H

#include <stddef.h>

#include "base/status.h"

/* Its path: beside the folder of the program, or of the library that this is
 * part of, checkpoint/network.h5 or share/harmonia/network.h5; or in the
 * project it was built from. STATUS_USAGE names where it was looked for. */
status builtin_network(char *path, size_t size);

#endif
