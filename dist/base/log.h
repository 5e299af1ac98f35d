/* Progress and diagnostics, on stderr. Results go to stdout elsewhere. */
#ifndef HARMONIA_LOG_H
#define HARMONIA_LOG_H

#include <stdbool.h>
#include <stddef.h>

/* Which rank speaks; 0 until told. Only rank 0 prints log_info. */
void log_set_rank(int rank);
int log_rank(void);

/* Whether stderr is a terminal (then log_live redraws one line). */
bool log_is_terminal(void);

/* One line, printed by rank 0 alone. */
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "harmonia: warning: ...", printed by whichever rank calls. */
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* "harmonia: ...", an error; names the rank if it is not 0. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* From here on this thread prints nothing: its warnings and errors are kept in
 * `text`, a line each as far as its size goes, without a prefix. NULL: no more.
 * For a library, which has no stderr of its own, and for who knows better of
 * what they are. */
void log_keep(char *text, size_t size);

/* The live progress line, rank 0 only. On a terminal it overwrites itself;
 * elsewhere at most one plain line every ten seconds (or `last`) is printed. */
void log_live(bool last, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Seconds since an arbitrary start, monotonic. */
double clock_seconds(void);

/* Lets the thread sleep; a signal may end that earlier. */
void clock_sleep(double seconds);

/* "1:02:03" or "4:05" for a duration in seconds. Returns `text`. */
const char *format_duration(double seconds, char text[32]);

#endif
