/* Folders of a file system, and paths. */
#ifndef HARMONIA_FOLDERS_H
#define HARMONIA_FOLDERS_H

#include "base/status.h"

/* mkdir -p: the folder and those above it, as far as they are not there.
 * STATUS_IO names what cannot be made, or is no folder. */
status make_folders(const char *path);

/* What is behind a path's last slash, or all of it: within the path. */
const char *file_name_of(const char *path);

#endif
