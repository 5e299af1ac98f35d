/* The harmonizers that need no network, by name. */
#ifndef HARMONIA_CLASSICAL_H
#define HARMONIA_CLASSICAL_H

#include "data/data.h"

typedef struct classical {
  const char *name; /* "lalonde" */
  bool needs_model; /* else `model` is nothing to it */
  status (*run)(const data_xue_model *model, const data_image *composite,
                const data_image *mask, data_image *out);
} classical;

/* "lalonde, ...": for messages. */
extern const char classical_names[];

/* NULL: there is none of that name. */
const classical *classical_find(const char *name);

/* Where the model of a data set is kept: `given` if not empty, else DATA.xue.
 */
status classical_model_path(const char *given, const char *data, char *path,
                            size_t size);

/* Fits the model on the data set if there is none at `path`. */
status classical_model_provide(data_set *set, const char *path, int threads);

#endif
