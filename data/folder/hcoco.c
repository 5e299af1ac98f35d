/* HCOCO folders: which list is whose, and what the names in it mean. */
#include "data/folder/hcoco.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/folders.h"
#include "base/memory.h"
#include "base/text_file.h"
#include "data/folder/file_names.h"
#include "base/name_set.h"

enum { NAME_ROOM = NAME_MAX + 1 };

typedef struct scan {
  char path[PATH_MAX];   /* the folder that holds composite_images */
  char parent[PATH_MAX]; /* where a merged list may lie besides */
  char name[NAME_ROOM];  /* "HCOCO": the folder's own name */
  bool lenient;
  file_names composites, masks, reals; /* files that are there */
  name_set listed;                     /* composite -> its entry */
  char lists[DATA_SPLITS][PATH_MAX];   /* "" where there is none */
  data_entry *entries;
  size_t *lines; /* of the list, an entry */
  size_t count, room;
  size_t split_count[DATA_SPLITS];
} scan;

static const char *const split_names[DATA_SPLITS] = {"train", "test",
                                                     "validation"};

const char *data_split_name(data_split split) {
  INVARIANT(split < DATA_SPLITS, "split %d", (int)split);
  return split_names[split];
}

bool data_split_find(const char *name, data_split *split) {
  for (int s = 0; s < DATA_SPLITS; s++)
    if (strcmp(name, split_names[s]) == 0) return *split = (data_split)s, true;
  return false;
}

static status join(char out[PATH_MAX], const char *folder, const char *name) {
  int length = snprintf(out, PATH_MAX, "%s/%s", folder, name);
  if (length < 0 || length >= PATH_MAX)
    return status_error(STATUS_IO, "%.60s...: the path is too long", folder);
  return STATUS_OK;
}

static bool is_folder(const char *folder, const char *name) {
  char path[PATH_MAX];
  struct stat about;
  return join(path, folder, name) == STATUS_OK && stat(path, &about) == 0 &&
         S_ISDIR(about.st_mode);
}

static bool is_file(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISREG(about.st_mode);
}

static bool ends_with(const char *text, const char *end) {
  size_t length = strlen(text), part = strlen(end);
  return length >= part && strcmp(text + length - part, end) == 0;
}

/* ---- where things are ---- */

/* The last part of the path as it was given; of "." and the like, what it
 * stands for. */
static status take_name(scan *s) {
  char real[PATH_MAX];
  const char *name = file_name_of(s->path);
  if (*name == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0) {
    if (realpath(s->path, real) == NULL)
      return status_error(STATUS_IO, "%s: %s", s->path, strerror(errno));
    name = file_name_of(real);
  }
  size_t length = strlen(name);
  if (length >= sizeof s->name)
    return status_error(STATUS_IO, "%.60s...: the name is too long", name);
  memcpy(s->name, name, length + 1);
  return STATUS_OK;
}

static status find_folder(scan *s, const char *given) {
  size_t length = strlen(given);
  while (length > 1 && given[length - 1] == '/') length--;
  if (length == 0 || length >= PATH_MAX)
    return status_error(STATUS_IO, "'%.60s': not the path of a folder", given);
  memcpy(s->path, given, length);
  if (is_folder(s->path, "composite_images")) {
    TRY(join(s->parent, s->path, ".."));
  } else if (is_folder(s->path, "HCOCO/composite_images")) {
    memcpy(s->parent, s->path, sizeof s->parent);
    TRY(join(s->path, s->parent, "HCOCO"));
  } else if (!is_folder(s->path, ".")) {
    return status_error(STATUS_IO, "%s: there is no such folder", s->path);
  } else {
    return status_error(STATUS_IO,
                        "%s: not an HCOCO folder (neither it nor its folder "
                        "HCOCO holds composite_images)",
                        s->path);
  }
  return take_name(s);
}

