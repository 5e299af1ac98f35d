/* Pictures of a run: RUN/sheet.png and RUN/curves.png. */
#ifndef HARMONIA_REPORT_H
#define HARMONIA_REPORT_H

#include "data/data.h"
#include "dist/harmonizer.h"

/* Loss curves of RUN/log.csv. */
status report_curves(const char *folder);

/* One row a sample (composite, mask, output, real, error), spread evenly over
 * the test split, or the training split where there is no other. */
status report_sheet(const char *folder, harmonizer *h, uint64_t step,
                    data_set *set, int rows);

#endif
