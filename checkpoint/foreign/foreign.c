/* Opening files of weights, and reading their tensors. */
#include "checkpoint/foreign/foreign.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/foreign/tensors.h"

/* ---- what the readers add ---- */

status foreign_add_storage(foreign_file *f, const foreign_storage *storage) {
  TRY(MEMORY_GROW(&f->storages, f->storage_count, &f->storage_room,
                  "list of storages"));
  f->storages[f->storage_count++] = *storage;
  return STATUS_OK;
}

/* Numbers of a tensor; false where they, or their bytes, overflow. */
static bool count_numbers(const ckpt_array *array, uint64_t *count) {
  uint64_t bytes;
  *count = 1;
  for (int i = 0; i < array->rank; i++)
    if (__builtin_mul_overflow(*count, array->shape[i], count)) return false;
  return !__builtin_mul_overflow(*count, sizeof(double), &bytes);
}

/* One behind the last number of the storage that the tensor has, which has
 * some; false where that overflows. */
static bool find_end(const foreign_tensor *t, uint64_t *end) {
  uint64_t last = t->first, step;
  for (int i = 0; i < t->array.rank; i++)
    if (__builtin_mul_overflow(t->array.shape[i] - 1, t->stride[i], &step) ||
        __builtin_add_overflow(last, step, &last))
      return false;
  return !__builtin_add_overflow(last, 1, end);
}

static bool is_inside(const foreign_file *f, const foreign_tensor *t) {
  uint64_t count, end, bytes;
  if (!count_numbers(&t->array, &count)) return false;
  if (count == 0) return true;
  return find_end(t, &end) &&
         !__builtin_mul_overflow(end, number_size(t->stored), &bytes) &&
         bytes <= f->storages[t->storage].size;
}

status foreign_add_tensor(foreign_file *f, const char *name, size_t length,
                          const foreign_tensor *tensor) {
  int shown = length > 80 ? 80 : (int)length;
  if (length == 0 || length >= CKPT_NAME_SIZE ||
      memchr(name, '\0', length) != NULL)
    return status_error(STATUS_FORMAT,
                        "%s: '%.*s' is no name of a tensor (1 to %d "
                        "characters)",
                        f->path, shown, name, CKPT_NAME_SIZE - 1);
  if (tensor->array.rank > CKPT_MAX_RANK)
    return status_error(STATUS_FORMAT,
                        "%s: tensor '%.*s' has %d dimensions, expected at most "
                        "%d",
                        f->path, shown, name, tensor->array.rank,
                        CKPT_MAX_RANK);
  if (!is_inside(f, tensor))
    return status_error(STATUS_FORMAT,
                        "%s: tensor '%.*s' is larger than its storage", f->path,
                        shown, name);
  TRY(MEMORY_GROW(&f->tensors, f->tensor_count, &f->tensor_room,
                  "list of tensors"));
  foreign_tensor *added = &f->tensors[f->tensor_count++];
  *added = *tensor;
  added->array.type = number_kept_as(tensor->stored);
  memcpy(added->array.name, name, length);
  added->array.name[length] = '\0';
  return STATUS_OK;
}

status foreign_add_text(foreign_file *f, const char *key, const char *text) {
  TRY(MEMORY_GROW(&f->texts, f->text_count, &f->text_room, "list of texts"));
  foreign_text *added = &f->texts[f->text_count++];
  TRY(memory_copy_text(key, &added->key));
  return memory_copy_text(text, &added->text);
}

/* ---- opening ---- */

typedef status format_reader(foreign_file *f, const char *part);

/* NULL: of no format that is known here. */
static status find_format(foreign_file *f, format_reader **out) {
  uint8_t begin[16];
  size_t size = f->in.size < sizeof begin ? (size_t)f->in.size : sizeof begin;
  *out = NULL;
  TRY(input_read(&f->in, 0, begin, size));
  if (torch_zip_is(begin, size))
    *out = torch_zip_read;
  else if (torch_legacy_is(begin, size))
    *out = torch_legacy_read;
  else if (safetensors_is(begin, size, f->in.size))
    *out = safetensors_read;
  return STATUS_OK;
}

static int compare_names(const void *a, const void *b) {
  return strcmp(((const foreign_tensor *)a)->array.name,
                ((const foreign_tensor *)b)->array.name);
}

static status sort(foreign_file *f) {
  if (f->tensor_count > 1)
    qsort(f->tensors, f->tensor_count, sizeof *f->tensors, compare_names);
  for (size_t i = 1; i < f->tensor_count; i++)
    if (compare_names(&f->tensors[i - 1], &f->tensors[i]) == 0)
      return status_error(STATUS_FORMAT, "%s: tensor '%s' is there twice",
                          f->path, f->tensors[i].array.name);
  return STATUS_OK;
}

