/* Paths of what is made of many pictures. */
#include "dist/use/apply_task.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/folders.h"
#include "base/name_set.h"

#define ENDING(value, name, ending) ending,
const char *const apply_product_names[APPLY_PRODUCTS] = {
    APPLY_PRODUCTS_LIST(CHOICE_NAME)};
const char *const apply_product_endings[APPLY_PRODUCTS] = {
    APPLY_PRODUCTS_LIST(ENDING)};

/* Without the ending. */
static int stem_length(const char *name) {
  const char *dot = strrchr(name, '.');
  return (int)(dot != NULL && dot != name ? (size_t)(dot - name)
                                          : strlen(name));
}

static status product_path(apply_product which, const char *folder,
                           const char *output, char path[PATH_MAX]) {
  const char *name = file_name_of(output);
  int length = snprintf(path, PATH_MAX, "%s/%.*s%s", folder, stem_length(name),
                        name, apply_product_endings[which]);
  if (length < PATH_MAX) return STATUS_OK;
  return status_error(STATUS_USAGE, "option --%s: the path of %s is too long",
                      apply_product_names[which], name);
}

status apply_task_of_pair(const data_pair *pair,
                          const char *const folders[APPLY_PRODUCTS],
                          apply_paths *room, apply_task *out) {
  *out = (apply_task){.image = pair->image,
                      .mask = pair->mask,
                      .output = pair->output,
                      .cutout = pair->cutout,
                      .at = pair->at};
  for (int i = 0; i < APPLY_PRODUCTS; i++) {
    room->text[i][0] = '\0';
    if (folders[i][0] != '\0')
      TRY(product_path((apply_product)i, folders[i], pair->output,
                       room->text[i]));
    out->products[i] = room->text[i];
  }
  return STATUS_OK;
}

bool apply_task_is_done(const apply_task *task) {
  bool done = access(task->output, F_OK) == 0;
  for (int i = 0; i < APPLY_PRODUCTS; i++)
    if (task->products[i][0] != '\0')
      done = done && access(task->products[i], F_OK) == 0;
  return done;
}

/* ---- paths that are there twice ---- */

static status note_pair(const data_pair *pair, name_set *paths) {
  const char *const own[] = {pair->image, pair->mask, pair->output,
                             pair->cutout};
  size_t value;
  bool added;
  for (int i = 0; i < 4; i++)
    TRY(name_set_add(paths, own[i], 0, &value, &added));
  return STATUS_OK;
}

static status note_products(const data_pair *pair,
                            const char *const folders[APPLY_PRODUCTS],
                            name_set *paths) {
  apply_paths room;
  apply_task task;
  size_t value;
  bool added;
  TRY(apply_task_of_pair(pair, folders, &room, &task));
  for (int i = 0; i < APPLY_PRODUCTS; i++) {
    if (task.products[i][0] == '\0') continue;
    TRY(name_set_add(paths, task.products[i], 0, &value, &added));
    if (!added)
      return status_error(STATUS_USAGE,
                          "option --%s: %s is read or made already; expected a "
                          "folder of its own, and outputs of different names",
                          apply_product_names[i], task.products[i]);
  }
  return STATUS_OK;
}

status apply_task_check_paths(const data_pairs *pairs,
                              const char *const folders[APPLY_PRODUCTS]) {
  name_set paths = {0};
  status result = STATUS_OK;
  for (size_t i = 0; result == STATUS_OK && i < pairs->count; i++)
    result = note_pair(&pairs->pairs[i], &paths);
  for (size_t i = 0; result == STATUS_OK && i < pairs->count; i++)
    result = note_products(&pairs->pairs[i], folders, &paths);
  name_set_free(&paths);
  return result;
}
