/* Decoding, checking and resizing the images of a folder. */
#include "data/set/pack_load.h"

#include <stdio.h>
#include <string.h>

static status full_path(const pack_job *job, const char *name,
                        char out[PATH_MAX]) {
  if (snprintf(out, PATH_MAX, "%s/%s", job->folder, name) < PATH_MAX)
    return STATUS_OK;
  return status_error(STATUS_IO, "%s: the path is too long", name);
}

/* Brings `image` to the set's size, if it has one, replacing it. */
static status shrink(const pack_job *job, data_filter filter,
                     data_image *image) {
  data_image resized;
  if (job->options->size == 0) return STATUS_OK;
  status result = data_resize(image, job->options->size, job->options->size,
                              filter, &resized);
  data_image_free(image);
  *image = resized;
  return result;
}

static status check_size(const char *path, const data_image *image,
                         const pack_original *real) {
  if (image->width == real->width && image->height == real->height)
    return STATUS_OK;
  return status_error(
      STATUS_MISFIT, "%s is %d x %d pixels, but its real image %s is %d x %d",
      path, image->width, image->height, real->path, real->width, real->height);
}

status pack_load_real(const pack_job *job, const data_entry *entry,
                      pack_original *real, data_image *out) {
  TRY(full_path(job, entry->real, real->path));
  if (out == NULL)
    return data_image_read_size(real->path, &real->width, &real->height);
  TRY(data_image_read(real->path, out));
  real->width = out->width;
  real->height = out->height;
  return shrink(job, job->options->filter, out);
}

status pack_load_composite(const pack_job *job, const data_entry *entry,
                           const pack_original *real, data_image *out) {
  char path[PATH_MAX];
  TRY(full_path(job, entry->composite, path));
  TRY(data_image_read(path, out));
  status result = check_size(path, out, real);
  if (result == STATUS_OK) return shrink(job, job->options->filter, out);
  data_image_free(out);
  return result;
}

/* What the nearest pixels have left of the object. */
static status check_foreground(const pack_job *job, const char *path,
                               const data_image *mask) {
  size_t count = (size_t)mask->width * (size_t)mask->height;
  if (memchr(mask->pixels, 255, count) != NULL) return STATUS_OK;
  return status_error(
      STATUS_FORMAT,
      "%s: the mask has no foreground pixel left after resizing "
      "to %d x %d by the nearest pixel (--size: a larger one)",
      path, job->options->size, job->options->size);
}

static status binarize(const pack_job *job, data_image *mask) {
  data_image binary;
  status result = data_mask_binarize(mask, job->options->binarize, &binary);
  data_image_free(mask);
  *mask = binary;
  return result;
}

status pack_load_mask(const pack_job *job, const data_entry *entry,
                      const pack_original *real, data_image *out) {
  char path[PATH_MAX];
  status result;
  TRY(full_path(job, entry->mask, path));
  TRY(data_mask_read(path, &job->options->mask, real->path, real->width,
                     real->height, out));
  TRY_OR(failed, binarize(job, out));
  TRY_OR(failed, shrink(job, DATA_NEAREST, out));
  TRY_OR(failed, check_foreground(job, path, out));
  return STATUS_OK;
failed:
  data_image_free(out);
  return result;
}
