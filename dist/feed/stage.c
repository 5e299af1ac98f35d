/* Making and agreeing upon copies of the data set on the nodes' disks. */
#include "dist/feed/stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/folders.h"
#include "base/log.h"
#include "base/memory.h"
#include "dist/feed/stage_file.h"

enum { PIECE = 4 << 20 }; /* bytes broadcast at once */

/* What the first rank of a node does; the others do nothing. */
typedef enum job { JOB_NONE, JOB_KEEP, JOB_COPY, JOB_RECEIVE, JOBS } job;

typedef struct staging {
  const cluster *cluster;
  const char *path, *folder, *name;
  const char *target; /* folder/name */
  const data_set_info *info;
  long long bytes;
  char host[MPI_MAX_PROCESSOR_NAME];
  stage_file file;
  char *piece; /* PIECE bytes, and the original: for the sending */
  int from;
} staging;

static bool is_same(const char *path, const data_set_info *info,
                    long long bytes) {
  struct stat found;
  if (stat(path, &found) != 0 || (long long)found.st_size != bytes)
    return false;
  data_set *set;
  if (data_set_open(path, &set) != STATUS_OK) return false;
  bool same = strcmp(data_set_describe(set)->identity, info->identity) == 0;
  data_set_close(&set);
  return same;
}

/* Collective: how long rank 0's file is. */
static status share_size(staging *s) {
  const cluster *c = s->cluster;
  struct stat file = {0};
  status own = STATUS_OK;
  if (c->rank == 0 && stat(s->path, &file) != 0)
    own = status_error(STATUS_IO, "%s: %s", s->path, strerror(errno));
  TRY(cluster_agree(c, own));
  s->bytes = (long long)file.st_size;
  MPI_Bcast(&s->bytes, 1, MPI_LONG_LONG, 0, c->world);
  return STATUS_OK;
}

static status check_space(const staging *s) {
  struct statvfs disk;
  if (statvfs(s->folder, &disk) != 0)
    return status_error(STATUS_IO, "option --stage: %s on %s: %s", s->folder,
                        s->host, strerror(errno));
  unsigned long long free_bytes =
      (unsigned long long)disk.f_bavail * disk.f_frsize;
  if (free_bytes >= (unsigned long long)s->bytes) return STATUS_OK;
  return status_error(STATUS_IO,
                      "option --stage: %s on %s: a copy of %s needs %lld "
                      "bytes, %llu are free",
                      s->folder, s->host, s->name, s->bytes, free_bytes);
}

static status choose(const staging *s, job *out) {
  *out = JOB_NONE;
  if (s->cluster->node_rank != 0) return STATUS_OK;
  status made = make_folders(s->folder);
  if (made != STATUS_OK)
    return status_context(made, "option --stage on %s", s->host);
  stage_file_clean(s->folder, s->name);
  *out = JOB_KEEP;
  if (is_same(s->target, s->info, s->bytes)) return STATUS_OK;
  bool can_open = s->cluster->rank == 0 || is_same(s->path, s->info, s->bytes);
  *out = can_open ? JOB_COPY : JOB_RECEIVE;
  return check_space(s);
}

/* One line, printed by rank 0. */
static void announce(const staging *s, job own, int counts[JOBS]) {
  int mine[JOBS] = {0};
  mine[own] = 1;
  MPI_Allreduce(mine, counts, JOBS, MPI_INT, MPI_SUM, s->cluster->world);
  log_info("%s (%.1f MB): a copy in %s: %d node%s had it, %d copied it, %d got "
           "it from rank 0",
           s->path, 1e-6 * (double)s->bytes, s->folder, counts[JOB_KEEP],
           counts[JOB_KEEP] == 1 ? "" : "s", counts[JOB_COPY],
           counts[JOB_RECEIVE]);
}

/* ---- from rank 0 ---- */

/* Pieces from the root to all of comm until one is not full; -1 instead of a
 * length says that the root failed. A rank that cannot write goes on receiving:
 * the others depend on it. */
