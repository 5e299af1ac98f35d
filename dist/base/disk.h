/* Files on disks that may be far away: what fails in passing (a server that was
 * restarted, a cable, a signal) is tried again a few times, with a pause and a
 * warning each, before it is a failure. */
#ifndef HARMONIA_DISK_H
#define HARMONIA_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether what failed with `error` (an errno) on `path` is to be done again:
 * waits first, and counts in *tries, which starts at 0. */
bool disk_again(int *tries, int error, const char *path);

/* open(2), with O_CLOEXEC: a descriptor, or -1 and errno. */
int disk_open(const char *path, int flags);

/* Whether there is nothing of that name, not even a link to nothing: ENOENT of
 * opening a file alone does not say so. */
bool disk_is_absent(const char *path);

struct stat;
/* fstat(2): 0 or an errno. */
int disk_about(int file, const char *path, struct stat *about);

enum { DISK_END = -1 };

/* All bytes from the place `at`: 0, or an errno, or DISK_END where the file
 * ends before. `path` is that of `file`: one that was opened for reading alone
 * is opened again where the server no longer knows it (ESTALE). */
int disk_read(int file, const char *path, void *bytes, size_t count,
              uint64_t at);

/* Where the descriptor stands: pipes and devices have no other place. */
#define DISK_HERE UINT64_MAX

/* All bytes to the place `at`, or DISK_HERE: 0 or an errno. Not tried again:
 * what a disk has lost once has to be written anew from its beginning. */
int disk_write(int file, const void *bytes, size_t count, uint64_t at);

#endif
