/* Tiles of a convolution by minimal filtering, and its weights: where they lie,
 * and to and from the places of the transforms. */
#ifndef HARMONIA_NN_CONV_TILES_H
#define HARMONIA_NN_CONV_TILES_H

#include "nn/conv/conv_minimal.h"

/* x or y as squares of pixels under tiles. Value (i,j) of a residue (a,b) of
 * the tile at (row,column) is the pixel (step (m row + i) + origin + a, step (m
 * column + j) + origin + b) */
typedef struct nn_side {
  int height, width, step, origin;
  size_t channels, residues;
  size_t values; /* of a tile at one place: residues * channels */
  size_t stride; /* from one place of a panel to the next */
} nn_side;

typedef struct nn_tiling {
  const nn_call *call;
  nn_conv_case c;
  const nn_minimal_filter *f;
  size_t places;
  size_t rows, columns, tiles; /* of tiles an image; in the batch */
  nn_conv_rows used;           /* tiles that are computed */
  size_t panel;                /* of them */
  size_t block;                /* rows of weights; 0: all at once */
  nn_side x, y;
  /* Of x's values those whose weights are not zero, by place: a residue with a
   * tap less than the filter has no part in one row and column of places. */
  struct {
    size_t begin, end;
  } range[NN_MINIMAL_PLACES];
  size_t weight_stride; /* from one place to the next */
  size_t shared, own;   /* scratch values of all threads, of each */
  nn_real *memory;      /* shared, then each thread's own */
} nn_tiling;

/* Rows (residue, input channel) of the weights. */
typedef struct nn_weight_rows {
  const nn_tiling *job;
  size_t begin, end;
  nn_real *values; /* [places][rows][y.values] */
} nn_weight_rows;

nn_tiling nn_tiling_of(const nn_conv_case *c, const nn_call *call,
                       const nn_conv_map *map, const nn_minimal_filter *f);
nn_real *nn_tiling_own(const nn_tiling *job, int thread);
nn_weight_rows nn_tiling_weights(const nn_tiling *job);

/* Squares of n x n pixels of tiles [begin, end) to the places of a panel. */
void nn_tiles_read(const nn_tiling *job, const nn_side *s,
                   nn_minimal_transform *transform, int n, const nn_real *image,
                   size_t begin, size_t end, nn_real *v);
/* The places of a panel to the n x n pixels of tiles [begin, end): values
 * [first, last) of each, which are all that the panel has. */
void nn_tiles_write(const nn_tiling *job, const nn_side *s,
                    nn_minimal_transform *transform, int n, const nn_real *v,
                    size_t begin, size_t end, size_t first, size_t last);

/* For nn_parallel; context: nn_weight_rows, items: rows. */
void nn_weights_transform(void *rows, size_t begin, size_t end);
/* The gradient's rows, back to the taps of their residues. */
void nn_weights_transform_back(void *rows, size_t begin, size_t end);

#endif
