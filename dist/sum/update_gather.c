/* Moments and state between rank 0 and all others, for checkpoints. */
#include <string.h>

#include "dist/sum/update_internal.h"

enum { MOMENTS = 11 /* tag */, AT_ONCE = 1 << 28 /* values of a message */ };

/* One rank's pieces of a moment, one after the other in `own`, to or from their
 * places in the whole vector: on rank 0 and on the rank that has them. */
static void move_pieces(const update *u, const phase *p, int rank, nn_real *own,
                        nn_real *values, bool gather) {
  const cluster *c = u->options.cluster;
  for (int b = 0; b < p->learned.buckets; b++) {
    piece one = pieces_of(&p->learned, b, rank);
    size_t count = one.end - one.begin;
    nn_real *place = NULL;
    if (c->rank == 0)
      place = values + p->exchanged.layout->parameters.begin + one.begin;
    if (count == 0) continue;
    if (rank == 0)
      memcpy(gather ? place : own, gather ? own : place, count * sizeof *own);
    else if ((c->rank == 0) == gather)
      MPI_Recv(gather ? place : own, (int)count, REAL_TYPE, gather ? rank : 0,
               MOMENTS, c->world, MPI_STATUS_IGNORE);
    else
      MPI_Send(gather ? own : place, (int)count, REAL_TYPE, gather ? 0 : rank,
               MOMENTS, c->world);
    own += count;
  }
}

/* Rank 0 deals with every rank in turn, the others with rank 0. */
static void move_moments(const update *u, int which, nn_real *values,
                         bool gather) {
  const cluster *c = u->options.cluster;
  int last = c->rank == 0 ? c->ranks - 1 : c->rank;
  for (int k = 0; k < u->options.phase_count; k++)
    for (int rank = c->rank; rank <= last; rank++)
      move_pieces(u, &u->phases[k], rank, u->phases[k].moments[which], values,
                  gather);
}

void update_gather_moments(update *u, int which, nn_real *values) {
  move_moments(u, which, values, true);
}

void update_scatter_moments(update *u, int which, const nn_real *values) {
  move_moments(u, which, (nn_real *)values, false); /* only read */
}

static void broadcast(MPI_Comm comm, nn_real *values, size_t size) {
  for (size_t at = 0; at < size; at += AT_ONCE)
    MPI_Bcast(values + at, (int)(size - at < AT_ONCE ? size - at : AT_ONCE),
              REAL_TYPE, 0, comm);
}

void update_broadcast_state(update *u) {
  const cluster *c = u->options.cluster;
  MPI_Comm first; /* ranks of the nodes */
  MPI_Comm_split(c->world, c->node_rank == 0 ? 0 : MPI_UNDEFINED, c->rank,
                 &first);
  size_t size = u->options.layout->state_size;
  if (c->node_rank == 0) {
    broadcast(first, u->state, size);
    if (u->averaged != NULL) broadcast(first, u->averaged, size);
    MPI_Comm_free(&first);
  }
  MPI_Barrier(c->local);
}
