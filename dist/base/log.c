/* Lines on stderr, also where nobody reads them any more. */
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { LINE_SIZE = 1024 };

static int own_rank;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* of the next two */
static bool live_line_open;
static double last_plain_line = -1e9;

/* Where lines of this thread go; NULL: to stderr. */
static _Thread_local char *kept;
static _Thread_local size_t kept_size;

void log_keep(char *text, size_t size) {
  kept = text;
  kept_size = size;
  if (text != NULL && size > 0) text[0] = '\0';
}

static void keep_line(const char *format, va_list arguments) {
  size_t used = strlen(kept);
  const char *gap = used > 0 ? "\n" : "";
  int begun = snprintf(kept + used, kept_size - used, "%s", gap);
  used += (size_t)begun;
  if (used < kept_size)
    vsnprintf(kept + used, kept_size - used, format, arguments);
}

void log_set_rank(int rank) { own_rank = rank; }

int log_rank(void) { return own_rank; }

bool log_is_terminal(void) { return isatty(STDERR_FILENO) == 1; }

double clock_seconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

void clock_sleep(double seconds) {
  struct timespec pause = {.tv_sec = (time_t)seconds};
  pause.tv_nsec = (long)(1e9 * (seconds - (double)pause.tv_sec));
  nanosleep(&pause, NULL);
}

/* One write a line, so that lines of several ranks do not mix. */
static void put_line(const char *prefix, const char *format,
                     va_list arguments) {
  char line[LINE_SIZE];
  if (kept != NULL) {
    keep_line(format, arguments);
    return;
  }
  pthread_mutex_lock(&mutex);
  int used =
      snprintf(line, sizeof line, "%s%s", live_line_open ? "\n" : "", prefix);
  live_line_open = false;
  vsnprintf(line + used, sizeof line - (size_t)used - 1, format, arguments);
  strcat(line, "\n");
  fputs(line, stderr);
  fflush(stderr);
  pthread_mutex_unlock(&mutex);
}

void log_info(const char *format, ...) {
  if (own_rank != 0 || kept != NULL) return;
  va_list arguments;
  va_start(arguments, format);
  put_line("", format, arguments);
  va_end(arguments);
}

void log_warning(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  put_line("harmonia: warning: ", format, arguments);
  va_end(arguments);
}

void log_error(const char *format, ...) {
  char prefix[64] = "harmonia: ";
  if (own_rank != 0)
    snprintf(prefix, sizeof prefix, "harmonia: rank %d: ", own_rank);
  va_list arguments;
  va_start(arguments, format);
  put_line(prefix, format, arguments);
  va_end(arguments);
}

void log_live(bool last, const char *format, ...) {
  if (own_rank != 0 || kept != NULL) return;
  bool terminal = log_is_terminal();
  double now = clock_seconds();
  char line[LINE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(line, sizeof line, format, arguments);
  va_end(arguments);
  pthread_mutex_lock(&mutex);
  bool due = terminal || last || now - last_plain_line >= 10.0;
  if (due) {
    last_plain_line = now;
    if (terminal)
      fprintf(stderr, "\r\033[K%s%s", line, last ? "\n" : "");
    else
      fprintf(stderr, "%s\n", line);
    live_line_open = terminal && !last;
    fflush(stderr);
  }
  pthread_mutex_unlock(&mutex);
}

const char *format_duration(double seconds, char text[32]) {
  if (!(seconds >= 0 && seconds < 1e9)) {
    snprintf(text, 32, "-");
    return text;
  }
  long total = (long)(seconds + 0.5);
  if (total >= 3600)
    snprintf(text, 32, "%ld:%02ld:%02ld", total / 3600, total / 60 % 60,
             total % 60);
  else
    snprintf(text, 32, "%ld:%02ld", total / 60, total % 60);
  return text;
}
