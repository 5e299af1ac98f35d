/* The sums of a phase over all ranks, and its new values to all nodes, while
 * the caller computes: each call does what can be done, and returns.
 *
 * Within a node the ranks read each other's buffers and write one state vector;
 * between nodes pieces travel as messages (routes.h). */
#ifndef HARMONIA_EXCHANGE_H
#define HARMONIA_EXCHANGE_H

#include "dist/sum/node_memory.h"
#include "dist/sum/pieces.h"
#include "dist/sum/routes.h"

/* The type of nn_real in messages. */
#define REAL_TYPE MPI_FLOAT
_Static_assert(sizeof(nn_real) == sizeof(float), "dist is built in float");

/* A phase's vector, and where it lies in the node's memory. */
typedef struct exchange_phase {
  const nn_layout *layout;
  pieces cut;
  nn_real **leaves; /* buffers of this node's ranks, by leaf of the routes */
  nn_real *own;     /* a buffer of this rank: where sums of its pieces go */
} exchange_phase;

typedef struct exchange exchange;

/* The cluster and the routes must outlive the exchange; of the phases only the
 * cut is asked. rounded: gradients travel between nodes as bfloat16. */
status exchange_create(const cluster *c, const routes *r,
                       const exchange_phase *phases, int phase_count,
                       bool rounded, int threads, exchange **out);
void exchange_destroy(exchange **exchange);
/* Counters of the node; before anything else. */
void exchange_use(exchange *x, node_memory *memory);

/* Begins a phase: every rank in the same order of phases. */
void exchange_begin(exchange *x, const exchange_phase *phase);
/* The first `buckets` buckets of this rank's leaves are whole: others may read
 * them and write to them until the phase is agreed upon. */
void exchange_close(exchange *x, int buckets);
/* Goes on with sums and messages; true once this rank has no more to do: its
 * pieces of phase->own are summed, and its buffers and messages are free. */
bool exchange_advance(exchange *x);
/* The first bucket whose sum has a value that is no number or infinite in this
 * rank's piece, or -1. */
int exchange_first_bad(const exchange *x);

/* New values, once all ranks have agreed that they will come: this rank gives
 * its piece of every bucket, in order, when it has written it to `state`. */
void exchange_begin_values(exchange *x, nn_real *state);
void exchange_give_values(exchange *x, int bucket);
/* Waits until the whole state of the phase is in the node's memory. */
void exchange_finish_values(exchange *x);

/* Seconds spent adding, since the beginning. */
double exchange_summing(const exchange *x);

#endif
