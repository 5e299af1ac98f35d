/* A folder of checkpoints: the newest whole one, pruning, and writers that die
 * at any moment. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "checkpoint/checkpoint.h"
#include "tests/tap.h"

static char folder[512];

enum { COUNT = 300000 };
static float values[COUNT];

static status write_step(uint64_t step) {
  char path[700], text[32];
  ckpt_path(folder, step, path, sizeof path);
  ckpt_writer *writer;
  TRY(ckpt_writer_open(path, &writer));
  snprintf(text, sizeof text, "%llu", (unsigned long long)step);
  status result = ckpt_write_text(writer, "step", text);
  ckpt_array array = {.type = CKPT_FLOAT32, .rank = 1, .shape = {COUNT}};
  for (int i = 0; i < 4 && result == STATUS_OK; i++) {
    for (int k = 0; k < COUNT; k += 997)
      values[k] = (float)(step + (uint64_t)i);
    snprintf(array.name, sizeof array.name, "G/array.%d", i);
    result = ckpt_write_array(writer, &array, values);
  }
  if (result == STATUS_OK) return ckpt_writer_commit(&writer);
  ckpt_writer_abandon(&writer);
  return result;
}

static bool exists(const char *name) {
  char path[800];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return access(path, F_OK) == 0;
}

static void touch(const char *name) {
  char path[800];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  FILE *file = fopen(path, "w");
  if (file == NULL) exit(1);
  fclose(file);
}

static int count_names(const char *pattern) {
  char command[800];
  snprintf(command, sizeof command, "ls '%s' | grep -c -e '%s'", folder,
           pattern);
  FILE *pipe = popen(command, "r");
  int count = -1;
  if (pipe == NULL || fscanf(pipe, "%d", &count) != 1) count = -1;
  if (pipe != NULL) pclose(pipe);
  return count;
}

static void new_folder(const char *name) {
  snprintf(folder, sizeof folder, "%s/%s", tap_scratch_folder(), name);
  if (mkdir(folder, 0777) != 0) exit(1);
}

/* Silences the warnings that are expected. */
static int silence(void) {
  fflush(stderr);
  int saved = dup(STDERR_FILENO);
  if (freopen("/dev/null", "w", stderr) == NULL) exit(1);
  return saved;
}

static void speak(int saved) {
  fflush(stderr);
  dup2(saved, STDERR_FILENO);
  close(saved);
}

/* Cuts the file of a step to half. */
static void damage(uint64_t step) {
  char path[700];
  ckpt_path(folder, step, path, sizeof path);
  if (truncate(path, COUNT * 2) != 0) exit(1);
}

/* ---- the newest ---- */

static void test_newest(void) {
  bool found = true;
  uint64_t step = 0;
  char path[700];
  tap_ok(ckpt_newest("/nonexistent/folder", &found, &step, path, sizeof path) ==
                 STATUS_OK &&
             !found,
         "no folder: none found");
  new_folder("newest");
  tap_ok(ckpt_newest(folder, &found, &step, path, sizeof path) == STATUS_OK &&
             !found,
         "an empty folder: none found");
  touch("step-9.h5"), touch("step-00000009.h5.bak"), touch("x");
  touch("step-00000999.h5.tmp-1");
  tap_ok(write_step(5) == STATUS_OK && write_step(20) == STATUS_OK &&
             write_step(100000007) == STATUS_OK,
         "three are written");
  tap_ok(ckpt_newest(folder, &found, &step, path, sizeof path) == STATUS_OK &&
             found && step == 100000007 &&
             strstr(path, "step-100000007.h5") != NULL,
         "the newest is found by its number");
  damage(100000007);
  touch("step-00000021.h5");
  int saved = silence();
  status result = ckpt_newest(folder, &found, &step, path, sizeof path);
  speak(saved);
  tap_ok(result == STATUS_OK && found && step == 20,
         "damaged ones are passed over");
  damage(20), damage(5);
  saved = silence();
  result = ckpt_newest(folder, &found, &step, path, sizeof path);
  speak(saved);
  tap_ok(result == STATUS_FORMAT && !found &&
             strstr(status_message(), "step-00000020.h5: a truncated") &&
             strstr(status_message(), "step-00000005.h5: a truncated"),
         "nothing whole: an error that names each");
  tap_ok(ckpt_newest("/dev/null", &found, &step, path, sizeof path) ==
             STATUS_IO,
         "a file is no folder");
}

