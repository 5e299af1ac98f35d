/* Writing safetensors: a file follows from the arrays and texts alone. */
#include <string.h>

#include "base/memory.h"
#include "base/publish.h"
#include "checkpoint/checkpoint.h"
#include "checkpoint/foreign/numbers.h"

#ifdef HAVE_JANSSON
#include <jansson.h>

enum { HEAD = 8, ALIGNMENT = 8 };

typedef struct safetensors {
  ckpt_reader *reader;
  const ckpt_export *arrays;
  size_t *order; /* of the arrays in the file */
  size_t count;
  json_t *header;
  size_t length; /* of the header as text */
  uint64_t data; /* bytes of all arrays */
} safetensors;

static number_type stored_as(const ckpt_array *array) {
  switch (array->type) {
  case CKPT_FLOAT32: return NUMBER_FLOAT32;
  case CKPT_FLOAT64: return NUMBER_FLOAT64;
  case CKPT_INT64: return NUMBER_INT64;
  }
  INVARIANT(false, "array type %d", (int)array->type);
}

static uint64_t bytes_of(const ckpt_array *array) {
  uint64_t bytes = number_size(stored_as(array));
  for (int i = 0; i < array->rank; i++) bytes *= array->shape[i];
  return bytes;
}

/* ---- the header ---- */

/* Wide numbers come first, so that all lie at multiples of their size, as
 * readers map the file. */
static void find_order(safetensors *s) {
  size_t count = 0;
  for (size_t size = 8; size >= 4; size -= 4)
    for (size_t i = 0; i < s->count; i++)
      if (number_size(stored_as(s->arrays[i].array)) == size)
        s->order[count++] = i;
}

/* jansson takes what is put into its objects, NULL too, and tells. */
static bool add_metadata(safetensors *s, const ckpt_export_text *texts,
                         size_t count) {
  json_t *object = json_object();
  bool good = json_object_set_new(object, "format", json_string("pt")) == 0;
  for (size_t i = 0; i < count; i++)
    good = json_object_set_new(object, texts[i].key,
                               json_string(texts[i].text)) == 0 &&
           good;
  return json_object_set_new(s->header, "__metadata__", object) == 0 && good;
}

static bool add_tensor(safetensors *s, const ckpt_export *e) {
  json_t *about = json_object(), *shape = json_array(), *place = json_array();
  uint64_t end = s->data + bytes_of(e->array);
  bool good = true;
  for (int i = 0; i < e->array->rank; i++)
    good &= json_array_append_new(
                shape, json_integer((json_int_t)e->array->shape[i])) == 0;
  good &= json_array_append_new(place, json_integer((json_int_t)s->data)) == 0;
  good &= json_array_append_new(place, json_integer((json_int_t)end)) == 0;
  good &=
      json_object_set_new(about, "dtype",
                          json_string(number_dtype(stored_as(e->array)))) == 0;
  good &= json_object_set_new(about, "shape", shape) == 0;
  good &= json_object_set_new(about, "data_offsets", place) == 0;
  good &= json_object_set_new(s->header, e->name, about) == 0;
  s->data = end;
  return good;
}

static status make_header(safetensors *s, const ckpt_export_text *texts,
                          size_t count) {
  bool good = add_metadata(s, texts, count);
  for (size_t i = 0; i < s->count; i++)
    good = add_tensor(s, &s->arrays[s->order[i]]) && good;
  s->length = good ? json_dumpb(s->header, NULL, 0, JSON_COMPACT) : 0;
  if (s->length > 0) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "the header of a safetensors file could not be made (a "
                      "name or a text that is no UTF-8, or no memory)");
}

/* ---- the file ---- */

static void put_little_endian(uint8_t *bytes, size_t count, size_t size) {
  const uint16_t one = 1;
  if (*(const uint8_t *)&one == 1) return;
  for (uint8_t *at = bytes; at < bytes + count * size; at += size)
    for (size_t i = 0; i < size / 2; i++) {
      uint8_t byte = at[i];
      at[i] = at[size - 1 - i];
      at[size - 1 - i] = byte;
    }
}

static status fill(const safetensors *s, uint8_t *at) {
  for (size_t i = 0; i < s->count; i++) {
    const ckpt_array *array = s->arrays[s->order[i]].array;
    size_t bytes = bytes_of(array), size = number_size(stored_as(array));
    TRY(ckpt_read_array(s->reader, array, at));
    put_little_endian(at, bytes / size, size);
    at += bytes;
  }
  return STATUS_OK;
}

static status write_file(const safetensors *s, const char *path) {
  size_t padded = (s->length + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  uint8_t *bytes;
  TRY(MEMORY_NEW(HEAD + padded + s->data, path, &bytes));
  for (int i = 0; i < HEAD; i++)
    bytes[i] = (uint8_t)((uint64_t)padded >> 8 * i);
  memset(bytes + HEAD, ' ', padded);
  json_dumpb(s->header, (char *)bytes + HEAD, s->length, JSON_COMPACT);
  status result = fill(s, bytes + HEAD + padded);
  if (result == STATUS_OK)
    result = publish_bytes(path, bytes, HEAD + padded + s->data);
  memory_free(bytes);
  return result;
}

status ckpt_export_safetensors(ckpt_reader *reader, const ckpt_export *arrays,
                               size_t count, const ckpt_export_text *texts,
                               size_t text_count, const char *path) {
  safetensors s = {.reader = reader, .arrays = arrays, .count = count};
  TRY(MEMORY_NEW(count, "list of arrays", &s.order));
  find_order(&s);
  s.header = json_object();
  status result = make_header(&s, texts, text_count);
  if (result == STATUS_OK) result = write_file(&s, path);
  json_decref(s.header);
  memory_free(s.order);
  return result;
}

#else

status ckpt_export_safetensors(ckpt_reader *reader, const ckpt_export *arrays,
                               size_t count, const ckpt_export_text *texts,
                               size_t text_count, const char *path) {
  (void)reader, (void)arrays, (void)count, (void)texts, (void)text_count;
  return status_error(STATUS_USAGE,
                      "%s: this program was built without jansson, which "
                      "writes the header of safetensors",
                      path);
}

#endif