static status read_directory(const scan *s, const char *name, file_names *out) {
  char path[PATH_MAX];
  TRY(join(path, s->path, name));
  return file_names_read(path, out);
}

/* ---- which list ---- */

/* The folder's own list: NAME_<split>.txt, HCOCO_<split>.txt, or the only file
 * with that end. `*out` stays "" where there is none. */
static status find_own_list(const scan *s, data_split split,
                            const file_names *files, char out[PATH_MAX]) {
  char end[24], named[NAME_ROOM + 24], merged[40];
  snprintf(end, sizeof end, "_%s.txt", data_split_name(split));
  snprintf(merged, sizeof merged, "IHD%s", end);
  snprintf(named, sizeof named, "%s%s", s->name, end);
  const char *found = file_names_find(files, named);
  if (found != NULL) return join(out, s->path, found);
  snprintf(named, sizeof named, "HCOCO%s", end);
  found = file_names_find(files, named);
  if (found != NULL) return join(out, s->path, found);
  for (size_t i = 0; i < files->exact.count; i++) {
    const char *name = files->names[i];
    if (!ends_with(name, end) || strcmp(name, merged) == 0) continue;
    if (found != NULL)
      return status_error(STATUS_FORMAT,
                          "%s: both %s and %s could be the %s list; name the "
                          "right one %s%s",
                          s->path, found, name, data_split_name(split), s->name,
                          end);
    found = name;
  }
  return found != NULL ? join(out, s->path, found) : STATUS_OK;
}

static status find_merged_list(const scan *s, data_split split,
                               char out[PATH_MAX]) {
  char name[32];
  snprintf(name, sizeof name, "IHD_%s.txt", data_split_name(split));
  TRY(join(out, s->path, name));
  if (is_file(out)) return STATUS_OK;
  TRY(join(out, s->parent, name));
  if (!is_file(out)) out[0] = '\0';
  return STATUS_OK;
}

/* ---- what a line means ---- */

static bool is_image_name(const char *name) {
  const char *dot = strrchr(name, '.');
  return dot != NULL &&
         (strcasecmp(dot, ".jpg") == 0 || strcasecmp(dot, ".jpeg") == 0 ||
          strcasecmp(dot, ".png") == 0);
}

/* Cuts the last "_field" off; false where there is none or nothing is left. */
static bool cut_field(char *stem) {
  char *bar = strrchr(stem, '_');
  if (bar == NULL || bar == stem || bar[1] == '\0') return false;
  *bar = '\0';
  return true;
}

/* From the right: <image>_<object>_<k>.jpg; the image's own name may hold more
 * underscores. */
static bool parse_name(const char *name, char mask[NAME_ROOM],
                       char real[NAME_ROOM]) {
  if (strlen(name) >= NAME_ROOM || strchr(name, '/') != NULL ||
      !is_image_name(name))
    return false;
  snprintf(mask, NAME_ROOM, "%s", name);
  *strrchr(mask, '.') = '\0';
  if (!cut_field(mask)) return false;
  snprintf(real, NAME_ROOM, "%s", mask);
  return cut_field(real);
}

/* The composite as the folder has it, perhaps with another ending. */
static status find_composite(const scan *s, data_split split, size_t line,
                             const char *name, const char **out) {
  static const char *const endings[3] = {".jpg", ".jpeg", ".png"};
  char stem[NAME_ROOM];
  *out = file_names_find(&s->composites, name);
  if (*out != NULL) return STATUS_OK;
  snprintf(stem, sizeof stem, "%s", name);
  *strrchr(stem, '.') = '\0';
  *out = file_names_find_stem(&s->composites, stem, endings, 3);
  if (*out != NULL) return STATUS_OK;
  *out = name;
  if (s->lenient) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s:%zu: there is no file %s/composite_images/%s",
                      s->lists[split], line, s->path, name);
}

