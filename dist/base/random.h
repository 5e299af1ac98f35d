/* Counter-based random numbers: Philox4x32-10 (Salmon et al., "Parallel random
 * numbers: as easy as 1, 2, 3", SC 2011). A number depends only on its key and
 * its place, so that any rank can draw any number without history. */
#ifndef HARMONIA_RANDOM_H
#define HARMONIA_RANDOM_H

#include <stdint.h>

/* What a stream of numbers is for: keeps streams of one seed apart. */
typedef enum random_purpose {
  RANDOM_WEIGHTS = 1, /* initial parameters: (seed, hash of the name) */
  RANDOM_ORDER,       /* an epoch's order of samples: (seed, epoch) */
  RANDOM_AUGMENT,     /* flips and crops: (seed, position in the run) */
  RANDOM_DROPOUT,     /* dropout: (seed, position, layer) */
  RANDOM_PENALTY,     /* the gradient penalty's alpha: (seed, position) */
  RANDOM_COMPOSE,     /* references and methods of composites */
  RANDOM_TRANSFER,    /* rotations of colour transfer */
  RANDOM_SYNTH,       /* procedural scenes */
  RANDOM_TEST,        /* test data */
  RANDOM_KMEANS,      /* first centres of k-means */
  RANDOM_FOREST,      /* bootstraps and features of random forests */
  RANDOM_RECOMPOSE,   /* composites made anew: (seed, position in the run) */
  RANDOM_JITTER,      /* colour jitter */
  RANDOM_MASK         /* changes of masks: (seed, position in the run) */
} random_purpose;

/* The block function: 10 rounds; counter and key as published. */
void philox4x32(const uint32_t counter[4], const uint32_t key[2],
                uint32_t out[4]);

/* A stream: all of its numbers follow from the four words it was made of. */
typedef struct random_stream {
  uint32_t key[2];
  uint32_t counter[4];
  uint32_t block[4];
  int used; /* of block; 4 = empty */
} random_stream;

/* Stream number (a, b) of `seed` for `purpose`. */
random_stream random_stream_make(uint64_t seed, random_purpose purpose,
                                 uint64_t a, uint32_t b);

uint32_t random_u32(random_stream *stream);

/* Uniform in [0,1), 53 bits. */
double random_uniform(random_stream *stream);

/* Uniform integer in [0, limit), unbiased; limit > 0. */
uint32_t random_below(random_stream *stream, uint32_t limit);

/* Standard normal (Box and Muller, one of the pair). */
double random_normal(random_stream *stream);

/* 64-bit FNV-1a of a name, for RANDOM_WEIGHTS. */
uint64_t random_hash(const char *text);

#endif
