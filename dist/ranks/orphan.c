/* A rank does not outlive its launcher. */
#include "dist/ranks/orphan.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* Ids are used again, but not with the same start. */
typedef struct process {
  int id, parent;
  unsigned long long start;
} process;

static process launcher;

/* Of a process that is there and not a zombie. */
static bool look_at(int id, process *out) {
  char path[64], text[512];
  snprintf(path, sizeof path, "/proc/%d/stat", id);
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  size_t length = fread(text, 1, sizeof text - 1, file);
  fclose(file);
  text[length] = '\0';
  const char *name_end = strrchr(text, ')'); /* names may hold anything */
  char state;
  out->id = id;
  return name_end != NULL &&
         sscanf(name_end,
                ") %c %d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d "
                "%*d %*d %*d %*d %llu",
                &state, &out->parent, &out->start) == 3 &&
         state != 'Z' && state != 'X';
}

/* What launchers tell their ranks, and only them. */
static bool is_rank(const char *variables, size_t length) {
  static const char *const names[] = {
      "OMPI_COMM_WORLD_RANK=", "PMIX_RANK=", "PMI_RANK="};
  for (const char *at = variables; at < variables + length;
       at += strlen(at) + 1)
    for (int i = 0; i < 3; i++)
      if (strncmp(at, names[i], strlen(names[i])) == 0) return true;
  return false;
}

/* Whether that process was started as this rank: a script around the program.
 * What others' processes were given cannot be read: they are not. */
static bool began_as_rank(int id) {
  char path[64], *variables = NULL;
  size_t length = 0;
  snprintf(path, sizeof path, "/proc/%d/environ", id);
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  ssize_t got = getdelim(&variables, &length, EOF, file);
  bool found = got > 0 && is_rank(variables, (size_t)got);
  free(variables);
  fclose(file);
  return found;
}

/* The nearest ancestor that is no rank; false where there is none, or none that
 * can be seen (a container of its own). */
static bool find_launcher(void) {
  if (!began_as_rank(getpid())) return false;
  process at;
  int id = getppid();
  while (id > 1 && look_at(id, &at) && began_as_rank(id)) id = at.parent;
  return id > 1 && look_at(id, &launcher);
}

static void *watch(void *unused) {
  (void)unused;
  process now;
  while (look_at(launcher.id, &now) && now.start == launcher.start)
    clock_sleep(1);
  log_error("the launcher (process %d) is gone: this rank ends", launcher.id);
  _exit(1);
}

void orphan_watch(void) {
  if (!find_launcher()) return;
  /* The thread leaves all signals to the others. */
  sigset_t all, saved;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &saved);
  enum { STACK = 1 << 18 }; /* where address space is limited, little of it */
  pthread_attr_t small;
  pthread_attr_init(&small);
  pthread_attr_setstacksize(&small, STACK);
  pthread_t thread;
  if (pthread_create(&thread, &small, watch, NULL) == 0) pthread_detach(thread);
  pthread_attr_destroy(&small);
  pthread_sigmask(SIG_SETMASK, &saved, NULL);
}
