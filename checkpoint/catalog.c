/* What a file holds: all texts and arrays, listed once as it is opened. */
#include "checkpoint/catalog.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

void ckpt_catalog_free(ckpt_catalog *catalog) {
  for (size_t i = 0; i < catalog->text_count; i++) {
    memory_free(catalog->texts[i].key);
    memory_free(catalog->texts[i].text);
  }
  memory_free(catalog->texts);
  memory_free(catalog->entries);
  memset(catalog, 0, sizeof *catalog);
}

uint64_t ckpt_catalog_digest(const ckpt_catalog *catalog) {
  uint64_t digest = 0;
  for (size_t i = 0; i < catalog->text_count; i++)
    digest += ckpt_digest_text(catalog->texts[i].key, catalog->texts[i].text);
  for (size_t i = 0; i < catalog->entry_count; i++)
    digest +=
        ckpt_digest_array(&catalog->entries[i].array, catalog->entries[i].crc);
  return digest;
}

/* ---- the lists ---- */

status ckpt_catalog_add_text(ckpt_catalog *catalog, const char *key,
                             const char *text) {
  TRY(MEMORY_GROW(&catalog->texts, catalog->text_count, &catalog->text_room,
                  "list of a checkpoint"));
  ckpt_text item = {NULL, NULL};
  status result = memory_copy_text(key, &item.key);
  if (result == STATUS_OK) result = memory_copy_text(text, &item.text);
  if (result != STATUS_OK) {
    memory_free(item.key);
    return result;
  }
  catalog->texts[catalog->text_count++] = item;
  return STATUS_OK;
}

status ckpt_catalog_add(ckpt_catalog *catalog, const ckpt_entry *entry) {
  TRY(MEMORY_GROW(&catalog->entries, catalog->entry_count, &catalog->entry_room,
                  "list of a checkpoint"));
  catalog->entries[catalog->entry_count++] = *entry;
  return STATUS_OK;
}

static int compare_texts(const void *a, const void *b) {
  return strcmp(((const ckpt_text *)a)->key, ((const ckpt_text *)b)->key);
}

static int compare_entries(const void *a, const void *b) {
  return strcmp(((const ckpt_entry *)a)->array.name,
                ((const ckpt_entry *)b)->array.name);
}

void ckpt_catalog_sort(ckpt_catalog *catalog) {
  if (catalog->text_count > 1)
    qsort(catalog->texts, catalog->text_count, sizeof(ckpt_text),
          compare_texts);
  if (catalog->entry_count > 1)
    qsort(catalog->entries, catalog->entry_count, sizeof(ckpt_entry),
          compare_entries);
}

/* ---- reading them from a file ---- */

enum { LINKS_MAX = 1 << 17, DEPTH_MAX = 64 };

/* A visit of HDF5's iterators. In native order: for any other they build a
 * table first, and HDF5 1.10 crashes on that table where the file cannot be
 * read to its end. Here things are sorted afterwards. */
typedef struct visit {
  ckpt_catalog *catalog;
  size_t links; /* seen */
  const char *path;
  bool foreign;
  status result;
} visit;

/* ---- texts ---- */

bool ckpt_attribute_text(hid_t attribute, char *text, size_t size) {
  text[0] = '\0';
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  bool good = type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING &&
              H5Tis_variable_str(type) == 0 &&
              H5Sget_simple_extent_npoints(space) == 1 &&
              H5Tget_size(type) < size;
  if (good) {
    memset(text, 0, size);
    good = H5Aread(attribute, type, text) >= 0;
    if (!good) text[0] = '\0';
  }
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  return good;
}

/* A variable-length string; false where it is none, or too long. */
static bool variable_text(hid_t attribute, hid_t type, char *text,
                          size_t size) {
  char *string = NULL;
  if (H5Tis_variable_str(type) <= 0 || H5Aread(attribute, type, &string) < 0 ||
      string == NULL)
    return false;
  bool fits = snprintf(text, size, "%s", string) < (int)size;
  H5free_memory(string);
  return fits;
}

