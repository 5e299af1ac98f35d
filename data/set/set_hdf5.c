/* HDF5's calls for the packed data set. */
#include "data/set/set_hdf5.h"

#include <string.h>

hid_t set_hdf5_text_type(size_t length) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, length);
  H5Tset_strpad(type, H5T_STR_NULLTERM);
  return type;
}

/* The type in the file of a type in memory: numbers are little-endian. */
static hid_t stored_type(hid_t type) {
  if (H5Tget_class(type) == H5T_STRING) return type;
  if (H5Tget_class(type) == H5T_FLOAT)
    return H5Tget_size(type) == 4 ? H5T_IEEE_F32LE : H5T_IEEE_F64LE;
  switch (H5Tget_size(type)) {
  case 1: return H5T_STD_U8LE;
  case 4: return H5T_STD_U32LE;
  default: return H5T_STD_U64LE;
  }
}

status set_hdf5_write_grid(const hdf5_file *file, const char *name, hid_t type,
                           int rank, const size_t shape[], const void *values) {
  hsize_t dims[SET_HDF5_RANK];
  INVARIANT(rank <= SET_HDF5_RANK, "%s has %d dimensions", name, rank);
  for (int i = 0; i < rank; i++) dims[i] = shape[i];
  hid_t space = H5Screate_simple(rank, dims, NULL);
  hid_t creation = hdf5_creation(H5P_DATASET_CREATE);
  hid_t dataset = H5Dcreate2(file->id, name, stored_type(type), space,
                             H5P_DEFAULT, creation, H5P_DEFAULT);
  herr_t error = dataset < 0 ? -1
                             : H5Dwrite(dataset, type, H5S_ALL, H5S_ALL,
                                        H5P_DEFAULT, values);
  /* what HDF5 held back is written by closing */
  if (dataset >= 0 && H5Dclose(dataset) < 0) error = -1;
  status result = STATUS_OK;
  if (error < 0)
    result = hdf5_failure(STATUS_IO, "%s: cannot write %s: %s", file->path,
                          name, hdf5_reason());
  H5Pclose(creation);
  H5Sclose(space);
  return result;
}

status set_hdf5_write_array(const hdf5_file *file, const char *name, hid_t type,
                            size_t count, const void *values) {
  return set_hdf5_write_grid(file, name, type, 1, &count, values);
}

bool set_hdf5_is_chunked(hid_t dataset, int rank, const hsize_t chunk[]) {
  hid_t creation = H5Dget_create_plist(dataset);
  hsize_t stored[H5S_MAX_RANK];
  bool good = H5Pget_layout(creation) == H5D_CHUNKED &&
              H5Pget_chunk(creation, H5S_MAX_RANK, stored) == rank;
  for (int i = 0; good && i < rank; i++) good = stored[i] == chunk[i];
  int count = good ? H5Pget_nfilters(creation) : 0;
  for (int i = 0; i < count; i++) {
    unsigned flags, config;
    size_t values = 0;
    H5Z_filter_t filter = H5Pget_filter2(creation, (unsigned)i, &flags, &values,
                                         NULL, 0, NULL, &config);
    if (filter != H5Z_FILTER_DEFLATE && filter != H5Z_FILTER_FLETCHER32 &&
        filter != H5Z_FILTER_SHUFFLE)
      good = false;
  }
  H5Pclose(creation);
  return good;
}

/* All of it within the file, where it is in one piece. */
static bool is_there(const hdf5_file *file, hid_t dataset, hid_t stored,
                     size_t count) {
  hid_t creation = H5Dget_create_plist(dataset);
  hsize_t length = file->size, bytes = H5Tget_size(stored) * count;
  haddr_t at = H5Dget_offset(dataset);
  bool good = H5Pget_layout(creation) == H5D_CONTIGUOUS &&
              H5Pget_external_count(creation) == 0 && at != HADDR_UNDEF &&
              bytes <= length && at <= length - bytes &&
              H5Dget_storage_size(dataset) >= bytes;
  H5Pclose(creation);
  return good;
}

