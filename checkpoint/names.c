/* Lists of names in attributes, as Keras keeps them. */
#include <string.h>

#include "base/memory.h"
#include "checkpoint/internal.h"

enum { WIDEST = 4096 }; /* bytes of a fixed string that is still a name */

typedef struct name_list {
  char (*names)[CKPT_NAME_SIZE];
  size_t room, count;
} name_list;

static bool copy_name(name_list *list, const char *text, size_t size) {
  size_t length = text == NULL ? 0 : strnlen(text, size);
  if (length >= CKPT_NAME_SIZE || list->count == list->room) return false;
  memcpy(list->names[list->count], text == NULL ? "" : text, length);
  list->names[list->count++][length] = '\0';
  return true;
}

static bool read_variable(hid_t attribute, hid_t type, hid_t space,
                          size_t count, name_list *list) {
  char **texts = memory_new(count, sizeof *texts, "names");
  if (texts == NULL) return false;
  bool good = H5Aread(attribute, type, texts) >= 0;
  for (size_t i = 0; good && i < count; i++)
    good = copy_name(list, texts[i], CKPT_NAME_SIZE);
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, texts);
  memory_free(texts);
  return good;
}

static bool read_fixed(hid_t attribute, hid_t type, size_t count,
                       name_list *list) {
  size_t size = H5Tget_size(type);
  if (size == 0 || size > WIDEST) return false;
  char *texts = memory_new(count, size, "names");
  if (texts == NULL) return false;
  bool good = H5Aread(attribute, type, texts) >= 0;
  for (size_t i = 0; good && i < count; i++)
    good = copy_name(list, texts + i * size, size);
  memory_free(texts);
  return good;
}

static bool read_list(hid_t attribute, name_list *list) {
  hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
  bool good = type >= 0 && space >= 0 && H5Tget_class(type) == H5T_STRING;
  hssize_t count = good ? H5Sget_simple_extent_npoints(space) : 0;
  good = good && count >= 0 && (size_t)count <= list->room;
  if (good && count > 0)
    good = H5Tis_variable_str(type) > 0
               ? read_variable(attribute, type, space, (size_t)count, list)
               : read_fixed(attribute, type, (size_t)count, list);
  if (type >= 0) H5Tclose(type);
  if (space >= 0) H5Sclose(space);
  return good;
}

/* The attribute, or -1 where it or the group is missing. */
static hid_t find_attribute(hid_t file, const char *group,
                            const char *attribute) {
  hid_t object = H5Oopen(file, group, H5P_DEFAULT);
  if (object < 0) return -1;
  hid_t found = H5Aexists(object, attribute) > 0
                    ? H5Aopen(object, attribute, H5P_DEFAULT)
                    : -1;
  H5Oclose(object);
  return found;
}

status ckpt_read_names(ckpt_reader *reader, const char *group,
                       const char *attribute, size_t room,
                       char (*names)[CKPT_NAME_SIZE], size_t *count) {
  name_list list = {.names = names, .room = room};
  hdf5_file *file = ckpt_reader_file(reader);
  hdf5_lock();
  hid_t found = find_attribute(file->id, group, attribute);
  bool good = found < 0 || read_list(found, &list);
  if (found >= 0) H5Aclose(found);
  hdf5_unlock();
  *count = good ? list.count : 0;
  status result = STATUS_OK;
  if (!good)
    result = status_error(STATUS_FORMAT,
                          "%s: '%s' of '%s' is no list of up to %zu names",
                          file->path, attribute, group, room);
  return hdf5_file_result(file, result);
}
