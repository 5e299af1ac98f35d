/* What a run says of its progress: log.csv, and the live line. Rank 0 only. */
#ifndef HARMONIA_TRAIN_LOG_H
#define HARMONIA_TRAIN_LOG_H

#include "dist/run/run_table.h"
#include "dist/ranks/times.h"
#include "nn/nn.h"

typedef struct train_log {
  run_table table;
  int columns; /* reports */
  int every, rows_summed;
  double *sums; /* of reports since the last row */
  uint64_t first_step, end_step;
  double start, row_start;
} train_log;

/* Opens RUN/log.csv; end_step: UINT64_MAX where only time ends the run; rows of
 * steps above `step` (a run that went on from an older checkpoint) are dropped.
 * Columns: step, epoch, lr, loss_NAME (mean over the steps since the row
 * before), images_per_s; seconds since the row before, means over the ranks:
 * compute_s, sum_s, update_s, wait_s, data_s (times.h); total_s of the wall
 * clock; slowest_rank, slowest_host and slowest_s, its seconds of computing and
 * waiting for data. */
status train_log_open(const char *folder, const nn_layout *layout,
                      uint64_t step, uint64_t end_step, int every,
                      train_log *out);
void train_log_close(train_log *log);

/* Whether a step is one of those that make a row. */
bool train_log_is_due(uint64_t step, uint64_t end_step, int every);

/* After each step. reports: layout->report_count values. spent: since the row
 * before, of steps that make a row. A full disk is an error. */
status train_log_step(train_log *log, const nn_layout *layout, uint64_t step,
                      double epoch, double lr, int batch,
                      const nn_real *reports, const times_summary *spent);

#endif