/* "FOLDER/STEM.ext" with one of three endings that is there. */
static status resolve(const scan *s, data_split split, size_t line,
                      const char *folder, const file_names *files,
                      const char *stem, const char *const endings[3],
                      char **out) {
  char path[2 * NAME_ROOM];
  const char *found = file_names_find_stem(files, stem, endings, 3);
  if (found != NULL) {
    snprintf(path, sizeof path, "%s/%s", folder, found);
    return memory_copy_text(path, out);
  }
  snprintf(path, sizeof path, "%s/%s%s", folder, stem, endings[0]);
  if (s->lenient) return memory_copy_text(path, out);
  return status_error(
      STATUS_FORMAT, "%s:%zu: its %s is not there: expected %s/%s (or %s, %s)",
      s->lists[split], line, files == &s->masks ? "mask" : "real image",
      s->path, path, endings[1], endings[2]);
}

static status make_room(scan *s) {
  if (s->count < s->room) return STATUS_OK;
  size_t room = s->room == 0 ? 1024 : 2 * s->room;
  data_entry *entries;
  size_t *lines;
  TRY(MEMORY_NEW(room, "entries of a folder", &entries));
  status result = MEMORY_NEW(room, "entries of a folder", &lines);
  if (result != STATUS_OK) {
    memory_free(entries);
    return result;
  }
  if (s->count > 0) {
    memcpy(entries, s->entries, s->count * sizeof *entries);
    memcpy(lines, s->lines, s->count * sizeof *lines);
  }
  memory_free(s->entries);
  memory_free(s->lines);
  s->entries = entries;
  s->lines = lines;
  s->room = room;
  return STATUS_OK;
}

static status check_new(scan *s, data_split split, size_t line,
                        const char *name) {
  size_t first;
  bool added;
  TRY(name_set_add(&s->listed, name, s->count, &first, &added));
  if (added) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s:%zu: %s is listed a second time (first at %s:%zu)",
                      s->lists[split], line, name,
                      s->lists[s->entries[first].split], s->lines[first]);
}

static status add_entry(scan *s, data_split split, size_t line,
                        const char *name) {
  static const char *const mask_endings[3] = {".png", ".jpg", ".jpeg"};
  static const char *const real_endings[3] = {".jpg", ".jpeg", ".png"};
  char mask[NAME_ROOM], real[NAME_ROOM], path[2 * NAME_ROOM];
  if (!parse_name(name, mask, real))
    return status_error(STATUS_FORMAT,
                        "%s:%zu: '%.80s' is not a composite's name: expected "
                        "<image>_<object>_<k>.jpg",
                        s->lists[split], line, name);
  TRY(find_composite(s, split, line, name, &name));
  TRY(check_new(s, split, line, name));
  TRY(make_room(s));
  s->lines[s->count] = line;
  data_entry *entry = &s->entries[s->count++]; /* counted: freed on failure */
  entry->split = split;
  snprintf(path, sizeof path, "composite_images/%s", name);
  TRY(memory_copy_text(path, &entry->composite));
  TRY(resolve(s, split, line, "masks", &s->masks, mask, mask_endings,
              &entry->mask));
  TRY(resolve(s, split, line, "real_images", &s->reals, real, real_endings,
              &entry->real));
  s->split_count[split]++;
  return STATUS_OK;
}

/* ---- reading a list ---- */

/* Of "SUBSET/composite_images/NAME" the name; `*own` tells whether SUBSET is
 * this folder. NULL where the line is not of that form. */
static char *split_merged(const scan *s, char *line, bool *own) {
  static const char middle[] = "/composite_images/";
  char *slash = strchr(line, '/');
  if (slash == NULL || strncmp(slash, middle, sizeof middle - 1) != 0)
    return NULL;
  *slash = '\0';
  *own = strcmp(line, s->name) == 0;
  *slash = '/';
  return slash + sizeof middle - 1;
}

