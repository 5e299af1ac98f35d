/* How the vector of a phase's results is cut.
 *
 * Buckets are slices of it in the order in which results become final: first
 * the gradients, then the rest (new values of buffers, reports). Each bucket is
 * cut into a piece for every rank: the rank that sums it and updates it. */
#ifndef HARMONIA_PIECES_H
#define HARMONIA_PIECES_H

#include <stddef.h>

typedef struct piece {
  size_t begin, end; /* of the vector */
} piece;

typedef struct pieces {
  size_t learned, count; /* values: gradients, and in all */
  size_t bucket;         /* values of a bucket, at most */
  int ranks;
  int learned_buckets, buckets;
} pieces;

/* Pieces begin at multiples of this many values of their bucket: at a line of
 * the cache. */
enum { PIECES_ALIGN = 16 };

pieces pieces_cut(size_t learned, size_t count, int ranks);

piece pieces_bucket(const pieces *p, int bucket);
/* A piece may be empty. */
piece pieces_of(const pieces *p, int bucket, int rank);

/* How many buckets of gradients lie in results [0, done). */
int pieces_closed(const pieces *p, size_t done);

/* Values of a rank's pieces of the buckets before `bucket`: where its piece of
 * that bucket lies in an array of all of them. */
size_t pieces_before(const pieces *p, int bucket, int rank);

#endif
