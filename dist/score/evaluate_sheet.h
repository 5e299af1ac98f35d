/* Methods side by side: a picture sheet of an evaluation. */
#ifndef HARMONIA_EVALUATE_SHEET_H
#define HARMONIA_EVALUATE_SHEET_H

#include "dist/score/evaluate.h"

/* Asked before each sample of a sheet whether to go on; NULL: always. */
typedef struct sheet_pace {
  bool (*go_on)(void *context);
  void *context;
} sheet_pace;

/* The method whose samples stand first: the last one that changes composites,
 * if evaluate has ranked enough of its samples; else NULL. */
const method *evaluate_sheet_judged(const method *methods, int method_count);

/* Not collective: one rank makes it. Writes a PNG (dist/draw/sheet.h) with a
 * column each for the composite, every method that changes it, and the real
 * image. First come the worst, the median and the best sample of the judged
 * method, then `rows` at most, spread evenly over those that are evaluated.
 * Given up, it is STATUS_STOPPED and the picture before stays. */
status evaluate_sheet(const char *path, const char *title, data_set *set,
                      const protocol *protocol, const method *methods,
                      int method_count, int rows, sheet_pace pace);

#endif