static status read_file(foreign_file *f, const char *path, const char *part,
                        bool *known) {
  format_reader *read;
  TRY(memory_copy_text(path, &f->path));
  TRY(input_open(&f->in, f->path));
  TRY(find_format(f, &read));
  *known = read != NULL;
  if (!*known) return STATUS_OK;
  TRY(read(f, part));
  return sort(f);
}

status foreign_open(const char *path, const char *part, foreign_file **out) {
  bool known = false;
  foreign_file *f;
  *out = NULL;
  TRY(MEMORY_NEW(1, "a file of weights", &f));
  f->in.descriptor = -1;
  status result = read_file(f, path, part, &known);
  if (result == STATUS_OK && known)
    *out = f;
  else
    foreign_close(&f);
  return result;
}

void foreign_close(foreign_file **file) {
  foreign_file *f = *file;
  if (f == NULL) return;
  archive_close(&f->zip);
  input_close(&f->in);
  for (size_t i = 0; i < f->text_count; i++) {
    memory_free(f->texts[i].key);
    memory_free(f->texts[i].text);
  }
  memory_free(f->texts);
  memory_free(f->tensors);
  memory_free(f->storages);
  memory_free(f->held_bytes);
  memory_free(f->path);
  memory_free(f);
  *file = NULL;
}

size_t foreign_count(const foreign_file *f) { return f->tensor_count; }

const ckpt_array *foreign_array(const foreign_file *f, size_t index) {
  return &f->tensors[index].array;
}

size_t foreign_note_count(const foreign_file *f) { return f->text_count; }

void foreign_note(const foreign_file *f, size_t index, const char **key,
                  const char **text) {
  *key = f->texts[index].key;
  *text = f->texts[index].text;
}

/* ---- reading ---- */

/* Many tensors may share a storage: they are read one after the other. */
static status hold_entry(foreign_file *f, const archive_entry *entry) {
  if (f->held == entry) return STATUS_OK;
  memory_free(f->held_bytes);
  f->held = NULL;
  TRY(MEMORY_NEW(entry->size, entry->name, &f->held_bytes));
  TRY(archive_read(&f->zip, entry, f->held_bytes));
  f->held = entry;
  return STATUS_OK;
}

static void put(double value, ckpt_type type, void *values, size_t index) {
  switch (type) {
  case CKPT_FLOAT32: ((float *)values)[index] = (float)value; break;
  case CKPT_FLOAT64: ((double *)values)[index] = value; break;
  case CKPT_INT64: /* within what both can hold */
    ((int64_t *)values)[index] = value >= 0x1p63    ? INT64_MAX
                                 : value >= -0x1p63 ? (int64_t)value
                                                    : INT64_MIN;
  }
}

/* Row by row out of the storage, whose number t->first is at `bytes`. */
static void gather(const foreign_file *f, const foreign_tensor *t,
                   const uint8_t *bytes, size_t count, ckpt_type type,
                   void *values) {
  uint64_t place[CKPT_MAX_RANK] = {0}, at = 0;
  size_t size = number_size(t->stored);
  for (size_t i = 0; i < count; i++) {
    put(number_read(t->stored, f->big_endian, bytes + at * size), type, values,
        i);
    for (int k = t->array.rank - 1; k >= 0; k--) {
      at += t->stride[k];
      if (++place[k] < t->array.shape[k]) break;
      at -= place[k] * t->stride[k];
      place[k] = 0;
    }
  }
}

status foreign_read(foreign_file *f, size_t index, ckpt_type type,
                    void *values) {
  const foreign_tensor *t = &f->tensors[index];
  const foreign_storage *storage = &f->storages[t->storage];
  uint64_t count = 0, end = 0;
  size_t size = number_size(t->stored);
  bool good = count_numbers(&t->array, &count);
  if (good && count == 0) return STATUS_OK;
  good = good && find_end(t, &end);
  INVARIANT(good, "tensor '%s' was checked", t->array.name);
  if (storage->entry != NULL) {
    TRY(hold_entry(f, storage->entry));
    gather(f, t, f->held_bytes + t->first * size, count, type, values);
    return STATUS_OK;
  }
  uint8_t *bytes;
  TRY(input_load(&f->in, storage->at + t->first * size, (end - t->first) * size,
                 &bytes));
  gather(f, t, bytes, count, type, values);
  memory_free(bytes);
  return STATUS_OK;
}
