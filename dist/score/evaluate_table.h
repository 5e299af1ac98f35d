/* An evaluation as a table: for people, and as CSV. */
#ifndef HARMONIA_EVALUATE_TABLE_H
#define HARMONIA_EVALUATE_TABLE_H

#include <stdio.h>

#include "dist/score/evaluate.h"

/* Prints all methods, the same by foreground share, and a line for every reason
 * for which a mean leaves images out; with `cost` parameters, multiply-adds and
 * seconds an image. `scores` and `methods` as evaluate leaves them. */
void evaluate_table_print(FILE *file, const data_set *set,
                          const protocol *protocol, const method *methods,
                          int count, const averages *scores, bool cost);

/* Writes the CSV, whole or not at all. Cells without a value are empty. */
status evaluate_table_write(const char *path, const method *methods, int count,
                            const averages *scores, bool cost);

/* ",VALUE" with the digits of CSV, or "," where no image has one. */
void evaluate_print_cell(FILE *file, const averages *scores, metric which);

/* "PSNR without 2 of 40 images, equal to the real one: a.jpg, b.jpg"; false
 * where nothing is left out for that reason. */
enum { LACK_TEXT = 1024 };
bool evaluate_lack(const data_set *set, const protocol *protocol,
                   const averages *scores, lack why, char text[LACK_TEXT]);

/* The share, 0 to 1, of images that a method makes worse than the composite. */
double evaluate_worse(const averages *scores);

#endif
