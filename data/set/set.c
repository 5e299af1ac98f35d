/* Reading a packed data set (format: set_format.h), or files that are not
 * packed as one. */
#include <stdio.h>
#include <string.h>

#include "base/crc32.h"
#include "base/folders.h"
#include "base/memory.h"
#include "data/set/pack_load.h"
#include "data/set/set_hdf5.h"
#include "data/set/set_format.h"

struct data_set {
  char *path;
  hdf5_file file;
  hid_t datasets[SET_KINDS], rows[SET_KINDS], image[SET_KINDS];
  data_set_info info;
  set_origin origin;
  set_index index;
  data_folder folder; /* of files */
};

/* ---- the file ---- */

/* Names alone take SET_NAME_MAX + 1 bytes a sample, and deflate makes pixels
 * smaller by 1032 at most: a count or size that the file's length contradicts
 * must not make us allocate for it. */
static status check_length(const data_set *set) {
  uint64_t side = (uint64_t)set->info.size;
  if (set->file.size / (SET_NAME_MAX + 1 + 3 * side * side / 1100) >=
      set->info.count)
    return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: attributes count %zu and size %d: too many for a "
                      "file of %llu bytes",
                      set->path, set->info.count, set->info.size,
                      (unsigned long long)set->file.size);
}

static status check_kind(const data_set *set) {
  char format[64] = "";
  uint64_t version = 0, complete = 0;
  if (set_hdf5_read_text(&set->file, "format", format, sizeof format) !=
          STATUS_OK ||
      strcmp(format, SET_FORMAT) != 0)
    return status_error(STATUS_FORMAT,
                        "%s: an HDF5 file, but not a data set: its attribute "
                        "format should be '%s'",
                        set->path, SET_FORMAT);
  TRY(set_hdf5_read_number(&set->file, "version", &version));
  if (version != SET_VERSION)
    return status_error(STATUS_FORMAT,
                        "%s: data set version %llu; this program reads version "
                        "%d",
                        set->path, (unsigned long long)version, SET_VERSION);
  status result = set_hdf5_read_number(&set->file, "complete", &complete);
  if (result == STATUS_OK && complete == 1) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: an unfinished data set (attribute complete is not "
                      "1); run harmonia pack again",
                      set->path);
}

/* A number attribute within [low, high]. */
static status read_number(const data_set *set, const char *name, uint64_t low,
                          uint64_t high, uint64_t *out) {
  TRY(set_hdf5_read_number(&set->file, name, out));
  if (*out >= low && *out <= high) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: attribute %s is %llu: expected %llu to %llu",
                      set->path, name, (unsigned long long)*out,
                      (unsigned long long)low, (unsigned long long)high);
}

/* Sets that were written before there was validation say nothing of it. */
static status read_splits(data_set *set, uint64_t count) {
  data_set_info *info = &set->info;
  uint64_t train, validation = 0;
  TRY(read_number(set, "train_count", 0, count, &train));
  if (H5Aexists(set->file.id, "validation_count") > 0)
    TRY(read_number(set, "validation_count", 0, count - train, &validation));
  uint64_t rest = count - train - validation, test;
  TRY(read_number(set, "test_count", rest, rest, &test));
  info->split_count[DATA_TRAIN] = train;
  info->split_count[DATA_TEST] = test;
  info->split_count[DATA_VALIDATION] = validation;
  for (int s = 1; s < DATA_SPLITS; s++)
    info->split_begin[s] = info->split_begin[s - 1] + info->split_count[s - 1];
  return STATUS_OK;
}

static status read_attributes(data_set *set) {
  data_set_info *info = &set->info;
  set_origin *origin = &set->origin;
  const uint64_t most = UINT32_MAX - 1;
  uint64_t size, count, reals, masks, compression, skipped;
  TRY(read_number(set, "size", 1, 16384, &size));
  TRY(read_number(set, "count", 1, most, &count));
  TRY(read_splits(set, count));
  TRY(read_number(set, "reals", 1, count, &reals));
  TRY(read_number(set, "masks", 1, count, &masks));
  TRY(read_number(set, "compression", 0, 9, &compression));
  TRY(read_number(set, "skipped", 0, most, &skipped));
  info->size = (int)size;
  info->count = count;
  info->reals = reals;
  info->masks = masks;
  origin->compression = (int)compression;
  origin->skipped = skipped;
  const hdf5_file *file = &set->file;
  TRY(set_hdf5_read_text(file, "protocol", info->protocol,
                         sizeof info->protocol));
  TRY(set_hdf5_read_text(file, "identity", info->identity,
                         sizeof info->identity));
  TRY(set_hdf5_read_text(file, "source", origin->source,
                         sizeof origin->source));
  return set_hdf5_read_text(file, "listing", origin->listing,
                            sizeof origin->listing);
}

