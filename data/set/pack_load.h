/* Decoding, checking and resizing the images of a folder; with the options'
 * size 0 they keep theirs. Private to libdata. Failures are of the image (or of
 * memory): `--skip-bad` may pass over them. */
#ifndef HARMONIA_DATA_PACK_LOAD_H
#define HARMONIA_DATA_PACK_LOAD_H

#include <limits.h>

#include "data/data.h"

typedef struct pack_job {
  const data_pack_options *options;
  const char *folder;
} pack_job;

/* A real image as it is on disk: what its masks and composites must fit. */
typedef struct pack_original {
  char path[PATH_MAX];
  int width, height;
} pack_original;

/* Fills `real`; `out` is the image at the set's size. Where `out` is NULL only
 * the header is read. */
status pack_load_real(const pack_job *job, const data_entry *entry,
                      pack_original *real, data_image *out);
status pack_load_composite(const pack_job *job, const data_entry *entry,
                           const pack_original *real, data_image *out);
/* Binarized, then resized by NEAREST; never without foreground. */
status pack_load_mask(const pack_job *job, const data_entry *entry,
                      const pack_original *real, data_image *out);

#endif
