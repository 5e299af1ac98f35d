#include "dist/train_log.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"

static void make_header(const nn_layout *layout, char *text, size_t size) {
  size_t used = (size_t)snprintf(text, size, "step,epoch,lr");
  for (int i = 0; i < layout->report_count && used < size; i++)
    used += (size_t)snprintf(text + used, size - used, ",loss_%s",
                             layout->reports[i]);
  if (used < size)
    snprintf(text + used, size - used,
             ",images_per_s,wait_data_s,communicate_s,update_s,total_s");
}

status train_log_open(const char *folder, const nn_layout *layout,
                      uint64_t step, uint64_t end_step, int every,
                      train_log *out) {
  memset(out, 0, sizeof *out);
  char header[2048];
  make_header(layout, header, sizeof header);
  out->columns = layout->report_count;
  out->every = every;
  out->first_step = step;
  out->end_step = end_step;
  out->start = out->row_start = clock_seconds();
  TRY(MEMORY_NEW((size_t)layout->report_count + 1, "log", &out->sums));
  return run_table_open(folder, "log.csv", header, step, &out->table);
}

void train_log_close(train_log *log) {
  run_table_close(&log->table);
  memory_free(log->sums);
  memset(log, 0, sizeof *log);
}

static status write_row(train_log *log, uint64_t step, double epoch, double lr,
                        double images_per_second, train_times times,
                        double seconds) {
  FILE *file = log->table.file;
  fprintf(file, "%llu,%.4f,%.6g", (unsigned long long)step, epoch, lr);
  for (int i = 0; i < log->columns; i++)
    fprintf(file, ",%.7g", log->sums[i] / log->rows_summed);
  fprintf(file, ",%.2f,%.4f,%.4f,%.4f,%.4f\n", images_per_second,
          times.waited - log->row_waited,
          times.communicating - log->row_communicating,
          times.updating - log->row_updating, seconds);
  return run_table_flush(&log->table);
}

static void show(train_log *log, const nn_layout *layout, uint64_t step,
                 double epoch, double images_per_second) {
  char left[32], losses[256] = "";
  size_t used = 0;
  for (int i = 0; i < log->columns && used < sizeof losses - 1; i++)
    used +=
        (size_t)snprintf(losses + used, sizeof losses - used, "  %s %.4g",
                         layout->reports[i], log->sums[i] / log->rows_summed);
  double done = (double)(step - log->first_step);
  double rate = done / (clock_seconds() - log->start);
  log_live(step == log->end_step,
           "step %llu/%llu  epoch %.2f%s  %.1f images/s  %s left",
           (unsigned long long)step, (unsigned long long)log->end_step, epoch,
           losses, images_per_second,
           format_duration((double)(log->end_step - step) / rate, left));
}

status train_log_step(train_log *log, const nn_layout *layout, uint64_t step,
                      double epoch, double lr, int batch,
                      const nn_real *reports, train_times times) {
  for (int i = 0; i < log->columns; i++) log->sums[i] += (double)reports[i];
  log->rows_summed++;
  if (step % (uint64_t)log->every != 0 && step != log->end_step)
    return STATUS_OK;
  double now = clock_seconds(), seconds = now - log->row_start;
  double images_per_second = (double)batch * log->rows_summed / seconds;
  status result =
      write_row(log, step, epoch, lr, images_per_second, times, seconds);
  show(log, layout, step, epoch, images_per_second);
  memset(log->sums, 0, (size_t)log->columns * sizeof *log->sums);
  log->rows_summed = 0;
  log->row_start = now;
  log->row_waited = times.waited;
  log->row_communicating = times.communicating;
  log->row_updating = times.updating;
  return result;
}
