/* Reading golden records: arrays of HDF5 files as doubles. */
#include "tests/golden.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fail(const char *what, const char *name) {
  fprintf(stderr, "golden record: %s: %s\n", what, name);
  exit(1);
}

hid_t golden_open_path(const char *path) {
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  if (file < 0) fail("cannot open", path);
  return file;
}

hid_t golden_open(const char *name) {
  const char *source = getenv("HARMONIA_SOURCE");
  char path[1024];
  snprintf(path, sizeof path, "%s/tests/golden/%s",
           source != NULL ? source : ".", name);
  return golden_open_path(path);
}

#define FORMAT_NAME(name)                                                      \
  char name[512];                                                              \
  va_list arguments;                                                           \
  va_start(arguments, format);                                                 \
  vsnprintf(name, sizeof name, format, arguments);                             \
  va_end(arguments)

bool golden_has(hid_t file, const char *format, ...) {
  FORMAT_NAME(name);
  return H5Oexists_by_name(file, name, H5P_DEFAULT) > 0;
}

bool golden_has_all(hid_t file, const char *path) {
  char part[512];
  for (size_t i = 0; path[i] != '\0'; i++) {
    if (path[i] != '/') continue;
    snprintf(part, sizeof part, "%.*s", (int)i, path);
    if (i > 0 && !golden_has(file, "%s", part)) return false;
  }
  return golden_has(file, "%s", path);
}

golden golden_read(hid_t file, const char *format, ...) {
  FORMAT_NAME(name);
  golden array = {0};
  hid_t set = H5Dopen2(file, name, H5P_DEFAULT);
  if (set < 0) fail("no dataset", name);
  hid_t space = H5Dget_space(set);
  hsize_t shape[8] = {0};
  array.rank = H5Sget_simple_extent_dims(space, shape, NULL);
  array.count = 1;
  for (int i = 0; i < array.rank; i++) {
    array.shape[i] = (size_t)shape[i];
    array.count *= array.shape[i];
  }
  array.values = malloc((array.count + 1) * sizeof(double));
  if (array.values == NULL) fail("no memory", name);
  if (array.count > 0 && H5Dread(set, H5T_NATIVE_DOUBLE, H5S_ALL, H5S_ALL,
                                 H5P_DEFAULT, array.values) < 0)
    fail("cannot read", name);
  H5Sclose(space);
  H5Dclose(set);
  return array;
}

void golden_free(golden *array) {
  free(array->values);
  memset(array, 0, sizeof *array);
}

double golden_attribute(hid_t file, const char *object, const char *name,
                        double otherwise) {
  if (H5Aexists_by_name(file, object, name, H5P_DEFAULT) <= 0) return otherwise;
  hid_t attribute =
      H5Aopen_by_name(file, object, name, H5P_DEFAULT, H5P_DEFAULT);
  double value = otherwise;
  if (H5Aread(attribute, H5T_NATIVE_DOUBLE, &value) < 0) value = otherwise;
  H5Aclose(attribute);
  return value;
}

char **golden_members(hid_t file, const char *group, size_t *count) {
  H5G_info_t info;
  if (H5Gget_info_by_name(file, group, &info, H5P_DEFAULT) < 0)
    fail("no group", group);
  *count = (size_t)info.nlinks;
  char **names = calloc(*count + 1, sizeof *names);
  if (names == NULL) fail("no memory", group);
  for (size_t i = 0; i < *count; i++) {
    ssize_t length = H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC,
                                        (hsize_t)i, NULL, 0, H5P_DEFAULT);
    names[i] = malloc((size_t)length + 1);
    if (names[i] == NULL) fail("no memory", group);
    H5Lget_name_by_idx(file, group, H5_INDEX_NAME, H5_ITER_INC, (hsize_t)i,
                       names[i], (size_t)length + 1, H5P_DEFAULT);
  }
  return names;
}

void golden_free_names(char **names, size_t count) {
  for (size_t i = 0; i < count; i++) free(names[i]);
  free(names);
}
