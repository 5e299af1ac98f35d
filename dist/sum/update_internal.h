/* What the files of an update share. */
#ifndef HARMONIA_UPDATE_INTERNAL_H
#define HARMONIA_UPDATE_INTERNAL_H

#include <mpi.h>

#include "dist/sum/exchange.h"
#include "dist/sum/update.h"

typedef struct phase {
  exchange_phase exchanged; /* layout, cut, buffers of the node */
  pieces learned;           /* the parameters, cut as their sums are */
  nn_real **buffers;        /* of this rank: sums in the making */
  nn_real *moments[2];      /* of this rank's pieces of the parameters */
  tree_stack stack;
  int next; /* micro-batch to come */
} phase;

struct update {
  update_options options;
  routes routes;
  node_memory *memory;
  exchange *exchange;
  nn_real *state;
  nn_real *averaged; /* NULL: none */
  uint64_t averages; /* that this rank has made */
  phase phases[NN_MAX_PHASES];
  phase *running;       /* NULL: between phases */
  nn_adam_options adam; /* of the running phase */
  double scale;         /* of its sums, to the gradient that is used */
  const nn_entry *bad;  /* a gradient handed over that is not finite */
  nn_real bad_value;
  int own_begin, own_end; /* this rank's micro-batches */
  update_times spent;
};

/* Collective: the norm of the mean gradient of a phase whose sums are whole and
 * finite; the same bits on any number of ranks. */
double update_norm(const update *u, const phase *p);

/* Collective: places everything in the memory of the node. */
status update_allocate(update *u);

#endif
