/* From what a pickle made to a list of tensors. */
#include "checkpoint/foreign/torch_parts.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

/* ---- dictionaries of tensors ---- */

enum { DEPTH_MAX = 8, PARTS_MAX = 16, PART_SIZE = 256 };

typedef struct part {
  char name[PART_SIZE];
  size_t tensors;
  const pickle_items *dict;
} part;

typedef struct part_list {
  part parts[PARTS_MAX];
  int count; /* more are not named */
} part_list;

static size_t count_tensors(const pickle_items *dict) {
  size_t count = 0;
  for (size_t i = 1; i < dict->count; i += 2)
    if (dict->at[i]->kind == PICKLE_TENSOR) count++;
  return count;
}

/* Each is looked at once: a dictionary may hold itself. */
static void find_parts(part_list *list, pickle_value *value, const char *name,
                       int depth) {
  if (value->kind != PICKLE_DICT || value->seen || depth > DEPTH_MAX) return;
  value->seen = true;
  size_t tensors = count_tensors(&value->items);
  if (tensors > 0 && list->count < PARTS_MAX) {
    part *p = &list->parts[list->count++];
    snprintf(p->name, sizeof p->name, "%s", name[0] == '\0' ? "." : name);
    p->tensors = tensors;
    p->dict = &value->items;
  }
  for (size_t i = 0; i + 1 < value->items.count; i += 2) {
    const pickle_value *key = value->items.at[i];
    char inner[PART_SIZE];
    if (key->kind != PICKLE_TEXT || key->text.length > 64) continue;
    snprintf(inner, sizeof inner, "%s%s%.*s", name, name[0] == '\0' ? "" : "/",
             (int)key->text.length, key->text.at);
    find_parts(list, value->items.at[i + 1], inner, depth + 1);
  }
}

static status list_parts(const char *path, const part_list *list,
                         const char *wanted) {
  char text[640];
  size_t used = 0;
  for (int i = 0; i < list->count && used < sizeof text; i++) {
    int more = snprintf(text + used, sizeof text - used, "%s%s (%zu tensors)",
                        i == 0 ? "" : ", ", list->parts[i].name,
                        list->parts[i].tensors);
    used += (size_t)more;
  }
  if (wanted[0] == '\0')
    return status_error(STATUS_USAGE,
                        "%s holds %s: expected --part with one of them", path,
                        text);
  return status_error(STATUS_USAGE, "option --part: %s has no '%s', but %s",
                      path, wanted, text);
}

status torch_find_part(const char *path, pickle_value *root, const char *wanted,
                       const pickle_items **dict) {
  part_list list = {.count = 0};
  find_parts(&list, root, "", 0);
  if (list.count == 0)
    return status_error(STATUS_FORMAT,
                        "%s: holds no dictionary of tensors (a state_dict)",
                        path);
  for (int i = 0; i < list.count; i++)
    if (strcmp(list.parts[i].name, wanted) == 0 ||
        (wanted[0] == '\0' && list.count == 1))
      return *dict = list.parts[i].dict, STATUS_OK;
  return list_parts(path, &list, wanted);
}

/* ---- its tensors ---- */

status torch_key(const char *path, pickle_text key, char name[TORCH_KEY_SIZE]) {
  bool good = key.length > 0 && key.length < TORCH_KEY_SIZE &&
              memchr(key.at, '\0', key.length) == NULL;
  if (!good)
    return status_error(STATUS_FORMAT, "%s: damaged: the key of a storage",
                        path);
  memcpy(name, key.at, key.length);
  name[key.length] = '\0';
  return STATUS_OK;
}

static status add_tensor(foreign_file *f, const pickle_text *name,
                         const pickle_tensor *from, const name_set *storages) {
  char key[TORCH_KEY_SIZE];
  TRY(torch_key(f->path, from->storage->key, key));
  const size_t *storage = name_set_find(storages, key);
  if (storage == NULL)
    return status_error(STATUS_FORMAT,
                        "%s: damaged: there is no storage '%s' of tensor "
                        "'%.*s'",
                        f->path, key,
                        name->length > 80 ? 80 : (int)name->length, name->at);
  foreign_tensor t = {
      .stored = from->storage->type, .first = from->first, .storage = *storage};
  t.array.rank = from->rank;
  memcpy(t.array.shape, from->shape, sizeof from->shape);
  memcpy(t.stride, from->stride, sizeof from->stride);
  return foreign_add_tensor(f, name->at, name->length, &t);
}

status torch_add_tensors(foreign_file *f, const pickle_items *dict,
                         const name_set *storages) {
  for (size_t i = 0; i + 1 < dict->count; i += 2) {
    const pickle_value *key = dict->at[i], *value = dict->at[i + 1];
    if (key->kind != PICKLE_TEXT) {
      if (value->kind != PICKLE_TENSOR) continue;
      return status_error(STATUS_FORMAT, "%s: a tensor's name is no text",
                          f->path);
    }
    if (value->kind == PICKLE_TENSOR)
      TRY(add_tensor(f, &key->text, &value->tensor, storages));
    else
      log_info("%s: '%.*s' is no tensor: left out", f->path,
               key->text.length > 80 ? 80 : (int)key->text.length,
               key->text.at);
  }
  return STATUS_OK;
}
