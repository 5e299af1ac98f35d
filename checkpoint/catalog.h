/* What a file holds: its texts and the names, shapes and checksums of its
 * arrays, read once at opening. */
#ifndef HARMONIA_CHECKPOINT_CATALOG_H
#define HARMONIA_CHECKPOINT_CATALOG_H

#include "checkpoint/internal.h"

typedef struct ckpt_text {
  char *key, *text;
} ckpt_text;

typedef struct ckpt_entry {
  ckpt_array array;
  bool has_crc;
  uint32_t crc;
} ckpt_entry;

typedef struct ckpt_catalog {
  ckpt_text *texts; /* by key */
  size_t text_count, text_room;
  ckpt_entry *entries; /* by name */
  size_t entry_count, entry_room;
} ckpt_catalog;

/* Under hdf5_lock. `foreign` leaves out what is no array of numbers of rank
 * up to CKPT_MAX_RANK; otherwise that is STATUS_FORMAT. */
status ckpt_catalog_read(ckpt_catalog *catalog, hid_t file, const char *path,
                         bool foreign);
/* What is listed by hand is to be sorted before it is used. */
status ckpt_catalog_add_text(ckpt_catalog *catalog, const char *key,
                             const char *text);
status ckpt_catalog_add(ckpt_catalog *catalog, const ckpt_entry *entry);
void ckpt_catalog_sort(ckpt_catalog *catalog);
void ckpt_catalog_free(ckpt_catalog *catalog);
uint64_t ckpt_catalog_digest(const ckpt_catalog *catalog);

/* Arrays that are read from elsewhere, by their places in the catalog. */
typedef struct ckpt_source {
  void *state;
  status (*read)(void *state, size_t index, ckpt_type type, void *values);
  void (*close)(void *state);
} ckpt_source;

/* A reader of these arrays (reader.c); it takes over source and catalog, unless
 * it fails. */
status ckpt_reader_over(const char *path, const ckpt_source *source,
                        ckpt_catalog *catalog, ckpt_reader **out);

/* As ckpt_reader_open_weights, of HDF5 files (reader.c). */
status ckpt_reader_open_hdf5(const char *path, ckpt_reader **out);

/* A fixed-length text attribute into a buffer; false (and "") otherwise. */
bool ckpt_attribute_text(hid_t attribute, char *text, size_t size);

#endif
