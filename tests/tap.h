/* Test Anything Protocol: "ok 1 - what" lines, read by prove. */
#ifndef HARMONIA_TAP_H
#define HARMONIA_TAP_H

#include <stdbool.h>
#include <stddef.h>

/* Prints the result of one check; the format says what was checked. */
void tap_ok(bool passed, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A line of explanation. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* A check that cannot be made here. */
void tap_skip(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the plan; the program's exit status: 0 if all passed and some ran. */
int tap_done(void);

/* |got - want| <= limit, with both printed on failure (NaN fails). */
void tap_near(double got, double want, double limit, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ||got - want|| / ||want|| (the plain norm of got where want is zero), and
 * the largest |got - want|; NaN if there is one. */
double tap_residual(const double *got, const double *want, size_t count);
double tap_largest_difference(const double *got, const double *want,
                              size_t count);

/* A new empty folder below the system's temporary folder, removed at exit.
 * Owned by the library. */
const char *tap_scratch_folder(void);

#endif
