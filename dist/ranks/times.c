/* Seconds of all ranks, brought together. */
#include "dist/ranks/times.h"

#include "base/memory.h"

enum { KINDS = sizeof(times) / sizeof(double) };

struct times_board {
  const cluster *cluster;
  times before;                          /* what the last summary ended with */
  times *all;                            /* rank 0 */
  char (*hosts)[MPI_MAX_PROCESSOR_NAME]; /* rank 0 */
};

static status allocate(times_board *b) {
  size_t ranks = b->cluster->rank == 0 ? (size_t)b->cluster->ranks : 0;
  TRY(MEMORY_NEW(ranks, "times of ranks", &b->all));
  return MEMORY_NEW(ranks, "names of hosts", &b->hosts);
}

status times_create(const cluster *c, times_board **out) {
  status own = MEMORY_NEW(1, "times of ranks", out);
  if (own == STATUS_OK) {
    (*out)->cluster = c;
    own = allocate(*out);
  }
  own = cluster_agree(c, own);
  if (own != STATUS_OK || *out == NULL) {
    times_destroy(out);
    return own;
  }
  char host[MPI_MAX_PROCESSOR_NAME] = "";
  int length;
  MPI_Get_processor_name(host, &length);
  MPI_Gather(host, (int)sizeof host, MPI_CHAR, (*out)->hosts, (int)sizeof host,
             MPI_CHAR, 0, c->world);
  return STATUS_OK;
}

void times_destroy(times_board **pointer) {
  times_board *b = *pointer;
  if (b == NULL) return;
  memory_free(b->all);
  memory_free(b->hosts);
  memory_free(b);
  *pointer = NULL;
}

static times minus(const times *a, const times *b) {
  return (times){.computing = a->computing - b->computing,
                 .summing = a->summing - b->summing,
                 .updating = a->updating - b->updating,
                 .waiting = a->waiting - b->waiting,
                 .data = a->data - b->data};
}

static void add_share(times *sum, const times *one, double share) {
  sum->computing += share * one->computing;
  sum->summing += share * one->summing;
  sum->updating += share * one->updating;
  sum->waiting += share * one->waiting;
  sum->data += share * one->data;
}

void times_gather(times_board *b, const times *total, times_summary *out) {
  const cluster *c = b->cluster;
  times own = minus(total, &b->before);
  b->before = *total;
  MPI_Gather(&own, KINDS, MPI_DOUBLE, b->all, KINDS, MPI_DOUBLE, 0, c->world);
  *out = (times_summary){.slowest_seconds = -1};
  if (c->rank != 0) return;
  for (int r = 0; r < c->ranks; r++) {
    double busy = b->all[r].computing + b->all[r].data;
    add_share(&out->mean, &b->all[r], 1.0 / c->ranks);
    if (busy <= out->slowest_seconds) continue;
    out->slowest_seconds = busy;
    out->slowest = r;
  }
  out->slowest_host = b->hosts[out->slowest];
}
