/* A table of numbers in CSV, read line by line: a log may be of any length. */
#ifndef HARMONIA_CSV_H
#define HARMONIA_CSV_H

#include <stdbool.h>

#include "base/status.h"

typedef struct csv_reader csv_reader;

/* Opens and reads the header line. An empty file is STATUS_FORMAT. */
status csv_open(const char *path, csv_reader **out);
void csv_close(csv_reader **reader);

int csv_columns(const csv_reader *reader);
const char *csv_heading(const csv_reader *reader, int column);
/* The column of a heading, or -1. */
int csv_find(const csv_reader *reader, const char *heading);

/* The next line's numbers, one a column: NaN where a cell is empty, missing or
 * no number. False at the end; a last line without its line feed is not
 * counted, for it may be half written. */
bool csv_next(csv_reader *reader, double *values);

/* After the last line: STATUS_IO where that was not the end of the file. */
status csv_end(const csv_reader *reader, const char *path);

#endif