static bool fits(const hdf5_file *file, hid_t dataset, hid_t type,
                 size_t count) {
  hid_t stored = H5Dget_type(dataset), space = H5Dget_space(dataset);
  bool good = H5Tget_class(stored) == H5Tget_class(type) &&
              H5Sget_simple_extent_ndims(space) == 1 &&
              H5Sget_simple_extent_npoints(space) == (hssize_t)count &&
              is_there(file, dataset, stored, count);
  if (good && H5Tget_class(type) == H5T_STRING)
    good = H5Tis_variable_str(stored) == 0;
  H5Sclose(space);
  H5Tclose(stored);
  return good;
}

status set_hdf5_read_array(const hdf5_file *file, const char *name, hid_t type,
                           size_t count, void *values) {
  hid_t dataset = H5Dopen2(file->id, name, H5P_DEFAULT);
  if (dataset < 0)
    return status_error(STATUS_FORMAT, "%s: dataset %s is missing", file->path,
                        name);
  status result = STATUS_OK;
  if (!fits(file, dataset, type, count))
    result = status_error(STATUS_FORMAT,
                          "%s: dataset %s does not hold %zu elements of the "
                          "expected type",
                          file->path, name, count);
  else if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values) < 0)
    result = hdf5_failure(STATUS_FORMAT, "%s: cannot read %s: %s", file->path,
                          name, hdf5_reason());
  H5Dclose(dataset);
  return result;
}

static status write_attribute(const hdf5_file *file, const char *name,
                              hid_t type, const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute = H5Acreate2(file->id, name, stored_type(type), space,
                               H5P_DEFAULT, H5P_DEFAULT);
  herr_t error = attribute < 0 ? -1 : H5Awrite(attribute, type, value);
  if (attribute >= 0 && H5Aclose(attribute) < 0) error = -1;
  status result = STATUS_OK;
  if (error < 0)
    result = hdf5_failure(STATUS_IO, "%s: cannot write attribute %s: %s",
                          file->path, name, hdf5_reason());
  H5Sclose(space);
  return result;
}

status set_hdf5_write_number(const hdf5_file *file, const char *name,
                             uint64_t value) {
  return write_attribute(file, name, H5T_NATIVE_UINT64, &value);
}

status set_hdf5_write_real(const hdf5_file *file, const char *name,
                           double value) {
  return write_attribute(file, name, H5T_NATIVE_DOUBLE, &value);
}

status set_hdf5_write_text(const hdf5_file *file, const char *name,
                           const char *text) {
  hid_t type = set_hdf5_text_type(strlen(text) + 1);
  status result = write_attribute(file, name, type, text);
  H5Tclose(type);
  return result;
}

/* Reads a scalar attribute of the class of `type`. */
static status read_attribute(const hdf5_file *file, const char *name,
                             hid_t type, size_t longest, void *value) {
  if (H5Aexists(file->id, name) <= 0)
    return status_error(STATUS_FORMAT, "%s: attribute %s is missing",
                        file->path, name);
  hid_t attribute = H5Aopen(file->id, name, H5P_DEFAULT);
  hid_t stored = H5Aget_type(attribute), space = H5Aget_space(attribute);
  bool good = attribute >= 0 && H5Sget_simple_extent_npoints(space) == 1 &&
              H5Tget_class(stored) == H5Tget_class(type) &&
              H5Tget_size(stored) <= longest;
  if (good && H5Tget_class(type) == H5T_STRING)
    good = H5Tis_variable_str(stored) == 0;
  if (good) good = H5Aread(attribute, type, value) >= 0;
  H5Sclose(space);
  H5Tclose(stored);
  H5Aclose(attribute);
  if (good) return STATUS_OK;
  return status_error(
      STATUS_FORMAT, "%s: attribute %s is not one %s", file->path, name,
      H5Tget_class(type) == H5T_STRING ? "short text" : "whole number");
}

status set_hdf5_read_number(const hdf5_file *file, const char *name,
                            uint64_t *value) {
  return read_attribute(file, name, H5T_NATIVE_UINT64, 8, value);
}

status set_hdf5_read_text(const hdf5_file *file, const char *name, char *text,
                          size_t room) {
  memset(text, 0, room);
  hid_t type = set_hdf5_text_type(room);
  status result = read_attribute(file, name, type, room, text);
  H5Tclose(type);
  text[room - 1] = '\0';
  return result;
}
