/* Pictures with their masks, and where what is made of them goes. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/folders.h"
#include "base/memory.h"
#include "base/text_file.h"
#include "data/data.h"
#include "data/folder/fields.h"
#include "data/folder/file_names.h"
#include "data/folder/spelling.h"

static const char *const endings[] = {".png", ".jpg", ".jpeg"};
enum { ENDINGS = 3 };
static const char mask_suffix[] = "_mask";

/* FOLDER/NAME, or NAME where that is a path from the root. */
static status join(const char *folder, const char *name, char **out) {
  size_t size = strlen(folder) + strlen(name) + 2;
  TRY(MEMORY_NEW(size, "a path", out));
  snprintf(*out, size, "%s%s%s", name[0] == '/' ? "" : folder,
           name[0] == '/' ? "" : "/", name);
  return STATUS_OK;
}

/* What is known of a picture; NULL or "" where nothing is. Names are in a
 * folder. */
typedef struct names {
  const char *image, *mask, *output, *cutout;
} names;

static bool is_given(const char *name) {
  return name != NULL && name[0] != '\0';
}

static status join_or_none(const char *folder, const char *name, char **out) {
  return is_given(name) ? join(folder, name, out) : memory_copy_text("", out);
}

/* Without an output it goes to the folder `out`. */
static status add(data_pairs *pairs, const char *folder, const names *of,
                  const char *out) {
  TRY(MEMORY_GROW(&pairs->pairs, pairs->count, &pairs->room,
                  "a list of pictures"));
  data_pair *next = &pairs->pairs[pairs->count++]; /* of zeros */
  next->at.scale = 1;
  TRY(join(folder, of->image, &next->image));
  TRY(join_or_none(folder, of->mask, &next->mask));
  TRY(join_or_none(folder, of->cutout, &next->cutout));
  if (is_given(of->output)) return join(folder, of->output, &next->output);
  const char *own = is_given(of->cutout) ? of->cutout : of->image;
  return join(out, file_name_of(own), &next->output);
}

void data_pairs_free(data_pairs *pairs) {
  for (size_t i = 0; i < pairs->count; i++) {
    memory_free(pairs->pairs[i].image);
    memory_free(pairs->pairs[i].mask);
    memory_free(pairs->pairs[i].output);
    memory_free(pairs->pairs[i].cutout);
  }
  memory_free(pairs->pairs);
  *pairs = (data_pairs){0};
}

/* ---- folders ---- */

static status of_hcoco(const char *path, const char *out, data_pairs *pairs) {
  data_folder folder;
  TRY(data_folder_open(path, &folder));
  status result = STATUS_OK;
  for (size_t i = 0; result == STATUS_OK && i < folder.count; i++) {
    const data_entry *entry = &folder.entries[i];
    const names of = {.image = entry->composite, .mask = entry->mask};
    result = add(pairs, folder.path, &of, out);
  }
  data_folder_close(&folder);
  return result;
}

/* The length of a picture's name without its ending; 0: it is none, or a mask.
 */
static size_t stem_of(const char *name) {
  const char *dot = strrchr(name, '.');
  size_t length = dot != NULL ? (size_t)(dot - name) : 0;
  size_t suffix = sizeof mask_suffix - 1;
  bool picture = false;
  for (int i = 0; dot != NULL && i < ENDINGS; i++)
    picture = picture || strcasecmp(dot, endings[i]) == 0;
  if (!picture || length > SPELLING_LONGEST) return 0;
  bool mask =
      length >= suffix && strncmp(dot - suffix, mask_suffix, suffix) == 0;
  return mask ? 0 : length;
}

static status of_names(const char *folder, const file_names *files,
                       const char *out, data_pairs *pairs) {
  char stem[SPELLING_LONGEST + sizeof mask_suffix];
  for (size_t i = 0; i < files->exact.count; i++) {
    const char *name = files->names[i];
    size_t length = stem_of(name);
    if (length == 0) continue;
    snprintf(stem, sizeof stem, "%.*s%s", (int)length, name, mask_suffix);
    const char *mask = file_names_find_stem(files, stem, endings, ENDINGS);
    const names of = {.image = name, .mask = mask};
    TRY(add(pairs, folder, &of, out));
  }
  return STATUS_OK;
}

static int by_image(const void *a, const void *b) {
  return strcmp(((const data_pair *)a)->image, ((const data_pair *)b)->image);
}

static bool is_hcoco(const char *path) {
  char *composites;
  struct stat about;
  if (join(path, "composite_images", &composites) != STATUS_OK) return false;
  bool found = stat(composites, &about) == 0 && S_ISDIR(about.st_mode);
  memory_free(composites);
  return found;
}

static status of_folder(const char *folder, const char *out,
                        data_pairs *pairs) {
  if (is_hcoco(folder)) return of_hcoco(folder, out, pairs);
  file_names files;
  status result = file_names_read(folder, &files);
  if (result == STATUS_OK) result = of_names(folder, &files, out, pairs);
  file_names_free(&files);
  if (result != STATUS_OK) return result;
  if (pairs->count == 0)
    return status_error(STATUS_FORMAT,
                        "%s: no pictures; expected NAME.png or .jpg, each with "
                        "NAME_mask.png, or a folder of HCOCO's",
                        folder);
  qsort(pairs->pairs, pairs->count, sizeof *pairs->pairs, by_image);
  return STATUS_OK;
}

