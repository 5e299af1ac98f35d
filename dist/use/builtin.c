/* Where the network in the box lies. */
#include "dist/use/builtin.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#ifndef HARMONIA_PROJECT
#define HARMONIA_PROJECT "."
#endif

/* The folder of the program. */
static void own_folder(char folder[PATH_MAX]) {
  ssize_t length = readlink("/proc/self/exe", folder, PATH_MAX - 1);
  folder[length > 0 ? length : 0] = '\0';
  char *slash = strrchr(folder, '/');
  if (slash != NULL) *slash = '\0';
}

status builtin_network(char *path, size_t size) {
  char folder[PATH_MAX];
  own_folder(folder);
  const char *const places[][2] = {{folder, "../checkpoint/network.h5"},
                                   {folder, "../share/harmonia/network.h5"},
                                   {HARMONIA_PROJECT, "checkpoint/network.h5"}};
  for (int i = 0; i < 3; i++) {
    int length = snprintf(path, size, "%s/%s", places[i][0], places[i][1]);
    if (length > 0 && (size_t)length < size && access(path, F_OK) == 0)
      return STATUS_OK;
  }
  return status_error(STATUS_USAGE,
                      "no network came with the program: neither %s/%s nor "
                      "%s/%s is there; expected --checkpoint",
                      folder, places[0][1], HARMONIA_PROJECT, places[2][1]);
}
