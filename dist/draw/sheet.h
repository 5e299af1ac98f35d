/* Contact sheets: pictures in a table with headings. */
#ifndef HARMONIA_SHEET_H
#define HARMONIA_SHEET_H

#include "data/data.h"

/* Writes a PNG. `headings` has `columns` texts, `row_labels` `rows`; either
 * may be NULL, and so may `title`. `cells` has rows * columns images, row by
 * row, of 1 or 3 channels and any size; a cell of width 0 stays empty. Small
 * cells are enlarged by a whole factor. */
status sheet_write(const char *path, const char *title, int columns,
                   const char *const *headings, int rows,
                   const char *const *row_labels, const data_image *cells);

#endif
