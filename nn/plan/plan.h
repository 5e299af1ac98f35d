/* A plan: steps, and where every value lies. */
#ifndef HARMONIA_NN_PLAN_H
#define HARMONIA_NN_PLAN_H

#include "nn/operation.h"

typedef enum nn_place_kind {
  NN_IN_ARENA,
  NN_IN_BLOCK, /* in the arena: the block that a thread computes */
  NN_IN_STATE,
  NN_IN_RESULTS,
  NN_IN_INPUT
} nn_place_kind;

typedef struct nn_place {
  nn_place_kind kind;
  size_t offset; /* in values; the index of an input */
} nn_place;

typedef struct nn_step {
  nn_id id;     /* the node computed; NN_NONE: a copy of `in[0]` to `out` */
  nn_id source; /* of a copy: the node whose value it is */
  int sweep; /* steps that are run together, this one the first; 0: it has been
                run with an earlier one */
  size_t block; /* pixels of theirs at a time; 0: the kernel does all */
  nn_place in[NN_MAX_INPUTS], out;
  size_t scratch; /* offset in the arena, in values */
  size_t copied;  /* values of a copy */
  size_t done;    /* results [0, done) are final, and not read, after it */
} nn_step;

/* A parameter's gradient, and the step after which it is given away. */
typedef struct nn_hand_over {
  int step;
  nn_place gradient;
  const nn_entry *entry;
} nn_hand_over;

struct nn_plan {
  const nn_graph *graph;
  const nn_plan *earlier; /* whose values it finds in the arena, or NULL */
  uint64_t runs;
  nn_layout layout;
  nn_step *steps;
  int step_count;
  nn_hand_over *hand_overs; /* in order of steps */
  int hand_over_count;
  nn_place *places; /* by node; valid for nodes that are computed */
  nn_real *arena;
  bool borrowed;       /* the arena is the caller's */
  size_t arena_size;   /* values */
  nn_run_options last; /* of the last run, for kept inputs and state */
  int threads;
  bool reference;
  double (*clock)(void); /* NULL: no profile is taken */
  double *seconds;       /* by step */
};

/* Plans for phases that run in turn, in one arena that they are to be lent. A
 * graph may be forked from the next one: see nn_plan_options.continued. On
 * failure out[] holds NULL. */
status nn_plan_phases(const nn_graph *const *graphs, int count,
                      const nn_plan_options *options, nn_plan **out);

enum { NN_SWEEP_NODES = 32 }; /* of a sweep, at most */

/* Values from one thread's block of a NN_IN_BLOCK value to the next one's. */
size_t nn_passing_stride(size_t block, nn_shape shape);

/* One layout for graphs that are trained in turn. */
status nn_plan_layout_of(const nn_graph *const *graphs, int count,
                         nn_layout *out);

#endif
