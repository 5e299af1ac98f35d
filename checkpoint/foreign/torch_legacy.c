/* PyTorch's files before 1.6: pickles of a magic number, a version, the
 * system's sizes, the object, and the keys of its storages; behind them, in
 * that order, the storages: how many numbers, and these, little endian. */
#include <string.h>

#include "base/memory.h"
#include "checkpoint/foreign/torch_parts.h"

/* The pickle of 0x1950a86a20f9469cfc6c. */
static const uint8_t magic[] = {0x80, 0x02, 0x8a, 0x0a, 0x6c, 0xfc, 0x9c, 0x46,
                                0xf9, 0x20, 0x6a, 0xa8, 0x50, 0x19, '.'};
enum { VERSION = 1001 };

bool torch_legacy_is(const uint8_t *begin, size_t size) {
  return size >= sizeof magic && memcmp(begin, magic, sizeof magic) == 0;
}

typedef struct legacy_reader {
  foreign_file *f;
  const char *part;
  pickle machine;
  name_set types;    /* of numbers, by the keys of storages */
  name_set storages; /* numbers of storages, by their keys */
} legacy_reader;

static status unexpected(const legacy_reader *r, const char *what) {
  return status_error(STATUS_FORMAT, "%s: damaged: %s", r->f->path, what);
}

static status find_types(legacy_reader *r) {
  const pickle_items *list = &r->machine.storages;
  char key[TORCH_KEY_SIZE];
  size_t there;
  bool added;
  for (size_t i = 0; i < list->count; i++) {
    const pickle_storage *s = &list->at[i]->storage;
    TRY(torch_key(r->f->path, s->key, key));
    TRY(name_set_add(&r->types, key, s->type, &there, &added));
    if (there != s->type) return unexpected(r, "a storage of two types");
  }
  return STATUS_OK;
}

/* Where the next storage's numbers lie. */
static status add_storage(legacy_reader *r, const pickle_value *name,
                          uint64_t *at) {
  char key[TORCH_KEY_SIZE];
  uint8_t head[8];
  uint64_t count = 0, bytes;
  size_t there;
  bool added;
  if (name->kind != PICKLE_TEXT) return unexpected(r, "its list of storages");
  TRY(torch_key(r->f->path, name->text, key));
  const size_t *type = name_set_find(&r->types, key);
  if (type == NULL) return unexpected(r, "a storage without a tensor");
  TRY(input_read(&r->f->in, *at, head, sizeof head));
  for (int i = 0; i < 8; i++) count |= (uint64_t)head[i] << 8 * i;
  *at += sizeof head;
  if (__builtin_mul_overflow(count, number_size((number_type)*type), &bytes) ||
      bytes > r->f->in.size - *at)
    return unexpected(r, "a storage that the file does not hold (cut off?)");
  TRY(name_set_add(&r->storages, key, r->f->storage_count, &there, &added));
  if (!added) return unexpected(r, "a storage that is there twice");
  TRY(foreign_add_storage(r->f, &(foreign_storage){.at = *at, .size = bytes}));
  *at += bytes;
  return STATUS_OK;
}

static status read_pickles(legacy_reader *r, pickle_value **root,
                           pickle_value **keys) {
  pickle *p = &r->machine;
  pickle_value *version, *sizes;
  TRY(pickle_load(p, &version));
  if (version->kind != PICKLE_INT || version->whole != VERSION)
    return unexpected(r, "an unknown version");
  TRY(pickle_load(p, &sizes));
  TRY(pickle_load(p, root));
  TRY(pickle_load(p, keys));
  if ((*keys)->kind != PICKLE_LIST)
    return unexpected(r, "its list of storages");
  return STATUS_OK;
}

static status read_all(legacy_reader *r) {
  pickle_value *root, *keys;
  const pickle_items *dict;
  TRY(read_pickles(r, &root, &keys));
  TRY(torch_find_part(r->f->path, root, r->part, &dict));
  TRY(find_types(r));
  uint64_t at = sizeof magic + r->machine.at;
  for (size_t i = 0; i < keys->items.count; i++)
    TRY(add_storage(r, keys->items.at[i], &at));
  return torch_add_tensors(r->f, dict, &r->storages);
}

status torch_legacy_read(foreign_file *f, const char *part) {
  legacy_reader r = {.f = f, .part = part};
  uint64_t rest = f->in.size - sizeof magic;
  uint8_t *bytes;
  if (rest > PICKLE_BYTES_MAX) rest = PICKLE_BYTES_MAX;
  TRY(input_load(&f->in, sizeof magic, rest, &bytes));
  pickle_begin(&r.machine, f->path, bytes, rest);
  status result = read_all(&r);
  pickle_free(&r.machine);
  name_set_free(&r.types);
  name_set_free(&r.storages);
  memory_free(bytes);
  return result;
}
