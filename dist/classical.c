#include "dist/classical.h"

#include <string.h>

/* The clusters' first centres are the same in every run and for every image. */
enum { SEED = 1 };

static status run_lalonde(const data_image *composite, const data_image *mask,
                          data_image *out) {
  return data_lalonde(composite, mask, SEED, out);
}

static const classical methods[] = {{"lalonde", run_lalonde}};

const char classical_names[] = "lalonde";

const classical *classical_find(const char *name) {
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
    if (strcmp(name, methods[i].name) == 0) return &methods[i];
  return NULL;
}
