/* Pixels of the library's callers as the project's pictures and masks, and
 * back. */
#ifndef HARMONIA_VIEW_H
#define HARMONIA_VIEW_H

#include "data/data.h"
#include "dist/library/harmonia.h"

/* A copy of an RGB image without gaps: to be freed by data_picture_free.
 * STATUS_USAGE where the view cannot be one. */
status view_read_image(const harmonia_view *view, data_picture *out);

/* A mask of 8 bits, to be freed by data_image_free. STATUS_MISFIT where it is
 * not of the image's size, or lacks object or background. */
status view_read_mask(const harmonia_view *view, const harmonia_view *image,
                      data_image *out);

/* A picture of view_read_image goes back to where it came from. */
void view_write_image(const data_picture *picture, const harmonia_view *view);

#endif