/* ---- the images ---- */

static bool has_shape(const data_set *set, set_kind kind, hid_t dataset,
                      hid_t space) {
  hsize_t dims[4] = {0}, most[4] = {0}, side = (hsize_t)set->info.size;
  const hsize_t image[4] = {1, side, side, 3};
  int rank = set_channels(kind) == 3 ? 4 : 3;
  hid_t type = H5Dget_type(dataset);
  bool bytes = H5Tget_class(type) == H5T_INTEGER && H5Tget_size(type) == 1;
  H5Tclose(type);
  return bytes && H5Sget_simple_extent_ndims(space) == rank &&
         H5Sget_simple_extent_dims(space, dims, most) == rank &&
         dims[0] == set->index.counts[kind] && dims[1] == side &&
         dims[2] == side && (rank == 3 || dims[3] == 3) &&
         memcmp(dims, most, sizeof dims) == 0 &&
         set_hdf5_is_chunked(dataset, rank, image);
}

static status open_images(data_set *set, set_kind kind) {
  const char *name = set_dataset_names[kind];
  hid_t access = H5Pcreate(H5P_DATASET_ACCESS);
  /* Chunks are read once: a cache would only cost memory. */
  H5Pset_chunk_cache(access, 1, 0, 1.0);
  set->datasets[kind] = H5Dopen2(set->file.id, name, access);
  H5Pclose(access);
  if (set->datasets[kind] < 0)
    return status_error(STATUS_FORMAT, "%s: dataset %s is missing", set->path,
                        name);
  set->rows[kind] = H5Dget_space(set->datasets[kind]);
  if (!has_shape(set, kind, set->datasets[kind], set->rows[kind]))
    return status_error(
        STATUS_FORMAT,
        "%s: dataset %s is not of bytes [%zu,%d,%d%s], an image a chunk",
        set->path, name, set->index.counts[kind], set->info.size,
        set->info.size, set_channels(kind) == 3 ? ",3" : "");
  hsize_t side = (hsize_t)set->info.size, dims[4] = {1, side, side, 3};
  set->image[kind] =
      H5Screate_simple(set_channels(kind) == 3 ? 4 : 3, dims, NULL);
  return STATUS_OK;
}

/* ---- the index ---- */

/* Only some sets have them. */
static status read_categories(data_set *set) {
  const char *name = "/index/category";
  size_t reals = set->info.reals;
  if (H5Lexists(set->file.id, name, H5P_DEFAULT) <= 0) return STATUS_OK;
  uint32_t **category = &set->index.category;
  TRY(MEMORY_NEW(reals, "categories", category));
  TRY(set_hdf5_read_array(&set->file, name, H5T_NATIVE_UINT32, reals,
                          *category));
  for (size_t i = 0; i < reals; i++)
    if ((*category)[i] >= reals && (*category)[i] != UINT32_MAX)
      return status_error(STATUS_FORMAT,
                          "%s: real image %zu: category %u is out of range: "
                          "there are %zu images",
                          set->path, i, (*category)[i], reals);
  return STATUS_OK;
}

static status read_index(data_set *set) {
  set_index *index = &set->index;
  const size_t count = index->counts[SET_COMPOSITE];
  const hdf5_file *file = &set->file;
  const hid_t number = H5T_NATIVE_UINT32;
  hid_t text = set_hdf5_text_type(index->name_room);
  status result =
      set_hdf5_read_array(file, "/index/name", text, count, index->names);
  H5Tclose(text);
  TRY(result);
  TRY(set_hdf5_read_array(file, "/index/split", H5T_NATIVE_UINT8, count,
                          index->split));
  TRY(set_hdf5_read_array(file, "/index/real", number, count, index->real));
  TRY(set_hdf5_read_array(file, "/index/mask", number, count, index->mask));
  TRY(set_hdf5_read_array(file, "/index/foreground", number,
                          index->counts[SET_MASK], index->foreground));
  for (int kind = 0; kind < SET_KINDS; kind++)
    TRY(set_hdf5_read_array(file, set_crc_names[kind], number,
                            index->counts[kind], index->crc[kind]));
  return read_categories(set);
}

