/* Reading masks: from a file of any kind to grey, white where the object is,
 * and a look at what was found. Programs write masks in many ways (class
 * numbers, colours, alpha) that look right in a viewer and would be taken for
 * hardly any object here: those are refused, with the option that takes them.
 */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "data/image/image_internal.h"

enum {
  OBJECT = 128,   /* from here on a mask's grey is object */
  SLACK = 15,     /* levels from black or white that nobody means */
  COLOURED = 32,  /* levels between channels: beyond what a JPEG's noise is */
  NOISE = 10,     /* levels that a JPEG's noise around edges has */
  FEW_LEVELS = 6, /* of 0 to 255, that a drawing has and noise has not */
  CLASS_LEVELS = 32, /* levels that a map of classes has, and no soft edge */
};

/* A mask on its way from its file, and what is known of it. */
typedef struct finding {
  const char *path;
  const data_mask_options *how;
  const data_picture *picture;
  unsigned white;       /* the file's largest possible value */
  unsigned most;        /* the largest value that counts */
  size_t levels[256];   /* pixels of the mask by grey */
  size_t object, count; /* pixels */
  bool coloured;
  unsigned alpha_least, alpha_most;
  bool alpha_differs; /* from the greys, as to what is object */
} finding;

/* ---- pixels ---- */

static unsigned value_at(const data_picture *picture, size_t at) {
  if (picture->bits == 16) return ((const uint16_t *)picture->pixels)[at];
  return ((const uint8_t *)picture->pixels)[at];
}

/* To the nearest of 8 bits. */
static uint8_t to_byte(unsigned value, unsigned white) {
  return (uint8_t)(white == 255 ? value : (value + 128) / 257);
}

/* The pixel's grey in the mask. */
static uint8_t take_pixel(finding *f, size_t i) {
  const data_picture *picture = f->picture;
  size_t channels = (size_t)picture->channels, colours = channels < 3 ? 1 : 3;
  unsigned least = f->white, most = 0, alpha = f->white;
  uint8_t bytes[3];
  for (size_t c = 0; c < colours; c++) {
    unsigned value = value_at(picture, i * channels + c);
    if (value < least) least = value;
    if (value > most) most = value;
    bytes[c] = to_byte(value, f->white);
  }
  if (channels > colours) alpha = value_at(picture, i * channels + colours);
  uint8_t grey = colours == 1 ? bytes[0] : image_luma(bytes);
  if (alpha < f->alpha_least) f->alpha_least = alpha;
  if (alpha > f->alpha_most) f->alpha_most = alpha;
  if ((to_byte(alpha, f->white) >= OBJECT) != (grey >= OBJECT))
    f->alpha_differs = true;
  if (to_byte(most, f->white) - to_byte(least, f->white) > COLOURED)
    f->coloured = true;
  unsigned own = f->how->alpha ? alpha : most;
  if (own > f->most) f->most = own;
  if (f->how->threshold > 0)
    return own >= (unsigned)f->how->threshold ? 255 : 0;
  return f->how->alpha ? to_byte(alpha, f->white) : grey;
}

/* The file's pixels are the mask's: nearly all masks are such. */
static bool is_plain(const finding *f) {
  return f->picture->channels == 1 && f->picture->bits == 8 &&
         f->how->threshold == 0;
}

/* Most of a mask is of one grey as far as eight pixels go. */
static void count_levels(const uint8_t *mask, size_t count,
                         size_t levels[256]) {
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    uint64_t eight;
    memcpy(&eight, mask + i, 8);
    if (eight == mask[i] * UINT64_C(0x0101010101010101))
      levels[mask[i]] += 8;
    else
      for (size_t k = i; k < i + 8; k++) levels[mask[k]]++;
  }
  for (; i < count; i++) levels[mask[i]]++;
}

/* `mask` may be where the picture's pixels are: none of them is shorter. */
static void take_pixels(finding *f, uint8_t *mask) {
  bool plain = is_plain(f);
  for (size_t i = 0; !plain && i < f->count; i++) mask[i] = take_pixel(f, i);
  count_levels(mask, f->count, f->levels);
  for (unsigned level = 0; level < 256; level++) {
    if (level >= OBJECT) f->object += f->levels[level];
    if (plain && f->levels[level] > 0) f->most = level;
  }
}

/* ---- what was found ---- */

/* Opaque, or nearly so, is what programs write that know no better. */
static bool has_alpha(const finding *f) {
  return to_byte(f->alpha_least, f->white) < 255 - SLACK;
}

static status check_alpha(const finding *f) {
  const data_mask_options *how = f->how;
  if (how->alpha && f->picture->channels % 2 != 0)
    return status_error(STATUS_FORMAT,
                        "%s: no alpha channel for --mask-alpha to take",
                        f->path);
  bool varies =
      has_alpha(f) && f->alpha_most - f->alpha_least > f->white / SLACK;
  if (how->alpha || how->threshold > 0 || !varies || !f->alpha_differs)
    return STATUS_OK;
  return status_error(
      STATUS_FORMAT,
      "%s: the mask has alpha (%u to %u), which tells of another object than "
      "its brightness: --mask-alpha takes alpha, --mask-threshold %u "
      "brightness",
      f->path, f->alpha_least, f->alpha_most, (f->white + 1) / 2);
}

