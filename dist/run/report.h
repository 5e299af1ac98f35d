/* Pictures of a run: RUN/sheet.png and RUN/curves.png. */
#ifndef HARMONIA_REPORT_H
#define HARMONIA_REPORT_H

#include "dist/score/evaluate_sheet.h"

/* Curves of RUN/log.csv, and RUN/validation.csv where it is there. */
status report_curves(const char *folder);

/* Samples (mask, composite, output, real; details; errors) spread evenly over
 * the test split, or the training split where there is no other. Given up, it
 * is STATUS_STOPPED and the picture before stays. */
status report_sheet(const char *folder, harmonizer *h, uint64_t step,
                    data_set *set, int rows, sheet_pace pace);

#endif
