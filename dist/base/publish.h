/* Files that appear whole, or not at all.
 *
 * What a user names may be a link: the file it leads to is written, which may
 * not be there yet, and the link stays. It may be a pipe or a device
 * (/dev/stdout, /dev/fd/63): bytes go straight into it. */
#ifndef HARMONIA_PUBLISH_H
#define HARMONIA_PUBLISH_H

#include "base/status.h"

/* Gives a file that is written its name, safe against a power cut: its bytes go
 * to the disk, it is renamed (within a file system), and the folder's entry
 * goes to the disk. STATUS_IO names `path`. */
status publish_file(const char *temporary, const char *path);

/* For those who write a temporary file of their own: the path to which it is
 * to be renamed and beside which it belongs, with links followed; free with
 * memory_free. What is no plain file is STATUS_IO. */
status publish_target(const char *path, char **target);

/* Whether publish_bytes can be expected to succeed: asked before long work. */
status publish_check(const char *path);

/* Writes the bytes, by a temporary name and with a flush to the disk: a file
 * that is there already stays whole until the new one is, and hands on who may
 * read and write it. */
status publish_bytes(const char *path, const void *bytes, size_t length);

#endif
