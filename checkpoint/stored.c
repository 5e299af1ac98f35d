/* Whether an array lies in the file as its header says. HDF5 believes the
 * header: where that is damaged it reads, and writes, behind its buffers, so
 * what no good file has is refused before HDF5 reads any values. */
#include <zlib.h>

#include "base/memory.h"
#include "checkpoint/internal.h"

/* Deflate makes nothing smaller than by 1032. */
enum { COMPRESSION_MAX = 1100, FILTERS_MAX = 3, FLETCHER32_BYTES = 4 };

typedef struct stored {
  hid_t set, creation;
  uint64_t file_size;
  int rank;
  hsize_t shape[CKPT_MAX_RANK], most[CKPT_MAX_RANK], chunk[CKPT_MAX_RANK];
  uint64_t element, bytes; /* of one, of all: the stored type's */
  int filter_count;        /* in the order of writing, deflate once at most */
  H5Z_filter_t filters[FILTERS_MAX];
  bool deflate, fletcher32;
} stored;

/* ---- of one piece ---- */

static bool is_contiguous_whole(const stored *s) {
  if (H5Pget_external_count(s->creation) != 0) return false;
  haddr_t at = H5Dget_offset(s->set);
  if (at == HADDR_UNDEF) return true; /* never written: the fill value */
  return s->bytes <= s->file_size && at <= s->file_size - s->bytes &&
         H5Dget_storage_size(s->set) >= s->bytes;
}

/* ---- in chunks ---- */

/* Only what this library writes, and what other tools mostly do. */
static bool read_filters(stored *s) {
  s->filter_count = H5Pget_nfilters(s->creation);
  if (s->filter_count < 0 || s->filter_count > FILTERS_MAX) return false;
  for (int i = 0; i < s->filter_count; i++) {
    unsigned flags, config;
    size_t values = 0;
    s->filters[i] = H5Pget_filter2(s->creation, (unsigned)i, &flags, &values,
                                   NULL, 0, NULL, &config);
    switch (s->filters[i]) {
    case H5Z_FILTER_SHUFFLE: break;
    case H5Z_FILTER_DEFLATE:
      if (s->deflate) return false;
      s->deflate = true;
      break;
    case H5Z_FILTER_FLETCHER32: s->fletcher32 = true; break;
    default: return false;
    }
  }
  return true;
}

/* A chunk's bytes without filters; 0 where that cannot be. */
static uint64_t chunk_bytes(const stored *s) {
  uint64_t bytes = s->element;
  for (int i = 0; i < s->rank; i++)
    if (s->chunk[i] == 0 || s->chunk[i] > s->most[i] ||
        __builtin_mul_overflow(bytes, s->chunk[i], &bytes))
      return 0;
  return bytes;
}

/* The next chunk's place, as a counter's next number; false after the last. */
static bool go_on(const stored *s, hsize_t *at) {
  for (int i = s->rank - 1; i >= 0; i--) {
    at[i] += s->chunk[i];
    if (at[i] < s->shape[i]) return true;
    at[i] = 0;
  }
  return false;
}

/* What the filters leave of a chunk of `size` bytes, in room for `room` behind
 * them: HDF5 takes what it got for a whole one. */
static bool is_whole_decoded(const stored *s, const hsize_t *at, uint8_t *bytes,
                             size_t size, size_t room, size_t wanted) {
  uint32_t skipped;
  if (H5Dread_chunk(s->set, H5P_DEFAULT, at, &skipped, bytes) < 0) return false;
  for (int i = s->filter_count - 1; i >= 0; i--) {
    if (skipped >> i & 1) continue;
    if (s->filters[i] == H5Z_FILTER_FLETCHER32) {
      if (size < FLETCHER32_BYTES) return false;
      size -= FLETCHER32_BYTES;
    } else if (s->filters[i] == H5Z_FILTER_DEFLATE) {
      uLongf length = room;
      if (uncompress(bytes + size, &length, bytes, size) != Z_OK) return false;
      size = length;
    }
  }
  return size >= wanted;
}

static bool is_whole_compressed(const stored *s, const hsize_t *at, size_t size,
                                size_t wanted) {
  size_t room = wanted + FILTERS_MAX * FLETCHER32_BYTES;
  uint8_t *bytes = memory_new(1, size + room, "a compressed chunk");
  bool good =
      bytes != NULL && is_whole_decoded(s, at, bytes, size, room, wanted);
  memory_free(bytes);
  return good;
}

/* One that is not there holds the fill value. */
static bool has_whole_chunks(const stored *s, uint64_t bytes) {
  hsize_t at[CKPT_MAX_RANK] = {0}, size;
  uint64_t plain = bytes + (s->fletcher32 ? FLETCHER32_BYTES : 0);
  do {
    if (H5Dget_chunk_storage_size(s->set, at, &size) < 0 || size > s->file_size)
      return false;
    if (size > 0 &&
        !(s->deflate ? is_whole_compressed(s, at, size, bytes) : size >= plain))
      return false;
  } while (go_on(s, at));
  return true;
}

static bool is_chunked_whole(stored *s) {
  if (H5Pget_chunk(s->creation, CKPT_MAX_RANK, s->chunk) != s->rank ||
      !read_filters(s))
    return false;
  uint64_t bytes = chunk_bytes(s);
  if (H5Dget_storage_size(s->set) == 0) return bytes > 0;
  return bytes > 0 && bytes / COMPRESSION_MAX <= s->file_size &&
         has_whole_chunks(s, bytes);
}

/* ---- any ---- */

static bool read_space(stored *s) {
  hid_t space = H5Dget_space(s->set), type = H5Dget_type(s->set);
  s->rank = H5Sget_simple_extent_ndims(space);
  s->element = H5Tget_size(type);
  bool good = s->rank >= 0 && s->rank <= CKPT_MAX_RANK && s->element > 0 &&
              H5Sget_simple_extent_dims(space, s->shape, s->most) == s->rank;
  H5Tclose(type);
  H5Sclose(space);
  s->bytes = s->element;
  for (int i = 0; i < s->rank && good; i++)
    good = !__builtin_mul_overflow(s->bytes, s->shape[i], &s->bytes);
  return good;
}

bool ckpt_is_stored(hid_t set, uint64_t file_size) {
  stored s = {.set = set, .file_size = file_size};
  if (!read_space(&s)) return false;
  if (s.bytes == 0) return true;
  s.creation = H5Dget_create_plist(set);
  bool good = false;
  switch (s.creation < 0 ? H5D_LAYOUT_ERROR : H5Pget_layout(s.creation)) {
  case H5D_COMPACT: good = H5Dget_storage_size(set) >= s.bytes; break;
  case H5D_CONTIGUOUS: good = is_contiguous_whole(&s); break;
  case H5D_CHUNKED: good = is_chunked_whole(&s); break;
  default: break; /* a virtual one is pieced together of other files */
  }
  if (s.creation >= 0) H5Pclose(s.creation);
  return good;
}
