/* The file under HDF5. Private to dist/hdf5. */
#ifndef HARMONIA_HDF5_DRIVER_H
#define HARMONIA_HDF5_DRIVER_H

#include "hdf5/hdf5_file.h"

/* Properties for H5Fopen and H5Fcreate by which HDF5 reads and writes through
 * `file`. Under the lock; close with H5Pclose. */
hid_t hdf5_driver_access(hdf5_file *file);

#endif
