/* Which ranks read the data set and which are streamed to. */
#include "dist/feed/data_access.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"

enum { TEXT = 1024 };

/* Opens the file if it is the data set of rank 0. */
static status open_same(const char *path, const data_set_info *info,
                        data_set **out) {
  TRY(data_set_open(path, out));
  if (strcmp(data_set_describe(*out)->identity, info->identity) == 0)
    return STATUS_OK;
  data_set_close(out);
  return status_error(STATUS_MISFIT, "%s: is not the data set of rank 0", path);
}

/* Rank 0 opens the data set and tells everybody what it is. */
static status open_first(const cluster *c, const char *path, data_access *a) {
  status own = STATUS_OK;
  if (c->rank == 0) own = data_set_open(path, &a->set);
  TRY(cluster_agree(c, own));
  if (c->rank == 0) a->info = *data_set_describe(a->set);
  MPI_Bcast(&a->info, (int)sizeof a->info, MPI_BYTE, 0, c->world);
  return STATUS_OK;
}

/* Prints how many ranks read and how many are streamed to, and why the first of
 * these: `reason` of those that should have read, else "". */
static void announce(const cluster *c, const char *path, bool reads,
                     const char *reason) {
  int mine[2] = {reads ? 1 : 0, reason[0] != '\0' ? c->rank : c->ranks};
  int readers, first;
  MPI_Allreduce(&mine[0], &readers, 1, MPI_INT, MPI_SUM, c->world);
  MPI_Allreduce(&mine[1], &first, 1, MPI_INT, MPI_MIN, c->world);
  char text[TEXT] = "", why[TEXT + 4] = "";
  if (first < c->ranks) {
    if (c->rank == first) snprintf(text, sizeof text, "%s", reason);
    MPI_Bcast(text, TEXT, MPI_CHAR, first, c->world);
    snprintf(why, sizeof why, " (%s)", text);
  }
  int others = c->ranks - readers;
  if (others == 0)
    log_info("%s: read by %d rank%s", path, readers, readers == 1 ? "" : "s");
  else
    log_info("%s: read by %d rank%s, streamed to %d%s", path, readers,
             readers == 1 ? "" : "s", others, why);
}

/* Opens the file where it can be opened; the others learn that they are to be
 * streamed to. */
static status open_others(const cluster *c, const char *path, shard_mode mode,
                          data_access *a) {
  status own = STATUS_OK;
  char reason[TEXT] = "";
  if (a->set == NULL && mode != SHARD_STREAM) {
    own = open_same(path, &a->info, &a->set);
    char host[MPI_MAX_PROCESSOR_NAME];
    int length;
    MPI_Get_processor_name(host, &length);
    if (own != STATUS_OK)
      snprintf(reason, sizeof reason, "rank %d on %.256s: %.640s", c->rank,
               host, status_message());
  }
  if (mode == SHARD_INDEX) {
    if (own != STATUS_OK) {
      const char *help = "--shard auto streams to ranks without the file";
      status_set_message("%s; %s", reason, help);
    }
    TRY(cluster_agree(c, own));
  }
  announce(c, path, a->set != NULL, reason);
  return stream_create(c, a->set, a->info.size, a->set == NULL, &a->stream);
}

status data_access_open(const cluster *c, const char *path, shard_mode mode,
                        const char *stage, data_access *out) {
  *out = (data_access){0};
  if (stage[0] != '\0' && mode == SHARD_STREAM)
    return status_error(STATUS_USAGE, "option --stage: with --shard stream "
                                      "nobody would read the copies");
  TRY(open_first(c, path, out));
  snprintf(out->path, sizeof out->path, "%s", path);
  if (stage[0] != '\0') {
    TRY(stage_data_set(c, path, stage, &out->info, out->path));
    data_set_close(&out->set);
    status own = STATUS_OK;
    if (c->rank == 0) own = open_same(out->path, &out->info, &out->set);
    if (own != STATUS_OK) status_add_context("option --stage");
    TRY(cluster_agree(c, own));
  }
  TRY(open_others(c, out->path, mode, out));
  status own = STATUS_OK;
  if (out->set != NULL) own = file_source_open(out->set, &out->file);
  return cluster_agree(c, own);
}

void data_access_close(data_access *a) {
  stream_destroy(&a->stream);
  file_source_close(&a->file);
  data_set_close(&a->set);
}

sample_source data_access_source(data_access *a) {
  return a->set != NULL ? file_source_of(&a->file) : stream_source(a->stream);
}
