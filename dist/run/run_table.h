/* A CSV file of a run that grows with its steps: log.csv, validation.csv.
 * Rank 0 only. */
#ifndef HARMONIA_RUN_TABLE_H
#define HARMONIA_RUN_TABLE_H

#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

typedef struct run_table {
  FILE *file; /* rows go here; NULL: not open */
  char path[1024];
} run_table;

/* Opens RUN/name under a header. Rows of an earlier run, whose first column is
 * the step, stay up to `step`; those after it (a run that goes on from an older
 * checkpoint) and what is no whole row are moved to the end of RUN/log.cut.csv,
 * beside log.csv. A table that is there and cannot be read is STATUS_IO and
 * stays as it is. */
status run_table_open(const char *folder, const char *name, const char *header,
                      uint64_t step, run_table *out);
void run_table_close(run_table *table);

/* After each row. A full disk is an error. */
status run_table_flush(run_table *table);

#endif