/* A text as other programs store it: of variable length, or a number. */
static bool foreign_text(hid_t attribute, char *text, size_t size) {
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  long long whole = 0;
  double real = 0;
  bool good = H5Sget_simple_extent_npoints(space) == 1;
  switch (good ? H5Tget_class(type) : H5T_NO_CLASS) {
  case H5T_STRING: good = variable_text(attribute, type, text, size); break;
  case H5T_INTEGER:
    good = H5Aread(attribute, H5T_NATIVE_LLONG, &whole) >= 0;
    snprintf(text, size, "%lld", whole);
    break;
  case H5T_FLOAT:
    good = H5Aread(attribute, H5T_NATIVE_DOUBLE, &real) >= 0;
    snprintf(text, size, "%.17g", real);
    break;
  default: good = false;
  }
  H5Tclose(type);
  H5Sclose(space);
  return good;
}

static herr_t visit_attribute(hid_t state, const char *key,
                              const H5A_info_t *info, void *context) {
  (void)info;
  visit *v = context;
  char text[CKPT_TEXT_SIZE + 1];
  hid_t attribute = H5Aopen(state, key, H5P_DEFAULT);
  bool good = attribute >= 0 &&
              (ckpt_attribute_text(attribute, text, sizeof text) ||
               (v->foreign && foreign_text(attribute, text, sizeof text)));
  if (attribute >= 0) H5Aclose(attribute);
  if (good)
    v->result = ckpt_catalog_add_text(v->catalog, key, text);
  else if (!v->foreign)
    v->result = status_error(STATUS_FORMAT, "%s: text '%.64s' is damaged%s",
                             v->path, key, CKPT_EDITED_HINT);
  else
    log_warning("%s: '%.64s' of its state is neither a text nor a number: left "
                "out",
                v->path, key);
  return v->result == STATUS_OK ? 0 : 1;
}

static status read_texts(visit *v, hid_t file) {
  hid_t state = H5Lexists(file, "state", H5P_DEFAULT) > 0
                    ? H5Gopen2(file, "state", H5P_DEFAULT)
                    : -1;
  if (state < 0)
    return v->foreign ? STATUS_OK
                      : status_error(STATUS_FORMAT,
                                     "%s: damaged (its state cannot be read)",
                                     v->path);
  herr_t seen = H5Aiterate2(state, H5_INDEX_NAME, H5_ITER_NATIVE, NULL,
                            visit_attribute, v);
  H5Gclose(state);
  if (v->result == STATUS_OK && seen < 0 && !v->foreign)
    return status_error(STATUS_FORMAT, "%s: damaged (its texts cannot be read)",
                        v->path);
  return v->result;
}

/* ---- arrays ---- */

/* The type that holds the stored numbers; false where they are none. */
static bool number_type(hid_t set, ckpt_type *out) {
  hid_t type = H5Dget_type(set);
  if (type < 0) return false;
  H5T_class_t class = H5Tget_class(type);
  size_t size = H5Tget_size(type);
  H5Tclose(type);
  if (class == H5T_INTEGER && size <= sizeof(int64_t))
    return *out = CKPT_INT64, true;
  if (class != H5T_FLOAT || size > sizeof(double)) return false;
  *out = size <= sizeof(float) ? CKPT_FLOAT32 : CKPT_FLOAT64;
  return true;
}

static bool read_shape(hid_t set, ckpt_array *array) {
  hid_t space = H5Dget_space(set);
  if (space < 0) return false;
  int rank = H5Sget_simple_extent_type(space) == H5S_NULL
                 ? -1
                 : H5Sget_simple_extent_ndims(space);
  hsize_t shape[CKPT_MAX_RANK];
  bool good = rank >= 0 && rank <= CKPT_MAX_RANK &&
              (rank == 0 || H5Sget_simple_extent_dims(space, shape, NULL) >= 0);
  H5Sclose(space);
  if (!good) return false;
  array->rank = rank;
  for (int i = 0; i < rank; i++) array->shape[i] = shape[i];
  size_t count;
  return ckpt_element_count(array, &count);
}

