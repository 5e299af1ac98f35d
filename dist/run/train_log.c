/* Rows of log.csv, and the line that a run shows. */
#include "dist/run/train_log.h"

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
             ",images_per_s,compute_s,sum_s,update_s,wait_s,data_s,total_s,"
             "slowest_rank,slowest_host,slowest_s");
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
                        double images_per_second, const times_summary *spent,
                        double seconds) {
  FILE *file = log->table.file;
  fprintf(file, "%llu,%.4f,%.6g", (unsigned long long)step, epoch, lr);
  for (int i = 0; i < log->columns; i++)
    fprintf(file, ",%.7g", log->sums[i] / log->rows_summed);
  const times *mean = &spent->mean;
  fprintf(file, ",%.2f,%.4f,%.4f,%.4f,%.4f,%.4f,%.4f", images_per_second,
          mean->computing, mean->summing, mean->updating, mean->waiting,
          mean->data, seconds);
  fprintf(file, ",%d,%s,%.4f\n", spent->slowest, spent->slowest_host,
          spent->slowest_seconds);
  return run_table_flush(&log->table);
}

/* Where the time went, in per cent of it. */
static void describe(const times_summary *spent, double seconds, char *text,
                     size_t size) {
  const times *mean = &spent->mean;
  double percent = 100 / seconds;
  snprintf(text, size,
           "compute %.0f%% sum %.0f%% wait %.0f%% data %.0f%%, slowest rank %d "
           "(%s)",
           percent * mean->computing,
           percent * (mean->summing + mean->updating), percent * mean->waiting,
           percent * mean->data, spent->slowest, spent->slowest_host);
}

/* "/500" and "2:10 left", or what there is to say without an end. */
static void tell_left(const train_log *log, uint64_t step, char of[32],
                      char left[64]) {
  double seconds = clock_seconds() - log->start;
  double rate = (double)(step - log->first_step) / seconds;
  char text[32];
  if (log->end_step == UINT64_MAX) {
    of[0] = '\0';
    snprintf(left, 64, "%s gone", format_duration(seconds, text));
    return;
  }
  snprintf(of, 32, "/%llu", (unsigned long long)log->end_step);
  snprintf(left, 64, "%s left",
           format_duration((double)(log->end_step - step) / rate, text));
}

static void show(train_log *log, const nn_layout *layout, uint64_t step,
                 double epoch, double images_per_second, const char *spent) {
  char of[32], left[64], losses[256] = "";
  tell_left(log, step, of, left);
  size_t used = 0;
  for (int i = 0; i < log->columns && used < sizeof losses - 1; i++)
    used +=
        (size_t)snprintf(losses + used, sizeof losses - used, "  %s %.4g",
                         layout->reports[i], log->sums[i] / log->rows_summed);
  log_live(step == log->end_step,
           "step %llu%s  epoch %.2f%s  %.1f images/s  %s  %s",
           (unsigned long long)step, of, epoch, losses, images_per_second,
           spent, left);
}

bool train_log_is_due(uint64_t step, uint64_t end_step, int every) {
  return step % (uint64_t)every == 0 || step == end_step;
}

status train_log_step(train_log *log, const nn_layout *layout, uint64_t step,
                      double epoch, double lr, int batch,
                      const nn_real *reports, const times_summary *spent) {
  for (int i = 0; i < log->columns; i++) log->sums[i] += (double)reports[i];
  log->rows_summed++;
  if (!train_log_is_due(step, log->end_step, log->every)) return STATUS_OK;
  double now = clock_seconds(), seconds = now - log->row_start;
  double images_per_second = (double)batch * log->rows_summed / seconds;
  status result =
      write_row(log, step, epoch, lr, images_per_second, spent, seconds);
  char text[256];
  describe(spent, seconds, text, sizeof text);
  show(log, layout, step, epoch, images_per_second, text);
  memset(log->sums, 0, (size_t)log->columns * sizeof *log->sums);
  log->rows_summed = 0;
  log->row_start = now;
  return result;
}
