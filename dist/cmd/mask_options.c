/* From options to a mask that is read. */
#include "dist/cmd/mask_options.h"

data_mask_options mask_options_of(const mask_options *given, bool warn) {
  return (data_mask_options){
      .alpha = given->alpha, .threshold = (int)given->threshold, .warn = warn};
}

status mask_options_read(const mask_options *given, const char *mask,
                         const char *image, const data_picture *picture,
                         data_image *out) {
  const data_mask_options how = mask_options_of(given, true);
  return data_mask_read(mask[0] != '\0' ? mask : image, &how, image,
                        picture->width, picture->height, out);
}
