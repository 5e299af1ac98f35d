/* Tables of a run that outlive its interruptions. */
#include "dist/run/run_table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/disk.h"
#include "base/memory.h"
#include "base/publish.h"

static status unwritable(const char *path) {
  return status_system(errno, "%s: cannot be written", path);
}

/* ---- the table that is there ---- */

static status read_from(int file, const char *path, char **text,
                        size_t *length) {
  struct stat about;
  int error = disk_about(file, path, &about);
  if (error == 0) {
    *length = (size_t)about.st_size;
    TRY(MEMORY_NEW(*length + 1, path, text));
    error = disk_read(file, path, *text, *length, 0);
  }
  if (error == 0) return STATUS_OK;
  return status_system(error == DISK_END ? EIO : error, "%s: cannot be read",
                       path);
}

/* The whole file, in new memory; NULL where there is none. */
static status read_all(const char *path, char **text, size_t *length) {
  *text = NULL;
  *length = 0;
  int file = disk_open(path, O_RDONLY);
  int error = file < 0 ? errno : 0;
  if (error == ENOENT && disk_is_absent(path)) return STATUS_OK;
  if (error != 0) return status_system(error, "%s: cannot be read", path);
  status result = read_from(file, path, text, length);
  close(file);
  return result;
}

/* ---- its rows ---- */

/* Where rows go: those that stay, and those that are moved. */
typedef struct rows {
  const char *header;
  uint64_t step;
  FILE *kept, *cut;
  char cut_path[1040];
} rows;

static FILE *open_stream(const char *path, int flags) {
  int file = disk_open(path, O_WRONLY | O_CREAT | flags);
  FILE *stream = file < 0 ? NULL : fdopen(file, "w");
  if (stream == NULL && file >= 0) close(file);
  return stream;
}

/* Whatever a file system made of the line: zeros, too. */
static void put(FILE *file, const char *line, size_t length) {
  fwrite(line, 1, length, file);
  fputc('\n', file);
}

static status write_cut(rows *r, const char *line, size_t length) {
  if (r->cut == NULL) {
    r->cut = open_stream(r->cut_path, O_APPEND);
    if (r->cut == NULL) return unwritable(r->cut_path);
    if (lseek(fileno(r->cut), 0, SEEK_END) == 0)
      put(r->cut, r->header, strlen(r->header));
  }
  put(r->cut, line, length);
  return STATUS_OK;
}

static status sort_row(rows *r, const char *line, size_t length, bool whole) {
  char *end;
  unsigned long long row = strtoull(line, &end, 10);
  if (end == line || *end != ',') {
    bool header = whole && strncmp(line, "step,", 5) == 0;
    return header || length == 0 ? STATUS_OK : write_cut(r, line, length);
  }
  if (row > r->step || !whole) return write_cut(r, line, length);
  put(r->kept, line, length);
  return STATUS_OK;
}

/* The header is written anew; a last row that was cut short is no row. */
static status sort_rows(rows *r, const char *text, size_t length) {
  put(r->kept, r->header, strlen(r->header));
  const char *line = text, *end = text == NULL ? NULL : text + length;
  while (line < end) {
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    bool whole = stop != NULL;
    if (!whole) stop = end;
    TRY(sort_row(r, line, (size_t)(stop - line), whole));
    line = stop + 1;
  }
  return STATUS_OK;
}

/* What was moved is on the disk before it goes from the table. */
static status close_cut(rows *r) {
  if (r->cut == NULL) return STATUS_OK;
  int error = fflush(r->cut) != 0 || fsync(fileno(r->cut)) != 0 ? errno : 0;
  if (fclose(r->cut) != 0 && error == 0) error = errno;
  r->cut = NULL;
  return error == 0
             ? STATUS_OK
             : status_system(error, "%s: cannot be written", r->cut_path);
}

static status move_rows(const run_table *table, const char *temporary,
                        const char *header, uint64_t step) {
  rows r = {.header = header, .step = step, .kept = table->file};
  int stem = (int)(strlen(table->path) - strlen(".csv"));
  snprintf(r.cut_path, sizeof r.cut_path, "%.*s.cut.csv", stem, table->path);
  char *text;
  size_t length;
  TRY(read_all(table->path, &text, &length));
  status result = sort_rows(&r, text, length);
  memory_free(text);
  status closed = close_cut(&r);
  TRY(result != STATUS_OK ? result : closed);
  if (fflush(table->file) != 0) return unwritable(temporary);
  return publish_file(temporary, table->path);
}

status run_table_open(const char *folder, const char *name, const char *header,
                      uint64_t step, run_table *out) {
  char temporary[1040];
  snprintf(out->path, sizeof out->path, "%.960s/%.60s", folder, name);
  snprintf(temporary, sizeof temporary, "%s.tmp", out->path);
  out->file = open_stream(temporary, O_TRUNC);
  if (out->file == NULL) return unwritable(temporary);
  status result = move_rows(out, temporary, header, step);
  if (result == STATUS_OK) return STATUS_OK;
  unlink(temporary);
  run_table_close(out);
  return result;
}

void run_table_close(run_table *table) {
  if (table->file != NULL) fclose(table->file);
  table->file = NULL;
}

status run_table_flush(run_table *table) {
  return fflush(table->file) == 0 ? STATUS_OK : unwritable(table->path);
}
