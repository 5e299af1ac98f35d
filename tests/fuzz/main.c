/* The plain driver, for any compiler: fuzz TARGET CORPUS SECONDS SEED FAILED
 *
 * Reads every file of the folder CORPUS, then changed ones for SECONDS. Input n
 * follows from SEED and n alone. A child reads; when it crashes, hangs or
 * leaks, the input is stored as FAILED-n and the next one's turn comes. Prints
 * the number of inputs tried; exit status 1 where one failed. */
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
#include "tests/fuzz/fuzz.h"

enum {
  CORPUS_MAX = 1024,
  LEAKS_EVERY = 2000, /* inputs: looking for leaks takes a while */
  FAILURES_MAX = 10,
  HANG_SECONDS = 60, /* other work may keep the cores busy */
  LEAKED = 77        /* exit status of a child */
};

/* LeakSanitizer's, where the program has it. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

typedef struct sample {
  uint8_t *bytes;
  size_t size;
} sample;

/* Parent and child see it. */
typedef struct progress {
  volatile uint64_t number; /* of the input that is being read */
  volatile size_t size;
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

static void load(const char *path) {
  sample *s = &run.corpus[run.count];
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
    snprintf(path, sizeof path, "%s/%s", folder, names[i]->d_name);
    if (names[i]->d_name[0] != '.' && run.count < CORPUS_MAX) load(path);
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

/* Inputs from `number` until the time is over, or only `count` of them where
 * that is not 0. */
static _Noreturn void read_inputs(uint64_t number, uint64_t count,
                                  uint64_t leaks_every) {
  fuzz_open(run.target);
  uint64_t last = count > 0 ? number + count : UINT64_MAX;
  bool leaked = false;
  for (; number < last && !leaked; number++) {
    if (count == 0 && number >= run.count && clock_seconds() >= run.end) break;
    make_input(number);
    run.shared->number = number;
    fuzz_try(run.shared->bytes, run.shared->size);
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
  fprintf(stderr, "fuzz: %s: %s: the input is %s\n", run.target->name, what,
          path);
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
static bool go_on(uint64_t *number, int *failures) {
  bool hung;
  int result = start(*number, 0, LEAKS_EVERY, &hung);
  uint64_t first = *number, last = run.shared->number;
  *number = last + 1;
  if (WIFEXITED(result) && WEXITSTATUS(result) == 0) {
    *number = last;
    return false;
  }
  ++*failures;
  if (WIFEXITED(result) && WEXITSTATUS(result) == LEAKED)
    find_leak(last - first < LEAKS_EVERY ? first : last - LEAKS_EVERY, last);
  else
    store(hung ? "it hangs" : "a crash");
  return *failures < FAILURES_MAX;
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
  int failures = 0;
  while (go_on(&number, &failures)) {
  }
  printf("%s: %llu inputs in %.0f s, failed: %d\n", run.target->name,
         (unsigned long long)number, clock_seconds() - begin, failures);
  return failures > 0;
}
