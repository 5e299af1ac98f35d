/* What is told of a picture that was worked on, for programs: a line of JSON.
 */
#ifndef HARMONIA_APPLY_RECORD_H
#define HARMONIA_APPLY_RECORD_H

#include <stdio.h>

#include "dist/use/apply_task.h"

typedef struct apply_record {
  const apply_task *task;
  const char *outcome; /* "written", "there" or "failed" */
  const char *error;   /* of what failed; else NULL */
  /* SHA-256; "": not known */
  char image_digest[65], mask_digest[65], cutout_digest[65];
  double harmony_before, harmony_after; /* NAN: not known */
  double mean_change; /* of a value of the object's, in levels of 255; or NAN */
  double milliseconds;
} apply_record;

/* All unknown but the paths. */
apply_record apply_record_begin(const apply_task *task);

/* Reads the input's files once more. */
status apply_record_digest(apply_record *record);

/* Of pixels where the mask is not 0: `before` are the picture's former ones. */
void apply_record_change(apply_record *record, const data_picture *picture,
                         const void *before, const data_image *mask);

/* One line, written at once; NULL or NAN are null. */
void apply_record_print(const apply_record *record, FILE *file);

#endif
