/* The message of a thread's latest failure; invariants. */
#include "base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"

enum { MESSAGE_SIZE = 1024 };

static _Thread_local char message[MESSAGE_SIZE];
static _Thread_local int reason;

void status_set_message(const char *format, ...) {
  char text[MESSAGE_SIZE]; /* an argument may be the former message */
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  memcpy(message, text, sizeof message);
  reason = 0;
}

void status_set_system(int error, const char *format, ...) {
  char text[MESSAGE_SIZE];
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(text, sizeof text, format, arguments);
  va_end(arguments);
  snprintf(message, sizeof message, "%.*s: %s", MESSAGE_SIZE - 128, text,
           strerror(error));
  reason = error;
}

int status_errno(void) { return reason; }

void status_add_context(const char *format, ...) {
  char before[MESSAGE_SIZE];
  memcpy(before, message, sizeof before);
  va_list arguments;
  va_start(arguments, format);
  int used = vsnprintf(message, sizeof message, format, arguments);
  va_end(arguments);
  if (used >= 0 && used < MESSAGE_SIZE - 3)
    snprintf(message + used, sizeof message - (size_t)used, ": %.*s",
             MESSAGE_SIZE - used - 3, before);
}

const char *status_message(void) { return message; }

status status_adopt(status code, const char *text) {
  if (text != message) snprintf(message, sizeof message, "%s", text);
  reason = 0;
  return code;
}

int status_exit_code(status code) {
  switch (code) {
  case STATUS_OK: return 0;
  case STATUS_USAGE: return 2;
  case STATUS_STOPPED: return 75;
  default: return 1;
  }
}

void invariant_failed(const char *file, int line, const char *condition,
                      const char *format, ...) {
  fprintf(stderr,
          "harmonia: rank %d: %s:%d: broken invariant (%s): ", log_rank(), file,
          line, condition);
  va_list arguments;
  va_start(arguments, format);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  abort();
}
