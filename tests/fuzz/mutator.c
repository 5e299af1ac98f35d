/* The plain driver, for any compiler: fuzz TARGET CORPUS SECONDS SEED FAILED
 *
 * Reads every file of the folder CORPUS, then changed ones for SECONDS. Input n
 * follows from SEED and n alone. A child reads; when it crashes, hangs or
 * leaks, the input is stored as FAILED-n and the next one's turn comes. A file
 * of the corpus must be taken for a good one, or its name begins with bad-: so
 * it cannot be that no input reaches the reader. Prints the number of inputs
 * tried; exit status 1 where one failed.
 *
 * HDF5 trusts much of what it reads: some damaged files crash it or keep it
 * busy for ever, whatever is checked before. Where a crash or the time is
 * HDF5's own, the input is stored and counted apart, and is no failure, except
 * for the corpus itself: what is there is refused before HDF5 comes to it. */
#include <dirent.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/status.h"
#include "tests/fuzz/fuzz.h"

enum {
  CORPUS_MAX = 1024,
  LEAKS_EVERY = 2000, /* inputs: looking for leaks takes a while */
  FAILURES_MAX = 10,
  HDF5_MAX = 100,
  HANG_SECONDS = 60, /* other work may keep the cores busy */
  LEAKED = 77        /* exit status of a child */
};

/* LeakSanitizer's, where the program has it. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

typedef struct sample {
  uint8_t *bytes;
  size_t size;
  bool good; /* the reader must accept it */
} sample;

/* Parent and child see it. */
typedef struct progress {
  volatile uint64_t number; /* of the input that is being read */
  volatile size_t size;
  volatile uint64_t accepted; /* inputs */
  volatile bool in_hdf5;      /* fuzz_watch */
  uint8_t bytes[FUZZ_BYTES_MAX];
} progress;

static struct {
  const fuzz_target *target;
  sample corpus[CORPUS_MAX];
  size_t count;
  uint64_t seed;
  double end; /* clock_seconds */
  const char *failed;
  progress *shared;
} run;

/* ---- the corpus ---- */

static void load(const char *path, bool good) {
  sample *s = &run.corpus[run.count];
  s->good = good;
  FILE *file = fopen(path, "rb");
  s->bytes = malloc(FUZZ_BYTES_MAX);
  if (file == NULL || s->bytes == NULL) fuzz_fail("%s cannot be read", path);
  s->size = fread(s->bytes, 1, FUZZ_BYTES_MAX, file);
  fclose(file);
  run.count++;
}

static int compare_names(const struct dirent **a, const struct dirent **b) {
  return strcmp((*a)->d_name, (*b)->d_name);
}

static void load_corpus(const char *folder) {
  struct dirent **names;
  int found = scandir(folder, &names, NULL, compare_names);
  for (int i = 0; i < found; i++) {
    char path[2 * FUZZ_PATH_MAX];
    const char *name = names[i]->d_name;
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (name[0] != '.' && run.count < CORPUS_MAX)
      load(path, strncmp(name, "bad-", 4) != 0);
    free(names[i]);
  }
  if (found >= 0) free(names);
  if (run.count == 0) fuzz_fail("%s holds no inputs", folder);
}

/* ---- the child ---- */

/* The corpus first, as it is. */
static void make_input(uint64_t number) {
  uint64_t state = run.seed * 0x9e3779b97f4a7c15u + number;
  fuzz_random(&state);
  bool as_it_is = number < run.count;
  const sample *s =
      &run.corpus[as_it_is ? number : fuzz_random(&state) % run.count];
  const sample *other = &run.corpus[fuzz_random(&state) % run.count];
  memcpy(run.shared->bytes, s->bytes, s->size);
  run.shared->size = as_it_is
                         ? s->size
                         : fuzz_mutate(run.target, run.shared->bytes, s->size,
                                       other->bytes, other->size, &state);
}

static bool has_leaked(void) {
  return __lsan_do_recoverable_leak_check != NULL &&
         __lsan_do_recoverable_leak_check() != 0;
}

static void try_input(uint64_t number) {
  run.shared->number = number; /* making it may open it, and crash, too */
  make_input(number);
  fuzz_watch_next();
  if (fuzz_try(run.shared->bytes, run.shared->size))
    run.shared->accepted++;
  else if (number < run.count && run.corpus[number].good)
    fuzz_fail("a good input is refused: %s", status_message());
}

/* Inputs from `number` until the time is over, or only `count` of them where
 * that is not 0. */
