/* Weights in the files of other programs, as arrays of a reader. */
#include <string.h>

#include "checkpoint/catalog.h"
#include "checkpoint/foreign/foreign.h"

/* In the order of names, as the file lists them: so places agree. */
static status list_arrays(const foreign_file *file, ckpt_catalog *catalog) {
  const char *key, *text;
  for (size_t i = 0; i < foreign_count(file); i++)
    TRY(ckpt_catalog_add(catalog,
                         &(ckpt_entry){.array = *foreign_array(file, i)}));
  for (size_t i = 0; i < foreign_note_count(file); i++) {
    foreign_note(file, i, &key, &text);
    TRY(ckpt_catalog_add_text(catalog, key, text));
  }
  ckpt_catalog_sort(catalog);
  return STATUS_OK;
}

static status read_array(void *state, size_t index, ckpt_type type,
                         void *values) {
  return foreign_read(state, index, type, values);
}

static void close_file(void *state) {
  foreign_file *file = state;
  foreign_close(&file);
}

static status open_hdf5(const char *path, const char *part, ckpt_reader **out) {
  TRY(ckpt_reader_open_hdf5(path, out));
  if (part[0] == '\0') return STATUS_OK;
  ckpt_reader_close(out);
  return status_error(STATUS_USAGE,
                      "option --part: %s is an HDF5 file, which has no parts",
                      path);
}

status ckpt_reader_open_weights(const char *path, const char *part,
                                ckpt_reader **out) {
  foreign_file *file;
  *out = NULL;
  TRY(foreign_open(path, part, &file));
  if (file == NULL) return open_hdf5(path, part, out);
  ckpt_catalog catalog = {0};
  ckpt_source source = {file, read_array, close_file};
  status result = list_arrays(file, &catalog);
  if (result == STATUS_OK)
    result = ckpt_reader_over(path, &source, &catalog, out);
  if (result == STATUS_OK) return STATUS_OK;
  ckpt_catalog_free(&catalog);
  foreign_close(&file);
  return result;
}
