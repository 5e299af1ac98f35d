/* What the classical harmonizers share. Private to libdata. */
#ifndef HARMONIA_DATA_CLASSICAL_H
#define HARMONIA_DATA_CLASSICAL_H

#include "data/data.h"

/* Three channels, one channel, of one size: or STATUS_MISFIT. */
status classical_check(const data_image *composite, const data_image *mask);

/* A copy of the composite. */
status classical_copy(const data_image *composite, data_image *out);

/* Pixels with mask >= 128. */
size_t classical_foreground(const data_image *mask);

/* The level of a channel (0 to 1, clipped; NaN is 0) in proportion to the mask:
 * all of it at 255, `before` at 0. */
uint8_t classical_blend(uint8_t before, double level, uint8_t mask);

#endif
