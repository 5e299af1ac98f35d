/* The one lock for HDF5, which Debian and most others build without thread
 * safety. Every call into HDF5 is made between the two, and meanwhile HDF5
 * prints nothing. Recursive. Threads get it in the order in which they ask:
 * whoever writes much, and lets go of it after each piece, keeps a reader
 * waiting for one piece and not for all. */
#ifndef HARMONIA_HDF5_LOCK_H
#define HARMONIA_HDF5_LOCK_H

void hdf5_lock(void);
void hdf5_unlock(void);

#endif