status data_pairs_of_folder(const char *folder, const char *out,
                            data_pairs *pairs) {
  *pairs = (data_pairs){0};
  status result = of_folder(folder, out, pairs);
  if (result != STATUS_OK) data_pairs_free(pairs);
  return result;
}

/* ---- lists ---- */

enum { IMAGE, BACKGROUND, MASK, CUTOUT, AT, SCALE, OUTPUT, COLUMNS };
static const char *const column_names[COLUMNS] = {
    "image", "background", "mask", "cutout", "at", "scale", "output"};

/* Of the column of pictures: cut-outs have backgrounds. */
static int image_column(const int at[COLUMNS]) {
  return at[CUTOUT] >= 0 ? BACKGROUND : IMAGE;
}

static status read_header(const char *path, char *line, const char *out,
                          int at[COLUMNS]) {
  char *fields[FIELDS_MAX];
  int count = line != NULL ? fields_cut(line, fields) : 0;
  for (int c = 0; c < COLUMNS; c++)
    at[c] = fields_find(fields, count, column_names[c]);
  int image = image_column(at);
  if (at[image] >= 0 && (at[OUTPUT] >= 0 || out[0] != '\0')) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: line 1 has no column '%s'; expected a header with "
                      "image, mask and output, or cutout, background, at, "
                      "scale and output, tab-separated",
                      path, column_names[at[image] < 0 ? image : OUTPUT]);
}

static status read_place(const char *path, size_t line,
                         const char *const values[COLUMNS], data_pair *to) {
  const char *at = values[AT], *scale = values[SCALE];
  if (data_placing_read("", at != NULL ? at : "", scale != NULL ? scale : "",
                        &to->at) == STATUS_OK)
    return STATUS_OK;
  return status_context(STATUS_FORMAT, "%s: line %zu", path, line);
}

static status read_row(const char *path, size_t line, char *text,
                       const int at[COLUMNS], const char *folder,
                       const char *out, data_pairs *pairs) {
  char *fields[FIELDS_MAX];
  const char *values[COLUMNS] = {NULL};
  const int needed[] = {image_column(at), CUTOUT, OUTPUT};
  int count = fields_cut(text, fields);
  for (int c = 0; c < COLUMNS; c++)
    if (at[c] >= 0 && at[c] < count) values[c] = fields[at[c]];
  for (int i = 0; i < 3; i++)
    if (at[needed[i]] >= 0 && !is_given(values[needed[i]]))
      return status_error(STATUS_FORMAT, "%s: line %zu has no field '%s'", path,
                          line, column_names[needed[i]]);
  const names of = {.image = values[needed[0]],
                    .mask = values[MASK],
                    .output = values[OUTPUT],
                    .cutout = values[CUTOUT]};
  TRY(add(pairs, folder, &of, out));
  return read_place(path, line, values, &pairs->pairs[pairs->count - 1]);
}

/* Of two lines with one output the second would be lost. */
static status note_output(const char *path, size_t line, const char *output,
                          name_set *outputs) {
  size_t before;
  bool added;
  TRY(name_set_add(outputs, output, line, &before, &added));
  if (added) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s: lines %zu and %zu have the same output, %s", path,
                      before, line, output);
}

static status read_rows(const char *path, text_file *file, const char *folder,
                        const char *out, data_pairs *pairs) {
  int at[COLUMNS];
  char *line;
  name_set outputs = {0};
  status result = read_header(path, text_file_next(file), out, at);
  while (result == STATUS_OK && (line = text_file_next(file)) != NULL) {
    result = read_row(path, file->line, line, at, folder, out, pairs);
    if (result == STATUS_OK)
      result = note_output(path, file->line,
                           pairs->pairs[pairs->count - 1].output, &outputs);
  }
  name_set_free(&outputs);
  if (result == STATUS_OK && pairs->count == 0)
    result = status_error(STATUS_FORMAT, "%s lists no pictures", path);
  return result;
}

static status folder_of(const char *path, char **out) {
  const char *slash = strrchr(path, '/');
  TRY(memory_copy_text(slash != NULL ? path : ".", out));
  if (slash != NULL) (*out)[slash - path] = '\0';
  return STATUS_OK;
}

status data_pairs_of_list(const char *path, const char *out,
                          data_pairs *pairs) {
  *pairs = (data_pairs){0};
  char *folder;
  text_file file;
  TRY(folder_of(path, &folder));
  status result = text_file_open(path, &file);
  if (result == STATUS_OK) {
    result = read_rows(path, &file, folder, out, pairs);
    text_file_close(&file);
  }
  memory_free(folder);
  if (result != STATUS_OK) data_pairs_free(pairs);
  return result;
}
