/* Random numbers by the million: base/random.h's, many blocks at once. */
#ifndef HARMONIA_NN_PHILOX_H
#define HARMONIA_NN_PHILOX_H

#include "base/random.h"

enum { NN_PHILOX_BLOCKS = 256 };

/* word[k][i]: number 4 (block + i) + k of a new stream, as random_u32 gives
 * them one after the other; a loop that vectorises. */
void nn_philox(const random_stream *stream, uint64_t block,
               uint32_t word[4][NN_PHILOX_BLOCKS]);

#endif