static status check_sample(const data_set *set, size_t i) {
  const set_index *index = &set->index;
  const data_set_info *info = &set->info;
  int split = DATA_SPLITS - 1;
  while (split > 0 && i < info->split_begin[split]) split--;
  if (index->names[(i + 1) * index->name_room - 1] != '\0' ||
      index->names[i * index->name_room] == '\0')
    return status_error(STATUS_FORMAT, "%s: sample %zu has no proper name",
                        set->path, i);
  if (index->split[i] != split)
    return status_error(STATUS_FORMAT,
                        "%s: sample %zu: split %d: expected %d (%s)", set->path,
                        i, index->split[i], split, data_split_name(split));
  if (index->real[i] >= info->reals)
    return status_error(STATUS_FORMAT,
                        "%s: sample %zu: real image %u is out of range: there "
                        "are %zu",
                        set->path, i, index->real[i], info->reals);
  if (index->mask[i] >= info->masks)
    return status_error(STATUS_FORMAT,
                        "%s: sample %zu: mask %u is out of range: there are "
                        "%zu",
                        set->path, i, index->mask[i], info->masks);
  return STATUS_OK;
}

static status check_index(const data_set *set) {
  for (size_t i = 0; i < set->info.count; i++) TRY(check_sample(set, i));
  char identity[65];
  set_identity(&set->index, set->info.protocol, identity);
  if (strcmp(identity, set->info.identity) == 0) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: the index is damaged: its fingerprint is %.16s..., "
                      "the attribute identity says %.16s...",
                      set->path, identity, set->info.identity);
}

/* ---- the interface ---- */

/* Under the lock. */
static status read_all(data_set *set) {
  TRY(check_kind(set));
  TRY(read_attributes(set));
  TRY(check_length(set));
  size_t counts[SET_KINDS] = {set->info.reals, set->info.masks,
                              set->info.count};
  memcpy(set->index.counts, counts, sizeof counts);
  for (int kind = 0; kind < SET_KINDS; kind++) TRY(open_images(set, kind));
  TRY(set_index_allocate(&set->index, set->info.size, counts,
                         SET_NAME_MAX + 1));
  TRY(read_index(set));
  return check_index(set);
}

static status open_all(data_set *set, const char *path) {
  TRY(memory_copy_text(path, &set->path));
  TRY(hdf5_file_open(&set->file, set->path,
                     "a data set that harmonia pack or synth wrote"));
  hdf5_lock();
  status result = hdf5_file_result(&set->file, read_all(set));
  hdf5_unlock();
  return result;
}

static status open_files(data_set *set, const char *path) {
  data_set_info *info = &set->info;
  TRY(data_folder_open(path, &set->folder));
  info->count = set->folder.count;
  memcpy(info->split_count, set->folder.split_count, sizeof info->split_count);
  for (int s = 1; s < DATA_SPLITS; s++)
    info->split_begin[s] = info->split_begin[s - 1] + info->split_count[s - 1];
  snprintf(info->protocol, sizeof info->protocol, "files as they are");
  return STATUS_OK;
}

static status open_by(status (*open)(data_set *, const char *),
                      const char *path, data_set **out) {
  TRY(MEMORY_NEW(1, "data set", out));
  data_set *set = *out;
  set->file = HDF5_FILE_CLOSED;
  for (int kind = 0; kind < SET_KINDS; kind++)
    set->datasets[kind] = set->rows[kind] = set->image[kind] = -1;
  status result = open(set, path);
  if (result != STATUS_OK) data_set_close(out);
  return result;
}

status data_set_open(const char *path, data_set **out) {
  return open_by(open_all, path, out);
}

status data_set_open_files(const char *path, data_set **out) {
  return open_by(open_files, path, out);
}

void data_set_close(data_set **slot) {
  data_set *set = *slot;
  if (set == NULL) return;
  hdf5_lock();
  for (int kind = 0; kind < SET_KINDS; kind++) {
    if (set->image[kind] >= 0) H5Sclose(set->image[kind]);
    if (set->rows[kind] >= 0) H5Sclose(set->rows[kind]);
    if (set->datasets[kind] >= 0) H5Dclose(set->datasets[kind]);
  }
  hdf5_unlock();
  hdf5_file_close(&set->file);
  set_index_free(&set->index);
  data_folder_close(&set->folder);
  memory_free(set->path);
  memory_free(set);
  *slot = NULL;
}

