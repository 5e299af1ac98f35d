/* Readers of texts that say something about a folder, or start programs. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "data/folder/compose_internal.h"
#include "data/data.h"
#include "tests/fuzz/fuzz.h"

static void write_file(const char *folder, const char *name, const char *text,
                       mode_t mode) {
  char path[2 * FUZZ_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 ||
      chmod(path, mode) != 0)
    fuzz_fail("%s cannot be written", path);
}

static void make_folder(const char *folder, const char *name) {
  char path[2 * FUZZ_PATH_MAX];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  if (mkdir(path, 0777) != 0) fuzz_fail("%s cannot be made", path);
}

/* The folder that holds `path`. */
static void parent_of(const char *path, char folder[2 * FUZZ_PATH_MAX]) {
  snprintf(folder, 2 * FUZZ_PATH_MAX, "%s", path);
  *strrchr(folder, '/') = '\0';
}

/* ---- lists ---- */

void fuzz_prepare_list(const char *folder) {
  static const char *const files[] = {"composite_images/c1_1_1.jpg",
                                      "composite_images/c2_1_1.jpg",
                                      "composite_images/a_b_2_3.JPG",
                                      "composite_images/c4_1_1.jpg",
                                      "masks/c1_1.png",
                                      "masks/c2_1.png",
                                      "masks/a_b_2.png",
                                      "masks/c4_1.png",
                                      "real_images/c1.jpg",
                                      "real_images/c2.jpg",
                                      "real_images/a_b.jpg",
                                      "real_images/c4.jpg"};
  char inner[FUZZ_PATH_MAX + 8];
  make_folder(folder, "HCOCO");
  snprintf(inner, sizeof inner, "%s/HCOCO", folder);
  make_folder(inner, "composite_images");
  make_folder(inner, "masks");
  make_folder(inner, "real_images");
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++)
    write_file(inner, files[i], "", 0666);
  write_file(inner, "IHD_test.txt", "HCOCO/composite_images/c4_1_1.jpg\n",
             0666);
}

bool fuzz_read_list(const char *path) {
  char folder[2 * FUZZ_PATH_MAX];
  parent_of(path, folder);
  data_folder found;
  if (data_folder_open(folder, &found) != STATUS_OK) return false;
  data_folder_close(&found);
  return true;
}

/* ---- index.tsv ---- */

bool fuzz_read_index(const char *path) {
  char folder[2 * FUZZ_PATH_MAX];
  parent_of(path, folder);
  photo_index index;
  if (photo_index_read(folder, &index) != STATUS_OK) return false;
  photo *sorted;
  if (photo_index_sort(&index, &sorted) == STATUS_OK) {
    photo_find(sorted, index.count, "a");
    free(sorted);
  }
  photo_index_hold_out(&index, 0.5);
  photo_index_hash(&index);
  photo_index_free(&index);
  return true;
}

/* ---- hosts: dist/launch ---- */

/* ssh and mpirun are scripts here. An option where a host belongs would have
 * ssh start what the file names. */
static char launcher[PATH_MAX];

void fuzz_prepare_hosts(const char *folder) {
  char script[2 * FUZZ_PATH_MAX];
  const char *source = getenv("HARMONIA_SOURCE");
  if (chdir(source != NULL ? source : ".") != 0 ||
      realpath("dist/launch", launcher) == NULL)
    fuzz_fail("dist/launch is not there: run from the project's folder");
  make_folder(folder, "bin");
  snprintf(script, sizeof script,
           "#!/bin/sh\ncase $1 in -* | '') touch '%s/canary' ;; esac\necho 4\n",
           folder);
  write_file(folder, "bin/ssh", script, 0777);
  write_file(folder, "bin/mpirun", "#!/bin/sh\nexit 0\n", 0777);
}

static int launch(const char *folder, const char *hosts) {
  char path[4 * FUZZ_PATH_MAX];
  snprintf(path, sizeof path, "PATH=%s/bin:/usr/bin:/bin", folder);
  pid_t child = fork();
  if (child < 0) fuzz_fail("no process");
  if (child == 0) {
    int null = open("/dev/null", O_RDWR);
    if (dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(null, 2) < 0 ||
        chdir(folder) != 0)
      _exit(99);
    char *arguments[] = {launcher,         "--hosts", (char *)hosts,
                         "--max-restarts", "0",       "train",
                         "--out",          "run",     NULL};
    char *environment[] = {path, "HARMONIA=/bin/true", "LC_ALL=C", NULL};
    execve(launcher, arguments, environment);
    _exit(99);
  }
  int result = 0;
  while (waitpid(child, &result, 0) < 0 && errno == EINTR) {
  }
  if (!WIFEXITED(result)) fuzz_fail("dist/launch ended by a signal");
  return WEXITSTATUS(result);
}

/* Everything that a start may leave is known; more was made by the input. */
bool fuzz_read_hosts(const char *path) {
  char folder[2 * FUZZ_PATH_MAX], canary[2 * FUZZ_PATH_MAX + 8];
  parent_of(path, folder);
  int code = launch(folder, path);
  if (code != 0 && code != 1 && code != 2)
    fuzz_fail("dist/launch: exit status %d", code);
  snprintf(canary, sizeof canary, "%s/canary", folder);
  if (access(canary, F_OK) == 0) fuzz_fail("a line of the hosts file was run");
  return code == 0;
}
