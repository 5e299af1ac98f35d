/* Cutting a phase's results into buckets and pieces. */
#include "dist/sum/pieces.h"

/* Small enough that sums begin early and stay in a cache, large enough that a
 * message's cost does not count. */
enum { PARTS = 16, LEAST = 1 << 12, MOST = 1 << 20, MOST_A_RANK = 1 << 13 };

static size_t rounded_up(size_t count, size_t unit) {
  return (count + unit - 1) / unit * unit;
}

pieces pieces_cut(size_t learned, size_t count, int ranks) {
  size_t most = (size_t)ranks * MOST_A_RANK;
  if (most < MOST) most = MOST;
  size_t bucket = rounded_up(learned / PARTS, PIECES_ALIGN);
  if (bucket < LEAST) bucket = LEAST;
  if (bucket > most) bucket = most;
  pieces p = {
      .learned = learned, .count = count, .bucket = bucket, .ranks = ranks};
  p.learned_buckets = (int)((learned + bucket - 1) / bucket);
  p.buckets =
      p.learned_buckets + (int)((count - learned + bucket - 1) / bucket);
  return p;
}

piece pieces_bucket(const pieces *p, int bucket) {
  size_t start = 0, limit = p->learned, index = (size_t)bucket;
  if (bucket >= p->learned_buckets) {
    start = p->learned;
    limit = p->count;
    index -= (size_t)p->learned_buckets;
  }
  size_t begin = start + index * p->bucket, end = begin + p->bucket;
  return (piece){begin, end < limit ? end : limit};
}

/* Where the piece of `rank` begins, counted from the bucket's begin. */
static size_t cut_at(const pieces *p, piece bucket, int rank) {
  size_t length = bucket.end - bucket.begin;
  size_t lines = (length + PIECES_ALIGN - 1) / PIECES_ALIGN;
  size_t at = lines * (size_t)rank / (size_t)p->ranks * PIECES_ALIGN;
  return at < length ? at : length;
}

piece pieces_of(const pieces *p, int bucket, int rank) {
  piece b = pieces_bucket(p, bucket);
  return (piece){b.begin + cut_at(p, b, rank),
                 b.begin + cut_at(p, b, rank + 1)};
}

int pieces_closed(const pieces *p, size_t done) {
  if (done >= p->learned) return p->learned_buckets;
  return (int)(done / p->bucket);
}

size_t pieces_before(const pieces *p, int bucket, int rank) {
  size_t sum = 0;
  for (int b = 0; b < bucket; b++) {
    piece own = pieces_of(p, b, rank);
    sum += own.end - own.begin;
  }
  return sum;
}
