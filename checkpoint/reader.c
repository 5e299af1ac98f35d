/* Reading a checkpoint, or another HDF5 file of named arrays. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/crc32.h"
#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/catalog.h"

struct ckpt_reader {
  char *path;
  hdf5_file file;
  bool edited;        /* checksums of this library may fail */
  ckpt_source source; /* of arrays that no HDF5 file holds */
  ckpt_catalog catalog;
};

/* ---- opening ---- */

/* A text attribute of the root; "" where there is none. */
static void root_text(hid_t file, const char *name, char *text, size_t size) {
  text[0] = '\0';
  if (H5Aexists(file, name) <= 0) return;
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  if (attribute >= 0) ckpt_attribute_text(attribute, text, size);
  if (attribute >= 0) H5Aclose(attribute);
}

static status check_format(const ckpt_reader *reader) {
  char format[64];
  root_text(reader->file.id, "format", format, sizeof format);
  if (strcmp(format, CKPT_FORMAT) != 0)
    return status_error(STATUS_FORMAT,
                        "%s: an HDF5 file, but no checkpoint (format is '%s', "
                        "expected '%s')%s",
                        reader->path, format, CKPT_FORMAT, CKPT_EDITED_HINT);
  int version = 0;
  hid_t attribute = H5Aopen(reader->file.id, "version", H5P_DEFAULT);
  if (attribute >= 0) {
    if (H5Aread(attribute, H5T_NATIVE_INT, &version) < 0) version = 0;
    H5Aclose(attribute);
  }
  if (version != CKPT_VERSION)
    return status_error(STATUS_FORMAT,
                        "%s: checkpoint version %d, this program reads %d",
                        reader->path, version, CKPT_VERSION);
  return STATUS_OK;
}

/* Every text, and every array's name, shape and checksum, against the digest
 * the writer made of them. */
static status check_digest(const ckpt_reader *reader) {
  char stored[64], found[CKPT_DIGEST_SIZE];
  root_text(reader->file.id, "digest", stored, sizeof stored);
  snprintf(found, sizeof found, "%016llx",
           (unsigned long long)ckpt_catalog_digest(&reader->catalog));
  if (strcmp(stored, found) != 0)
    return status_error(STATUS_FORMAT,
                        "%s: damaged (its texts or its list of arrays do not "
                        "have the checksum they were written with)%s",
                        reader->path, CKPT_EDITED_HINT);
  return STATUS_OK;
}

/* "crc32" means what it does here only in files of this library. */
static void forget_foreign_checksums(ckpt_reader *reader) {
  char format[64];
  root_text(reader->file.id, "format", format, sizeof format);
  if (strcmp(format, CKPT_FORMAT) == 0) return;
  for (size_t i = 0; i < reader->catalog.entry_count; i++)
    reader->catalog.entries[i].has_crc = false;
}

/* Under the lock. */
static status read_catalog(ckpt_reader *reader, bool foreign) {
  if (!foreign) TRY(check_format(reader));
  TRY(ckpt_catalog_read(&reader->catalog, reader->file.id, reader->path,
                        foreign));
  if (!foreign) return check_digest(reader);
  forget_foreign_checksums(reader);
  return STATUS_OK;
}

static status open_file(ckpt_reader *reader, bool foreign) {
  TRY(hdf5_file_open(&reader->file, reader->path,
                     foreign ? "weights in HDF5, or in PyTorch's or "
                               "safetensors' files"
                             : "a checkpoint"));
  hdf5_lock();
  status result =
      hdf5_file_result(&reader->file, read_catalog(reader, foreign));
  hdf5_unlock();
  return result;
}

static status open_reader(const char *path, bool foreign, ckpt_reader **out) {
  *out = NULL;
  ckpt_reader *reader;
  TRY(MEMORY_NEW(1, "checkpoint reader", &reader));
  reader->file = HDF5_FILE_CLOSED;
  status result = memory_copy_text(path, &reader->path);
  if (result == STATUS_OK) result = open_file(reader, foreign);
  if (result != STATUS_OK)
    ckpt_reader_close(&reader);
  else
    *out = reader;
  return result;
}

status ckpt_reader_open(const char *path, ckpt_reader **out) {
  return open_reader(path, false, out);
}

status ckpt_reader_open_hdf5(const char *path, ckpt_reader **out) {
  TRY(open_reader(path, true, out));
  (*out)->edited = true;
  return STATUS_OK;
}

