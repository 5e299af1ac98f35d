/* How each rank gets at the data set: it reads the file, or a copy on its
 * node's disk, or rank 0 streams to it. */
#ifndef HARMONIA_DATA_ACCESS_H
#define HARMONIA_DATA_ACCESS_H

#include "data/data.h"
#include "dist/ranks/cluster.h"
#include "dist/feed/sample_source.h"
#include "dist/feed/shard_mode.h"
#include "dist/feed/stage.h"
#include "dist/feed/stream.h"

typedef struct data_access {
  data_set_info info;    /* on every rank */
  data_set *set;         /* NULL: this rank is streamed to */
  char path[STAGE_PATH]; /* of the file that it reads */
  stream *stream;        /* NULL: this rank has no part in one */
  file_source file;
} data_access;

/* Collective, and agreed upon: all ranks get the same status. Rank 0 opens
 * `path` in any case. stage: a folder on each node's disk that is to hold a
 * copy (stage.h), or "". Prints who reads. Close it after a failure too. */
status data_access_open(const cluster *c, const char *path, shard_mode mode,
                        const char *stage, data_access *out);
/* Collective. The source must not be in use. */
void data_access_close(data_access *access);

/* This rank's samples; lives as long as the access. */
sample_source data_access_source(data_access *access);

#endif
