/* Changes of a mask at its edge, as masks of other hands have them. */
#ifndef HARMONIA_MASK_EDGE_H
#define HARMONIA_MASK_EDGE_H

#include <stddef.h>

typedef enum mask_edge {
  MASK_GROW,    /* the greatest value within `pixels` in each direction */
  MASK_SHRINK,  /* the least; not where hardly anything would be left */
  MASK_FEATHER, /* the mean */
  MASK_EDGES
} mask_edge;

/* Of a mask [S,S] of 0 to 1; beyond the border it goes on as at it. `scratch`:
 * mask_edge_scratch values. */
void mask_edge_change(mask_edge edge, int pixels, int size, float *scratch,
                      float *mask);
size_t mask_edge_scratch(int size);

#endif
