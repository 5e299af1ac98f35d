/* Loops on threads, aligned memory, messages of failures. */
#include <math.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cpus.h"
#include "base/memory.h"
#include "base/status.h"
#include "base/threads.h"
#include "tests/tap.h"

enum { ITEMS = 1000 };

typedef struct tally {
  atomic_int seen[ITEMS];
  atomic_int running, most_running, started;
  size_t fail_from; /* items from here on fail */
} tally;

static status count_item(void *context, size_t i) {
  tally *t = context;
  int running = atomic_fetch_add(&t->running, 1) + 1;
  int most = atomic_load(&t->most_running);
  while (running > most &&
         !atomic_compare_exchange_weak(&t->most_running, &most, running))
    continue;
  atomic_fetch_add(&t->seen[i], 1);
  atomic_fetch_add(&t->started, 1);
  atomic_fetch_sub(&t->running, 1);
  if (i >= t->fail_from)
    return status_error(STATUS_FORMAT, "item %zu is bad", i);
  return STATUS_OK;
}

static void test_loop(void) {
  static tally t;
  for (int threads = 0; threads <= 5; threads++) {
    memset(&t, 0, sizeof t);
    t.fail_from = ITEMS;
    status result = threads_for(ITEMS, threads, count_item, &t);
    bool once = true;
    for (int i = 0; i < ITEMS; i++) once = once && t.seen[i] == 1;
    tap_ok(result == STATUS_OK && once, "%d threads: each item once", threads);
    int limit = threads > 0 ? threads : threads_available();
    tap_ok(t.most_running <= limit, "never more than %d at once", limit);
  }
  tap_ok(threads_for(0, 4, count_item, &t) == STATUS_OK, "a loop over nothing");
  tap_ok(threads_available() >= 1, "there is a core");
}

static void test_failure(void) {
  static tally t;
  for (int threads = 1; threads <= 4; threads++) {
    memset(&t, 0, sizeof t);
    t.fail_from = 17;
    status result = threads_for(ITEMS, threads, count_item, &t);
    tap_ok(result == STATUS_FORMAT &&
               strcmp(status_message(), "item 17 is bad") == 0,
           "%d threads: the lowest item's failure, on the caller", threads);
    tap_ok(t.started < ITEMS && t.started >= 18,
           "nothing new is started afterwards");
  }
}

/* ---- CPUs ---- */

/* The made-up file `name` below the scratch folder, its folders included. */
static void put_file(const char *root, const char *name, const char *text) {
  char path[1024];
  snprintf(path, sizeof path, "%s/%s", root, name);
  for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')) != NULL;
       at++) {
    *at = '\0';
    mkdir(path, 0777);
    *at = '/';
  }
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) abort();
}

typedef struct made_up {
  const char *what, *group, *mounts;
  const char *files[6][2]; /* name and text */
  double quota;            /* 0: none */
} made_up;

#define V1(top, point, controllers)                                            \
  "32 31 0:29 " top " " point                                                  \
  " rw,relatime shared:9 - cgroup cgroup rw," controllers "\n"
#define V2(top, point)                                                         \
  "30 23 0:26 " top " " point " rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"

static const made_up machines[] = {
    {"no control groups", "", "", {{NULL}}, 0},
    {"version 2 without a limit",
     "0::/user.slice\n",
     V2("/", "/cg"),
     {{"cg/user.slice/cpu.max", "max 100000\n"}},
     0},
    {"half a CPU in version 2",
     "0::/a/b\n",
     V2("/", "/cg"),
     {{"cg/a/b/cpu.max", "50000 100000\n"}},
     0.5},
    {"the limit of a group above",
     "0::/a/b/c\n",
     V2("/", "/cg"),
     {{"cg/a/b/c/cpu.max", "max 100000\n"},
      {"cg/a/b/cpu.max", "900000 100000\n"},
      {"cg/a/cpu.max", "300000 100000\n"}},
     3},
    {"a container that sees its group as the root of version 2",
     "0::/\n",
     V2("/", "/cg"),
     {{"cg/cpu.max", "150000 100000\n"}},
     1.5},
    {"a group outside of the namespace",
     "0::/../other\n",
     V2("/../..", "/cg"),
     {{"cg/cpu.max", "25000 10000"}},
     2.5},
    {"version 1",
     "4:memory:/m\n2:cpu:/hq\n",
     V1("/", "/sys/cpu", "cpu") V1("/", "/sys/set", "cpuset"),
     {{"sys/cpu/hq/cpu.cfs_quota_us", "50000\n"},
      {"sys/cpu/hq/cpu.cfs_period_us", "100000\n"},
      {"sys/set/hq/cpu.cfs_quota_us", "1\n"},
      {"sys/set/hq/cpu.cfs_period_us", "100000\n"}},
     0.5},
    {"version 1 without a limit",
     "2:cpu:/hq\n",
     V1("/", "/sys/cpu", "cpu"),
     {{"sys/cpu/hq/cpu.cfs_quota_us", "-1\n"},
      {"sys/cpu/hq/cpu.cfs_period_us", "100000\n"}},
     0},
    {"cpu and cpuacct together, the container's group mounted",
     "5:cpuset:/docker/d\n3:cpu,cpuacct:/docker/d\n",
     V1("/docker/d", "/sys/cpu,cpuacct", "cpu,cpuacct"),
     {{"sys/cpu,cpuacct/cpu.cfs_quota_us", "200000\n"},
      {"sys/cpu,cpuacct/cpu.cfs_period_us", "100000\n"}},
     2},
    {"cpuacct alone is none, cpuacct,cpu is",
     "2:cpuacct,cpu:/x:y\n1:cpuacct:/z\n",
     V1("/", "/sys/b", "cpuacct,cpu"),
     {{"sys/b/x:y/cpu.cfs_quota_us", "400000\n"},
      {"sys/b/x:y/cpu.cfs_period_us", "100000\n"}},
     4},
    {"both versions at once",
     "7:cpu:/v1\n0::/v2\n",
     V1("/", "/sys/cpu", "cpu") V2("/", "/sys/unified"),
     {{"sys/cpu/cpu.cfs_quota_us", "150000\n"},
      {"sys/cpu/cpu.cfs_period_us", "50000\n"},
      {"sys/unified/v2/cgroup.procs", "1\n"}},
     3},
    {"a group that is not to be seen, a mount with a blank",
     "0::/gone/away\n",
     V2("/", "/a\\040b"),
     {{"a b/cpu.max", "70000 10000\n"}},
     7},
    {"nonsense",
     "\n0\n:::\n0::/a\n",
     "\n - \n1 2 3\n" V2("/", "/cg"),
     {{"cg/a/cpu.max", "many\n"}, {"cg/cpu.max", ""}},
     0},
};

