/* Reading categories.tsv. */
#include "data/folder/categories.h"

#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text_file.h"
#include "data/folder/compose_internal.h"

static status take_line(const char *path, size_t number, char *line,
                        categories *out) {
  char *tab = strchr(line, '\t');
  if (tab == NULL || tab == line || tab[1] == '\0' ||
      strchr(tab + 1, '\t') != NULL)
    return status_error(STATUS_FORMAT,
                        "%s:%zu: expected the name of a real image, a tab and "
                        "its category",
                        path, number);
  *tab = '\0';
  size_t category, there;
  bool added;
  TRY(name_set_add(&out->names, tab + 1, out->names.count, &category, &added));
  TRY(name_set_add(&out->images, line, category, &there, &added));
  if (added || there == category) return STATUS_OK;
  return status_error(STATUS_FORMAT, "%s:%zu: '%s' is there twice", path,
                      number, line);
}

static status read_lines(const char *path, text_file *file, categories *out) {
  const char *header = text_file_next(file);
  if (header == NULL || strcmp(header, CATEGORIES_HEADER) != 0)
    return status_error(STATUS_FORMAT,
                        "%s:1: expected the header line 'image', a tab, "
                        "'category'",
                        path);
  char *line;
  while ((line = text_file_next(file)) != NULL)
    TRY(take_line(path, file->line, line, out));
  return STATUS_OK;
}

status categories_read(const char *folder, categories *out) {
  *out = (categories){0};
  char *path;
  TRY(compose_path(&path, "%s/%s", folder, CATEGORIES_FILE));
  status result = STATUS_OK;
  text_file file;
  if (access(path, F_OK) == 0) {
    result = text_file_open(path, &file);
    if (result == STATUS_OK) {
      result = read_lines(path, &file, out);
      text_file_close(&file);
    }
  }
  if (result != STATUS_OK) categories_free(out);
  memory_free(path);
  return result;
}

void categories_free(categories *c) {
  name_set_free(&c->images);
  name_set_free(&c->names);
}

uint32_t categories_find(const categories *c, const char *image) {
  const size_t *found = name_set_find(&c->images, image);
  return found != NULL ? (uint32_t)*found : UINT32_MAX;
}
