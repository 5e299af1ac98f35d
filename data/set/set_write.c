/* Writing a packed data set (format: set_format.h).
 *
 * HDF5's filters run one at a time under its lock, so chunks are made here, by
 * any number of threads, and stored as they are by H5Dwrite_chunk: in the form
 * that HDF5's deflate and Fletcher32 filters read.
 *
 * The level, measured with zlib over 200 composites of photographs at 256 x
 * 256, in ms of one core an image and in compressed / plain size: level 1 5.0
 * and 0.703, 2 4.7 and 0.700, 3 6.3 and 0.694, 4 6.1 and 0.710, 6 8.0 and
 * 0.706, 9 7.4 and 0.706. Inflating takes 1.0 to 1.1 ms at each. Hence 3. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/crc32.h"
#include "base/memory.h"
#include "base/publish.h"
#include "data/image/deflate.h"
#include "data/set/set_hdf5.h"
#include "data/set/set_format.h"

/* ---- chunks ---- */

static uint32_t fold(uint32_t sum) { return (sum & 0xffff) + (sum >> 16); }

/* As HDF5 computes it: big-endian 16-bit words, an odd byte last; 360 words
 * are the most before the sums may overflow. */
static uint32_t fletcher32(const uint8_t *bytes, size_t length) {
  uint32_t sum1 = 0, sum2 = 0;
  size_t words = length / 2;
  while (words > 0) {
    size_t part = words > 360 ? 360 : words;
    words -= part;
    for (; part > 0; part--, bytes += 2) {
      sum1 += (uint32_t)bytes[0] << 8 | bytes[1];
      sum2 += sum1;
    }
    sum1 = fold(sum1);
    sum2 = fold(sum2);
  }
  if (length % 2 == 1) {
    sum1 = fold(sum1 + ((uint32_t)bytes[0] << 8));
    sum2 = fold(sum2 + sum1);
  }
  return fold(sum2) << 16 | fold(sum1);
}

static status count_foreground(const uint8_t *mask, size_t count,
                               uint32_t *out) {
  uint32_t foreground = 0;
  for (size_t i = 0; i < count; i++) {
    if (mask[i] != 0 && mask[i] != 255)
      return status_error(STATUS_FORMAT,
                          "a mask holds the value %d: expected 0 and 255 only",
                          mask[i]);
    foreground += mask[i] == 255;
  }
  *out = foreground;
  return STATUS_OK;
}

status data_chunk_make(const uint8_t *pixels, int size, int channels,
                       int compression, data_chunk *out) {
  *out = (data_chunk){0};
  INVARIANT(size > 0 && (channels == 1 || channels == 3),
            "size %d, %d channels", size, channels);
  size_t count = (size_t)size * (size_t)size * (size_t)channels;
  if (channels == 1) TRY(count_foreground(pixels, count, &out->foreground));
  size_t length = deflate_bound(count);
  TRY(MEMORY_NEW(length + 4, "a compressed image", &out->bytes));
  status compressed =
      deflate_bytes(compression, pixels, count, out->bytes, &length);
  if (compressed != STATUS_OK) {
    data_chunk_free(out);
    return compressed;
  }
  uint32_t sum = fletcher32(out->bytes, length);
  for (int i = 0; i < 4; i++)
    out->bytes[length + (size_t)i] = (uint8_t)(sum >> (8 * i));
  out->length = length + 4;
  out->crc = crc32_add(0, pixels, count);
  return STATUS_OK;
}

void data_chunk_free(data_chunk *chunk) {
  memory_free(chunk->bytes);
  *chunk = (data_chunk){0};
}

/* ---- the writer ---- */

struct data_set_writer {
  char path[PATH_MAX], temporary[PATH_MAX];
  data_set_attributes attributes;
  char protocol[256], source[256], listing[65];
  hdf5_file file;
  bool made; /* the temporary file is there */
  hid_t datasets[SET_KINDS];
  size_t added[SET_KINDS], split_count[DATA_SPLITS];
  set_index index;
};

