/* What `pack` has to do: the folder's distinct images and, for each real image,
 * the samples that use it. Private to libdata. */
#ifndef HARMONIA_DATA_PACK_CONTENTS_H
#define HARMONIA_DATA_PACK_CONTENTS_H

#include "data/set/set_format.h"

typedef struct pack_contents {
  data_folder folder;
  size_t counts[SET_KINDS];
  size_t *real, *mask; /* of each entry: numbers in order of first use */
  /* Group g is the samples of real image g: entries members[begin[g]] up to
   * members[begin[g + 1] - 1], in the folder's order. */
  size_t *members, *begin;
  char source[256]; /* the folder's name */
  char listing[65]; /* fingerprint of names and splits */
  char protocol[256];
} pack_contents;

/* pack_contents_free also after a failure. */
status pack_contents_make(const data_pack_options *options, pack_contents *out);
void pack_contents_free(pack_contents *contents);

#endif