static status broadcast(staging *s, MPI_Comm comm) {
  bool root = s->cluster->rank == 0;
  status result = STATUS_OK;
  int count;
  do {
    size_t got = 0;
    if (root) result = stage_read(s->from, s->path, s->piece, PIECE, &got);
    count = result == STATUS_OK || !root ? (int)got : -1;
    MPI_Bcast(&count, 1, MPI_INT, 0, comm);
    if (count > 0) MPI_Bcast(s->piece, count, MPI_BYTE, 0, comm);
    if (!root && count > 0 && result == STATUS_OK)
      result = stage_file_write(&s->file, s->piece, (size_t)count);
  } while (count == PIECE);
  if (count < 0 && result == STATUS_OK)
    result = status_error(STATUS_IO, "%s: rank 0 could not read it", s->path);
  return result;
}

/* ---- all of it ---- */

/* What a rank needs for its part; to be agreed upon before bytes are sent. */
static status prepare(staging *s, job own, int receivers) {
  if (own == JOB_COPY || own == JOB_RECEIVE)
    TRY(stage_file_create(s->target, &s->file));
  bool root = s->cluster->rank == 0 && receivers > 0;
  if (!root && own != JOB_RECEIVE) return STATUS_OK;
  TRY(MEMORY_NEW(PIECE, "a piece of a file", &s->piece));
  if (!root) return STATUS_OK;
  s->from = open(s->path, O_RDONLY | O_CLOEXEC);
  if (s->from >= 0) return STATUS_OK;
  return status_error(STATUS_IO, "%s: cannot open: %s", s->path,
                      strerror(errno));
}

/* A rank that fails at its own copy takes part in the sending all the same. */
static status transfer(staging *s, job own, int receivers) {
  status result = STATUS_OK, sent = STATUS_OK;
  if (own == JOB_COPY) result = stage_file_copy(&s->file, s->path);
  if (receivers > 0) {
    bool in = s->cluster->rank == 0 || own == JOB_RECEIVE;
    MPI_Comm comm;
    MPI_Comm_split(s->cluster->world, in ? 0 : MPI_UNDEFINED, s->cluster->rank,
                   &comm);
    if (in) {
      sent = broadcast(s, comm);
      MPI_Comm_free(&comm);
    }
  }
  return result == STATUS_OK ? sent : result;
}

static status finish(staging *s) {
  if (s->file.descriptor < 0) return STATUS_OK;
  if (!is_same(s->file.path, s->info, s->bytes))
    return status_error(STATUS_IO,
                        "%s: the copy is not what was copied: did %s change?",
                        s->file.path, s->path);
  return stage_file_commit(&s->file, s->target);
}

/* Waits for all without using up the cores of those that still copy. */
static void wait_for_all(const cluster *c) {
  MPI_Request all;
  int done;
  MPI_Ibarrier(c->world, &all);
  while (MPI_Test(&all, &done, MPI_STATUS_IGNORE), !done) clock_sleep(1e-3);
}

status stage_data_set(const cluster *c, const char *path, const char *folder,
                      const data_set_info *info, char *staged) {
  staging s = {.cluster = c,
               .path = path,
               .folder = folder,
               .name = file_name_of(path),
               .target = staged,
               .info = info,
               .file = {.descriptor = -1},
               .from = -1};
  int length;
  MPI_Get_processor_name(s.host, &length);
  if (snprintf(staged, STAGE_PATH, "%s/%s", folder, s.name) >= STAGE_PATH)
    return status_error(STATUS_USAGE, "option --stage: the path is too long");
  TRY(share_size(&s));
  job mine;
  TRY(cluster_agree(c, choose(&s, &mine)));
  int counts[JOBS];
  announce(&s, mine, counts);
  int receivers = counts[JOB_RECEIVE];
  status own = prepare(&s, mine, receivers);
  if (own != STATUS_OK) status_add_context("option --stage on %s", s.host);
  status result = cluster_agree(c, own);
  if (result == STATUS_OK) {
    own = transfer(&s, mine, receivers);
    if (own == STATUS_OK) own = finish(&s);
    if (own != STATUS_OK) status_add_context("option --stage on %s", s.host);
    wait_for_all(c);
    result = cluster_agree(c, own);
  }
  stage_file_close(&s.file);
  memory_free(s.piece);
  if (s.from >= 0) close(s.from);
  return result;
}