/* A size that the file only claims must not make anybody allocate for it. A
 * file that other tools wrote again may be compressed: deflate makes nothing
 * smaller than by 1032. */
static bool is_stored(hid_t set, const ckpt_array *array) {
  enum { COMPRESSION_MAX = 1100 };
  size_t count;
  return ckpt_element_count(array, &count) &&
         count / COMPRESSION_MAX * ckpt_type_size(array->type) <=
             H5Dget_storage_size(set);
}

static void read_crc(hid_t set, ckpt_entry *entry) {
  if (H5Aexists(set, "crc32") <= 0) return;
  hid_t attribute = H5Aopen(set, "crc32", H5P_DEFAULT);
  if (attribute < 0) return;
  hid_t space = H5Aget_space(attribute);
  entry->has_crc = H5Sget_simple_extent_npoints(space) == 1 &&
                   H5Aread(attribute, H5T_NATIVE_UINT32, &entry->crc) >= 0;
  H5Sclose(space);
  H5Aclose(attribute);
}

static status add_entry(visit *v, hid_t set, const char *name) {
  ckpt_entry entry = {0};
  if (strlen(name) >= CKPT_NAME_SIZE || !number_type(set, &entry.array.type) ||
      !read_shape(set, &entry.array))
    return v->foreign
               ? STATUS_OK
               : status_error(STATUS_FORMAT,
                              "%s: '%.64s' is no array of a checkpoint%s",
                              v->path, name, CKPT_EDITED_HINT);
  strcpy(entry.array.name, name);
  if (!v->foreign && !is_stored(set, &entry.array))
    return status_error(STATUS_FORMAT,
                        "%s: array '%s' is damaged (it is not there in full)",
                        v->path, name);
  read_crc(set, &entry);
  if (!entry.has_crc && !v->foreign)
    return status_error(STATUS_FORMAT, "%s: array '%s' has no checksum%s",
                        v->path, name, CKPT_EDITED_HINT);
  return ckpt_catalog_add(v->catalog, &entry);
}

static int depth_of(const char *name) {
  int depth = 0;
  for (; *name != '\0'; name++)
    if (*name == '/') depth++;
  return depth;
}

/* HDF5 goes round in a circle of groups, and at last crashes, where a damaged
 * one says that there is one link to it only. */
static herr_t visit_link(hid_t file, const char *name, const H5L_info_t *info,
                         void *context) {
  visit *v = context;
  if (++v->links > LINKS_MAX || depth_of(name) > DEPTH_MAX) {
    v->result = status_error(STATUS_FORMAT,
                             "%s: damaged (its groups have no end)", v->path);
    return 1;
  }
  if (info->type != H5L_TYPE_HARD) return 0;
  hid_t object = H5Oopen(file, name, H5P_DEFAULT);
  if (object < 0) {
    if (v->foreign) return 0;
    v->result = status_error(STATUS_FORMAT,
                             "%s: damaged ('%.64s' cannot be "
                             "opened)",
                             v->path, name);
    return 1;
  }
  if (H5Iget_type(object) == H5I_DATASET)
    v->result = add_entry(v, object, name);
  H5Oclose(object);
  return v->result == STATUS_OK ? 0 : 1;
}

static status read_entries(visit *v, hid_t file) {
  herr_t seen = H5Lvisit(file, H5_INDEX_NAME, H5_ITER_NATIVE, visit_link, v);
  TRY(v->result);
  if (seen < 0)
    return hdf5_failure(STATUS_FORMAT,
                        "%s: damaged (its list of arrays cannot "
                        "be read)",
                        v->path);
  return STATUS_OK;
}

status ckpt_catalog_read(ckpt_catalog *catalog, hid_t file, const char *path,
                         bool foreign) {
  visit v = {.catalog = catalog, .path = path, .foreign = foreign};
  TRY(read_texts(&v, file));
  TRY(read_entries(&v, file));
  ckpt_catalog_sort(catalog);
  return STATUS_OK;
}
