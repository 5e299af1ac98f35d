/* Errors that a user or the machine can cause.
 *
 * A function that can fail returns a `status`. The message of the most recent
 * failure is kept per thread; it names the file, option or tensor and says
 * what was expected. Bugs are not statuses: they are INVARIANTs and abort. */
#ifndef HARMONIA_STATUS_H
#define HARMONIA_STATUS_H

#include <stddef.h>

typedef enum status {
  STATUS_OK = 0,
  STATUS_USAGE,   /* an option or argument is wrong: exit status 2 */
  STATUS_IO,      /* the operating system refused: missing file, full disk */
  STATUS_FORMAT,  /* a file is there but does not hold what it should */
  STATUS_MISFIT,  /* two things that are good alone do not fit together */
  STATUS_MEMORY,  /* not enough memory */
  STATUS_NUMERIC, /* a NaN or an infinity where numbers are needed */
  STATUS_STOPPED  /* stopped by request (a signal): exit status 75 */
} status;

/* Sets this thread's message; puts "<context>: " before it. */
void status_set_message(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
void status_add_context(const char *format, ...)
    __attribute__((format(printf, 1, 2)));

/* The same as expressions of value `code`, which static analysis can see. */
#define status_error(code, ...) (status_set_message(__VA_ARGS__), (code))
#define status_context(code, ...) (status_add_context(__VA_ARGS__), (code))

/* STATUS_IO with ": <the system's reason>" behind the text, and its number,
 * which status_errno gives until this thread fails anew (0: no reason of the
 * system's). */
#define status_system(error, ...)                                              \
  (status_set_system(error, __VA_ARGS__), STATUS_IO)
void status_set_system(int error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
int status_errno(void);

/* The message of this thread's last failure. Owned by the library. */
const char *status_message(void);

/* Makes `message` this thread's message: carries a failure across threads
 * and ranks. */
status status_adopt(status code, const char *message);

/* The process's exit status for `code`: 0, 1, 2 for usage, or 75 (EX_TEMPFAIL:
 * try again) where a signal stopped it. */
int status_exit_code(status code);

/* Leaves the calling function with the failure of `expression`. */
#define TRY(expression)                                                        \
  do {                                                                         \
    status try_status_ = (expression);                                         \
    if (try_status_ != STATUS_OK) return try_status_;                          \
  } while (0)

/* The same for functions that clean up at `label`; needs `status result`. */
#define TRY_OR(label, expression)                                              \
  do {                                                                         \
    result = (expression);                                                     \
    if (result != STATUS_OK) goto label;                                       \
  } while (0)

/* A condition that only a bug can break. */
#define INVARIANT(condition, ...)                                              \
  do {                                                                         \
    if (!(condition))                                                          \
      invariant_failed(__FILE__, __LINE__, #condition, __VA_ARGS__);           \
  } while (0)

_Noreturn void invariant_failed(const char *file, int line,
                                const char *condition, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
