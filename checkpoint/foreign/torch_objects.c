/* The names of Python's that weights of PyTorch need, and what they make. */
#include <string.h>

#include "checkpoint/foreign/pickle.h"

static status unexpected(const pickle *p, const char *what) {
  return status_error(STATUS_FORMAT,
                      "%s: damaged, or not as PyTorch writes it: %s", p->path,
                      what);
}

/* ---- collections.OrderedDict ---- */

static status add_pair(pickle *p, pickle_value *pair, pickle_value *dict) {
  bool good = (pair->kind == PICKLE_LIST || pair->kind == PICKLE_TUPLE) &&
              pair->items.count == 2;
  if (!good) return unexpected(p, "an OrderedDict of what are no pairs");
  TRY(pickle_append(&dict->items, pair->items.at[0]));
  return pickle_append(&dict->items, pair->items.at[1]);
}

/* Without arguments, or with a list of pairs, as Python 2 has it. */
static status make_dict(pickle *p, const pickle_items *arguments,
                        pickle_value *out) {
  out->kind = PICKLE_DICT;
  if (arguments->count == 0) return STATUS_OK;
  const pickle_value *pairs = arguments->at[0];
  if (arguments->count != 1 || pairs->kind != PICKLE_LIST)
    return unexpected(p, "arguments of OrderedDict");
  for (size_t i = 0; i < pairs->items.count; i++)
    TRY(add_pair(p, pairs->items.at[i], out));
  return STATUS_OK;
}

/* ---- tensors ---- */

static bool whole_number(const pickle_value *value, uint64_t *out) {
  if (value->kind != PICKLE_INT || value->whole < 0) return false;
  *out = (uint64_t)value->whole;
  return true;
}

/* Shape and strides: two tuples of as many whole numbers. */
static bool read_shape(const pickle_value *shape, const pickle_value *stride,
                       pickle_tensor *t) {
  if (shape->kind != PICKLE_TUPLE || stride->kind != PICKLE_TUPLE ||
      shape->items.count != stride->items.count || shape->items.count > 64)
    return false;
  t->rank = (int)shape->items.count;
  for (int i = 0; i < t->rank && i < CKPT_MAX_RANK; i++)
    if (!whole_number(shape->items.at[i], &t->shape[i]) ||
        !whole_number(stride->items.at[i], &t->stride[i]))
      return false;
  return true;
}

/* (storage, offset, shape, strides, whether it needs a gradient, hooks, and in
 * newer files what else is to be known: that its numbers are to be negated). */
static status make_tensor(pickle *p, const pickle_items *arguments,
                          pickle_value *out) {
  pickle_value **a = arguments->at;
  pickle_tensor t = {0};
  if (arguments->count < 4 || a[0]->kind != PICKLE_STORAGE ||
      !whole_number(a[1], &t.first) || !read_shape(a[2], a[3], &t))
    return unexpected(p, "arguments of a tensor");
  if (arguments->count > 6 && a[6]->kind == PICKLE_DICT &&
      a[6]->items.count > 0)
    return unexpected(p, "a view that negates or conjugates");
  t.storage = &a[0]->storage;
  if (__builtin_add_overflow(t.first, t.storage->begin, &t.first))
    return unexpected(p, "a tensor's offset");
  out->kind = PICKLE_TENSOR;
  out->tensor = t;
  return STATUS_OK;
}

/* A parameter is its tensor. */
static status make_parameter(pickle *p, const pickle_items *arguments,
                             pickle_value *out) {
  if (arguments->count == 0 || arguments->at[0]->kind != PICKLE_TENSOR)
    return unexpected(p, "arguments of a parameter");
  *out = *arguments->at[0];
  return STATUS_OK;
}

/* ---- storages ---- */

/* ("storage", class, key, device, count), and of a part of one, as files before
 * 1.6 may have them, (key, first, count) behind. */
status pickle_find_persistent(pickle *p, const pickle_value *id,
                              pickle_value *out) {
  pickle_value **a = id->items.at;
  size_t count = id->kind == PICKLE_TUPLE ? id->items.count : 0;
  if (count < 5 || a[0]->kind != PICKLE_TEXT ||
      !pickle_is(&a[0]->text, "storage") || a[1]->kind != PICKLE_GLOBAL ||
      a[1]->global->call != NULL || a[2]->kind != PICKLE_TEXT)
    return unexpected(p, "a reference to what is no storage");
  pickle_storage s = {.type = a[1]->global->storage, .key = a[2]->text};
  if (!whole_number(a[4], &s.count))
    return unexpected(p, "the size of a storage");
  const pickle_value *part = count > 5 ? a[5] : NULL;
  if (part != NULL && part->kind != PICKLE_NONE &&
      (part->kind != PICKLE_TUPLE || part->items.count != 3 ||
       !whole_number(part->items.at[1], &s.begin)))
    return unexpected(p, "a part of a storage");
  out->kind = PICKLE_STORAGE;
  out->storage = s;
  return STATUS_OK;
}

/* ---- names ---- */

static const pickle_global globals[] = {
    {"collections", "OrderedDict", make_dict, NUMBER_TYPES},
    {"torch._utils", "_rebuild_tensor_v2", make_tensor, NUMBER_TYPES},
    {"torch._utils", "_rebuild_tensor", make_tensor, NUMBER_TYPES},
    {"torch._utils", "_rebuild_parameter", make_parameter, NUMBER_TYPES},
#define STORAGE_ROW(type, bytes, storage, dtype) {"torch", storage, NULL, type},
    FOREIGN_NUMBERS(STORAGE_ROW)
#undef STORAGE_ROW
};

const pickle_global *pickle_find_global(pickle_text module, pickle_text name) {
  for (size_t i = 0; i < sizeof globals / sizeof globals[0]; i++)
    if (pickle_is(&module, globals[i].module) &&
        pickle_is(&name, globals[i].name))
      return &globals[i];
  return NULL;
}
