/* Writing a checkpoint beside its place, and then into it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "base/publish.h"
#include "checkpoint/internal.h"

struct ckpt_writer {
  char *path, *temporary;
  hdf5_file file; /* the temporary one */
  hid_t state, group_creation;
  uint64_t digest;
  bool failed; /* a write went wrong: the file must not be committed */
};

static void free_writer(ckpt_writer **writer) {
  memory_free((*writer)->path);
  memory_free((*writer)->temporary);
  memory_free(*writer);
  *writer = NULL;
}

/* ---- opening ---- */

/* Host and process: on a shared file system neither alone is one of a kind. */
static status make_names(ckpt_writer *writer, const char *path) {
  char host[65] = "";
  if (gethostname(host, sizeof host - 1) != 0 || host[0] == '\0')
    strcpy(host, "host");
  for (char *at = host; *at != '\0'; at++)
    if (*at == '/') *at = '-';
  TRY(memory_copy_text(path, &writer->path));
  size_t size = strlen(path) + sizeof host + 32;
  TRY(MEMORY_NEW(size, "path", &writer->temporary));
  snprintf(writer->temporary, size, "%s.tmp-%s-%ld", path, host,
           (long)getpid());
  return STATUS_OK;
}

static herr_t put_attribute(hid_t object, const char *name, hid_t type,
                            const void *value) {
  hid_t space = H5Screate(H5S_SCALAR);
  hid_t attribute =
      H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  herr_t result = attribute < 0 ? -1 : H5Awrite(attribute, type, value);
  if (attribute >= 0) H5Aclose(attribute);
  H5Sclose(space);
  return result;
}

static herr_t put_text(hid_t object, const char *name, const char *text) {
  hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, strlen(text) + 1);
  H5Tset_cset(type, H5T_CSET_UTF8);
  herr_t result = put_attribute(object, name, type, text);
  H5Tclose(type);
  return result;
}

/* Under the lock. */
static status put_head(ckpt_writer *writer) {
  const int version = CKPT_VERSION;
  hid_t file = writer->file.id;
  writer->group_creation = hdf5_creation(H5P_GROUP_CREATE);
  writer->state = H5Gcreate2(file, "state", H5P_DEFAULT, writer->group_creation,
                             H5P_DEFAULT);
  if (writer->state < 0 || put_text(file, "format", CKPT_FORMAT) < 0 ||
      put_attribute(file, "version", H5T_NATIVE_INT, &version) < 0)
    return hdf5_failure(STATUS_IO, "%s: cannot write", writer->path);
  return STATUS_OK;
}

static status create_file(ckpt_writer *writer) {
  TRY(hdf5_file_create(&writer->file, writer->temporary, writer->path));
  hdf5_lock();
  status result = hdf5_file_result(&writer->file, put_head(writer));
  hdf5_unlock();
  return result;
}

status ckpt_writer_open(const char *path, ckpt_writer **out) {
  *out = NULL;
  ckpt_writer *writer;
  TRY(MEMORY_NEW(1, "checkpoint writer", &writer));
  writer->file = HDF5_FILE_CLOSED;
  writer->state = writer->group_creation = -1;
  status result = make_names(writer, path);
  if (result == STATUS_OK) result = create_file(writer);
  if (result != STATUS_OK)
    ckpt_writer_abandon(&writer);
  else
    *out = writer;
  return result;
}

/* ---- writing ---- */

/* After any failure the file is not to be committed. */
static status note(ckpt_writer *writer, status result) {
  result = hdf5_file_result(&writer->file, result);
  if (result != STATUS_OK) writer->failed = true;
  return result;
}

static status write_text(ckpt_writer *writer, const char *key,
                         const char *text) {
  if (key[0] == '\0' || strlen(key) >= CKPT_NAME_SIZE ||
      strlen(text) >= CKPT_TEXT_SIZE)
    return status_error(STATUS_MISFIT,
                        "%s: the text '%.64s' is too long for a checkpoint "
                        "(%d characters) or has no name",
                        writer->path, key, CKPT_TEXT_SIZE - 1);
  if (H5Aexists(writer->state, key) > 0)
    return status_error(STATUS_MISFIT, "%s: text '%s' written twice",
                        writer->path, key);
  if (put_text(writer->state, key, text) < 0)
    return hdf5_failure(STATUS_IO, "%s: cannot write text '%s'", writer->path,
                        key);
  writer->digest += ckpt_digest_text(key, text);
  return STATUS_OK;
}

