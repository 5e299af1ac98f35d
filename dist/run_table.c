#include "dist/run_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* The header is written anew; a last row that was cut short is dropped. */
static void copy_rows(const char *from, FILE *to, const char *header,
                      uint64_t step) {
  fprintf(to, "%s\n", header);
  FILE *file = fopen(from, "r");
  if (file == NULL) return;
  char line[4096];
  while (fgets(line, sizeof line, file) != NULL) {
    char *end;
    unsigned long long row = strtoull(line, &end, 10);
    bool whole = strchr(line, '\n') != NULL;
    if (end != line && *end == ',' && row <= step && whole) fputs(line, to);
  }
  fclose(file);
}

static status unwritable(const char *path) {
  return status_error(STATUS_IO, "%s: cannot be written: %s", path,
                      strerror(errno));
}

status run_table_open(const char *folder, const char *name, const char *header,
                      uint64_t step, run_table *out) {
  char temporary[1040];
  snprintf(out->path, sizeof out->path, "%.960s/%.60s", folder, name);
  snprintf(temporary, sizeof temporary, "%s.tmp", out->path);
  out->file = fopen(temporary, "w");
  if (out->file == NULL) return unwritable(temporary);
  copy_rows(out->path, out->file, header, step);
  if (fflush(out->file) != 0 || rename(temporary, out->path) != 0)
    return unwritable(out->path);
  return STATUS_OK;
}

void run_table_close(run_table *table) {
  if (table->file != NULL) fclose(table->file);
  table->file = NULL;
}

status run_table_flush(run_table *table) {
  return fflush(table->file) == 0 ? STATUS_OK : unwritable(table->path);
}
