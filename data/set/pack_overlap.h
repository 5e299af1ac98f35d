/* The images that a data set in the making has in more than one split. Private
 * to libdata. */
#ifndef HARMONIA_DATA_PACK_OVERLAP_H
#define HARMONIA_DATA_PACK_OVERLAP_H

#include "data/set/pack_journal.h"
#include "data/set/pack_contents.h"

/* The same real image, and so the same scene, in several splits. */
status overlap_of_names(const pack_contents *contents, bool strict);

/* Real images of other names in other splits that are the same to the pixel.
 * Those that the journal does not have are passed over. */
status overlap_of_pixels(const pack_contents *contents, const journal *journal,
                         bool strict);

#endif