static void test_quotas(void) {
  for (size_t i = 0; i < sizeof machines / sizeof machines[0]; i++) {
    const made_up *m = &machines[i];
    char root[512];
    snprintf(root, sizeof root, "%s/machine-%zu", tap_scratch_folder(), i);
    mkdir(root, 0777);
    put_file(root, "proc/self/cgroup", m->group);
    put_file(root, "proc/self/mountinfo", m->mounts);
    for (int k = 0; k < 6 && m->files[k][0] != NULL; k++)
      put_file(root, m->files[k][0], m->files[k][1]);
    cpu_limits limits;
    cpu_limits_find(root, &limits);
    bool same = m->quota > 0 ? fabs(limits.quota - m->quota) < 1e-9
                             : isinf(limits.quota) != 0;
    tap_ok(same, "%s: %g CPUs", m->what, limits.quota);
  }
}

static void test_shares(void) {
  static const struct {
    double quota;
    int task, sharers, threads;
  } shares[] = {{INFINITY, 0, 1, 2000}, {INFINITY, 0, 3, 666}, {0.5, 0, 1, 1},
                {1.4, 0, 1, 1},         {1.9, 0, 1, 1},        {8, 0, 4, 2},
                {2, 0, 8, 1},           {INFINITY, 6, 1, 6},   {4, 6, 1, 4},
                {INFINITY, 6, 1000, 2}, {INFINITY, 0, 9999, 1}};
  cpu_limits limits = {.quota = INFINITY};
  for (int i = 0; i < 2000; i++)
    limits.mask[i / 64 + 1] |= (uint64_t)1 << (i % 64);
  for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
    limits.quota = shares[i].quota;
    limits.task = shares[i].task;
    int got = cpu_limits_threads(&limits, shares[i].sharers);
    tap_ok(got == shares[i].threads,
           "2000 CPUs, a quota of %g, %d a task, %d processes: %d threads",
           shares[i].quota, shares[i].task, shares[i].sharers, got);
  }
  setenv("SLURM_CPUS_PER_TASK", "1", 1);
  tap_ok(threads_available() == 1, "SLURM_CPUS_PER_TASK counts");
  setenv("SLURM_CPUS_PER_TASK", "-2x", 1);
  tap_ok(threads_available() >= 1, "unless it is no number");
  unsetenv("SLURM_CPUS_PER_TASK");
}

static void test_memory(void) {
  bool aligned = true, zero = true;
  for (size_t size = 0; size < 300; size += 7) {
    unsigned char *memory = NULL;
    if (MEMORY_NEW(size, "bytes", &memory) != STATUS_OK) {
      aligned = false;
      break;
    }
    aligned = aligned && (uintptr_t)memory % 64 == 0;
    for (size_t i = 0; i < size; i++) zero = zero && memory[i] == 0;
    if (size > 0) memset(memory, 0xff, size);
    memory_free(memory);
  }
  tap_ok(aligned && zero, "memory is aligned to 64 bytes and zero");
  double any, *doubles = &any;
  tap_ok(MEMORY_NEW(SIZE_MAX / 4, "a great many", &doubles) == STATUS_MEMORY &&
             doubles == NULL &&
             strstr(status_message(), "a great many") != NULL,
         "a product that overflows is refused by name");
  unsigned char *bytes;
  tap_ok(MEMORY_NEW(SIZE_MAX - 8, "all there is", &bytes) == STATUS_MEMORY &&
             bytes == NULL,
         "so is a size at the limit");
  tap_ok(memory_resident() > 100000 &&
             memory_peak_resident() >= memory_resident() / 2,
         "resident memory is known");
}

static void test_messages(void) {
  status_set_message("no such file");
  status code = status_context(STATUS_IO, "step %d", 3);
  tap_ok(code == STATUS_IO &&
             strcmp(status_message(), "step 3: no such file") == 0,
         "context goes before the message");
  char large[4000];
  memset(large, 'x', sizeof large);
  large[sizeof large - 1] = '\0';
  status_set_message("%s", large);
  status_add_context("%s", large);
  status_add_context("end");
  tap_ok(strlen(status_message()) < 2000 &&
             strncmp(status_message(), "end: xxx", 8) == 0,
         "messages that are too long are cut");
  tap_ok(status_exit_code(STATUS_OK) == 0 &&
             status_exit_code(STATUS_USAGE) == 2 &&
             status_exit_code(STATUS_IO) == 1 &&
             status_exit_code(STATUS_NUMERIC) == 1 &&
             status_exit_code(STATUS_STOPPED) == 75,
         "exit statuses are 0, 1, 2 and 75");
}

int main(void) {
  test_loop();
  test_failure();
  test_quotas();
  test_shares();
  test_memory();
  test_messages();
  return tap_done();
}
