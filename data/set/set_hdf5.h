/* What set.c, set_write.c and numbers.c need of HDF5. Private to libdata. All
 * of these are called under hdf5_lock. */
#ifndef HARMONIA_DATA_SET_HDF5_H
#define HARMONIA_DATA_SET_HDF5_H

#include "hdf5/hdf5_file.h"

enum { SET_HDF5_RANK = 4 };

/* Whether HDF5 may read a dataset of images: chunks of the sides `chunk`, with
 * filters of HDF5's own that a data set may have. HDF5 believes what the file
 * says of itself, and where that is damaged reads and writes behind its
 * buffers. */
bool set_hdf5_is_chunked(hid_t dataset, int rank, const hsize_t chunk[]);

/* A one-dimensional dataset written or read whole. Reading checks the length,
 * that the elements are of the class of `type`, and that they lie in one piece
 * in the file. Failures name the file and `name`. */
status set_hdf5_write_array(const hdf5_file *file, const char *name, hid_t type,
                            size_t count, const void *values);
status set_hdf5_read_array(const hdf5_file *file, const char *name, hid_t type,
                           size_t count, void *values);

/* The same of any shape, written: of SET_HDF5_RANK numbers at most. */
status set_hdf5_write_grid(const hdf5_file *file, const char *name, hid_t type,
                           int rank, const size_t shape[], const void *values);

/* Attributes of the root group. */
status set_hdf5_write_number(const hdf5_file *file, const char *name,
                             uint64_t value);
status set_hdf5_write_real(const hdf5_file *file, const char *name,
                           double value);
status set_hdf5_write_text(const hdf5_file *file, const char *name,
                           const char *text);
status set_hdf5_read_number(const hdf5_file *file, const char *name,
                            uint64_t *value);
status set_hdf5_read_text(const hdf5_file *file, const char *name, char *text,
                          size_t room);

/* A string type of `length` bytes, zero-terminated. Close with H5Tclose. */
hid_t set_hdf5_text_type(size_t length);

#endif
