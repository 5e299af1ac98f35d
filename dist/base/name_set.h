/* A set of names with a number each: the hash table of folder listings.
 * Private to libdata. */
#ifndef HARMONIA_DATA_NAME_SET_H
#define HARMONIA_DATA_NAME_SET_H

#include <stdbool.h>
#include <stddef.h>

#include "base/status.h"

typedef struct name_slot {
  char *name; /* NULL: free slot */
  size_t value;
} name_slot;

typedef struct name_set {
  name_slot *slots;
  size_t room, count;
} name_set; /* begins as zeros */

/* Adds a copy of `name`. Where it is there already nothing changes. `*there`
 * is the number now stored with the name, `*added` tells which of the two it
 * was. */
status name_set_add(name_set *set, const char *name, size_t value,
                    size_t *there, bool *added);

/* The number stored with `name`, or NULL. */
size_t *name_set_find(const name_set *set, const char *name);

void name_set_free(name_set *set);

#endif
