/* Files that appear whole: through links, into pipes, never half. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/publish.h"
#include "tests/tap.h"

static void put(const char *path, const char *text) {
  FILE *file = fopen(path, "w");
  if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0) {
    perror(path);
    exit(1);
  }
}

static bool holds(const char *path, const char *text) {
  char found[256] = "";
  FILE *file = fopen(path, "r");
  if (file == NULL) return false;
  size_t length = fread(found, 1, sizeof found - 1, file);
  fclose(file);
  return length == strlen(text) && memcmp(found, text, length) == 0;
}

static bool is_link(const char *path) {
  struct stat about;
  return lstat(path, &about) == 0 && S_ISLNK(about.st_mode);
}

static void link_to(const char *target, const char *path) {
  if (symlink(target, path) != 0) {
    perror(path);
    exit(1);
  }
}

static status publish(const char *path, const char *text) {
  return publish_bytes(path, text, strlen(text));
}

static void test_links(void) {
  mkdir("far", 0777);
  put("far/a", "old");
  link_to("far/a", "one");
  tap_ok(publish("one", "new") == STATUS_OK && is_link("one") &&
             holds("far/a", "new"),
         "a link is written through");
  mkdir("far/deep", 0777);
  link_to("../b", "far/deep/two");
  link_to("far/deep/two", "three");
  tap_ok(publish("three", "b") == STATUS_OK && is_link("three") &&
             is_link("far/deep/two") && holds("far/b", "b"),
         "a chain of relative links, to a file that is not there yet");
  char absolute[4096], where[4000];
  snprintf(absolute, sizeof absolute, "%s/far/c", getcwd(where, sizeof where));
  link_to(absolute, "four");
  tap_ok(publish("four", "c") == STATUS_OK && holds("far/c", "c"),
         "an absolute link");
  link_to("six", "five");
  link_to("five", "six");
  tap_ok(publish("five", "x") == STATUS_IO &&
             publish_check("five") == STATUS_IO,
         "a circle of links is refused: %s", status_message());
  link_to("nowhere/d", "seven");
  tap_ok(publish_check("seven") == STATUS_IO && is_link("seven"),
         "a link into a folder that is not there: %s", status_message());
}

/* What was private stays so, and what a group shares is shared. */
static void test_modes(void) {
  static const mode_t modes[] = {0600, 0664, 0444};
  struct stat about;
  mode_t mask = umask(022);
  for (size_t i = 0; i < sizeof modes / sizeof modes[0]; i++) {
    put("mode", "old");
    if (chmod("mode", modes[i]) != 0) perror("mode");
    tap_ok(publish("mode", "new") == STATUS_OK && holds("mode", "new") &&
               stat("mode", &about) == 0 && (about.st_mode & 0777) == modes[i],
           "a file's mode %03o is kept", (unsigned)modes[i]);
    unlink("mode");
  }
  tap_ok(publish("mode", "new") == STATUS_OK && stat("mode", &about) == 0 &&
             (about.st_mode & 0777) == 0644,
         "a new file's follows from the umask");
  umask(mask);
}

static void check_target(const char *path, const char *wanted) {
  char *target;
  status result = publish_target(path, &target);
  tap_ok(result == STATUS_OK && strcmp(target, wanted) == 0,
         "%s is written as %s", path, wanted);
  memory_free(target);
}

static void test_target(void) {
  char *target;
  check_target("three", "far/deep/../b");
  check_target("plain", "plain");
  tap_ok(publish_target("/dev/null", &target) == STATUS_IO && target == NULL,
         "a device is no place for a file: %s", status_message());
  tap_ok(publish_target("far", &target) == STATUS_IO, "nor is a folder: %s",
         status_message());
}

static void *read_fifo(void *text) {
  FILE *file = fopen("fifo", "r");
  if (file != NULL) {
    *(size_t *)text = fread((char *)text + sizeof(size_t), 1, 64, file);
    fclose(file);
  }
  return NULL;
}

static void test_straight(void) {
  struct {
    size_t length;
    char text[64];
  } got = {0};
  pthread_t reader;
  mkfifo("fifo", 0666);
  pthread_create(&reader, NULL, read_fifo, &got);
  tap_ok(publish_check("fifo") == STATUS_OK, "a pipe can be written");
  status result = publish("fifo", "into a pipe");
  pthread_join(reader, NULL);
  struct stat about;
  tap_ok(result == STATUS_OK && got.length == 11 &&
             memcmp(got.text, "into a pipe", 11) == 0 &&
             stat("fifo", &about) == 0 && S_ISFIFO(about.st_mode),
         "straight, and stays a pipe");
  tap_ok(publish("/dev/null", "x") == STATUS_OK, "/dev/null too");
  int file = open("far/e", O_WRONLY | O_CREAT, 0666);
  char name[32];
  snprintf(name, sizeof name, "/dev/fd/%d", file);
  bool good = write(file, "before ", 7) == 7;
  good = publish_check(name) == STATUS_OK && good;
  good = publish(name, "after") == STATUS_OK && good;
  close(file);
  tap_ok(good && holds("far/e", "before after"),
         "an open file is written on, not anew");
  tap_ok(publish_check(name) == STATUS_IO, "a closed one is refused: %s",
         status_message());
}

static int files_in(const char *folder) {
  char command[64];
  int count = -1;
  snprintf(command, sizeof command, "ls -A %s | wc -l", folder);
  FILE *pipe = popen(command, "r");
  if (pipe == NULL || fscanf(pipe, "%d", &count) != 1) count = -1;
  if (pipe != NULL) pclose(pipe);
  return count;
}

static void test_failures(void) {
  mkdir("small", 0777);
  put("small/a", "old");
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit no = {8, RLIM_INFINITY}, before;
  getrlimit(RLIMIT_FSIZE, &before);
  setrlimit(RLIMIT_FSIZE, &no);
  status result = publish("small/a", "more than eight bytes");
  setrlimit(RLIMIT_FSIZE, &before);
  tap_ok(result == STATUS_IO && holds("small/a", "old"),
         "without room the former file stays: %s", status_message());
  tap_ok(files_in("small") == 1, "and nothing else");
  tap_ok(publish_check("small/a") == STATUS_OK && holds("small/a", "old") &&
             publish_check("small/b") == STATUS_OK && files_in("small") == 1,
         "asking changes nothing");
  tap_ok(publish_check("none/a") == STATUS_IO &&
             strstr(status_message(), "none/a") != NULL,
         "a folder that is not there: %s", status_message());
  tap_ok(publish_check("small") == STATUS_IO, "a folder: %s", status_message());
  tap_ok(publish_check("") == STATUS_IO, "no name: %s", status_message());
  tap_ok(publish("small/a", "") == STATUS_OK && holds("small/a", ""),
         "no bytes are an empty file");
}

int main(void) {
  if (chdir(tap_scratch_folder()) != 0) return 1;
  test_links();
  test_modes();
  test_target();
  test_straight();
  test_failures();
  return tap_done();
}
