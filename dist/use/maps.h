/* The numbers by which a network changed a picture, as a file. */
#ifndef HARMONIA_MAPS_H
#define HARMONIA_MAPS_H

#include "dist/use/apply.h"

/* An HDF5 file of nn_change_numbers: /maps [12], or [size,size,12] with /blend
 * [size,size]; of curves /slopes [3,8], too; of networks that draw pictures
 * /change [size,size,3]. What they mean is in its attributes and in
 * data/README.md. */
status maps_write(const char *path, const apply_change *change, nn_head head,
                  double strength);

#endif
