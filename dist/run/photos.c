/* Photographs to a packed data set: composed in a folder beside it, which goes
 * when the set is there. */
#include "dist/run/photos.h"

#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "data/data.h"

enum { PATH = RUN_PATH + 64 };

void photos_set_path(const char *run, char *out, size_t size) {
  snprintf(out, size, "%s/photos.h5", run);
}

static int remove_one(const char *path, const struct stat *about, int kind,
                      struct FTW *where) {
  (void)about, (void)kind, (void)where;
  return remove(path);
}

/* What compose made, and nothing else: its options lie in it. */
static void remove_folder(const char *path) {
  char mark[PATH + 16];
  snprintf(mark, sizeof mark, "%s/compose.txt", path);
  if (access(mark, F_OK) == 0 &&
      nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
    log_warning("%s: cannot be removed, and is of no more use", path);
}

static status compose(const train_options *o, const char *folder) {
  data_compose_options how = {.photos = o->photos,
                              .out = folder,
                              .methods = "gct,gctrgb,hgm,idt",
                              .per_image = 1,
                              .seed = (uint64_t)o->seed,
                              .quality = 95,
                              .threads = (int)o->threads};
  return data_compose(&how);
}

status photos_pack(const train_options *o, const char *run) {
  char folder[PATH], out[PATH];
  snprintf(folder, sizeof folder, "%s/photos.compose", run);
  photos_set_path(run, out, sizeof out);
  if (access(out, F_OK) == 0) {
    remove_folder(folder); /* killed between the last two */
    return STATUS_OK;
  }
  if (o->network.size == 0)
    return status_error(STATUS_USAGE,
                        "option --size is missing: --photos needs the pixels a "
                        "side that photographs are to have");
  TRY(compose(o, folder));
  data_pack_options how = {.folder = folder,
                           .out = out,
                           .size = train_image_size(o),
                           .filter = DATA_BILINEAR,
                           .binarize = DATA_THRESHOLD,
                           .compression = DATA_SET_COMPRESSION,
                           .threads = (int)o->threads};
  TRY(data_pack(&how));
  remove_folder(folder);
  return STATUS_OK;
}
