/* PHOTOS/index.tsv: the photographs that composites are made of. */
#include "data/folder/compose_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/folder/fields.h"
#include "data/folder/file_names.h"
#include "data/folder/overlap.h"

enum { NAME, SPLIT, CATEGORY, SCENE, WANTED };
static const char *const wanted_names[WANTED] = {"name", "split", "category",
                                                 "scene"};

typedef struct columns {
  int at[WANTED]; /* -1: not there */
} columns;

static status read_header(const char *path, char *line, columns *out) {
  char *fields[FIELDS_MAX] = {NULL};
  int count = fields_cut(line, fields);
  for (int w = 0; w < WANTED; w++) {
    out->at[w] = fields_find(fields, count, wanted_names[w]);
    if (out->at[w] < 0 && w != SCENE)
      return status_error(STATUS_FORMAT,
                          "%s: line 1 has no column '%s'; expected a header "
                          "with name, split and category, tab-separated",
                          path, wanted_names[w]);
  }
  return STATUS_OK;
}

static status read_split(const char *path, size_t line, const char *text,
                         data_split *out) {
  if (data_split_find(text, out)) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: line %zu: split is '%s'; expected train, test or "
                      "validation",
                      path, line, text);
}

static status read_row(const char *path, size_t line, char *text,
                       const columns *where, photo *out) {
  char *fields[FIELDS_MAX] = {NULL};
  int count = fields_cut(text, fields);
  const char *values[WANTED];
  for (int w = 0; w < WANTED; w++) {
    if (where->at[w] >= count)
      return status_error(STATUS_FORMAT, "%s: line %zu has no field '%s'", path,
                          line, wanted_names[w]);
    values[w] = where->at[w] < 0 ? "" : fields[where->at[w]];
  }
  const char *name = values[NAME];
  bool dot = name[0] == '.' && !file_name_is_note(name);
  if (strchr(name, '\\') != NULL)
    return status_error(STATUS_FORMAT,
                        "%s: line %zu: '%s' has a backslash; expected a name "
                        "without its folder",
                        path, line, name);
  if (name[0] == '\0' || dot || strchr(name, '/') != NULL)
    return status_error(STATUS_FORMAT,
                        "%s: line %zu: '%s' is no name of a photograph", path,
                        line, name);
  *out = (photo){
      .name = name, .category = values[CATEGORY], .scene = values[SCENE]};
  TRY(read_split(path, line, values[SPLIT], &out->split));
  out->home = out->split;
  return STATUS_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const photo *)a)->name, ((const photo *)b)->name);
}

static int by_id(const void *a, const void *b) {
  uint64_t x = ((const photo *)a)->id, y = ((const photo *)b)->id;
  return (x > y) - (x < y);
}

status photo_index_sort(const photo_index *index, photo **sorted) {
  TRY(MEMORY_NEW(index->count, "index of photographs", sorted));
  memcpy(*sorted, index->photos, index->count * sizeof **sorted);
  qsort(*sorted, index->count, sizeof **sorted, by_name);
  return STATUS_OK;
}

const photo *photo_find(const photo *sorted, size_t count, const char *name) {
  photo key = {.name = name};
  return bsearch(&key, sorted, count, sizeof key, by_name);
}

/* The number of the last run of digits; false without one, or if it is long. */
static bool digits_of(const char *name, uint64_t *id) {
  size_t end = strlen(name);
  while (end > 0 && (name[end - 1] < '0' || name[end - 1] > '9')) end--;
  size_t begin = end;
  while (begin > 0 && name[begin - 1] >= '0' && name[begin - 1] <= '9') begin--;
  *id = 0;
  for (size_t i = begin; i < end; i++)
    *id = 10 * *id + (uint64_t)(name[i] - '0');
  return end > begin && end - begin <= 18;
}

static void give_ids(photo_index *index, photo *sorted) {
  bool good = true;
  for (size_t i = 0; i < index->count; i++) {
    photo *p = &index->photos[sorted[i].row];
    good = digits_of(p->name, &p->id) && good;
    sorted[i].id = p->id;
  }
  qsort(sorted, index->count, sizeof *sorted, by_id);
  for (size_t i = 1; i < index->count; i++)
    good = good && sorted[i - 1].id != sorted[i].id;
  index->ids_from_names = good;
  for (size_t i = 0; i < index->count && !good; i++)
    index->photos[i].id = i + 1;
}

static status check_and_number(const char *path, photo_index *index) {
  photo *sorted;
  TRY(photo_index_sort(index, &sorted));
  status result = STATUS_OK;
  for (size_t i = 1; i < index->count && result == STATUS_OK; i++)
    if (by_name(&sorted[i - 1], &sorted[i]) == 0)
      result = status_error(STATUS_FORMAT, "%s: '%s' is there twice", path,
                            sorted[i].name);
  if (result == STATUS_OK) give_ids(index, sorted);
  memory_free(sorted);
  return result;
}

