/* Pictures of a run: RUN/sheet.png and RUN/curves.png. */
#ifndef HARMONIA_REPORT_H
#define HARMONIA_REPORT_H

#include <stdbool.h>

#include "data/data.h"
#include "dist/use/harmonizer.h"

/* Curves of RUN/log.csv, and RUN/validation.csv where it is there. */
status report_curves(const char *folder);

/* Asked before each row of a sheet whether to go on; NULL: always. */
typedef struct report_pace {
  bool (*go_on)(void *context);
  void *context;
} report_pace;

/* One row a sample (composite, mask, output, real, error), spread evenly over
 * the test split, or the training split where there is no other. Given up, it
 * is STATUS_STOPPED and the picture before stays. */
status report_sheet(const char *folder, harmonizer *h, uint64_t step,
                    data_set *set, int rows, report_pace pace);

#endif
