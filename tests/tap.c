/* Printing TAP, and a scratch folder. */
#include "tests/tap.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static int checks, failures;
static char scratch[256];

static void print_what(const char *format, va_list arguments) {
  vprintf(format, arguments);
  putchar('\n');
  fflush(stdout);
}

void tap_ok(bool passed, const char *format, ...) {
  checks++;
  if (!passed) failures++;
  printf("%sok %d - ", passed ? "" : "not ", checks);
  va_list arguments;
  va_start(arguments, format);
  print_what(format, arguments);
  va_end(arguments);
}

void tap_note(const char *format, ...) {
  printf("# ");
  va_list arguments;
  va_start(arguments, format);
  print_what(format, arguments);
  va_end(arguments);
}

void tap_skip(const char *format, ...) {
  checks++;
  printf("ok %d # SKIP ", checks);
  va_list arguments;
  va_start(arguments, format);
  print_what(format, arguments);
  va_end(arguments);
}

void tap_near(double got, double want, double limit, const char *format, ...) {
  bool passed = fabs(got - want) <= limit || (got == want);
  checks++;
  if (!passed) failures++;
  printf("%sok %d - ", passed ? "" : "not ", checks);
  va_list arguments;
  va_start(arguments, format);
  print_what(format, arguments);
  va_end(arguments);
  if (!passed)
    tap_note("got %.12g, expected %.12g within %.3g", got, want, limit);
}

int tap_done(void) {
  printf("1..%d\n", checks);
  if (failures > 0) tap_note("%d of %d checks failed", failures, checks);
  return failures == 0 && checks > 0 ? 0 : 1;
}

double tap_residual(const double *got, const double *want, size_t count) {
  double error = 0, norm = 0;
  for (size_t i = 0; i < count; i++) {
    error += (got[i] - want[i]) * (got[i] - want[i]);
    norm += want[i] * want[i];
  }
  return norm > 0 ? sqrt(error / norm) : sqrt(error);
}

double tap_largest_difference(const double *got, const double *want,
                              size_t count) {
  double largest = 0;
  for (size_t i = 0; i < count; i++) {
    double difference = fabs(got[i] - want[i]);
    if (!(difference <= largest)) largest = difference;
    if (isnan(difference)) return difference;
  }
  return largest;
}

static void remove_scratch(void) {
  char command[300];
  snprintf(command, sizeof command, "rm -rf '%s'", scratch);
  if (system(command) != 0) perror(scratch);
}

const char *tap_scratch_folder(void) {
  if (scratch[0] == '\0') {
    const char *root = getenv("TMPDIR");
    snprintf(scratch, sizeof scratch, "%s/harmonia-test-XXXXXX",
             root != NULL ? root : "/tmp");
    if (mkdtemp(scratch) == NULL) {
      perror(scratch);
      exit(1);
    }
    atexit(remove_scratch);
  }
  return scratch;
}
