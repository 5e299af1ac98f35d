/* What a run says of its progress: log.csv, and the live line. Rank 0 only. */
#ifndef HARMONIA_TRAIN_LOG_H
#define HARMONIA_TRAIN_LOG_H

#include "dist/run_table.h"
#include "nn/nn.h"

typedef struct train_log {
  run_table table;
  int columns; /* reports */
  int every, rows_summed;
  double *sums; /* of reports since the last row */
  uint64_t first_step, end_step;
  double start, row_start;
  double row_waited, row_communicating, row_updating;
} train_log;

/* Seconds since the start of the run, as the trainer's parts count them. */
typedef struct train_times {
  double waited, communicating, updating;
} train_times;

/* Opens RUN/log.csv; rows of steps above `step` (a run that went on from an
 * older checkpoint) are dropped. Columns: step, epoch, lr, loss_NAME (mean over
 * the steps since the row before), images_per_s, and seconds of the wall clock
 * since the row before: wait_data_s, communicate_s, update_s, total_s. */
status train_log_open(const char *folder, const nn_layout *layout,
                      uint64_t step, uint64_t end_step, int every,
                      train_log *out);
void train_log_close(train_log *log);

/* After each step. reports: layout->report_count values. A full disk is an
 * error. */
status train_log_step(train_log *log, const nn_layout *layout, uint64_t step,
                      double epoch, double lr, int batch,
                      const nn_real *reports, train_times times);

#endif
