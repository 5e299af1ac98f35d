#include "dist/cluster.h"

#include <mpi.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/threads.h"

enum { MESSAGE_SIZE = 1024 };

status cluster_start(int *argc, char ***argv, cluster *out) {
  int provided;
  if (MPI_Init_thread(argc, argv, MPI_THREAD_FUNNELED, &provided) !=
      MPI_SUCCESS)
    return status_error(STATUS_IO, "MPI does not start");
  MPI_Comm_rank(MPI_COMM_WORLD, &out->rank);
  MPI_Comm_size(MPI_COMM_WORLD, &out->ranks);
  MPI_Comm node;
  MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL,
                      &node);
  MPI_Comm_rank(node, &out->node_rank);
  MPI_Comm_size(node, &out->node_ranks);
  MPI_Comm_free(&node);
  log_set_rank(out->rank);
  return STATUS_OK;
}

void cluster_stop(void) {
  int started = 0, ended = 0;
  MPI_Initialized(&started);
  MPI_Finalized(&ended);
  if (started && !ended) MPI_Finalize();
}

status cluster_agree(const cluster *c, status own) {
  bool stop = false;
  return cluster_agree_or_stop(c, own, &stop);
}

status cluster_agree_or_stop(const cluster *c, status own, bool *stop) {
  int mine[2] = {own == STATUS_OK ? c->ranks : c->rank, *stop ? 0 : 1}, all[2];
  MPI_Allreduce(mine, all, 2, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
  int lowest = all[0];
  *stop = all[1] == 0;
  if (lowest == c->ranks) return STATUS_OK;
  struct {
    int code;
    char text[MESSAGE_SIZE];
  } failure = {.code = (int)own};
  if (c->rank == lowest)
    snprintf(failure.text, sizeof failure.text, "%s", status_message());
  MPI_Bcast(&failure, (int)sizeof failure, MPI_BYTE, lowest, MPI_COMM_WORLD);
  return status_adopt((status)failure.code, failure.text);
}

int cluster_threads(const cluster *c) {
  int bound = threads_available();
  int share = (int)sysconf(_SC_NPROCESSORS_ONLN) / c->node_ranks;
  int threads = bound < share ? bound : share;
  return threads > 0 ? threads : 1;
}