static _Noreturn void read_inputs(uint64_t number, uint64_t count,
                                  uint64_t leaks_every) {
  fuzz_open(run.target);
  fuzz_watch(&run.shared->in_hdf5);
  uint64_t last = count > 0 ? number + count : UINT64_MAX;
  bool leaked = false;
  for (; number < last && !leaked; number++) {
    if (count == 0 && number >= run.count && clock_seconds() >= run.end) break;
    try_input(number);
    if ((number + 1) % leaks_every == 0) leaked = has_leaked();
  }
  if (!leaked) run.shared->number = number;
  _exit(leaked || has_leaked() ? LEAKED : 0);
}

/* ---- the parent ---- */

/* Waits for the child, and ends it where it stays at one input. */
static int await(pid_t child, bool *hung) {
  uint64_t at = UINT64_MAX;
  double since = clock_seconds();
  int result;
  *hung = false;
  while (waitpid(child, &result, WNOHANG) == 0) {
    if (run.shared->number != at) {
      at = run.shared->number;
      since = clock_seconds();
    } else if (clock_seconds() - since > HANG_SECONDS) {
      *hung = true;
      kill(child, SIGKILL);
    }
    clock_sleep(0.02);
  }
  return result;
}

static int start(uint64_t number, uint64_t count, uint64_t leaks_every,
                 bool *hung) {
  run.shared->number = number;
  run.shared->in_hdf5 = false;
  fflush(stdout);
  pid_t child = fork();
  if (child < 0) fuzz_fail("no process: %s", strerror(errno));
  if (child == 0) read_inputs(number, count, leaks_every);
  return await(child, hung);
}

static void store(const char *what) {
  char path[2 * FUZZ_PATH_MAX];
  snprintf(path, sizeof path, "%s-%llu", run.failed,
           (unsigned long long)run.shared->number);
  FILE *file = fopen(path, "wb");
  if (file == NULL ||
      fwrite(run.shared->bytes, 1, run.shared->size, file) !=
          run.shared->size ||
      fclose(file) != 0)
    fuzz_fail("%s cannot be written", path);
  fprintf(stderr, "fuzz: %s: %s%s: the input is %s\n", run.target->name, what,
          run.shared->in_hdf5 ? " in HDF5 itself" : "", path);
}

/* Which of the last inputs it was that leaked. */
static void find_leak(uint64_t first, uint64_t last) {
  bool hung;
  int result = start(first, last - first + 1, 1, &hung);
  if (WIFEXITED(result) && WEXITSTATUS(result) == LEAKED)
    store("a leak");
  else
    fprintf(stderr, "fuzz: %s: a leak by inputs %llu to %llu together\n",
            run.target->name, (unsigned long long)first,
            (unsigned long long)last);
}

/* One child's life; false when all is done. */
static bool go_on(uint64_t *number, int *failures, int *hdf5) {
  bool hung;
  int result = start(*number, 0, LEAKS_EVERY, &hung);
  uint64_t first = *number, last = run.shared->number;
  *number = last + 1;
  if (WIFEXITED(result) && WEXITSTATUS(result) == 0) {
    *number = last;
    return false;
  }
  ++*(run.shared->in_hdf5 && last >= run.count ? hdf5 : failures);
  int code = WIFEXITED(result) ? WEXITSTATUS(result) : 0;
  if (code == LEAKED)
    find_leak(last - first < LEAKS_EVERY ? first : last - LEAKS_EVERY, last);
  else
    store(hung || code == FUZZ_HUNG ? "it hangs" : "a crash");
  return *failures < FAILURES_MAX && *hdf5 < HDF5_MAX;
}

int main(int argc, char **argv) {
  run.target = argc == 6 ? fuzz_find(argv[1]) : NULL;
  if (run.target == NULL) {
    for (size_t i = 0; i < fuzz_target_count; i++) puts(fuzz_targets[i].name);
    return argc == 1 ? 0 : 2;
  }
  load_corpus(argv[2]);
  run.seed = strtoull(argv[4], NULL, 10);
  run.failed = argv[5];
  run.shared = mmap(NULL, sizeof *run.shared, PROT_READ | PROT_WRITE,
                    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (run.shared == MAP_FAILED) fuzz_fail("no memory");
  double begin = clock_seconds();
  run.end = begin + strtod(argv[3], NULL);
  uint64_t number = 0;
  int failures = 0, hdf5 = 0;
  while (go_on(&number, &failures, &hdf5)) {
  }
  printf("%s: %llu inputs in %.0f s, accepted: %llu, in HDF5 itself: %d, "
         "failed: %d\n",
         run.target->name, (unsigned long long)number, clock_seconds() - begin,
         (unsigned long long)run.shared->accepted, hdf5, failures);
  return failures > 0;
}
