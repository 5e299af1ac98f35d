/* A change of colours as a table for programs that grade pictures. */
#ifndef HARMONIA_LUT_H
#define HARMONIA_LUT_H

#include "dist/use/apply.h"

enum { LUT_SIZE_MAX = 256 }; /* of Adobe's specification */

/* Writes the part `strength` of a change that is even (nn_head_changes_evenly)
 * as a 3D table of size^3 colours, Adobe's and Iridas' .cube: from the
 * picture's own colours to what they become where the mask is white. Entries
 * lie beyond [0,1] where that spares clipping within a cell. Trilinear
 * interpolation at the object's colours (mask above 0) is compared with the
 * change itself, and a line tells where it is a level of 255 or more away. */
status lut_write(const char *path, const apply_change *change, int threads,
                 double strength, int size, const data_picture *picture,
                 const data_image *mask);

#endif
