/* safetensors: eight bytes with the length of a header, the header in JSON,
 * {"NAME": {"dtype", "shape", "data_offsets": [begin, end]}, "__metadata__":
 * {texts}}, and the numbers, little endian. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "checkpoint/foreign/tensors.h"

enum { HEAD = 8, HEADER_MAX = 16 << 20 };

static uint64_t header_length(const uint8_t *bytes) {
  uint64_t length = 0;
  for (int i = 0; i < HEAD; i++) length |= (uint64_t)bytes[i] << 8 * i;
  return length;
}

bool safetensors_is(const uint8_t *begin, size_t size, uint64_t file_size) {
  return size > HEAD && begin[HEAD] == '{' &&
         header_length(begin) <= file_size - HEAD;
}

#ifdef HAVE_JANSSON
#include <jansson.h>

static const char metadata[] = "__metadata__";

static status damaged(const foreign_file *f, const char *name,
                      const char *what) {
  return status_error(STATUS_FORMAT, "%s: damaged: tensor '%.80s': %s", f->path,
                      name, what);
}

/* ---- one tensor ---- */

static bool whole_number(const json_t *value, uint64_t *out) {
  if (!json_is_integer(value) || json_integer_value(value) < 0) return false;
  *out = (uint64_t)json_integer_value(value);
  return true;
}

static status read_type(const foreign_file *f, const char *name,
                        const json_t *about, number_type *out) {
  const char *dtype = json_string_value(json_object_get(about, "dtype"));
  for (int i = 0; dtype != NULL && i < NUMBER_TYPES; i++)
    if (strcmp(number_dtype((number_type)i), dtype) == 0)
      return *out = (number_type)i, STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: tensor '%.80s' is of type %.16s, which is not read",
                      f->path, name, dtype == NULL ? "(none)" : dtype);
}

/* Rows are as long as the numbers behind them. */
static status read_shape(const foreign_file *f, const char *name,
                         const json_t *about, foreign_tensor *t,
                         uint64_t *count) {
  const json_t *shape = json_object_get(about, "shape");
  size_t rank = json_array_size(shape);
  *count = 1;
  if (!json_is_array(shape) || rank > 64) return damaged(f, name, "its shape");
  t->array.rank = (int)rank;
  for (size_t i = rank; i-- > 0;) {
    uint64_t size;
    if (!whole_number(json_array_get(shape, i), &size))
      return damaged(f, name, "its shape");
    if (i < CKPT_MAX_RANK) {
      t->array.shape[i] = size;
      t->stride[i] = *count;
    }
    if (__builtin_mul_overflow(*count, size, count))
      return damaged(f, name, "its shape");
  }
  return STATUS_OK;
}

static status read_tensor(foreign_file *f, uint64_t data, const char *name,
                          const json_t *about) {
  foreign_tensor t = {.storage = f->storage_count};
  const json_t *offsets = json_object_get(about, "data_offsets");
  uint64_t begin, end, count, bytes;
  TRY(read_type(f, name, about, &t.stored));
  TRY(read_shape(f, name, about, &t, &count));
  if (json_array_size(offsets) != 2 ||
      !whole_number(json_array_get(offsets, 0), &begin) ||
      !whole_number(json_array_get(offsets, 1), &end) || begin > end)
    return damaged(f, name, "its data_offsets");
  if (end > f->in.size - data)
    return damaged(f, name, "the file does not hold it (cut off?)");
  if (__builtin_mul_overflow(count, number_size(t.stored), &bytes) ||
      bytes != end - begin)
    return damaged(f, name, "its data_offsets are not those of its shape");
  TRY(foreign_add_storage(
      f, &(foreign_storage){.at = data + begin, .size = bytes}));
  return foreign_add_tensor(f, name, strlen(name), &t);
}

/* ---- all of them ---- */

static int compare_places(const void *a, const void *b) {
  const foreign_storage *const *x = a, *const *y = b;
  return ((*x)->at > (*y)->at) - ((*x)->at < (*y)->at);
}

static status check_apart(const foreign_file *f) {
  const foreign_storage **sorted;
  TRY(MEMORY_NEW(f->storage_count, "list of tensors", &sorted));
  size_t count = 0;
  for (size_t i = 0; i < f->storage_count; i++)
    if (f->storages[i].size > 0) sorted[count++] = &f->storages[i];
  if (count > 1) qsort(sorted, count, sizeof *sorted, compare_places);
  status result = STATUS_OK;
  for (size_t i = 1; i < count && result == STATUS_OK; i++)
    if (sorted[i]->at < sorted[i - 1]->at + sorted[i - 1]->size)
      result = damaged(f, f->tensors[sorted[i] - f->storages].array.name,
                       "its numbers are another tensor's, too");
  memory_free(sorted);
  return result;
}

static status read_metadata(foreign_file *f, json_t *texts) {
  const char *key;
  json_t *value;
  if (!json_is_object(texts)) return damaged(f, metadata, "no texts");
  json_object_foreach(texts, key, value) {
    const char *text = json_string_value(value);
    if (text == NULL) return damaged(f, metadata, "what is no text");
    TRY(foreign_add_text(f, key, text));
  }
  return STATUS_OK;
}

static status read_header(foreign_file *f, uint64_t data, json_t *header) {
  const char *name;
  json_t *about;
  json_object_foreach(header, name, about) {
    if (strcmp(name, metadata) == 0)
      TRY(read_metadata(f, about));
    else
      TRY(read_tensor(f, data, name, about));
  }
  return check_apart(f);
}

static status parse(foreign_file *f, const uint8_t *text, size_t length) {
  json_error_t error;
  json_t *header =
      json_loadb((const char *)text, length, JSON_REJECT_DUPLICATES, &error);
  if (header == NULL)
    return status_error(STATUS_FORMAT, "%s: damaged: its header: %s", f->path,
                        error.text);
  status result = json_is_object(header)
                      ? read_header(f, HEAD + length, header)
                      : damaged(f, "", "its header is no list of tensors");
  json_decref(header);
  return result;
}

status safetensors_read(foreign_file *f, const char *part) {
  uint8_t head[HEAD], *text;
  if (part[0] != '\0')
    return status_error(STATUS_USAGE,
                        "option --part: %s is safetensors, which has no parts",
                        f->path);
  TRY(input_read(&f->in, 0, head, HEAD));
  uint64_t length = header_length(head);
  if (length > HEADER_MAX)
    return status_error(STATUS_FORMAT,
                        "%s: a header of %llu bytes, expected at most %d",
                        f->path, (unsigned long long)length, HEADER_MAX);
  TRY(input_load(&f->in, HEAD, length, &text));
  status result = parse(f, text, length);
  memory_free(text);
  return result;
}

#else

status safetensors_read(foreign_file *f, const char *part) {
  (void)part;
  return status_error(STATUS_USAGE,
                      "%s: safetensors, and this program was built without "
                      "jansson, which reads its header",
                      f->path);
}

#endif
