/* sheet.png and curves.png of a run. */
#include "dist/run/report.h"

#include <stdio.h>

#include "dist/draw/curves.h"

enum { PATH = 1100 };

status report_curves(const char *folder) {
  char log[PATH], validation[PATH], picture[PATH];
  snprintf(log, sizeof log, "%.1000s/log.csv", folder);
  snprintf(validation, sizeof validation, "%.1000s/validation.csv", folder);
  snprintf(picture, sizeof picture, "%.1000s/curves.png", folder);
  return curves_write(log, validation, picture);
}

status report_sheet(const char *folder, harmonizer *h, uint64_t step,
                    data_set *set, int rows, sheet_pace pace) {
  const data_set_info *info = data_set_describe(set);
  if (info->size != harmonizer_size(h) && !harmonizer_full_res(h))
    return status_error(STATUS_MISFIT,
                        "the data set has %d pixels a side, the network %d",
                        info->size, harmonizer_size(h));
  bool tests = info->split_count[DATA_TEST] > 0;
  const protocol how = {.split = tests ? DATA_TEST : DATA_TRAIN,
                        .quantise = QUANTISE_ROUND,
                        .full_res = harmonizer_full_res(h),
                        .threads = 1};
  const method output = {.name = "output", .network = h};
  char path[PATH], title[256];
  snprintf(path, sizeof path, "%.1000s/sheet.png", folder);
  snprintf(title, sizeof title, "%s after %llu steps, %s samples",
           harmonizer_model(h), (unsigned long long)step,
           data_split_name(how.split));
  return evaluate_sheet(path, title, set, &how, &output, 1, rows, pace);
}
