/* From a picture file to a picture file. */
#ifndef HARMONIA_APPLY_FILE_H
#define HARMONIA_APPLY_FILE_H

#include "dist/use/apply.h"
#include "dist/use/apply_record.h"
#include "dist/use/pool.h"

/* What is done with each picture. */
typedef struct apply_how {
  harmonizer_pool *networks; /* plans of as many threads as `threads`; NULL: */
  const classical *classical;
  const data_xue_model *model; /* for xue */
  int threads;                 /* at a picture */
  data_mask_options mask;
  bool invert;
  int quality; /* of a JPEG */
  int grow;    /* pixels that masks grow by, as networks see them, too */
  /* of a network's change: */
  int feather;     /* pixels that it fades out over, at the mask's edges */
  double strength; /* 0 to 1 */
  int lut_size;    /* of a task's 3D table */
  bool json;       /* many: a line a picture on stdout */
  harmonizer_pool *scores; /* then: of the system's code extractor, or NULL */
} apply_how;

/* Files are written whole or not at all, the output (which may be "") last. Of
 * a method without a network there is no product but the difference. record:
 * begun, and filled in also on failure; or NULL. */
status apply_file(const apply_how *how, const apply_task *task,
                  apply_record *record);

#endif