static status take_line(scan *s, data_split split, size_t line, char *text,
                        bool merged) {
  static const char folder[] = "composite_images/";
  bool own = true;
  if (strchr(text, '\\') != NULL)
    return status_error(STATUS_FORMAT,
                        "%s:%zu: '%.80s' has a backslash; expected / between "
                        "folder and name",
                        s->lists[split], line, text);
  char *name = split_merged(s, text, &own);
  if (merged && name == NULL)
    return status_error(STATUS_FORMAT,
                        "%s:%zu: '%.80s': expected SUBSET/composite_images/"
                        "<image>_<object>_<k>.jpg",
                        s->lists[split], line, text);
  if (merged && !own) return STATUS_OK;
  if (!merged && (name == NULL || !own)) {
    name = text;
    if (strncmp(name, folder, sizeof folder - 1) == 0)
      name += sizeof folder - 1;
  }
  return add_entry(s, split, line, name);
}

static status read_list(scan *s, data_split split, bool merged) {
  const char *path = s->lists[split];
  size_t before = s->count, notes = 0;
  text_file file;
  char *line;
  status result = STATUS_OK;
  TRY(text_file_open(path, &file));
  while (result == STATUS_OK && (line = text_file_next(&file)) != NULL)
    if (file_name_is_note(line = text_trim(line)))
      notes++;
    else
      result = take_line(s, split, file.line, line, merged);
  text_file_close(&file);
  file_names_warn_notes(path, notes);
  if (result == STATUS_OK && s->count == before && !merged)
    result = status_error(STATUS_FORMAT, "%s: the list is empty", path);
  return result;
}

static status read_lists(scan *s) {
  file_names files = {0};
  status result = STATUS_OK;
  TRY_OR(end, read_directory(s, ".", &files));
  for (int split = 0; split < DATA_SPLITS; split++) {
    char *path = s->lists[split];
    TRY_OR(end, find_own_list(s, split, &files, path));
    bool merged = *path == '\0';
    if (merged) TRY_OR(end, find_merged_list(s, split, path));
    if (*path != '\0') TRY_OR(end, read_list(s, split, merged));
  }
  if (s->count == 0)
    result = status_error(STATUS_FORMAT,
                          "%s: no list names a composite of it: expected "
                          "%s_train.txt or %s_test.txt in it, or IHD_train.txt "
                          "or IHD_test.txt with lines %s/composite_images/... "
                          "in it or beside it",
                          s->path, s->name, s->name, s->name);
end:
  file_names_free(&files);
  return result;
}

/* ---- the whole ---- */

static status scan_all(scan *s, const char *path) {
  TRY(find_folder(s, path));
  TRY(read_directory(s, "composite_images", &s->composites));
  TRY(read_directory(s, "masks", &s->masks));
  TRY(read_directory(s, "real_images", &s->reals));
  return read_lists(s);
}

status data_folder_scan(const char *path, bool lenient, data_folder *out) {
  *out = (data_folder){0};
  scan *s;
  TRY(MEMORY_NEW(1, "folder listing", &s));
  s->lenient = lenient;
  status result = scan_all(s, path);
  if (result == STATUS_OK) result = memory_copy_text(s->path, &out->path);
  file_names_free(&s->composites);
  file_names_free(&s->masks);
  file_names_free(&s->reals);
  name_set_free(&s->listed);
  memory_free(s->lines);
  out->entries = s->entries;
  out->count = s->count;
  memcpy(out->split_count, s->split_count, sizeof out->split_count);
  memory_free(s);
  if (result != STATUS_OK) data_folder_close(out);
  return result;
}

status data_folder_open(const char *path, data_folder *out) {
  return data_folder_scan(path, false, out);
}

void data_folder_close(data_folder *folder) {
  for (size_t i = 0; i < folder->count; i++) {
    memory_free(folder->entries[i].composite);
    memory_free(folder->entries[i].mask);
    memory_free(folder->entries[i].real);
  }
  memory_free(folder->entries);
  memory_free(folder->path);
  *folder = (data_folder){0};
}
