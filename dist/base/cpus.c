/* CPUs by affinity, by the quota of control groups (versions 1 and 2, as
 * containers set it), and by what Slurm gives a task. */
#include "base/cpus.h"

#include <limits.h>
#include <math.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- affinity ---- */

/* A cpu_set_t holds 1024 CPUs; for a machine of more it is refused. */
static void find_mask(uint64_t mask[CPUS_MOST / 64]) {
  memset(mask, 0, CPUS_MOST / 8);
  if (sched_getaffinity(0, CPUS_MOST / 8, (cpu_set_t *)(void *)mask) == 0)
    return;
  long online = sysconf(_SC_NPROCESSORS_ONLN);
  for (long i = 0; i < online && i < CPUS_MOST; i++)
    mask[i / 64] |= (uint64_t)1 << (i % 64);
}

static int count_mask(const uint64_t mask[CPUS_MOST / 64]) {
  int count = 0;
  for (int i = 0; i < CPUS_MOST / 64; i++)
    count += __builtin_popcountll(mask[i]);
  return count;
}

/* ---- quotas of control groups ---- */

/* Whether "a,b,c" holds `word`. */
static bool holds(const char *list, const char *word) {
  size_t length = strlen(word);
  for (const char *at = list; at != NULL; at = strchr(at, ',')) {
    if (*at == ',') at++;
    if (strncmp(at, word, length) == 0 &&
        (at[length] == ',' || at[length] == '\0'))
      return true;
  }
  return false;
}

/* Up to two numbers of a file; none of "max 100000", as of no file. */
static void read_numbers(const char *folder, const char *name, double *first,
                         double *second) {
  char path[4 * PATH_MAX], text[128] = "";
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "re");
  if (file == NULL) return;
  if (fgets(text, sizeof text, file) != NULL)
    sscanf(text, "%lf %lf", first, second);
  fclose(file);
}

/* Of one group; INFINITY where it sets no limit (-1 in version 1). */
static double quota_of(const char *folder, bool unified) {
  double quota = 0, period = 0, none;
  if (unified) {
    read_numbers(folder, "cpu.max", &quota, &period);
  } else {
    read_numbers(folder, "cpu.cfs_quota_us", &quota, &none);
    read_numbers(folder, "cpu.cfs_period_us", &period, &none);
  }
  return quota > 0 && period > 0 ? quota / period : INFINITY;
}

/* The least of a group and those above it, which hold for it as well. */
static double least_quota(char *folder, size_t top, bool unified) {
  double least = quota_of(folder, unified);
  while (strlen(folder) > top) {
    char *slash = strrchr(folder, '/');
    if (slash == NULL) break;
    *slash = '\0';
    least = fmin(least, quota_of(folder, unified));
  }
  return least;
}

/* This process's group in the hierarchy of the CPU controller, or of version 2:
 * "/kubepods/pod1". */
static bool find_group(const char *root, bool unified, char group[PATH_MAX]) {
  char path[PATH_MAX], line[PATH_MAX + 256];
  snprintf(path, sizeof path, "%.4000s/proc/self/cgroup", root);
  FILE *file = fopen(path, "re");
  if (file == NULL) return false;
  bool found = false;
  while (!found && fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "\n")] = '\0';
    char *controllers = strchr(line, ':');
    char *name = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
    if (name == NULL) continue;
    *name = '\0';
    found = unified ? strncmp(line, "0:", 2) == 0 && controllers[1] == '\0'
                    : holds(controllers + 1, "cpu");
    if (found) snprintf(group, PATH_MAX, "%.4000s", name + 1);
  }
  fclose(file);
  return found;
}

/* Blanks in a path of mountinfo are "\040". */
static void decode(char *text) {
  char *to = text;
  for (const char *at = text; *at != '\0'; to++) {
    bool coded = at[0] == '\\' && at[1] >= '0' && at[1] <= '3' &&
                 strspn(at + 1, "01234567") >= 3;
    *to = coded ? (char)((at[1] - '0') * 64 + (at[2] - '0') * 8 + at[3] - '0')
                : *at;
    at += coded ? 4 : 1;
  }
  *to = '\0';
}

typedef struct mount {
  char top[PATH_MAX];   /* the group that is mounted */
  char point[PATH_MAX]; /* where */
} mount;

/* A line of mountinfo: "ID PARENT MAJOR:MINOR TOP POINT OPTIONS [TAGS] - TYPE
 * SOURCE SUPER"; whether it is a hierarchy of the kind. */
static bool parse_mount(char *line, bool unified, mount *out) {
  char type[64], super[1024];
  char *after = strstr(line, " - ");
  if (after == NULL || sscanf(after, " - %63s %*s %1023s", type, super) != 2 ||
      sscanf(line, "%*s %*s %*s %4095s %4095s", out->top, out->point) != 2)
    return false;
  decode(out->top);
  decode(out->point);
  return unified ? strcmp(type, "cgroup2") == 0
                 : strcmp(type, "cgroup") == 0 && holds(super, "cpu");
}

/* In a container the mount may begin at the group itself, and a group outside
 * of the namespace is "/../..": then it is the mount's own. */
static double quota_in(const char *root, const mount *m, const char *group,
                       bool unified) {
  char folder[3 * PATH_MAX];
  size_t length = strcmp(m->top, "/") == 0 ? 0 : strlen(m->top);
  bool below = strncmp(group, m->top, length) == 0 &&
               (group[length] == '/' || group[length] == '\0') &&
               strstr(group, "/..") == NULL;
  int top = snprintf(folder, sizeof folder, "%s%s", root, m->point);
  if (below && strcmp(group + length, "/") != 0)
    snprintf(folder + top, sizeof folder - (size_t)top, "%s", group + length);
  return least_quota(folder, (size_t)top, unified);
}

static double find_quota(const char *root, bool unified) {
  char path[PATH_MAX], group[PATH_MAX], *line = NULL;
  if (!find_group(root, unified, group)) return INFINITY;
  snprintf(path, sizeof path, "%.4000s/proc/self/mountinfo", root);
  FILE *file = fopen(path, "re");
  if (file == NULL) return INFINITY;
  double least = INFINITY;
  size_t room = 0;
  mount m;
  while (getline(&line, &room, file) > 0)
    if (parse_mount(line, unified, &m))
      least = fmin(least, quota_in(root, &m, group, unified));
  free(line);
  fclose(file);
  return least;
}

/* ---- together ---- */

static int find_task(void) {
  const char *text = getenv("SLURM_CPUS_PER_TASK");
  long count = text != NULL ? strtol(text, NULL, 10) : 0;
  return count > 0 && count < CPUS_MOST ? (int)count : 0;
}

void cpu_limits_find(const char *root, cpu_limits *out) {
  find_mask(out->mask);
  out->quota = fmin(find_quota(root, false), find_quota(root, true));
  out->task = find_task();
}

int cpu_limits_threads(const cpu_limits *limits, int sharers) {
  double threads = fmin(count_mask(limits->mask), limits->quota) / sharers;
  if (limits->task > 0) threads = fmin(threads, limits->task);
  return threads > 1 ? (int)threads : 1;
}
