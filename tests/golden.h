/* Golden records for the tests: datasets of an HDF5 file, read as doubles. */
#ifndef HARMONIA_GOLDEN_H
#define HARMONIA_GOLDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hdf5.h>

typedef struct golden {
  int rank;
  size_t shape[8];
  size_t count;
  double *values; /* free with golden_free */
} golden;

/* tests/golden/NAME of the source tree, or NULL-terminated shared folder copy:
 * the small copy is looked for first beside the sources ($HARMONIA_SOURCE or
 * the working folder). Exits with a message if it cannot be opened. */
hid_t golden_open(const char *name);
hid_t golden_open_path(const char *path);

/* Dataset by path; exits with a message if it is not there. */
golden golden_read(hid_t file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void golden_free(golden *array);
bool golden_has(hid_t file, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same where the groups on the way may be missing. */
bool golden_has_all(hid_t file, const char *path);
/* A numeric attribute of an object, or `otherwise`. */
double golden_attribute(hid_t file, const char *object, const char *name,
                        double otherwise);
/* Names of the members of a group, sorted; an array of `*count` strings. Freed
 * by golden_free_names. */
char **golden_members(hid_t file, const char *group, size_t *count);
void golden_free_names(char **names, size_t count);

#endif
