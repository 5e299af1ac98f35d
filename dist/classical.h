/* The harmonizers that need no network, by name. */
#ifndef HARMONIA_CLASSICAL_H
#define HARMONIA_CLASSICAL_H

#include "data/data.h"

typedef struct classical {
  const char *name; /* "lalonde" */
  status (*run)(const data_image *composite, const data_image *mask,
                data_image *out);
} classical;

/* "lalonde, ...": for messages. */
extern const char classical_names[];

/* NULL: there is none of that name. */
const classical *classical_find(const char *name);

#endif
