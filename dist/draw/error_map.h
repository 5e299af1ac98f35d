/* Error maps: how far a picture is from another, pixel by pixel, as colours,
 * and the scale that says what they mean. */
#ifndef HARMONIA_ERROR_MAP_H
#define HARMONIA_ERROR_MAP_H

#include "data/data.h"

/* An error is the mean of the channels' absolute differences, a whole level of
 * 0 to 255. Pictures have 3 channels and the same size. */
enum { ERROR_LEVELS = 256 };

/* Counts the pixels of each error. */
void error_map_count(const data_image *a, const data_image *b,
                     size_t counts[ERROR_LEVELS]);

/* The level at the end of a scale that suits these errors: the least power of
 * two from 8 up, or 255, that at most one in fifty of the pixels with an error
 * is above. */
int error_map_end(const size_t counts[ERROR_LEVELS]);

/* From black at no error to nearly white at `end` and above. `out` has 3
 * channels and the pictures' size. */
void error_map_draw(const data_image *a, const data_image *b, int end,
                    data_image *out);

/* A bar of the colours, from `end` at the top down to 0, at the right edge of
 * the rectangle; its numbers and what they count are left of it. */
void error_map_scale(data_image *canvas, int x, int y, int width, int height,
                     int end);

#endif