static status create_dataset(data_set_writer *writer, set_kind kind) {
  hsize_t side = (hsize_t)writer->attributes.size;
  hsize_t dims[4] = {writer->index.counts[kind], side, side, 3};
  hsize_t chunk[4] = {1, side, side, 3};
  int rank = set_channels(kind) == 3 ? 4 : 3;
  hid_t creation = hdf5_creation(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, rank, chunk);
  H5Pset_deflate(creation, (unsigned)writer->attributes.compression);
  H5Pset_fletcher32(creation);
  H5Pset_fill_time(creation, H5D_FILL_TIME_NEVER);
  hid_t space = H5Screate_simple(rank, dims, NULL);
  writer->datasets[kind] =
      H5Dcreate2(writer->file.id, set_dataset_names[kind], H5T_STD_U8LE, space,
                 H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Sclose(space);
  H5Pclose(creation);
  if (writer->datasets[kind] >= 0) return STATUS_OK;
  return hdf5_failure(STATUS_IO, "%s: cannot create %s: %s", writer->path,
                      set_dataset_names[kind], hdf5_reason());
}

/* Under the lock. */
static status create_objects(data_set_writer *writer) {
  hid_t creation = hdf5_creation(H5P_GROUP_CREATE);
  hid_t group =
      H5Gcreate2(writer->file.id, "/index", H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Pclose(creation);
  if (group < 0 || H5Gclose(group) < 0)
    return hdf5_failure(STATUS_IO, "%s: cannot write: %s", writer->path,
                        hdf5_reason());
  for (int kind = 0; kind < SET_KINDS; kind++)
    TRY(create_dataset(writer, kind));
  return STATUS_OK;
}

static status create_file(data_set_writer *writer) {
  writer->made = true; /* even where it has no room to grow */
  TRY(hdf5_file_create(&writer->file, writer->temporary, writer->path));
  hdf5_lock();
  status result = hdf5_file_result(&writer->file, create_objects(writer));
  hdf5_unlock();
  return result;
}

static status take_attributes(data_set_writer *writer, const char *path,
                              const data_set_attributes *attributes) {
  INVARIANT(attributes->size > 0 && attributes->reals > 0 &&
                attributes->masks > 0 && attributes->count > 0,
            "nothing to write");
  INVARIANT(attributes->count < UINT32_MAX, "%zu samples", attributes->count);
  writer->attributes = *attributes;
  snprintf(writer->protocol, sizeof writer->protocol, "%s",
           attributes->protocol);
  snprintf(writer->source, sizeof writer->source, "%s", attributes->source);
  snprintf(writer->listing, sizeof writer->listing, "%s",
           attributes->listing != NULL ? attributes->listing : "");
  char *target;
  TRY(publish_target(path, &target));
  int length =
      snprintf(writer->temporary, sizeof writer->temporary, "%s.tmp", target);
  memory_free(target);
  if (length < 0 || length >= (int)sizeof writer->temporary)
    return status_error(STATUS_IO, "%.60s...: the path is too long", path);
  memcpy(writer->path, writer->temporary, (size_t)length - 4);
  size_t counts[SET_KINDS] = {attributes->reals, attributes->masks,
                              attributes->count};
  return set_index_allocate(&writer->index, attributes->size, counts,
                            SET_NAME_MAX + 1);
}

status data_set_writer_open(const char *path,
                            const data_set_attributes *attributes,
                            data_set_writer **out) {
  TRY(MEMORY_NEW(1, "data set writer", out));
  data_set_writer *writer = *out;
  writer->file = HDF5_FILE_CLOSED;
  for (int kind = 0; kind < SET_KINDS; kind++) writer->datasets[kind] = -1;
  status result = take_attributes(writer, path, attributes);
  if (result == STATUS_OK) result = create_file(writer);
  if (result != STATUS_OK) data_set_writer_abort(out);
  return result;
}

static status add_chunk(data_set_writer *writer, set_kind kind,
                        const data_chunk *chunk) {
  size_t row = writer->added[kind];
  INVARIANT(row < writer->index.counts[kind], "more of %s than was said",
            set_dataset_names[kind]);
  hsize_t offset[4] = {row, 0, 0, 0};
  status result = STATUS_OK;
  hdf5_lock();
  if (H5Dwrite_chunk(writer->datasets[kind], H5P_DEFAULT, 0, offset,
                     chunk->length, chunk->bytes) < 0)
    result = hdf5_failure(STATUS_IO, "%s: cannot write: %s", writer->path,
                          hdf5_reason());
  result = hdf5_file_result(&writer->file, result);
  hdf5_unlock();
  writer->index.crc[kind][row] = chunk->crc;
  writer->added[kind]++;
  return result;
}

status data_set_writer_add_real(data_set_writer *writer,
                                const data_chunk *chunk, size_t *index) {
  if (index != NULL) *index = writer->added[SET_REAL];
  return add_chunk(writer, SET_REAL, chunk);
}

status data_set_writer_add_mask(data_set_writer *writer,
                                const data_chunk *chunk, size_t *index) {
  size_t row = writer->added[SET_MASK];
  if (index != NULL) *index = row;
  TRY(add_chunk(writer, SET_MASK, chunk));
  writer->index.foreground[row] = chunk->foreground;
  return STATUS_OK;
}

status data_set_writer_add_composite(data_set_writer *writer, const char *name,
                                     data_split split, size_t real, size_t mask,
                                     const data_chunk *chunk) {
  size_t row = writer->added[SET_COMPOSITE], length = strlen(name);
  INVARIANT(length > 0 && length <= SET_NAME_MAX, "name '%s'", name);
  INVARIANT(real < writer->attributes.reals && mask < writer->attributes.masks,
            "%s: real %zu, mask %zu", name, real, mask);
  for (int later = (int)split + 1; later < DATA_SPLITS; later++)
    INVARIANT(writer->split_count[later] == 0, "%s: %s after %s", name,
              data_split_name(split), data_split_name((data_split)later));
  TRY(add_chunk(writer, SET_COMPOSITE, chunk));
  set_index *index = &writer->index;
  memcpy(index->names + row * index->name_room, name, length);
  index->split[row] = (uint8_t)split;
  index->real[row] = (uint32_t)real;
  index->mask[row] = (uint32_t)mask;
  writer->split_count[split]++;
  return STATUS_OK;
}

status data_set_writer_categorise(data_set_writer *writer,
                                  const uint32_t *categories) {
  size_t reals = writer->index.counts[SET_REAL];
  TRY(MEMORY_NEW(reals, "categories", &writer->index.category));
  memcpy(writer->index.category, categories, reals * sizeof *categories);
  return STATUS_OK;
}

/* ---- the end ---- */

static status write_index(data_set_writer *writer) {
  const set_index *index = &writer->index;
  const size_t *counts = index->counts;
  const size_t count = counts[SET_COMPOSITE];
  const hdf5_file *file = &writer->file;
  const hid_t number = H5T_NATIVE_UINT32;
  hid_t text = set_hdf5_text_type(index->name_room);
  status result =
      set_hdf5_write_array(file, "/index/name", text, count, index->names);
  H5Tclose(text);
  TRY(result);
  TRY(set_hdf5_write_array(file, "/index/split", H5T_NATIVE_UINT8, count,
                           index->split));
  TRY(set_hdf5_write_array(file, "/index/real", number, count, index->real));
  TRY(set_hdf5_write_array(file, "/index/mask", number, count, index->mask));
  TRY(set_hdf5_write_array(file, "/index/foreground", number, counts[SET_MASK],
                           index->foreground));
  for (int kind = 0; kind < SET_KINDS; kind++)
    TRY(set_hdf5_write_array(file, set_crc_names[kind], number, counts[kind],
                             index->crc[kind]));
  if (index->category == NULL) return STATUS_OK;
  return set_hdf5_write_array(file, "/index/category", number, counts[SET_REAL],
                              index->category);
}

static status write_attributes(data_set_writer *writer) {
  const data_set_attributes *attributes = &writer->attributes;
  char identity[65];
  set_identity(&writer->index, writer->protocol, identity);
  const struct {
    const char *name;
    uint64_t value;
  } numbers[] = {
      {"version", SET_VERSION},
      {"size", (uint64_t)attributes->size},
      {"count", attributes->count},
      {"train_count", writer->split_count[DATA_TRAIN]},
      {"test_count", writer->split_count[DATA_TEST]},
      {"reals", attributes->reals},
      {"masks", attributes->masks},
      {"compression", (uint64_t)attributes->compression},
      {"skipped", attributes->skipped},
  };
  TRY(set_hdf5_write_text(&writer->file, "format", SET_FORMAT));
  TRY(set_hdf5_write_text(&writer->file, "protocol", writer->protocol));
  TRY(set_hdf5_write_text(&writer->file, "source", writer->source));
  TRY(set_hdf5_write_text(&writer->file, "listing", writer->listing));
  TRY(set_hdf5_write_text(&writer->file, "identity", identity));
  for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
    TRY(set_hdf5_write_number(&writer->file, numbers[i].name,
                              numbers[i].value));
  /* none: the bytes of files made before there was validation */
  if (writer->split_count[DATA_VALIDATION] > 0)
    TRY(set_hdf5_write_number(&writer->file, "validation_count",
                              writer->split_count[DATA_VALIDATION]));
  return set_hdf5_write_number(&writer->file, "complete", 1);
}

static void close_datasets(data_set_writer *writer) {
  for (int kind = 0; kind < SET_KINDS; kind++) {
    if (writer->datasets[kind] >= 0) H5Dclose(writer->datasets[kind]);
    writer->datasets[kind] = -1;
  }
}

static status finish_file(data_set_writer *writer) {
  hdf5_lock();
  status result = write_index(writer);
  if (result == STATUS_OK) result = write_attributes(writer);
  result = hdf5_file_result(&writer->file, result);
  close_datasets(writer);
  hdf5_unlock();
  TRY(result);
  TRY(hdf5_file_close(&writer->file));
  TRY(publish_file(writer->temporary, writer->path));
  writer->made = false;
  return STATUS_OK;
}

status data_set_writer_commit(data_set_writer **slot) {
  data_set_writer *writer = *slot;
  for (int kind = 0; kind < SET_KINDS; kind++)
    INVARIANT(writer->added[kind] == writer->index.counts[kind],
              "%s: %zu of %zu added", set_dataset_names[kind],
              writer->added[kind], writer->index.counts[kind]);
  status result = finish_file(writer);
  data_set_writer_abort(slot);
  return result;
}

void data_set_writer_abort(data_set_writer **slot) {
  data_set_writer *writer = *slot;
  if (writer == NULL) return;
  hdf5_lock();
  close_datasets(writer);
  hdf5_unlock();
  hdf5_file_abandon(&writer->file);
  if (writer->made) unlink(writer->temporary);
  set_index_free(&writer->index);
  memory_free(writer);
  *slot = NULL;
}