static status check_colours(const finding *f) {
  if (!f->coloured || f->how->alpha || f->how->threshold > 0) return STATUS_OK;
  return status_error(
      STATUS_FORMAT,
      "%s: the mask is coloured%s; expected grey, white where the object is "
      "(--mask-threshold N takes for object what has a channel of N or more, "
      "--mask-threshold 1 all but black)",
      f->path, f->picture->palette ? ", by a palette as of class numbers" : "");
}

static status check_object(const finding *f) {
  const char *alpha = f->how->alpha ? "alpha of the " : "";
  if (f->object > 0) return STATUS_OK;
  if (f->most == 0)
    return status_error(STATUS_FORMAT,
                        "%s: the %smask is empty: it has no foreground pixel, "
                        "all are 0",
                        f->path, alpha);
  if (f->how->threshold > 0)
    return status_error(STATUS_FORMAT,
                        "%s: the %smask has no foreground pixel: the largest "
                        "value is %u, below --mask-threshold %d",
                        f->path, alpha, f->most, f->how->threshold);
  return status_error(STATUS_FORMAT,
                      "%s: the %smask has no foreground pixel: the largest "
                      "value is %u; expected white (%u) where the object is "
                      "(--mask-threshold %u takes it)",
                      f->path, alpha, f->most, f->white, (f->most + 1) / 2);
}

static status check_background(const finding *f) {
  if (f->object < f->count) return STATUS_OK;
  return status_error(
      STATUS_FORMAT,
      "%s: the %smask is all foreground: there is no background "
      "to harmonize it with; expected black (0) there%s",
      f->path, f->how->alpha ? "alpha of the " : "",
      f->how->threshold > 1 ? " (a larger --mask-threshold)" : "");
}

/* Class numbers beside a border of 255: a few levels, and most of what is not
 * black is nearly so. */
static status check_classes(const finding *f) {
  if (f->how->alpha || f->how->threshold > 0) return STATUS_OK;
  int kinds = 0;
  size_t dim = 0;
  for (int level = 0; level < 256; level++) kinds += f->levels[level] > 0;
  for (int i = kinds > FEW_LEVELS ? NOISE : 1; i < OBJECT; i++)
    dim += f->levels[i];
  if (f->levels[0] == 0 || kinds > CLASS_LEVELS || dim <= 2 * f->object)
    return STATUS_OK;
  return status_error(
      STATUS_FORMAT,
      "%s: the mask looks like a map of classes: %d values, and of what is not "
      "black most is darker than %d; expected white (255) where the object is "
      "(--mask-threshold 1 takes all but black)",
      f->path, kinds, OBJECT);
}

/* What may be meant, and is rarely. */
static void warn(const finding *f) {
  int least = 0, most = 255;
  while (f->levels[least] == 0) least++;
  while (f->levels[most] == 0) most--;
  if (least > SLACK || most < 255 - SLACK)
    log_warning("%s: the mask's greys are %d to %d, not 0 to 255, and blend "
                "(--mask-threshold %u makes them black and white)",
                f->path, least, most,
                (unsigned)(least + most + 1) / 2 * (f->white / 255));
  if (has_alpha(f) && !f->how->alpha && f->alpha_differs)
    log_warning("%s: the mask's alpha (%u to %u) is not used (--mask-alpha "
                "takes it)",
                f->path, f->alpha_least, f->alpha_most);
}

static status check(const finding *f) {
  TRY(check_alpha(f));
  TRY(check_colours(f));
  TRY(check_object(f));
  TRY(check_background(f));
  TRY(check_classes(f));
  if (f->how->warn && f->how->threshold == 0) warn(f);
  return STATUS_OK;
}

/* ---- reading ---- */

static status check_size(const finding *f, const char *image, int width,
                         int height) {
  if (f->picture->width == width && f->picture->height == height)
    return STATUS_OK;
  return status_error(STATUS_MISFIT,
                      "%s: %d x %d pixels, but %s has %d x %d; a mask has its "
                      "picture's size",
                      f->path, f->picture->width, f->picture->height, image,
                      width, height);
}

status data_mask_read(const char *path, const data_mask_options *how,
                      const char *image, int width, int height,
                      data_image *out) {
  *out = (data_image){0};
  data_picture picture;
  TRY(data_picture_read(path, &picture));
  unsigned white = picture.bits == 16 ? 65535 : 255;
  finding found = {.path = path,
                   .how = how,
                   .picture = &picture,
                   .white = white,
                   .count = (size_t)picture.width * (size_t)picture.height,
                   .alpha_least = white};
  take_pixels(&found, picture.pixels);
  status result = check_size(&found, image, width, height);
  if (result == STATUS_OK) result = check(&found);
  if (result == STATUS_OK) {
    *out = (data_image){picture.width, picture.height, 1, picture.pixels};
    picture.pixels = NULL;
  }
  data_picture_free(&picture);
  return result;
}
