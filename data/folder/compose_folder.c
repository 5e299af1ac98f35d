/* The folder that compose makes:
 *   compose.txt   the options, written first: another run must have the same
 *   compose.part  journal: a line a composite that is there, as it is made
 *   real_images/  masks/  composite_images/
 *   compose.tsv   the journal's lines in order, written when all are made
 *   HCOCO_train.txt  HCOCO_test.txt   the lists, written last */
#include "data/folder/compose_internal.h"

#include "data/folder/categories.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/publish.h"
#include "base/read_file.h"

static const char *const list_names[DATA_SPLITS] = {
    "HCOCO_train.txt", "HCOCO_test.txt", "HCOCO_validation.txt"};
static const char header_line[] =
    "composite\tsource\treference\tmethod\tfmse\n";

status compose_path(char **out, const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  int length = vsnprintf(NULL, 0, format, arguments);
  va_end(arguments);
  TRY(MEMORY_NEW((size_t)length + 1, "a path", out));
  va_start(arguments, format);
  vsnprintf(*out, (size_t)length + 1, format, arguments);
  va_end(arguments);
  return STATUS_OK;
}

/* ---- whole files ---- */

static status system_error(const char *path) {
  return status_error(STATUS_IO, "%s: %s", path, strerror(errno));
}

/* The last bytes: JPEG's end marker, PNG's IEND chunk. */
static bool ends_well(const char *path) {
  static const unsigned char png_end[] = {'I',  'E',  'N',  'D',
                                          0xae, 0x42, 0x60, 0x82};
  unsigned char last[8];
  FILE *file = fopen(path, "rb");
  if (file == NULL) return false;
  bool good =
      fseek(file, -8, SEEK_END) == 0 && fread(last, 1, 8, file) == 8 &&
      ((last[6] == 0xff && last[7] == 0xd9) || memcmp(last, png_end, 8) == 0);
  fclose(file);
  return good;
}

bool compose_file_is_whole(const char *path, int width, int height) {
  int w, h;
  return access(path, R_OK) == 0 && ends_well(path) &&
         data_image_read_size(path, &w, &h) == STATUS_OK && w == width &&
         h == height;
}

/* ---- opening ---- */

static status make_folder(const char *path) {
  if (mkdir(path, 0777) == 0 || errno == EEXIST) return STATUS_OK;
  return system_error(path);
}

static bool exists(const char *out, const char *name) {
  char *path;
  if (compose_path(&path, "%s/%s", out, name) != STATUS_OK) return true;
  bool there = access(path, F_OK) == 0;
  memory_free(path);
  return there;
}

/* Without compose.txt nothing here may be ours: not to be written over. */
static status check_unused(const char *out) {
  static const char *const ours[] = {
      "composite_images", "real_images",    "masks",
      "HCOCO_train.txt",  "HCOCO_test.txt", "HCOCO_validation.txt",
      "compose.tsv",      "compose.part"};
  for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
    if (exists(out, ours[i]))
      return status_error(STATUS_MISFIT,
                          "%s has %s but no compose.txt: compose did not make "
                          "it; give another folder",
                          out, ours[i]);
  return STATUS_OK;
}

/* Names the first line in which the two differ. */
static status differing_options(const char *path, const char *was,
                                const char *is) {
  while (*was != '\0' && *is != '\0') {
    size_t a = strcspn(was, "\n"), b = strcspn(is, "\n");
    if (a != b || memcmp(was, is, a) != 0) break;
    was += a + (was[a] != '\0');
    is += b + (is[b] != '\0');
  }
  return status_error(STATUS_MISFIT,
                      "%s: the folder was made with '%.*s', this run has "
                      "'%.*s'; give another folder, or remove this one first",
                      path, (int)strcspn(was, "\n"), was,
                      (int)strcspn(is, "\n"), is);
}

static status agree_on_options(const char *out, const char *path,
                               const char *text) {
  if (access(path, F_OK) != 0) {
    TRY(check_unused(out));
    return publish_bytes(path, text, strlen(text));
  }
  char *was;
  size_t length;
  TRY(read_file(path, &was, &length));
  status result =
      strcmp(was, text) == 0 ? STATUS_OK : differing_options(path, was, text);
  memory_free(was);
  return result;
}

status compose_folder_open(const char *out, const char *options_text) {
  static const char *const folders[] = {"real_images", "masks",
                                        "composite_images"};
  char *path;
  TRY(make_folder(out));
  TRY(compose_path(&path, "%s/compose.txt", out));
  status result = agree_on_options(out, path, options_text);
  memory_free(path);
  for (int i = 0; i < 3 && result == STATUS_OK; i++) {
    TRY(compose_path(&path, "%s/%s", out, folders[i]));
    result = make_folder(path);
    memory_free(path);
  }
  return result;
}

/* ---- records ---- */

void compose_composite_name(const photo *of, int k, char name[64]) {
  snprintf(name, 64, "c%" PRIu64 "_1_%d", of->id, k);
}

void compose_record_print(FILE *file, const photo_index *index, size_t of,
                          int k, const compose_record *record) {
  char name[64];
  compose_composite_name(&index->photos[of], k, name);
  fprintf(file, "%s.jpg\t%s\t%s\t%s\t%.17g\n", name, index->photos[of].name,
          index->photos[record->reference].name,
          data_transfer_name(record->method), record->fmse);
}

/* A line that does not read (the last of a killed run may be cut short) is
 * passed over: its composite is made again, and comes out the same. */
