/* The reader of pictures: as an image, whole with all that the file says, and
 * as a mask. */
#include <stddef.h>

#include "data/data.h"
#include "tests/fuzz/fuzz.h"

enum { PIXELS_MAX = 1 << 20 }; /* larger ones take time and show nothing new */

/* What is written of what was read can be read again. */
static void write_again(const data_picture *picture, const char *path) {
  char dropped[DATA_DROPPED_BYTES];
  data_picture again;
  if (data_picture_write(path, picture, 90, dropped) != STATUS_OK) return;
  if (data_picture_read(path, &again) != STATUS_OK)
    fuzz_fail("written, but: %s", status_message());
  data_picture_free(&again);
}

static void use_profile(const data_bytes *icc) {
  data_profile *profile = NULL;
  float colour[3] = {0.25f, 0.5f, 0.75f};
  if (data_profile_open(icc, &profile) != STATUS_OK || profile == NULL) return;
  data_profile_to_srgb(profile, colour, colour, 1);
  data_profile_from_srgb(profile, colour, colour, 1);
  data_profile_close(&profile);
}

static bool read_whole_picture(const char *path) {
  data_picture picture;
  data_image image;
  if (data_picture_read(path, &picture) != STATUS_OK) return false;
  use_profile(&picture.metadata.profile);
  write_again(&picture, "again.png");
  write_again(&picture, "again.jpg");
  write_again(&picture, "again.ppm");
  if (data_picture_colour(&picture) == STATUS_OK &&
      data_picture_see(&picture, &image) == STATUS_OK)
    data_image_free(&image);
  data_picture_free(&picture);
  return true;
}

static void read_mask(const char *path, int width, int height) {
  data_mask_options how = {0};
  data_image image, small;
  for (int i = 0; i < 4; i++) {
    how.alpha = i % 2;
    how.threshold = i / 2 * 100;
    if (data_mask_read(path, &how, "image", width, height, &image) != STATUS_OK)
      continue;
    if (data_mask_shrink(&image, 8, &small) == STATUS_OK)
      data_image_free(&small);
    data_image_free(&image);
  }
}

bool fuzz_read_picture(const char *path) {
  int width, height;
  data_image image;
  bool sized = data_image_read_size(path, &width, &height) == STATUS_OK;
  if (sized && (int64_t)width * height > PIXELS_MAX) return false;
  if (data_image_read(path, &image) == STATUS_OK) data_image_free(&image);
  if (sized) read_mask(path, width, height);
  return read_whole_picture(path);
}
