/* The one lock for HDF5, which Debian and most others build without thread
 * safety. Every call into HDF5 is made between the two. Recursive. */
#ifndef HARMONIA_HDF5_LOCK_H
#define HARMONIA_HDF5_LOCK_H

void hdf5_lock(void);
void hdf5_unlock(void);

#endif