static size_t count_lines(const char *text) {
  size_t lines = 1;
  for (; *text != '\0'; text++) lines += *text == '\n' || *text == '\r';
  return lines;
}

static status read_rows(const char *path, photo_index *out) {
  text_file *file = &out->file;
  size_t notes = 0;
  char nothing[] = "", *line;
  columns where = {{0}};
  TRY(MEMORY_NEW(count_lines(file->text), "index of photographs",
                 &out->photos));
  line = text_file_next(file);
  TRY(read_header(path, line != NULL ? line : nothing, &where));
  while ((line = text_file_next(file)) != NULL) {
    photo *next = &out->photos[out->count];
    TRY(read_row(path, file->line, line, &where, next));
    next->row = (uint32_t)out->count;
    if (file_name_is_note(next->name))
      notes++;
    else
      out->count++;
  }
  file_names_warn_notes(path, notes);
  if (out->count == 0)
    return status_error(STATUS_FORMAT, "%s lists no photographs", path);
  return check_and_number(path, out);
}

status photo_index_read(const char *folder, photo_index *out) {
  *out = (photo_index){0};
  char *path;
  TRY(compose_path(&path, "%s/index.tsv", folder));
  status result = text_file_open(path, &out->file);
  if (result == STATUS_OK) result = read_rows(path, out);
  if (result != STATUS_OK) photo_index_free(out);
  memory_free(path);
  return result;
}

void photo_index_free(photo_index *index) {
  memory_free(index->photos);
  text_file_close(&index->file);
  *index = (photo_index){0};
}

status photo_index_hold_out(photo_index *index, double validation) {
  const char **scenes = NULL;
  bool *held_out = NULL;
  status result;
  TRY_OR(end, MEMORY_NEW(index->count, "scenes", &scenes));
  TRY_OR(end, MEMORY_NEW(index->count, "scenes", &held_out));
  for (size_t i = 0; i < index->count; i++) {
    const photo *p = &index->photos[i];
    if (p->split == DATA_TRAIN)
      scenes[i] = p->scene[0] != '\0' ? p->scene : p->name;
  }
  TRY_OR(end, data_hold_out(scenes, index->count, validation, held_out));
  for (size_t i = 0; i < index->count; i++)
    if (held_out[i]) index->photos[i].split = DATA_VALIDATION;
end:
  memory_free(scenes);
  memory_free(held_out);
  return result;
}

status photo_index_check(const char *where, const photo_index *index,
                         bool strict) {
  overlap o;
  name_set scenes = {0};
  size_t number;
  bool added;
  status result;
  TRY_OR(end, overlap_create(index->count, &o));
  for (size_t i = 0; i < index->count; i++) {
    const photo *p = &index->photos[i];
    if (p->scene[0] == '\0') continue;
    TRY_OR(end, name_set_add(&scenes, p->scene, scenes.count, &number, &added));
    if (added) TRY_OR(end, memory_copy_text(p->scene, &o.names[number]));
    o.in[number] = o.also[number] |= 1u << p->split;
  }
  result = overlap_tell(where, "scenes", &o, strict);
end:
  name_set_free(&scenes);
  overlap_free(&o);
  return result;
}

uint64_t photo_index_hash(const photo_index *index) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (size_t i = 0; i < index->count; i++) {
    const photo *p = &index->photos[i];
    uint64_t parts[4] = {random_hash(p->name), random_hash(p->category),
                         random_hash(p->scene), (uint64_t)p->split};
    for (int k = 0; k < 4; k++) hash = (hash ^ parts[k]) * 0x100000001b3u;
    hash ^= hash >> 32;
  }
  return hash;
}

static size_t select_photos(const photo_index *index, size_t of,
                            bool same_category, bool other_scene,
                            uint32_t *candidates) {
  const photo *self = &index->photos[of];
  size_t count = 0;
  for (size_t i = 0; i < index->count; i++) {
    const photo *p = &index->photos[i];
    if (i == of || p->split != self->split) continue;
    if (same_category && strcmp(p->category, self->category) != 0) continue;
    if (other_scene && strcmp(p->scene, self->scene) == 0) continue;
    candidates[count++] = (uint32_t)i;
  }
  return count;
}

size_t photo_candidates(const photo_index *index, size_t of,
                        uint32_t *candidates) {
  /* An empty scene says nothing: then scenes are not looked at. */
  bool scenes = index->photos[of].scene[0] != '\0';
  for (int same_category = 1; same_category >= 0; same_category--)
    for (int other_scene = scenes; other_scene >= 0; other_scene--) {
      size_t count =
          select_photos(index, of, same_category, other_scene, candidates);
      if (count > 0) return count;
    }
  return 0;
}
