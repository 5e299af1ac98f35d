/* Methods side by side: a picture sheet of an evaluation. */
#ifndef HARMONIA_EVALUATE_SHEET_H
#define HARMONIA_EVALUATE_SHEET_H

#include "dist/score/evaluate.h"

/* Not collective: one rank makes it. Writes a PNG with a column each for the
 * mask, the composite, every method that changes it, and the real image; `rows`
 * samples at most, spread evenly over those that are evaluated. */
status evaluate_sheet(const char *path, data_set *set, const protocol *protocol,
                      const method *methods, int method_count, int rows);

#endif
