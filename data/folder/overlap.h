/* What is in more than one split: a network that is tested on what it was
 * trained on looks better than it is. Private to libdata. */
#ifndef HARMONIA_DATA_OVERLAP_H
#define HARMONIA_DATA_OVERLAP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct overlap {
  size_t count;
  char **names;   /* of each item */
  unsigned *in;   /* the splits it is in: bit 1 << split */
  unsigned *also; /* those that its equals are in */
} overlap;

/* Zeroed arrays; overlap_free also after a failure. It frees the names too. */
status overlap_create(size_t count, overlap *out);
void overlap_free(overlap *o);

/* For every two splits that share items a warning that counts and names them;
 * with `strict` the first is STATUS_MISFIT. `where` and `what` ("scenes") are
 * for the message. */
status overlap_tell(const char *where, const char *what, const overlap *o,
                    bool strict);

#endif
