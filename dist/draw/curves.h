/* The curves of a training log. */
#ifndef HARMONIA_CURVES_H
#define HARMONIA_CURVES_H

#include "base/status.h"

/* Reads a log in CSV (a header line; a column `step`) and writes a PNG: each
 * column whose name begins with `loss` is a curve, those of the discriminator
 * (`loss_D`) in a diagram of their own; the columns `mse` and `fmse` of a
 * second table, where it is there, make a third. The y axis is logarithmic
 * where the values span more than a factor of 50 and are positive. Cells that
 * are empty or not finite are left out. Logs of any length take the same
 * memory. */
status curves_write(const char *log_path, const char *validation_path,
                    const char *png_path);

#endif
