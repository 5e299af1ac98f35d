/* The index of a packed data set, and its fingerprint. */
#include "data/set/set_format.h"

#include "base/memory.h"
#include "base/sha256.h"

const char *const set_dataset_names[SET_KINDS] = {"/reals", "/masks",
                                                  "/composites"};
const char *const set_crc_names[SET_KINDS] = {
    "/index/real_crc32", "/index/mask_crc32", "/index/composite_crc32"};

int set_channels(set_kind kind) { return kind == SET_MASK ? 1 : 3; }

status set_index_allocate(set_index *index, int size,
                          const size_t counts[SET_KINDS], size_t name_room) {
  const char *what = "index of a data set";
  *index = (set_index){.size = size, .name_room = name_room};
  for (int kind = 0; kind < SET_KINDS; kind++) {
    index->counts[kind] = counts[kind];
    TRY(MEMORY_NEW(counts[kind], what, &index->crc[kind]));
  }
  size_t count = counts[SET_COMPOSITE];
  TRY(MEMORY_NEW(counts[SET_MASK], what, &index->foreground));
  TRY(MEMORY_NEW(count, what, &index->real));
  TRY(MEMORY_NEW(count, what, &index->mask));
  TRY(MEMORY_NEW(count, what, &index->split));
  index->names = memory_new(count, name_room, what);
  return index->names != NULL ? STATUS_OK : STATUS_MEMORY;
}

void set_index_free(set_index *index) {
  for (int kind = 0; kind < SET_KINDS; kind++) memory_free(index->crc[kind]);
  memory_free(index->foreground);
  memory_free(index->real);
  memory_free(index->mask);
  memory_free(index->category);
  memory_free(index->split);
  memory_free(index->names);
  *index = (set_index){0};
}

void set_identity(const set_index *index, const char *protocol, char hex[65]) {
  sha256 hash;
  sha256_begin(&hash);
  sha256_add_text(&hash, SET_FORMAT);
  sha256_add_number(&hash, SET_VERSION);
  sha256_add_text(&hash, protocol);
  sha256_add_number(&hash, (uint64_t)index->size);
  for (int kind = 0; kind < SET_KINDS; kind++) {
    sha256_add_number(&hash, index->counts[kind]);
    for (size_t i = 0; i < index->counts[kind]; i++)
      sha256_add_number(&hash, index->crc[kind][i]);
  }
  for (size_t i = 0; i < index->counts[SET_MASK]; i++)
    sha256_add_number(&hash, index->foreground[i]);
  for (size_t i = 0; i < index->counts[SET_COMPOSITE]; i++) {
    sha256_add_text(&hash, index->names + i * index->name_room);
    sha256_add_number(&hash, index->split[i]);
    sha256_add_number(&hash, index->real[i]);
    sha256_add_number(&hash, index->mask[i]);
  }
  sha256_end(&hash, hex);
}
