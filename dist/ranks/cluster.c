/* Starting and ending MPI, and how ranks agree on a status. */
#include "dist/ranks/cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/cpus.h"
#include "base/log.h"
#include "base/memory.h"
#include "dist/ranks/launcher.h"
#include "dist/ranks/orphan.h"

enum { MESSAGE_SIZE = 1024 };

void cluster_mpi_version(char *text, size_t size) {
  char all[MPI_MAX_LIBRARY_VERSION_STRING];
  int length = 0;
  MPI_Get_library_version(all, &length);
  snprintf(text, size, "%.*s", (int)strcspn(all, ",\n"), all);
}

/* Places among ranks that are in the order of their nodes. */
static status find_places(cluster *c) {
  MPI_Comm_rank(c->world, &c->rank);
  MPI_Comm_size(c->world, &c->ranks);
  MPI_Comm_rank(c->local, &c->node_rank);
  MPI_Comm_size(c->local, &c->node_ranks);
  int leads = c->node_rank == 0, leaders;
  MPI_Scan(&leads, &leaders, 1, MPI_INT, MPI_SUM, c->world);
  c->node = leaders - 1;
  MPI_Allreduce(&leads, &c->nodes, 1, MPI_INT, MPI_SUM, c->world);
  int *nodes = memory_new((size_t)c->ranks, sizeof *nodes, "places of ranks");
  c->first_ranks = memory_new((size_t)c->nodes + 1, sizeof *c->first_ranks,
                              "places of ranks");
  bool fits = nodes != NULL && c->first_ranks != NULL;
  status result = cluster_agree(c, fits ? STATUS_OK : STATUS_MEMORY);
  if (result != STATUS_OK || !fits) {
    memory_free(nodes);
    return result;
  }
  MPI_Allgather(&c->node, 1, MPI_INT, nodes, 1, MPI_INT, c->world);
  for (int r = c->ranks - 1; r >= 0; r--) c->first_ranks[nodes[r]] = r;
  c->first_ranks[c->nodes] = c->ranks;
  memory_free(nodes);
  return STATUS_OK;
}

/* Numbers the nodes by their lowest rank, and the ranks node by node. */
static status order_ranks(cluster *c) {
  int rank, lowest;
  MPI_Comm_rank(MPI_COMM_WORLD, &rank);
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, rank, MPI_INFO_NULL,
                      &c->local);
  MPI_Allreduce(&rank, &lowest, 1, MPI_INT, MPI_MIN, c->local);
  MPI_Comm_split(MPI_COMM_WORLD, 0, lowest, &c->world);
  return find_places(c);
}

/* The ranks of a node share its quota, and the CPUs that they may run on. */
static void find_threads(cluster *c) {
  cpu_limits limits;
  cpu_limits_find("", &limits);
  int own = cpu_limits_threads(&limits, 1);
  MPI_Allreduce(MPI_IN_PLACE, limits.mask, CPUS_MOST / 64, MPI_UINT64_T,
                MPI_BOR, c->local);
  int share = cpu_limits_threads(&limits, c->node_ranks);
  c->threads = own < share ? own : share;
}

status cluster_divide(const cluster *whole, int node_ranks, cluster *out) {
  *out = (cluster){0};
  out->threads = whole->threads;
  int part = node_ranks > 0 ? whole->node_rank / node_ranks : 0;
  MPI_Comm_dup(whole->world, &out->world);
  MPI_Comm_split(whole->local, part, whole->node_rank, &out->local);
  return find_places(out);
}

void cluster_free(cluster *c) {
  if (c->nodes == 0) return;
  MPI_Comm_free(&c->local);
  MPI_Comm_free(&c->world);
  memory_free(c->first_ranks);
  *c = (cluster){0};
}

status cluster_start(int *argc, char ***argv, cluster *out) {
  orphan_watch();
  int provided;
  if (MPI_Init_thread(argc, argv, MPI_THREAD_MULTIPLE, &provided) !=
      MPI_SUCCESS)
    return status_error(STATUS_IO, "MPI does not start");
  if (provided != MPI_THREAD_MULTIPLE)
    return status_error(STATUS_IO,
                        "this MPI library was built without support for "
                        "threads (MPI_THREAD_MULTIPLE)");
  TRY(order_ranks(out));
  TRY(launcher_check(out->ranks));
  find_threads(out);
  log_set_rank(out->rank);
  return STATUS_OK;
}

void cluster_alone(cluster *out) {
  cpu_limits limits;
  cpu_limits_find("", &limits);
  *out = (cluster){
      .ranks = 1, .node_ranks = 1, .threads = cpu_limits_threads(&limits, 1)};
}

void cluster_stop(cluster *c) {
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (!started || ended) return;
  cluster_free(c);
  MPI_Finalize();
}

status cluster_agree(const cluster *c, status own) {
  bool stop = false;
  return cluster_agree_or_stop(c, own, &stop);
}

status cluster_agree_or_stop(const cluster *c, status own, bool *stop) {
  if (c->ranks == 1) return own;
  int mine[2] = {own == STATUS_OK ? c->ranks : c->rank, *stop ? 0 : 1}, all[2];
  MPI_Allreduce(mine, all, 2, MPI_INT, MPI_MIN, c->world);
  int lowest = all[0];
  *stop = all[1] == 0;
  if (lowest == c->ranks) return STATUS_OK;
  struct {
    int code;
    char text[MESSAGE_SIZE];
  } failure = {.code = (int)own};
  if (c->rank == lowest)
    snprintf(failure.text, sizeof failure.text, "%s", status_message());
  MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, lowest, c->world);
  return status_adopt((status)failure.code, failure.text);
}

void cluster_sum(const cluster *c, uint64_t *numbers, int count) {
  if (c->ranks > 1)
    MPI_Allreduce(MPI_IN_PLACE, numbers, count, MPI_UINT64_T, MPI_SUM,
                  c->world);
}

int cluster_threads(const cluster *c, int64_t asked) {
  return asked > 0 ? (int)asked : c->threads;
}