static void take_line(char *line, const photo_index *index, const photo *sorted,
                      int per_image, compose_record *records) {
  char *fields[5], *rest = line, *end;
  for (int i = 0; i < 5; i++)
    if ((fields[i] = strsep(&rest, "\t")) == NULL) return;
  const photo *of = photo_find(sorted, index->count, fields[1]);
  const photo *reference = photo_find(sorted, index->count, fields[2]);
  const char *last = strrchr(fields[0], '_');
  int k = last != NULL ? atoi(last + 1) : 0;
  compose_record record = {.known = true, .fmse = strtod(fields[4], &end)};
  if (of == NULL || reference == NULL || k < 1 || k > per_image || *end != '\0')
    return;
  while (record.method < DATA_TRANSFER_METHODS &&
         strcmp(fields[3], data_transfer_name(record.method)) != 0)
    record.method++;
  if (record.method == DATA_TRANSFER_METHODS) return;
  record.reference = reference->row;
  records[(size_t)of->row * (size_t)per_image + (size_t)k - 1] = record;
}

static status take_file(const char *path, const photo_index *index,
                        const photo *sorted, int per_image,
                        compose_record *records) {
  if (access(path, F_OK) != 0) return STATUS_OK;
  char *text;
  size_t length;
  TRY(read_file(path, &text, &length));
  /* Only lines that have an end. */
  for (char *line = text, *end; (end = strchr(line, '\n')) != NULL;
       line = end + 1) {
    *end = '\0';
    take_line(line, index, sorted, per_image, records);
  }
  memory_free(text);
  return STATUS_OK;
}

status compose_records_read(const char *out, const photo_index *index,
                            int per_image, compose_record *records) {
  static const char *const names[] = {"compose.tsv", "compose.part"};
  photo *sorted;
  TRY(photo_index_sort(index, &sorted));
  status result = STATUS_OK;
  for (int i = 0; i < 2 && result == STATUS_OK; i++) {
    char *path;
    result = compose_path(&path, "%s/%s", out, names[i]);
    if (result != STATUS_OK) break;
    result = take_file(path, index, sorted, per_image, records);
    memory_free(path);
  }
  memory_free(sorted);
  return result;
}

/* ---- finishing ---- */

static status write_stream(const char *out, const char *name, FILE *stream,
                           char **text, size_t *length) {
  char *path;
  bool good = !ferror(stream);
  if (fclose(stream) != 0 || !good) {
    free(*text);
    return status_error(STATUS_MEMORY, "%s/%s: not enough memory", out, name);
  }
  status result = compose_path(&path, "%s/%s", out, name);
  if (result == STATUS_OK) {
    result = publish_bytes(path, *text, *length);
    memory_free(path);
  }
  free(*text);
  return result;
}

static status write_table(const char *out, const photo_index *index,
                          int per_image, const compose_record *records) {
  char *text = NULL;
  size_t length;
  FILE *stream = open_memstream(&text, &length);
  if (stream == NULL)
    return status_error(STATUS_MEMORY, "compose.tsv: not enough memory");
  fputs(header_line, stream);
  for (size_t i = 0; i < index->count; i++)
    for (int k = 1; k <= per_image; k++)
      compose_record_print(stream, index, i, k,
                           &records[i * (size_t)per_image + (size_t)(k - 1)]);
  return write_stream(out, "compose.tsv", stream, &text, &length);
}

static status write_list(const char *out, const photo_index *index,
                         int per_image, data_split split) {
  char *text = NULL;
  size_t length;
  FILE *stream = open_memstream(&text, &length);
  if (stream == NULL)
    return status_error(STATUS_MEMORY, "%s: not enough memory",
                        list_names[split]);
  size_t lines = 0;
  for (size_t i = 0; i < index->count; i++) {
    if (index->photos[i].split != split) continue;
    for (int k = 1; k <= per_image; k++, lines++) {
      char name[64];
      compose_composite_name(&index->photos[i], k, name);
      fprintf(stream, "%s.jpg\n", name);
    }
  }
  if (lines == 0) log_warning("%s/%s is empty", out, list_names[split]);
  return write_stream(out, list_names[split], stream, &text, &length);
}

/* What each real image shows, for who packs the folder. */
static status write_categories(const char *out, const photo_index *index) {
  char *text = NULL;
  size_t length;
  FILE *stream = open_memstream(&text, &length);
  if (stream == NULL)
    return status_error(STATUS_MEMORY, "%s: not enough memory",
                        CATEGORIES_FILE);
  fputs(CATEGORIES_HEADER "\n", stream);
  for (size_t i = 0; i < index->count; i++)
    fprintf(stream, "c%" PRIu64 ".jpg\t%s\n", index->photos[i].id,
            index->photos[i].category);
  return write_stream(out, CATEGORIES_FILE, stream, &text, &length);
}

status compose_folder_finish(const char *out, const photo_index *index,
                             int per_image, const compose_record *records) {
  TRY(write_table(out, index, per_image, records));
  TRY(write_categories(out, index));
  bool validation = false;
  for (size_t i = 0; i < index->count; i++)
    validation = validation || index->photos[i].split == DATA_VALIDATION;
  for (int split = 0; split < DATA_SPLITS; split++)
    if (split != DATA_VALIDATION || validation)
      TRY(write_list(out, index, per_image, (data_split)split));
  char *journal;
  TRY(compose_path(&journal, "%s/compose.part", out));
  unlink(journal);
  memory_free(journal);
  return STATUS_OK;
}
