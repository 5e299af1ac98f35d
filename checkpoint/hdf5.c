/* HDF5 as the rest of the library wants it: locked, silent, with reasons. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hdf5_lock.h"
#include "checkpoint/internal.h"

ckpt_quiet ckpt_enter(void) {
  static bool began; /* under the lock */
  hdf5_lock();
  /* At exit HDF5 would close once more a file whose closing failed, and crash
   * on what it has freed (seen in 1.10.8). Files are closed by hand here. */
  if (!began) H5dont_atexit();
  began = true;
  ckpt_quiet saved = {NULL, NULL};
  H5Eget_auto2(H5E_DEFAULT, &saved.function, &saved.data);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return saved;
}

void ckpt_leave(ckpt_quiet saved) {
  H5Eset_auto2(H5E_DEFAULT, saved.function, saved.data);
  hdf5_unlock();
}

static herr_t find_memory(unsigned depth, const H5E_error2_t *error,
                          void *found) {
  (void)depth;
  if (error->maj_num == H5E_RESOURCE && error->min_num == H5E_NOSPACE)
    *(bool *)found = true;
  return 0;
}

status ckpt_failure(status otherwise, const char *format, ...) {
  bool memory = false;
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, find_memory, &memory);
  char text[800];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  if (memory) return status_error(STATUS_MEMORY, "%s: not enough memory", text);
  return status_error(otherwise, "%s", text);
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
