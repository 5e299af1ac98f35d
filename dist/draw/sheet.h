/* Contact sheets: samples, and what was made of them, beside the truth. */
#ifndef HARMONIA_SHEET_H
#define HARMONIA_SHEET_H

#include "data/data.h"

/* One sample. All its pictures are square and of one size, that of all samples
 * of the sheet. */
typedef struct sheet_sample {
  const char *label, *note; /* its name, and what else is said of it, or "" */
  data_image mask;          /* 1 channel */
  data_image *pictures;     /* `columns` of 3 channels, the real one last */
} sheet_sample;

/* Writes a PNG. Each sample has two rows: its mask and pictures, each with a
 * detail beside it, in which a part of the object's border that a frame in the
 * mask shows is magnified; and below each picture but the real one the map of
 * its error, with the scale of all maps in the first place. `headings` are
 * those of the pictures. Pictures below 128 pixels a side are enlarged by a
 * whole factor, those above 256 shrunk by one, and their details stand at full
 * size at least. */
status sheet_write(const char *path, const char *title, int columns,
                   const char *const *headings, int rows,
                   const sheet_sample *samples);

#endif
