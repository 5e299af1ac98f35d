/* Files that appear whole, or not at all. */
#ifndef HARMONIA_PUBLISH_H
#define HARMONIA_PUBLISH_H

#include "base/status.h"

/* Gives a file that is written its name, safe against a power cut: its bytes go
 * to the disk, it is renamed (within a file system), and the folder's entry
 * goes to the disk. STATUS_IO names `path`. */
status publish_file(const char *temporary, const char *path);

#endif