status ckpt_write_text(ckpt_writer *writer, const char *key, const char *text) {
  hdf5_lock();
  status result = note(writer, write_text(writer, key, text));
  hdf5_unlock();
  return result;
}

static status check_array(const ckpt_writer *writer, const ckpt_array *array,
                          size_t *count) {
  if (!ckpt_good_name(array->name))
    return status_error(STATUS_MISFIT, "%s: '%.*s' is no name for an array",
                        writer->path, CKPT_NAME_SIZE, array->name);
  INVARIANT(array->rank >= 0 && array->rank <= CKPT_MAX_RANK, "rank %d of %s",
            array->rank, array->name);
  if (!ckpt_element_count(array, count))
    return status_error(STATUS_MISFIT, "%s: array '%s' is too large",
                        writer->path, array->name);
  if (H5Lexists(writer->file.id, array->name, H5P_DEFAULT) > 0)
    return status_error(STATUS_MISFIT, "%s: array '%s' written twice",
                        writer->path, array->name);
  return STATUS_OK;
}

/* Makes the groups above `name`. HDF5 could do it alone, but with times. */
static herr_t make_groups(const ckpt_writer *writer, const char *name) {
  char group[CKPT_NAME_SIZE];
  for (const char *slash = strchr(name, '/'); slash != NULL;
       slash = strchr(slash + 1, '/')) {
    snprintf(group, sizeof group, "%.*s", (int)(slash - name), name);
    if (H5Lexists(writer->file.id, group, H5P_DEFAULT) > 0) continue;
    hid_t made = H5Gcreate2(writer->file.id, group, H5P_DEFAULT,
                            writer->group_creation, H5P_DEFAULT);
    if (made < 0) return -1;
    H5Gclose(made);
  }
  return 0;
}

static hid_t create_dataset(const ckpt_writer *writer, const ckpt_array *array,
                            size_t count) {
  hid_t creation = ckpt_dataset_creation(array, count);
  hid_t space = ckpt_dataset_space(array);
  /* Without a chunk cache each chunk goes out at once, and so does an error. */
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  H5Pset_chunk_cache(access, 0, 0, 1.0);
  hid_t set =
      H5Dcreate2(writer->file.id, array->name, ckpt_native_type(array->type),
                 space, H5P_DEFAULT, creation, access);
  status result = STATUS_OK;
  if (set < 0)
    result = hdf5_failure(STATUS_IO, "%s: cannot write array '%s'",
                          writer->path, array->name);
  H5Pclose(access);
  H5Sclose(space);
  H5Pclose(creation);
  return result == STATUS_OK ? set : -1;
}

/* Creates the dataset, with its checksum: Fletcher32 takes a chunk of zeros
 * with a zero checksum for whole, which is just what a file system leaves after
 * a power failure. */
static status begin_array(ckpt_writer *writer, const ckpt_array *array,
                          size_t count, uint32_t crc, hid_t *set) {
  if (make_groups(writer, array->name) < 0)
    return hdf5_failure(STATUS_IO, "%s: cannot make the groups of '%s'",
                        writer->path, array->name);
  *set = create_dataset(writer, array, count);
  if (*set < 0) return STATUS_IO;
  if (put_attribute(*set, "crc32", H5T_NATIVE_UINT32, &crc) < 0)
    return hdf5_failure(STATUS_IO, "%s: cannot write array '%s'", writer->path,
                        array->name);
  return STATUS_OK;
}

