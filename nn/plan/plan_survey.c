/* What the planner finds out about a graph before anything has a place: the
 * nodes that a phase computes, which of them write results, how long values are
 * read. */
#include "base/memory.h"
#include "nn/plan/layout.h"
#include "nn/plan/planner.h"

/* ---- which nodes ---- */

/* Its value is asked for; a given one is copied in the end. */
static void mark(nn_planner *p, nn_id id) {
  if (id == NN_NONE) return;
  p->live[id] = true;
  if (nn_is_given(p, id)) p->last_use[id] = NN_FOREVER;
}

static void find_live(nn_planner *p) {
  const nn_graph *g = p->graph;
  for (nn_id id = 0; id < g->count; id++) p->last_use[id] = nn_step_of(p, id);
  for (int i = 0; i < g->state_count; i++) mark(p, g->states[i].result);
  for (int i = 0; i < g->reports.count; i++) mark(p, g->reports.items[i].id);
  for (int i = 0; i < g->kept.count; i++) mark(p, g->kept.items[i].id);
  for (nn_id id = g->count - 1; id >= 0; id--) {
    const nn_node *node = &g->nodes[id];
    for (int i = 0; nn_is_computed(p, id) && i < node->op->arity; i++) {
      int *use = &p->last_use[node->in[i]];
      p->live[node->in[i]] = true;
      if (*use < nn_step_of(p, id)) *use = nn_step_of(p, id);
    }
  }
  for (int i = 0; i < g->kept.count; i++)
    p->last_use[g->kept.items[i].id] = NN_FOREVER;
}

/* What is given lives until it is read here. */
static void hold_given(const nn_planner *p) {
  for (nn_id id = 0; id < p->graph->count; id++)
    if (p->live[id] && nn_is_given(p, id) &&
        p->last_use[id] > p->earlier->last_use[id])
      p->earlier->last_use[id] = p->last_use[id];
}

/* ---- results ---- */

bool nn_claim_result(nn_planner *p, nn_id id) {
  const nn_node *node = &p->graph->nodes[id];
  if (node->op->view || node->op->binding != NN_COMPUTED || p->is_result[id])
    return false;
  if (nn_is_given(p, id) || p->last_use[id] >= nn_step_of(p, p->graph->count))
    return false;
  p->is_result[id] = true;
  return true;
}

/* The step after which the result of each state entry is whole: the node's own
 * or, where its value must be copied into the results, a step behind them. */
static void find_completion(nn_planner *p) {
  const nn_graph *g = p->graph;
  for (int i = 0; i < g->state_count; i++) {
    nn_id id = g->states[i].result;
    p->completed[i] = -1;
    if (id != NN_NONE)
      p->completed[i] = nn_claim_result(p, id) ? id : NN_COPIED;
  }
}

bool nn_is_handed_over(const nn_planner *p, int state) {
  const nn_state_entry *s = &p->graph->states[state];
  return p->hand_over && s->entry.trainable && s->result != NN_NONE;
}

/* What reads a view that is given reads its input here. */
void nn_find_readers(nn_planner *p) {
  int *until = p->read_until;
  for (nn_id id = p->graph->count - 1; id >= 0; id--) {
    const nn_node *node = &p->graph->nodes[id];
    if (p->last_use[id] > until[id]) until[id] = p->last_use[id];
    if (p->live[id] && node->op->view && until[node->in[0]] < until[id])
      until[node->in[0]] = until[id];
  }
}

int nn_released(const nn_planner *p, int state) {
  const nn_state_entry *s = &p->graph->states[state];
  int completed = p->completed[state];
  if (nn_is_handed_over(p, state)) {
    int used = p->read_until[s->id], read = p->read_until[s->result];
    return used > read ? used : read;
  }
  if (completed == -1 || completed == NN_COPIED) return completed;
  return p->read_until[s->result];
}

/* ---- all of it ---- */

status nn_survey(nn_planner *p, int count) {
  for (int k = 0; k < count; k++) {
    size_t nodes = (size_t)p[k].graph->count;
    TRY(MEMORY_NEW(nodes, "plan", &p[k].live));
    TRY(MEMORY_NEW(nodes, "plan", &p[k].last_use));
    TRY(MEMORY_NEW(nodes, "plan", &p[k].read_until));
    TRY(MEMORY_NEW(nodes, "plan", &p[k].is_result));
    TRY(MEMORY_NEW(nodes, "plan", &p[k].is_given_away));
    TRY(MEMORY_NEW((size_t)p[k].graph->state_count + 1, "plan",
                   &p[k].completed));
    find_live(&p[k]);
    if (p[k].earlier != NULL) hold_given(&p[k]);
  }
  for (int k = 0; k < count; k++) find_completion(&p[k]);
  return STATUS_OK;
}

void nn_survey_free(nn_planner *p) {
  memory_free(p->live);
  memory_free(p->last_use);
  memory_free(p->storage_of);
  memory_free(p->is_result);
  memory_free(p->is_given_away);
  memory_free(p->sweeps);
  memory_free(p->completed);
  memory_free(p->read_until);
  memory_free(p->state_of);
}

status nn_plan_layout_of(const nn_graph *const *graphs, int count,
                         nn_layout *out) {
  INVARIANT(count >= 1 && count <= NN_MAX_PHASES, "%d graphs", count);
  nn_planner p[NN_MAX_PHASES] = {{0}};
  const int *completed[NN_MAX_PHASES];
  for (int k = 0; k < count; k++) p[k].graph = graphs[k];
  status result = nn_survey(p, count);
  for (int k = 0; k < count; k++) completed[k] = p[k].completed;
  if (result == STATUS_OK)
    result = nn_layout_make(graphs, completed, count, out);
  for (int k = 0; k < count; k++) nn_survey_free(&p[k]);
  return result;
}