status ckpt_reader_over(const char *path, const ckpt_source *source,
                        ckpt_catalog *catalog, ckpt_reader **out) {
  *out = NULL;
  ckpt_reader *reader;
  TRY(MEMORY_NEW(1, "checkpoint reader", &reader));
  reader->file = HDF5_FILE_CLOSED;
  status result = memory_copy_text(path, &reader->path);
  if (result != STATUS_OK) {
    memory_free(reader);
    return result;
  }
  reader->file.path = reader->path;
  reader->source = *source;
  reader->catalog = *catalog;
  *catalog = (ckpt_catalog){0};
  *out = reader;
  return STATUS_OK;
}

void ckpt_reader_close(ckpt_reader **reader) {
  if (*reader == NULL) return;
  if ((*reader)->source.close != NULL)
    (*reader)->source.close((*reader)->source.state);
  hdf5_file_close(&(*reader)->file);
  ckpt_catalog_free(&(*reader)->catalog);
  memory_free((*reader)->path);
  memory_free(*reader);
  *reader = NULL;
}

hdf5_file *ckpt_reader_file(ckpt_reader *reader) { return &reader->file; }

/* ---- texts ---- */

static const ckpt_text *find_text(const ckpt_reader *reader, const char *key) {
  const ckpt_catalog *catalog = &reader->catalog;
  for (size_t i = 0; i < catalog->text_count; i++)
    if (strcmp(catalog->texts[i].key, key) == 0) return &catalog->texts[i];
  return NULL;
}

static status copy_out(const ckpt_reader *reader, const char *from, char *text,
                       size_t size) {
  if (strlen(from) >= size)
    return status_error(STATUS_FORMAT,
                        "%s: '%.64s' has %zu characters, expected at most %zu",
                        reader->path, from, strlen(from), size - 1);
  strcpy(text, from);
  return STATUS_OK;
}

status ckpt_read_text(ckpt_reader *reader, const char *key, char *text,
                      size_t size) {
  const ckpt_text *found = find_text(reader, key);
  if (found == NULL)
    return status_error(STATUS_FORMAT, "%s: has no entry '%s'", reader->path,
                        key);
  return copy_out(reader, found->text, text, size);
}

bool ckpt_has_text(ckpt_reader *reader, const char *key) {
  return find_text(reader, key) != NULL;
}

size_t ckpt_text_count(ckpt_reader *reader) {
  return reader->catalog.text_count;
}

status ckpt_text_key(ckpt_reader *reader, size_t index, char *key,
                     size_t size) {
  INVARIANT(index < reader->catalog.text_count, "text %zu of %zu", index,
            reader->catalog.text_count);
  return copy_out(reader, reader->catalog.texts[index].key, key, size);
}

/* ---- arrays ---- */

size_t ckpt_array_count(const ckpt_reader *reader) {
  return reader->catalog.entry_count;
}

const ckpt_array *ckpt_array_at(const ckpt_reader *reader, size_t index) {
  INVARIANT(index < reader->catalog.entry_count, "array %zu of %zu", index,
            reader->catalog.entry_count);
  return &reader->catalog.entries[index].array;
}

static int compare_name(const void *name, const void *entry) {
  return strcmp(name, ((const ckpt_entry *)entry)->array.name);
}

static const ckpt_entry *find_entry(const ckpt_reader *reader,
                                    const char *name) {
  const ckpt_catalog *catalog = &reader->catalog;
  if (catalog->entry_count == 0) return NULL;
  return bsearch(name, catalog->entries, catalog->entry_count,
                 sizeof *catalog->entries, compare_name);
}

const ckpt_array *ckpt_array_find(const ckpt_reader *reader, const char *name) {
  const ckpt_entry *entry = find_entry(reader, name);
  return entry == NULL ? NULL : &entry->array;
}

static bool same_shape(const ckpt_array *a, const ckpt_array *b) {
  return a->rank == b->rank &&
         memcmp(a->shape, b->shape, (size_t)a->rank * sizeof a->shape[0]) == 0;
}

static status damaged(const ckpt_reader *reader, const char *name) {
  return status_error(
      STATUS_FORMAT,
      "%s: array '%s' is damaged (its checksum does not match)%s", reader->path,
      name, CKPT_EDITED_HINT);
}