/* Rows [row, row + rows) of the outermost dimension; a scalar is row 0. */
static status write_rows(const ckpt_writer *writer, const ckpt_array *array,
                         hid_t set, uint64_t row, uint64_t rows,
                         const void *values) {
  hid_t file_space = ckpt_dataset_space(array);
  hid_t memory_space = H5S_ALL;
  if (array->rank > 0) {
    hsize_t start[CKPT_MAX_RANK] = {row}, extent[CKPT_MAX_RANK] = {rows};
    for (int i = 1; i < array->rank; i++) extent[i] = array->shape[i];
    H5Sselect_hyperslab(file_space, H5S_SELECT_SET, start, NULL, extent, NULL);
    memory_space = H5Screate_simple(array->rank, extent, NULL);
  }
  status result = STATUS_OK;
  if (H5Dwrite(set, ckpt_native_type(array->type), memory_space, file_space,
               H5P_DEFAULT, values) < 0)
    result = hdf5_failure(STATUS_IO, "%s: cannot write array '%s'",
                          writer->path, array->name);
  if (memory_space != H5S_ALL) H5Sclose(memory_space);
  H5Sclose(file_space);
  return result;
}

/* In pieces of a chunk or a few small rows of chunks: between them the lock is
 * free, so that those who read data meanwhile never wait for long. */
static status write_pieces(ckpt_writer *writer, const ckpt_array *array,
                           hid_t set, size_t count, const void *values) {
  if (count == 0) return STATUS_OK;
  uint64_t all = array->rank > 0 ? array->shape[0] : 1;
  uint64_t piece = ckpt_chunk_rows(array);
  size_t row_size = (size_t)(count / all) * ckpt_type_size(array->type);
  status result = STATUS_OK;
  for (uint64_t row = 0; row < all && result == STATUS_OK; row += piece) {
    uint64_t rows = all - row < piece ? all - row : piece;
    hdf5_lock();
    result = write_rows(writer, array, set, row, rows,
                        (const char *)values + row * row_size);
    result = hdf5_file_result(&writer->file, result);
    hdf5_unlock();
  }
  return result;
}

static status write_array(ckpt_writer *writer, const ckpt_array *array,
                          const void *values) {
  size_t count = 0;
  hid_t set = -1;
  hdf5_lock();
  status result = check_array(writer, array, &count);
  hdf5_unlock();
  TRY(result);
  uint32_t crc = crc32_add(0, values, count * ckpt_type_size(array->type));
  hdf5_lock();
  result = begin_array(writer, array, count, crc, &set);
  hdf5_unlock();
  if (result == STATUS_OK)
    result = write_pieces(writer, array, set, count, values);
  hdf5_lock();
  if (set >= 0) H5Dclose(set);
  hdf5_unlock();
  writer->digest += ckpt_digest_array(array, crc);
  return result;
}

status ckpt_write_array(ckpt_writer *writer, const ckpt_array *array,
                        const void *values) {
  return note(writer, write_array(writer, array, values));
}

/* ---- finishing ---- */

static void close_handles(ckpt_writer *writer) {
  if (writer->state >= 0) H5Gclose(writer->state);
  if (writer->group_creation >= 0) H5Pclose(writer->group_creation);
  writer->state = writer->group_creation = -1;
}

static status put_digest(ckpt_writer *writer) {
  char digest[CKPT_DIGEST_SIZE];
  snprintf(digest, sizeof digest, "%016llx",
           (unsigned long long)writer->digest);
  if (put_text(writer->file.id, "digest", digest) < 0)
    return hdf5_failure(STATUS_IO, "%s: cannot write", writer->path);
  return STATUS_OK;
}

static status commit(ckpt_writer *writer) {
  if (writer->failed)
    return status_error(STATUS_IO,
                        "%s: not written, an array or a text of it "
                        "could not be written",
                        writer->path);
  hdf5_lock();
  status result = hdf5_file_result(&writer->file, put_digest(writer));
  close_handles(writer);
  hdf5_unlock();
  TRY(result);
  TRY(hdf5_file_close(&writer->file));
  return publish_file(writer->temporary, writer->path);
}

status ckpt_writer_commit(ckpt_writer **writer) {
  status result = commit(*writer);
  if (result != STATUS_OK)
    ckpt_writer_abandon(writer); /* the message stays */
  else
    free_writer(writer);
  return result;
}

void ckpt_writer_abandon(ckpt_writer **writer) {
  if (*writer == NULL) return;
  if ((*writer)->temporary != NULL) unlink((*writer)->temporary);
  hdf5_lock();
  close_handles(*writer);
  hdf5_unlock();
  hdf5_file_abandon(&(*writer)->file);
  free_writer(writer);
}
