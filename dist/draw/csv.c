/* Reading a CSV file of numbers line by line. */
#include "dist/draw/csv.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { MAX_COLUMNS = 256 };

struct csv_reader {
  FILE *file;
  char *line; /* of getline */
  size_t room;
  char *header; /* cut into the headings */
  const char *headings[MAX_COLUMNS];
  int columns;
};

/* A whole line without its end; false at the end of the file. */
static bool next_line(csv_reader *reader) {
  ssize_t length = getline(&reader->line, &reader->room, reader->file);
  if (length <= 0 || reader->line[length - 1] != '\n') return false;
  while (length > 0 &&
         (reader->line[length - 1] == '\n' || reader->line[length - 1] == '\r'))
    reader->line[--length] = '\0';
  return true;
}

static void cut_header(csv_reader *reader) {
  char *at = reader->header;
  while (at != NULL && reader->columns < MAX_COLUMNS) {
    char *comma = strchr(at, ',');
    if (comma != NULL) *comma++ = '\0';
    reader->headings[reader->columns++] = at;
    at = comma;
  }
}

static status read_header(csv_reader *reader, const char *path) {
  if (!next_line(reader))
    return status_error(STATUS_FORMAT, "%s: has no header line", path);
  TRY(memory_copy_text(reader->line, &reader->header));
  cut_header(reader);
  return STATUS_OK;
}

status csv_open(const char *path, csv_reader **out) {
  *out = NULL;
  csv_reader *reader;
  TRY(MEMORY_NEW(1, "CSV reader", &reader));
  reader->file = fopen(path, "r");
  status result = reader->file == NULL
                      ? status_error(STATUS_IO, "%s: cannot open: %s", path,
                                     strerror(errno))
                      : read_header(reader, path);
  if (result != STATUS_OK)
    csv_close(&reader);
  else
    *out = reader;
  return result;
}

void csv_close(csv_reader **reader) {
  if (*reader == NULL) return;
  if ((*reader)->file != NULL) fclose((*reader)->file);
  free((*reader)->line);
  memory_free((*reader)->header);
  memory_free(*reader);
  *reader = NULL;
}

int csv_columns(const csv_reader *reader) { return reader->columns; }

const char *csv_heading(const csv_reader *reader, int column) {
  return reader->headings[column];
}

int csv_find(const csv_reader *reader, const char *heading) {
  for (int i = 0; i < reader->columns; i++)
    if (strcmp(reader->headings[i], heading) == 0) return i;
  return -1;
}

static double parse_cell(const char *text) {
  char *end;
  double value = strtod(text, &end);
  if (end == text) return NAN;
  end += strspn(end, " \t");
  return *end == ',' || *end == '\0' ? value : NAN;
}

bool csv_next(csv_reader *reader, double *values) {
  if (!next_line(reader)) return false;
  const char *at = reader->line;
  for (int i = 0; i < reader->columns; i++) {
    values[i] = at == NULL ? NAN : parse_cell(at);
    if (at == NULL) continue;
    at = strchr(at, ',');
    if (at != NULL) at++;
  }
  return true;
}

status csv_end(const csv_reader *reader, const char *path) {
  return ferror(reader->file) ? status_error(STATUS_IO, "%s: cannot read", path)
                              : STATUS_OK;
}
