/* A run's own data set, of photographs with masks: option --photos. */
#ifndef HARMONIA_PHOTOS_H
#define HARMONIA_PHOTOS_H

#include "dist/run/run_folder.h"
#include "dist/state/train_options.h"

/* "RUN/photos.h5" */
void photos_set_path(const char *run, char *out, size_t size);

/* Makes RUN/photos.h5 of the folder o->photos, which is as `compose` reads it,
 * unless it is there: images of o->network.size pixels, with one composite a
 * photograph; training then makes others (recompose.h). Killed, it goes on
 * where it was. For rank 0. STATUS_USAGE names the option that is missing. */
status photos_pack(const train_options *o, const char *run);

#endif