/* What is there and cannot be resumed is never the same as nothing. */
static void test_refusals(void) {
  bool found;
  uint64_t step;
  char path[700], folder_link[600];
  new_folder("best");
  touch("best.h5");
  tap_ok(ckpt_newest(folder, &found, &step, path, sizeof path) ==
                 STATUS_FORMAT &&
             strstr(status_message(), "best.h5: not an HDF5"),
         "a damaged best.h5 alone");
  if (write_step(7) != STATUS_OK) exit(1);
  char best[700];
  ckpt_path(folder, 7, path, sizeof path);
  ckpt_best_path(folder, best, sizeof best);
  if (rename(path, best) != 0) exit(1);
  tap_ok(ckpt_newest(folder, &found, &step, path, sizeof path) == STATUS_OK &&
             found && step == 7 && strcmp(path, best) == 0,
         "a good one is better than none");
  new_folder("strange");
  touch("step-7.h5");
  tap_ok(ckpt_newest(folder, &found, &step, path, sizeof path) ==
                 STATUS_FORMAT &&
             strstr(status_message(), "step-7.h5: "),
         "a name that no writer gave");
  new_folder("mixed");
  if (write_step(3) != STATUS_OK) exit(1);
  ckpt_path(folder, 4, path, sizeof path);
  if (mkdir(path, 0777) != 0) exit(1);
  touch("step-00000005.h5");
  int saved = silence();
  status result = ckpt_newest(folder, &found, &step, path, sizeof path);
  speak(saved);
  tap_ok(result == STATUS_OK && found && step == 3,
         "a folder of that name and an empty file are passed over");
  ckpt_path(folder, 6, path, sizeof path);
  if (symlink("/nonexistent/far", path) != 0) exit(1);
  tap_ok(ckpt_newest(folder, &found, &step, path, sizeof path) == STATUS_IO &&
             strstr(status_message(), "step-00000006.h5: cannot open"),
         "a link to nothing is not");
  snprintf(folder_link, sizeof folder_link, "%s-link", folder);
  if (symlink("/nonexistent/far", folder_link) != 0) exit(1);
  tap_ok(ckpt_newest(folder_link, &found, &step, path, sizeof path) ==
             STATUS_IO,
         "nor is a folder that is a link to nothing an empty one");
}

/* ---- pruning ---- */

static void test_prune(void) {
  new_folder("prune");
  for (uint64_t step = 10; step <= 50; step += 10)
    if (write_step(step) != STATUS_OK) exit(1);
  tap_ok(ckpt_prune(folder, 0) == STATUS_OK && count_names("step") == 5,
         "keep 0 keeps all");
  tap_ok(ckpt_prune(folder, 3) == STATUS_OK && count_names("step") == 3 &&
             !exists("step-00000020.h5") && exists("step-00000030.h5"),
         "the newest three are kept");
  damage(50);
  tap_ok(ckpt_prune(folder, 1) == STATUS_OK && exists("step-00000040.h5") &&
             !exists("step-00000030.h5"),
         "a damaged one does not cost the last good one");
  touch("best.h5");
  tap_ok(ckpt_prune(folder, 1) == STATUS_OK && exists("best.h5"),
         "nor is the best one counted or removed");
  tap_ok(ckpt_prune("/nonexistent/folder", 3) == STATUS_OK,
         "no folder: nothing to prune");
}

