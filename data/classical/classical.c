/* Steps that the classical harmonizers have in common. */
#include "data/classical/classical.h"

#include <string.h>

status classical_check(const data_image *composite, const data_image *mask) {
  if (composite->channels != 3 || mask->channels != 1)
    return status_error(STATUS_MISFIT,
                        "harmonization: the composite has %d channels and its "
                        "mask %d; expected 3 and 1",
                        composite->channels, mask->channels);
  if (composite->width != mask->width || composite->height != mask->height)
    return status_error(
        STATUS_MISFIT, "harmonization: the composite is %dx%d, its mask %dx%d",
        composite->width, composite->height, mask->width, mask->height);
  return STATUS_OK;
}

status classical_copy(const data_image *composite, data_image *out) {
  TRY(data_image_create(composite->width, composite->height, 3, out));
  memcpy(out->pixels, composite->pixels,
         (size_t)composite->width * (size_t)composite->height * 3);
  return STATUS_OK;
}

size_t classical_foreground(const data_image *mask) {
  size_t pixels = (size_t)mask->width * (size_t)mask->height, count = 0;
  for (size_t i = 0; i < pixels; i++) count += mask->pixels[i] >= 128;
  return count;
}

uint8_t classical_blend(uint8_t before, double level, uint8_t mask) {
  double clipped = !(level > 0) ? 0 : level > 1 ? 1 : level;
  double value = before + (255 * clipped - before) * mask / 255;
  return (uint8_t)(value + 0.5);
}