/* One array as `type`, through HDF5 (Fletcher32, conversion). */
static status read_as(const ckpt_reader *reader, const ckpt_entry *entry,
                      ckpt_type type, void *values) {
  const char *name = entry->array.name;
  hid_t set = H5Dopen2(reader->file.id, name, H5P_DEFAULT);
  if (set < 0)
    return hdf5_failure(STATUS_FORMAT,
                        "%s: array '%s' is damaged (it cannot "
                        "be opened)",
                        reader->path, name);
  status result = STATUS_OK;
  if (!ckpt_is_stored(set, reader->file.size))
    result = status_error(STATUS_FORMAT,
                          "%s: array '%s' is damaged (its storage is not what "
                          "its header says), or stored in a way that is not "
                          "read here: expected chunks without filters other "
                          "than shuffle, deflate and Fletcher32, or one piece",
                          reader->path, name);
  else if (H5Dread(set, ckpt_native_type(type), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                   values) < 0)
    result = hdf5_failure(STATUS_FORMAT,
                          "%s: array '%s' is damaged (its "
                          "checksum does not match)",
                          reader->path, name);
  H5Dclose(set);
  return result;
}

/* The stored bytes, with their own checksum. */
static status read_stored(const ckpt_reader *reader, const ckpt_entry *entry,
                          size_t count, void *values) {
  ckpt_type type = entry->array.type;
  TRY(read_as(reader, entry, type, values));
  if (!entry->has_crc ||
      crc32_add(0, values, count * ckpt_type_size(type)) == entry->crc)
    return STATUS_OK;
  if (!reader->edited) return damaged(reader, entry->array.name);
  log_info("%s: array '%s' was changed after it had been written", reader->path,
           entry->array.name);
  return STATUS_OK;
}

/* The stored bytes have the checksum: so they are read as they are first. */
static status read_converted(const ckpt_reader *reader, const ckpt_entry *entry,
                             size_t count, ckpt_type type, void *values) {
  double *buffer; /* the widest type */
  TRY(MEMORY_NEW(count, entry->array.name, &buffer));
  status result = read_stored(reader, entry, count, buffer);
  if (result == STATUS_OK &&
      H5Tconvert(ckpt_native_type(entry->array.type), ckpt_native_type(type),
                 count, buffer, NULL, H5P_DEFAULT) < 0)
    result = status_error(STATUS_FORMAT, "%s: array '%s' cannot be converted",
                          reader->path, entry->array.name);
  if (result == STATUS_OK) memcpy(values, buffer, count * ckpt_type_size(type));
  memory_free(buffer);
  return result;
}

status ckpt_read_array(ckpt_reader *reader, const ckpt_array *expected,
                       void *values) {
  const ckpt_entry *entry = find_entry(reader, expected->name);
  if (entry == NULL)
    return status_error(STATUS_MISFIT, "%s: has no array '%s'", reader->path,
                        expected->name);
  char stored[96], wanted[96];
  if (!same_shape(&entry->array, expected))
    return status_error(
        STATUS_MISFIT, "%s: array '%s' has shape %s, expected %s", reader->path,
        expected->name, ckpt_shape_text(&entry->array, stored),
        ckpt_shape_text(expected, wanted));
  size_t count;
  if (!ckpt_element_count(expected, &count)) return damaged(reader, "sizes");
  if (count == 0) return STATUS_OK;
  if (reader->source.read != NULL)
    return reader->source.read(reader->source.state,
                               (size_t)(entry - reader->catalog.entries),
                               expected->type, values);
  hdf5_lock();
  status result;
  if (expected->type == entry->array.type)
    result = read_stored(reader, entry, count, values);
  else if (entry->has_crc)
    result = read_converted(reader, entry, count, expected->type, values);
  else
    result = read_as(reader, entry, expected->type, values);
  hdf5_unlock();
  return hdf5_file_result(&reader->file, result);
}

/* The lock is taken an array at a time: others need HDF5 meanwhile. */
status ckpt_verify(ckpt_reader *reader) {
  const ckpt_catalog *catalog = &reader->catalog;
  size_t largest = 0, count;
  for (size_t i = 0; i < catalog->entry_count; i++)
    if (ckpt_element_count(&catalog->entries[i].array, &count) &&
        count > largest)
      largest = count;
  double *buffer;
  TRY(MEMORY_NEW(largest, "the largest array of a checkpoint", &buffer));
  status result = STATUS_OK;
  for (size_t i = 0; i < catalog->entry_count && result == STATUS_OK; i++)
    result = ckpt_read_array(reader, &catalog->entries[i].array, buffer);
  memory_free(buffer);
  return result;
}
