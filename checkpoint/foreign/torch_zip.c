/* PyTorch's files since 1.6: a ZIP archive NAME/ with data.pkl, the pickle, and
 * data/KEY, the bytes of each storage. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/foreign/torch_parts.h"

bool torch_zip_is(const uint8_t *begin, size_t size) {
  return size >= 4 && memcmp(begin, "PK\3\4", 4) == 0;
}

enum { PREFIX_SIZE = 256 };
static const char pickle_name[] = "data.pkl";

typedef struct zip_reader {
  foreign_file *f;
  const char *part;
  char prefix[PREFIX_SIZE]; /* "NAME/" */
  const archive_entry *pickle;
  pickle machine;
  name_set storages;
} zip_reader;

/* The folder of the one data.pkl. */
static status find_prefix(zip_reader *r) {
  const archive *zip = &r->f->zip;
  size_t end = strlen(pickle_name);
  for (size_t i = 0; i < zip->count; i++) {
    const char *name = zip->entries[i].name, *slash = strrchr(name, '/');
    if (slash == NULL || strcmp(slash + 1, pickle_name) != 0) continue;
    if (r->pickle != NULL || strlen(name) - end >= sizeof r->prefix)
      return status_error(STATUS_FORMAT, "%s: has two entries %s", r->f->path,
                          pickle_name);
    r->pickle = &zip->entries[i];
    snprintf(r->prefix, sizeof r->prefix, "%.*s", (int)(slash + 1 - name),
             name);
  }
  if (r->pickle != NULL) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: a ZIP archive, but not of torch.save (it has no %s)",
                      r->f->path, pickle_name);
}

/* Bytes of an entry that is not numbers of tensors. */
static status load_entry(zip_reader *r, const archive_entry *entry,
                         uint8_t **bytes) {
  if (entry->size > PICKLE_BYTES_MAX)
    return status_error(STATUS_FORMAT,
                        "%s: '%.80s' has %llu bytes, expected at most %d",
                        r->f->path, entry->name,
                        (unsigned long long)entry->size, PICKLE_BYTES_MAX);
  TRY(MEMORY_NEW(entry->size + 1, entry->name, bytes));
  return archive_read(&r->f->zip, entry, *bytes);
}

/* "little" or "big"; older files, which lack it, are little. */
static status find_order(zip_reader *r) {
  char name[PREFIX_SIZE + 16];
  uint8_t *text = NULL;
  snprintf(name, sizeof name, "%sbyteorder", r->prefix);
  const archive_entry *entry = archive_find(&r->f->zip, name);
  if (entry == NULL) return STATUS_OK;
  status result = load_entry(r, entry, &text);
  if (result == STATUS_OK) {
    r->f->big_endian = strcmp((const char *)text, "big") == 0;
    if (!r->f->big_endian && strcmp((const char *)text, "little") != 0)
      result = status_error(STATUS_FORMAT,
                            "%s: byteorder is '%.16s', expected little or big",
                            r->f->path, (const char *)text);
  }
  memory_free(text);
  return result;
}

/* The entry must be as large as the pickle says. */
static status add_storage(zip_reader *r, const pickle_storage *s) {
  char key[TORCH_KEY_SIZE], name[PREFIX_SIZE + TORCH_KEY_SIZE + 8];
  uint64_t bytes;
  size_t there;
  bool added;
  TRY(torch_key(r->f->path, s->key, key));
  snprintf(name, sizeof name, "%sdata/%s", r->prefix, key);
  const archive_entry *entry = archive_find(&r->f->zip, name);
  if (entry == NULL)
    return status_error(STATUS_FORMAT, "%s: damaged: it has no entry '%s'",
                        r->f->path, name);
  if (__builtin_mul_overflow(s->count, number_size(s->type), &bytes) ||
      bytes != entry->size)
    return status_error(STATUS_FORMAT,
                        "%s: entry '%s' has %llu bytes, expected %llu %s of "
                        "%zu",
                        r->f->path, name, (unsigned long long)entry->size,
                        (unsigned long long)s->count, number_dtype(s->type),
                        number_size(s->type));
  TRY(name_set_add(&r->storages, key, r->f->storage_count, &there, &added));
  if (!added) return STATUS_OK;
  return foreign_add_storage(r->f,
                             &(foreign_storage){.size = bytes, .entry = entry});
}

static status read_pickle(zip_reader *r, const uint8_t *bytes) {
  pickle_value *root;
  const pickle_items *dict;
  pickle *p = &r->machine;
  pickle_begin(p, r->f->path, bytes, r->pickle->size);
  TRY(pickle_load(p, &root));
  TRY(torch_find_part(r->f->path, root, r->part, &dict));
  for (size_t i = 0; i < p->storages.count; i++)
    TRY(add_storage(r, &p->storages.at[i]->storage));
  return torch_add_tensors(r->f, dict, &r->storages);
}

status torch_zip_read(foreign_file *f, const char *part) {
  zip_reader r = {.f = f, .part = part};
  uint8_t *bytes = NULL;
  TRY(archive_open(&f->zip, &f->in));
  TRY(find_prefix(&r));
  TRY(find_order(&r));
  status result = load_entry(&r, r.pickle, &bytes);
  if (result == STATUS_OK) result = read_pickle(&r, bytes);
  pickle_free(&r.machine);
  name_set_free(&r.storages);
  memory_free(bytes);
  return result;
}