static void test_temporaries(void) {
  static const char *const dead[] = {
      "step-00000060.h5.tmp-a.host-12", "step-00000060.h5.tmp-9",
      "step-123456789.h5.tmp-b-1", "best.h5.tmp-a.host-12"};
  static const char *const others[] = {"other.h5.tmp-a-9", "step-60.h5.tmp-a-9",
                                       "step-00000060.h5.bak", "best.h5",
                                       "step-00000060.h5"};
  enum {
    DEAD = sizeof dead / sizeof dead[0],
    OTHERS = sizeof others / sizeof others[0]
  };
  new_folder("temporaries");
  for (int i = 0; i < DEAD; i++) touch(dead[i]);
  for (int i = 0; i < OTHERS; i++) touch(others[i]);
  tap_ok(ckpt_remove_temporaries(folder) == STATUS_OK, "temporaries go");
  bool gone = true, kept = true;
  for (int i = 0; i < DEAD; i++) gone &= !exists(dead[i]);
  for (int i = 0; i < OTHERS; i++) kept &= exists(others[i]);
  tap_ok(gone, "those of any host and process");
  tap_ok(kept, "files of other names stay");
  tap_ok(ckpt_remove_temporaries("/nonexistent/folder") == STATUS_OK,
         "no folder: nothing to remove");
  char path[700], host[65] = "", name[200];
  ckpt_writer *writer;
  ckpt_path(folder, 80, path, sizeof path);
  gethostname(host, sizeof host - 1);
  snprintf(name, sizeof name, "step-00000080.h5.tmp-%s-%d", host,
           (int)getpid());
  if (ckpt_writer_open(path, &writer) != STATUS_OK) exit(1);
  tap_ok(exists(name), "a temporary is named after host and process");
  ckpt_writer_abandon(&writer);
  tap_ok(!exists(name), "and goes when it is given up");
}

/* ---- writers that die ---- */

static void write_forever(uint64_t first) {
  for (uint64_t step = first;; step++) {
    if (write_step(step) != STATUS_OK) _exit(1);
    if (step % 4 == 0) ckpt_prune(folder, 3);
  }
}

/* Nanoseconds that a writer may live: that of some writes, here and now. */
static uint32_t longest_life(void) {
  enum { LEAST = 80000000, MOST = 950000000 };
  new_folder("speed");
  double start = clock_seconds();
  for (uint64_t step = 1; step <= 3; step++)
    if (write_step(step) != STATUS_OK) exit(1);
  double life = 1e9 * (clock_seconds() - start);
  return life < LEAST ? LEAST : life > MOST ? MOST : (uint32_t)life;
}

static void test_kill(void) {
  uint32_t longest = longest_life();
  new_folder("kill");
  random_stream stream = random_stream_make(1, RANDOM_TEST, 2, 0);
  bool whole = true, one = true, cleaned = true, forward = true;
  uint64_t last = 0, step = 0;
  int found_some = 0, left_some = 0;
  for (int round = 0; round < 30; round++) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) write_forever(last + 1);
    struct timespec pause = {0, 1000000 + (long)random_below(&stream, longest)};
    nanosleep(&pause, NULL);
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    int left = count_names("tmp-");
    left_some += left > 0;
    one &= left <= 1;
    bool found = false;
    char path[700];
    int written = count_names("h5$");
    whole &=
        ckpt_newest(folder, &found, &step, path, sizeof path) == STATUS_OK &&
        found == (written > 0);
    if (found) {
      char newest[40];
      snprintf(newest, sizeof newest, "step-%08llu.h5",
               (unsigned long long)step + 1);
      whole &= !exists(newest); /* none was passed over */
      forward &= step >= last;
      last = step;
      found_some++;
    }
    cleaned &= ckpt_prune(folder, 3) == STATUS_OK &&
               ckpt_remove_temporaries(folder) == STATUS_OK &&
               count_names("tmp-") == 0;
  }
  tap_note("%d rounds left a temporary; last step %llu", left_some,
           (unsigned long long)last);
  tap_ok(found_some > 20 && left_some > 5, "writers were killed in the act");
  tap_ok(whole, "every file under its final name is whole");
  tap_ok(forward, "no checkpoint was lost");
  tap_ok(one, "at most one temporary is left by each");
  tap_ok(cleaned, "and is removed");
}

int main(void) {
  log_set_rank(0);
  test_newest();
  test_refusals();
  test_prune();
  test_temporaries();
  test_kill();
  return tap_done();
}