const data_set_info *data_set_describe(const data_set *set) {
  return &set->info;
}

const set_origin *set_describe_origin(const data_set *set) {
  return &set->origin;
}

uint32_t data_set_categories(const data_set *set, size_t count, uint32_t *out) {
  const set_index *index = &set->index;
  if (index->category == NULL) return 0;
  uint32_t unknown = (uint32_t)set->info.reals;
  for (size_t i = 0; i < count; i++) {
    uint32_t category = index->category[index->real[i]];
    out[i] = category != UINT32_MAX ? category : unknown;
  }
  return unknown + 1;
}

const char *data_set_name(const data_set *set, size_t index) {
  INVARIANT(index < set->info.count, "sample %zu of %zu", index,
            set->info.count);
  if (set->info.size > 0)
    return set->index.names + index * set->index.name_room;
  return file_name_of(set->folder.entries[index].composite);
}

/* One image; `sample` is only for the message. Fletcher32 is checked by HDF5,
 * the CRC here: it also covers what the index says. */
static status read_image(data_set *set, set_kind kind, size_t row,
                         size_t sample, uint8_t *out) {
  static const char *const what[SET_KINDS] = {"real image", "mask",
                                              "composite"};
  if (out == NULL) return STATUS_OK;
  int channels = set_channels(kind);
  size_t side = (size_t)set->info.size, bytes = side * side * (size_t)channels;
  hsize_t start[4] = {row, 0, 0, 0}, extent[4] = {1, side, side, 3};
  status result = STATUS_OK;
  hdf5_lock();
  H5Sselect_hyperslab(set->rows[kind], H5S_SELECT_SET, start, NULL, extent,
                      NULL);
  if (H5Dread(set->datasets[kind], H5T_NATIVE_UINT8, set->image[kind],
              set->rows[kind], H5P_DEFAULT, out) < 0)
    result = hdf5_failure(
        STATUS_FORMAT, "%s: sample %zu (%s): its %s is damaged: %s", set->path,
        sample, data_set_name(set, sample), what[kind], hdf5_reason());
  result = hdf5_file_result(&set->file, result);
  hdf5_unlock();
  TRY(result);
  if (crc32_add(0, out, bytes) == set->index.crc[kind][row]) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: sample %zu (%s): its %s is damaged: its CRC-32 is "
                      "not the index's",
                      set->path, sample, data_set_name(set, sample),
                      what[kind]);
}

status data_set_read(data_set *set, size_t index, uint8_t *composite,
                     uint8_t *mask, uint8_t *real) {
  INVARIANT(index < set->info.count && set->info.size > 0,
            "sample %zu of %zu, %d pixels", index, set->info.count,
            set->info.size);
  TRY(read_image(set, SET_COMPOSITE, index, index, composite));
  TRY(read_image(set, SET_MASK, set->index.mask[index], index, mask));
  return read_image(set, SET_REAL, set->index.real[index], index, real);
}

/* ---- files, and images of either ---- */

static status read_files(const data_set *set, size_t index,
                         data_image *composite, data_image *mask,
                         data_image *real) {
  static const data_pack_options as_they_are = {.binarize = DATA_THRESHOLD};
  pack_job job = {.options = &as_they_are, .folder = set->folder.path};
  const data_entry *entry = &set->folder.entries[index];
  pack_original original;
  TRY(pack_load_real(&job, entry, &original, real));
  TRY(pack_load_composite(&job, entry, &original, composite));
  return pack_load_mask(&job, entry, &original, mask);
}

static status read_packed(data_set *set, size_t index, data_image *composite,
                          data_image *mask, data_image *real) {
  int side = set->info.size;
  TRY(data_image_create(side, side, 3, composite));
  TRY(data_image_create(side, side, 1, mask));
  TRY(data_image_create(side, side, 3, real));
  return data_set_read(set, index, composite->pixels, mask->pixels,
                       real->pixels);
}

status data_set_read_images(data_set *set, size_t index, data_image *composite,
                            data_image *mask, data_image *real) {
  *composite = *mask = *real = (data_image){0};
  status result = set->info.size > 0
                      ? read_packed(set, index, composite, mask, real)
                      : read_files(set, index, composite, mask, real);
  if (result == STATUS_OK) return STATUS_OK;
  data_image_free(composite);
  data_image_free(mask);
  data_image_free(real);
  return result;
}
