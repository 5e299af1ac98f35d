/* How arrays are named and laid out in the file, and by which HDF5. */
#include <stdio.h>
#include <string.h>

#include "checkpoint/internal.h"

enum { CHUNK_BYTES = 1 << 20 };

void ckpt_hdf5_version(char *text, size_t size) {
  unsigned major = 0, minor = 0, release = 0;
  hdf5_lock();
  H5get_libversion(&major, &minor, &release);
  hdf5_unlock();
  snprintf(text, size, "%u.%u.%u", major, minor, release);
}

hid_t ckpt_native_type(ckpt_type type) {
  switch (type) {
  case CKPT_FLOAT32: return H5T_NATIVE_FLOAT;
  case CKPT_FLOAT64: return H5T_NATIVE_DOUBLE;
  case CKPT_INT64: return H5T_NATIVE_INT64;
  }
  INVARIANT(false, "array type %d", (int)type);
}

size_t ckpt_type_size(ckpt_type type) {
  return type == CKPT_FLOAT32 ? sizeof(float) : sizeof(double);
}

bool ckpt_element_count(const ckpt_array *array, size_t *count) {
  size_t total = 1, bytes;
  for (int i = 0; i < array->rank; i++)
    if (__builtin_mul_overflow(total, array->shape[i], &total)) return false;
  *count = total;
  return !__builtin_mul_overflow(total, sizeof(double), &bytes);
}

const char *ckpt_shape_text(const ckpt_array *array, char text[96]) {
  if (array->rank == 0) return strcpy(text, "scalar");
  int used = snprintf(text, 96, "[");
  for (int i = 0; i < array->rank; i++)
    used += snprintf(text + used, 96 - (size_t)used, "%s%llu", i ? "," : "",
                     (unsigned long long)array->shape[i]);
  snprintf(text + used, 96 - (size_t)used, "]");
  return text;
}

bool ckpt_good_name(const char *name) {
  if (memchr(name, '\0', CKPT_NAME_SIZE) == NULL) return false;
  if (strcmp(name, "state") == 0 || strncmp(name, "state/", 6) == 0)
    return false;
  for (const char *part = name;; part++) {
    size_t length = strcspn(part, "/");
    if (length == 0 || (length == 1 && part[0] == '.')) return false;
    part += length;
    if (*part == '\0') return true;
  }
}

/* About CHUNK_BYTES each, whole in the inner dimensions, and all of nearly one
 * size, because the file holds the last one in full. */
static void choose_chunk(const ckpt_array *array, hsize_t *chunk) {
  uint64_t room = CHUNK_BYTES / ckpt_type_size(array->type);
  for (int i = array->rank - 1; i >= 0; i--) {
    uint64_t pieces = (array->shape[i] + room - 1) / room;
    chunk[i] = (array->shape[i] + pieces - 1) / pieces;
    room = room / chunk[i] > 0 ? room / chunk[i] : 1;
  }
}

uint64_t ckpt_chunk_rows(const ckpt_array *array) {
  hsize_t chunk[CKPT_MAX_RANK] = {1};
  choose_chunk(array, chunk);
  return chunk[0];
}

hid_t ckpt_dataset_creation(const ckpt_array *array, size_t count) {
  hid_t creation = hdf5_creation(H5P_DATASET_CREATE);
  if (array->rank == 0 || count == 0) {
    /* Scalars lie in the object header, which has a checksum. */
    H5Pset_layout(creation, H5D_COMPACT);
    return creation;
  }
  hsize_t chunk[CKPT_MAX_RANK];
  choose_chunk(array, chunk);
  H5Pset_chunk(creation, array->rank, chunk);
  H5Pset_fletcher32(creation);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  return creation;
}

hid_t ckpt_dataset_space(const ckpt_array *array) {
  hsize_t shape[CKPT_MAX_RANK];
  for (int i = 0; i < array->rank; i++) shape[i] = array->shape[i];
  return array->rank == 0 ? H5Screate(H5S_SCALAR)
                          : H5Screate_simple(array->rank, shape, NULL);
}
