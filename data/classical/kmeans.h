/* k-means of colours. Private to libdata. */
#ifndef HARMONIA_DATA_KMEANS_H
#define HARMONIA_DATA_KMEANS_H

#include <stddef.h>

#include "base/random.h"
#include "base/status.h"

enum { KMEANS_MOST = 64 };

/* What a region's colours come to: clusters with their shares of the region. */
typedef struct colour_signature {
  int count;
  double centre[KMEANS_MOST][3];
  double weight[KMEANS_MOST]; /* > 0, of sum 1 */
} colour_signature;

/* Lloyd's algorithm (IEEE Trans. Inf. Theory 28, 1982) from `clusters` distinct
 * points drawn at random, until no point changes its cluster or 100 rounds are
 * done; clusters without points are dropped at the end. `points` are `count`
 * triples, count > 0. Of points at one distance from two centres the lower
 * centre has it. Hamerly's bounds (SIAM Data Mining 2010) spare most distances
 * without changing the result. */
status kmeans(const double *points, size_t count, int clusters,
              random_stream *stream, colour_signature *out);

#endif
