/* From picture files to picture files: one, or many at once. */
#ifndef HARMONIA_APPLY_FILES_H
#define HARMONIA_APPLY_FILES_H

#include "dist/ranks/cluster.h"
#include "dist/use/apply.h"
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
} apply_how;

/* Without a mask ("") it is the image's alpha. Written whole or not at all. */
status apply_file(const apply_how *how, const char *image, const char *mask,
                  const char *output);

/* Collective. All of them, `workers` at once on each rank, which take turns in
 * the list. Outputs that are there are passed over, but with `force`. One that
 * fails is named and passed over; at the end that is STATUS_FORMAT. Logs
 * progress. */
status apply_files(const cluster *c, const apply_how *how,
                   const data_pairs *pairs, int workers, bool force);

#endif
