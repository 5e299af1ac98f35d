/* A plan in the making: what the planner's files share. */
#ifndef HARMONIA_NN_PLANNER_H
#define HARMONIA_NN_PLANNER_H

#include "nn/plan/plan.h"
#include "nn/plan/storage.h"

enum {
  NN_FOREVER = INT32_MAX,
  NN_COPIED = INT32_MAX - 1 /* completed by a copy behind all nodes */
};

/* Nodes that pass over the pixels together (sweep.c). */
typedef struct nn_sweep {
  nn_id first, last;
  int nodes;
  size_t block; /* pixels at a time; 0: the node's kernel does all */
} nn_sweep;

typedef struct nn_planner { /* of a phase */
  const nn_graph *graph;
  nn_plan *plan;
  struct nn_planner *earlier; /* the phase that this one continues, or NULL */
  int start;
  bool *live;            /* by node: computed, or given by the earlier phase */
  int *last_use;         /* by node: step of the last live consumer */
  int *storage_of;       /* by node; -1: not in the arena */
  bool *is_result;       /* by node: written straight into the results */
  bool *is_given_away;   /* by node: a gradient that is handed over */
  nn_sweep *sweeps;      /* by node */
  int *completed;        /* by state entry: node, NN_COPIED; -1: no result */
  int *read_until;       /* by node: last reader of it or of a view of it */
  int *state_of;         /* by entry of the layout: of the graph, or -1 */
  nn_storages *storages; /* of all phases */
  bool hand_over;        /* gradients of parameters are no results */
} nn_planner;

/* The step that computes a node. */
static inline int nn_step_of(const nn_planner *p, nn_id id) {
  return p->start + id;
}

/* Whether the earlier phase has computed it. */
static inline bool nn_is_given(const nn_planner *p, nn_id id) {
  return p->earlier != NULL && id < p->earlier->graph->forked &&
         p->earlier->live[id];
}

static inline bool nn_is_computed(const nn_planner *p, nn_id id) {
  return p->live[id] && !nn_is_given(p, id);
}

/* ---- what needs no places (plan_survey.c) ---- */

/* What is known before the layout, of all phases: which nodes, and when results
 * are whole. */
status nn_survey(nn_planner *p, int count);
/* All arrays of a planner. */
void nn_survey_free(nn_planner *p);

/* Whether a node can write its value straight into the results: it computes
 * one that is not read when the phase is over, and no other result is the same
 * node. */
bool nn_claim_result(nn_planner *p, nn_id id);
/* Whether the result of a state entry is a gradient that is given away. */
bool nn_is_handed_over(const nn_planner *p, int state);
/* Sets read_until, once copies have been placed: they read to the end. */
void nn_find_readers(nn_planner *p);
/* The last step that writes or reads the result of a state entry, or reads the
 * parameter that takes a gradient. */
int nn_released(const nn_planner *p, int state);

/* ---- sweep.c ---- */

/* Needs the nodes that are computed. `apart`: each node is its own sweep. */
void nn_find_sweeps(nn_planner *p, bool apart);
/* Whether only its sweep reads a value, which then has memory for a block. */
bool nn_is_passing(const nn_planner *p, nn_id id);
size_t nn_passing_size(const nn_planner *p, nn_id id);
/* A storage that the result of a node may take over, or -1: it has no reader
 * later, and is read where it is written. */
int nn_storage_to_take(const nn_planner *p, nn_id id);
/* What dies in a sweep does so at its end. */
void nn_live_for_sweeps(const nn_planner *p, nn_storage *s);

#endif
