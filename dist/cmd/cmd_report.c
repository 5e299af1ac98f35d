/* harmonia report RUN */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/threads.h"
#include "dist/cmd/command.h"
#include "dist/run/report.h"
#include "dist/run/run_folder.h"

typedef struct report_configuration {
  const char *data, *checkpoint;
  int64_t rows, threads;
} report_configuration;

#define ROW(name, field) OPTION_ROW(report_configuration, name, field)
static const option options[] = {
    {ROW("data", data), .argument = "F.h5",
     .help = "data set of the sheet's samples; without it only the curves are "
             "made"},
    {ROW("checkpoint", checkpoint), .argument = "C.h5",
     .help = "network of the sheet; else the newest good one of RUN"},
    {ROW("rows", rows), .preset = "8", .min = 1, .max = 64, .argument = "N",
     .help = "samples"},
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "0: all cores"},
};
#undef ROW

static const option_table table = {
    .command = "report",
    .synopsis = "[OPTIONS] RUN",
    .description =
        "Draws RUN/curves.png (losses by step) and RUN/sheet.png (mask, "
        "composite, output and real image, each with a detail, and errors). "
        "train does the same at each checkpoint.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(report_configuration),
    .positional_min = 1,
    .positional_max = 1,
};

static status make_sheet(const report_configuration *conf, const char *folder,
                         const char *checkpoint) {
  int threads = conf->threads > 0 ? (int)conf->threads : threads_available();
  harmonizer *h = NULL;
  data_set *set = NULL;
  status result = harmonizer_open(checkpoint, threads, false, &h);
  if (result == STATUS_OK) result = data_set_open(conf->data, &set);
  if (result == STATUS_OK)
    result = report_sheet(folder, h, harmonizer_step(h), set, (int)conf->rows,
                          (sheet_pace){NULL, NULL});
  if (result == STATUS_MISFIT)
    status_add_context("%s with %s", conf->data, checkpoint);
  data_set_close(&set);
  harmonizer_destroy(&h);
  return result;
}

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional_count;
  const report_configuration *conf = configuration;
  const char *folder = positional[0];
  TRY(report_curves(folder));
  printf("%s/curves.png\n", folder);
  if (conf->data[0] == '\0') {
    log_info("no sheet: give --data");
    return STATUS_OK;
  }
  char newest[RUN_PATH], checkpoints[RUN_PATH];
  const char *checkpoint = conf->checkpoint;
  if (checkpoint[0] == '\0') {
    bool found;
    uint64_t step;
    snprintf(checkpoints, sizeof checkpoints, "%.1000s/checkpoints", folder);
    TRY(ckpt_newest(checkpoints, &found, &step, newest, sizeof newest));
    if (!found)
      return status_error(STATUS_IO, "%s: no checkpoint there", checkpoints);
    checkpoint = newest;
  }
  TRY(make_sheet(conf, folder, checkpoint));
  printf("%s/sheet.png\n", folder);
  return STATUS_OK;
}

const command command_report = {
    .summary = "draw the curves and pictures of a run",
    .table = &table,
    .run = run,
};
