/* Samples from rank 0, for ranks that cannot open the data set: a thread of
 * rank 0 reads what they ask for and sends it before it is needed. The messages
 * and who sends them: stream_internal.h. */
#ifndef HARMONIA_STREAM_H
#define HARMONIA_STREAM_H

#include "dist/ranks/cluster.h"
#include "dist/feed/sample_source.h"

typedef struct stream stream;

/* Collective, and agreed upon: either all ranks have what they need or all get
 * the failure. `set` is rank 0's, stays the caller's and must live until
 * stream_destroy; `size` is its pixels a side on every rank. `wanted`: this
 * rank is to be streamed to (never rank 0). *out is NULL on ranks that have no
 * part in it. */
status stream_create(const cluster *c, data_set *set, int size, bool wanted,
                     stream **out);

/* Collective; accepts NULL. A rank that is streamed to says goodbye, rank 0
 * waits for all goodbyes: nobody waits for a sample any more that was announced
 * and not read. The source must not be in use. */
void stream_destroy(stream **stream);

/* On a rank that is streamed to. At most 32 MB (or two samples) are under way
 * or waiting to be read. */
sample_source stream_source(stream *stream);

#endif
