/* Where a rank's samples come from: the packed file, or rank 0 (stream.h). */
#ifndef HARMONIA_SAMPLE_SOURCE_H
#define HARMONIA_SAMPLE_SOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "data/data.h"

enum { SAMPLE_NAME = 256 }; /* a name with its end */

/* The source's own memory: valid until the next read. */
typedef struct sample_bytes {
  const uint8_t *composite, *mask, *real; /* [S,S,3], [S,S], [S,S,3] */
  const char *name;                       /* below SAMPLE_NAME bytes */
} sample_bytes;

/* For one thread at a time. Samples are announced in the order in which they
 * will be read. None of it allocates. */
typedef struct sample_source {
  void *self;
  /* Says that a sample will be read. False: no room, try again after the next
   * read; there is always room for the next sample to be read. */
  bool (*announce)(void *self, uint32_t sample);
  /* Lets what was announced come nearer; true while something is under way, so
   * that the caller should come again soon. */
  bool (*progress)(void *self);
  /* Waits for the sample; without `composite` that may be missing in it.
   * STATUS_FORMAT: its pixels are damaged. */
  status (*read)(void *self, uint32_t sample, bool composite,
                 sample_bytes *out);
} sample_source;

/* The samples of a data set that this rank has open. */
typedef struct file_source {
  data_set *set;
  uint8_t *pixels; /* of one sample: composite, real, mask */
} file_source;

/* `set` stays the caller's and must live as long. Close it after a failure
 * too. */
status file_source_open(data_set *set, file_source *out);
void file_source_close(file_source *source);
sample_source file_source_of(file_source *source);

#endif
