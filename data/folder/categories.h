/* categories.tsv of an HCOCO folder: what its real images show. Private to
 * libdata.
 *
 * A header line "image<tab>category", then a line an image: the file name of a
 * real image, and what the object in it is. `compose` writes it; for other
 * folders anybody may. Images that it does not list are of no category. */
#ifndef HARMONIA_DATA_CATEGORIES_H
#define HARMONIA_DATA_CATEGORIES_H

#include <stdint.h>

#include "base/name_set.h"
#include "base/status.h"

#define CATEGORIES_FILE "categories.tsv"
#define CATEGORIES_HEADER "image\tcategory"

typedef struct categories {
  name_set images; /* by name: the number of its category */
  name_set names;  /* of categories */
} categories;

/* Without such a file there are none, and that is STATUS_OK. What is not of its
 * form is an error that names file and line. */
status categories_read(const char *folder, categories *out);
void categories_free(categories *c); /* accepts zeros */

/* The category of an image by its file name, below c->names.count; UINT32_MAX
 * where it has none. */
uint32_t categories_find(const categories *c, const char *image);

#endif
