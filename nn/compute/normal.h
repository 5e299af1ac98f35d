/* Normal numbers by the million. */
#ifndef HARMONIA_NN_NORMAL_H
#define HARMONIA_NN_NORMAL_H

#include "base/random.h"
#include "nn/nn.h"

/* Numbers [begin, begin + count) of the stream's normal numbers, times the
 * deviation plus the mean; each depends on its place alone. Those of
 * random_normal, which takes a block for one number, are others. */
void nn_fill_normal(const random_stream *stream, size_t begin, size_t count,
                    double mean, double deviation, nn_real *out);

#endif
