/* What is to be made of one picture, as paths. */
#ifndef HARMONIA_APPLY_TASK_H
#define HARMONIA_APPLY_TASK_H

#include <limits.h>
#include <stdbool.h>

#include "base/choice.h"
#include "data/data.h"

/* What there may be beside the harmonized picture: each the name of an option
 * and the ending of its files. */
#define APPLY_PRODUCTS_LIST(X)                                                 \
  X(APPLY_OBJECT, "object", ".png")                                            \
  X(APPLY_DIFFERENCE, "difference", ".png")                                    \
  X(APPLY_LUT, "lut", ".cube")                                                 \
  X(APPLY_MAPS, "maps", ".h5")
CHOICE(apply_product, APPLY_PRODUCTS_LIST);
enum { APPLY_PRODUCTS = APPLY_MAPS + 1 };
extern const char *const apply_product_names[APPLY_PRODUCTS];
extern const char *const apply_product_endings[APPLY_PRODUCTS];

/* Paths are the caller's, "" where there is none. */
typedef struct apply_task {
  const char *image, *mask; /* without a mask it is the image's alpha */
  const char *output;
  const char *cutout; /* laid into the image first; then the mask is its */
  data_placing at;
  const char *products[APPLY_PRODUCTS];
} apply_task;

/* The task of one of many, whose products go to folders ("": none) under the
 * output's name with endings of their own. `room` has their paths. STATUS_USAGE
 * where one is too long. */
typedef struct apply_paths {
  char text[APPLY_PRODUCTS][PATH_MAX];
} apply_paths;
status apply_task_of_pair(const data_pair *pair,
                          const char *const folders[APPLY_PRODUCTS],
                          apply_paths *room, apply_task *out);

/* Whether all that is to be made is there. */
bool apply_task_is_done(const apply_task *task);

/* STATUS_USAGE where a product has the path of another file that is read or
 * made. */
status apply_task_check_paths(const data_pairs *pairs,
                              const char *const folders[APPLY_PRODUCTS]);

#endif
