/* Who reads the data set: option --shard. */
#ifndef HARMONIA_SHARD_MODE_H
#define HARMONIA_SHARD_MODE_H

#include "base/choice.h"

#define SHARD_MODES(X)                                                         \
  X(SHARD_AUTO, "auto")     /* ranks that can open the file */                 \
  X(SHARD_INDEX, "index")   /* every rank: an error if one cannot */           \
  X(SHARD_STREAM, "stream") /* rank 0 alone */
CHOICE(shard_mode, SHARD_MODES);

#endif
