/* Where the network in the box lies. Program and library look beside
 * themselves. */
#include "dist/use/builtin.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef HARMONIA_PROJECT
#define HARMONIA_PROJECT "."
#endif

/* Whether a line of /proc/self/maps ("begin-end rwxp offset device inode
 * /path") is of the file that this code is of; `path` is in the line. */
static bool is_own(char *line, char **path) {
  unsigned long begin, end, here = (unsigned long)(uintptr_t)builtin_network;
  *path = strchr(line, '/');
  return *path != NULL && sscanf(line, "%lx-%lx", &begin, &end) == 2 &&
         begin <= here && here < end;
}

/* The folder of the file that this code was loaded from, the program's or the
 * library's; "" where the system does not tell. */
static void own_folder(char folder[PATH_MAX]) {
  char line[PATH_MAX + 128], *path;
  folder[0] = '\0';
  FILE *maps = fopen("/proc/self/maps", "re");
  if (maps == NULL) return;
  while (folder[0] == '\0' && fgets(line, sizeof line, maps) != NULL)
    if (is_own(line, &path))
      snprintf(folder, PATH_MAX, "%.*s", (int)(strrchr(path, '/') - path),
               path);
  fclose(maps);
}

status builtin_network(char *path, size_t size) {
  char folder[PATH_MAX];
  own_folder(folder);
  /* built; installed; a library of Debian's, in lib/x86_64-linux-gnu */
  const char *const places[][2] = {{folder, "../checkpoint/network.h5"},
                                   {folder, "../share/harmonia/network.h5"},
                                   {folder, "../../share/harmonia/network.h5"},
                                   {HARMONIA_PROJECT, "checkpoint/network.h5"}};
  for (int i = 0; i < 4; i++) {
    int length = snprintf(path, size, "%s/%s", places[i][0], places[i][1]);
    if (length > 0 && (size_t)length < size && access(path, F_OK) == 0)
      return STATUS_OK;
  }
  return status_error(STATUS_USAGE,
                      "no network is installed: neither %s/%s nor %s/%s is "
                      "there; expected --checkpoint",
                      folder, places[1][1], HARMONIA_PROJECT, places[3][1]);
}
