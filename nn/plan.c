/* The planner: which nodes are computed, where each value lies.
 *
 * Nodes run in the order of their creation, which is a valid one. A value lives
 * in a storage; views share their input's, and an elementwise result may take
 * over that of an input that nobody reads later. Storages get places in one
 * arena so that those alive at the same time never overlap.
 *
 * The phases of a system are planned together. Steps are counted through: node
 * id of a phase is computed at step `start` + id. Where the phases continue
 * each other, a value of the nodes that their graphs have in common is computed
 * by the first that needs it, and lives until the last has read it. */
#include "nn/plan.h"

#include <string.h>

#include "base/memory.h"
#include "nn/layout.h"
#include "nn/storage.h"

enum {
  FOREVER = INT32_MAX,
  COPIED = INT32_MAX - 1 /* completed by a copy behind all nodes */
};

typedef struct planner { /* of a phase */
  const nn_graph *graph;
  nn_plan *plan;
  struct planner *earlier; /* the phase that this one continues, or NULL */
  int start;
  bool *live;            /* by node: computed, or given by the earlier phase */
  int *last_use;         /* by node: step of the last live consumer */
  int *storage_of;       /* by node; -1: not in the arena */
  bool *is_result;       /* by node: written straight into the results */
  int *completed;        /* by state entry: node, COPIED; -1: no result */
  int *read_until;       /* by node: last reader of it or of a view of it */
  nn_storages *storages; /* of all phases */
  bool hand_over;        /* gradients of parameters are no results */
} planner;

/* The step that computes a node. */
static int step_of(const planner *p, nn_id id) { return p->start + id; }

/* Whether the earlier phase has computed it. */
static bool is_given(const planner *p, nn_id id) {
  return p->earlier != NULL && id < p->earlier->graph->forked &&
         p->earlier->live[id];
}

static bool is_computed(const planner *p, nn_id id) {
  return p->live[id] && !is_given(p, id);
}

/* ---- which nodes ---- */

/* Its value is asked for; a given one is copied in the end. */
static void mark(planner *p, nn_id id) {
  if (id == NN_NONE) return;
  p->live[id] = true;
  if (is_given(p, id)) p->last_use[id] = FOREVER;
}

static void find_live(planner *p) {
  const nn_graph *g = p->graph;
  for (nn_id id = 0; id < g->count; id++) p->last_use[id] = step_of(p, id);
  for (int i = 0; i < g->state_count; i++) mark(p, g->states[i].result);
  for (int i = 0; i < g->reports.count; i++) mark(p, g->reports.items[i].id);
  for (int i = 0; i < g->kept.count; i++) mark(p, g->kept.items[i].id);
  for (nn_id id = g->count - 1; id >= 0; id--) {
    const nn_node *node = &g->nodes[id];
    for (int i = 0; is_computed(p, id) && i < node->op->arity; i++) {
      int *use = &p->last_use[node->in[i]];
      p->live[node->in[i]] = true;
      if (*use < step_of(p, id)) *use = step_of(p, id);
    }
  }
  for (int i = 0; i < g->kept.count; i++)
    p->last_use[g->kept.items[i].id] = FOREVER;
}

/* What is given lives until it is read here. */
static void hold_given(const planner *p) {
  for (nn_id id = 0; id < p->graph->count; id++)
    if (p->live[id] && is_given(p, id) &&
        p->last_use[id] > p->earlier->last_use[id])
      p->earlier->last_use[id] = p->last_use[id];
}

/* ---- results ---- */

/* Whether a node can write its value straight into the results: it computes
 * one that is not read when the phase is over, and no other result is the same
 * node. */
static bool claim_result(planner *p, nn_id id) {
  const nn_node *node = &p->graph->nodes[id];
  if (node->op->view || node->op->external || p->is_result[id]) return false;
  if (is_given(p, id) || p->last_use[id] >= step_of(p, p->graph->count))
    return false;
  p->is_result[id] = true;
  return true;
}

/* The step after which the result of each state entry is whole: the node's own
 * or, where its value must be copied into the results, a step behind them. */
static void find_completion(planner *p) {
  const nn_graph *g = p->graph;
  for (int i = 0; i < g->state_count; i++) {
    nn_id id = g->states[i].result;
    p->completed[i] = id == NN_NONE ? -1 : claim_result(p, id) ? id : COPIED;
  }
}

/* `direct`: the node writes there itself; else its value is copied there. */
static void place_result(planner *p, nn_id id, size_t offset, bool direct) {
  if (direct) {
    p->plan->places[id] = (nn_place){NN_IN_RESULTS, offset};
    return;
  }
  nn_step *copy = &p->plan->steps[p->plan->step_count++];
  *copy = (nn_step){.id = NN_NONE,
                    .out = {NN_IN_RESULTS, offset},
                    .copied = nn_shape_count(nn_shape_of(p->graph, id))};
  copy->scratch = (size_t)id; /* its source, until places are known */
  p->last_use[id] = FOREVER;
}

static nn_id source_of_copy(const nn_step *copy) {
  return (nn_id)copy->scratch;
}

/* Whether the result of a state entry is a gradient that is given away. */
static bool is_handed_over(const planner *p, int state) {
  const nn_state_entry *s = &p->graph->states[state];
  return p->hand_over && s->entry.trainable && s->result != NN_NONE;
}

/* Copies come behind the nodes' steps, so they are collected first and moved
 * there once the number of steps is known. */
static void place_results(planner *p) {
  const nn_graph *g = p->graph;
  const nn_layout *layout = &p->plan->layout;
  for (int i = 0; i < g->state_count; i++) {
    if (g->states[i].result == NN_NONE) continue;
    if (is_handed_over(p, i)) {
      if (p->completed[i] != COPIED) p->is_result[g->states[i].result] = false;
      continue;
    }
    const nn_entry *entry = nn_layout_find(layout, g->states[i].entry.name);
    INVARIANT(entry != NULL, "the layout lacks %s", g->states[i].entry.name);
    place_result(p, g->states[i].result,
                 nn_layout_result(layout, entry->offset),
                 p->completed[i] != COPIED);
  }
  for (int i = 0; i < g->reports.count; i++)
    place_result(p, g->reports.items[i].id,
                 nn_layout_result(layout, layout->report_offset + (size_t)i),
                 claim_result(p, g->reports.items[i].id));
}

/* Copies have been placed: they read to the end. */
static void find_readers(planner *p) {
  int *until = p->read_until;
  for (nn_id id = p->graph->count - 1; id >= 0; id--) {
    const nn_node *node = &p->graph->nodes[id];
    if (p->last_use[id] > until[id]) until[id] = p->last_use[id];
    if (p->live[id] && node->op->view && until[node->in[0]] < until[id])
      until[node->in[0]] = until[id];
  }
}

/* The last step that writes or reads the result of a state entry, or reads the
 * parameter that takes a gradient. */
static int released(const planner *p, int state) {
  const nn_state_entry *s = &p->graph->states[state];
  int completed = p->completed[state];
  if (is_handed_over(p, state)) {
    int used = p->read_until[s->id], read = p->read_until[s->result];
    return used > read ? used : read;
  }
  if (completed == -1 || completed == COPIED) return completed;
  return p->read_until[s->result];
}

/* A gradient stays until it is handed over: its last reader may not write in
 * its place. */
static void prolong_gradients(planner *p) {
  for (int i = 0; i < p->graph->state_count; i++) {
    if (!is_handed_over(p, i)) continue;
    nn_id id = p->graph->states[i].result;
    int until = released(p, i);
    if (until > step_of(p, id) && until == p->read_until[id] && until < COPIED)
      until++;
    if (p->last_use[id] < until) p->last_use[id] = until;
  }
}

/* ---- storages ---- */

/* The storage of an input that the node may overwrite, or -1. */
static int storage_to_reuse(const planner *p, nn_id id) {
  const nn_node *node = &p->graph->nodes[id];
  for (int i = 0; i < node->op->arity; i++) {
    int candidate = p->storage_of[node->in[i]];
    if (!(node->op->inplace >> i & 1) || candidate < 0 ||
        p->storages->items[candidate].death > step_of(p, id))
      continue;
    bool fits = true; /* every input there is read where it is overwritten */
    for (int k = 0; k < node->op->arity; k++)
      if (p->storage_of[node->in[k]] == candidate &&
          !nn_shape_equal(p->graph->nodes[node->in[k]].shape, node->shape))
        fits = false;
    if (fits) return candidate;
  }
  return -1;
}

static void place_node(planner *p, nn_id id) {
  const nn_node *node = &p->graph->nodes[id];
  nn_place *place = &p->plan->places[id];
  p->storage_of[id] = -1;
  if (is_given(p, id)) {
    *place = p->earlier->plan->places[id];
    p->storage_of[id] = p->earlier->storage_of[id];
  } else if (node->op == &nn_op_input) {
    *place = (nn_place){NN_IN_INPUT, (size_t)node->index};
  } else if (node->op == &nn_op_state) {
    const char *name = p->graph->states[node->index].entry.name;
    const nn_entry *entry = nn_layout_find(&p->plan->layout, name);
    INVARIANT(entry != NULL && nn_shape_equal(entry->shape, node->shape),
              "the layout lacks %s of this shape", name);
    *place = (nn_place){NN_IN_STATE, entry->offset};
  } else if (node->op->view) {
    *place = p->plan->places[node->in[0]];
    p->storage_of[id] = p->storage_of[node->in[0]];
  } else if (!p->is_result[id]) {
    int reused = storage_to_reuse(p, id), now = step_of(p, id);
    p->storage_of[id] =
        reused >= 0 ? reused
                    : nn_storages_add(p->storages, nn_shape_count(node->shape),
                                      now, now);
    place->kind = NN_IN_ARENA;
  }
  if (p->storage_of[id] >= 0) {
    nn_storage *home = &p->storages->items[p->storage_of[id]];
    if (p->last_use[id] > home->death) home->death = p->last_use[id];
  }
}

static void add_step(planner *p, nn_id id) {
  const nn_graph *g = p->graph;
  const nn_node *node = &g->nodes[id];
  if (node->op->external || node->op->view) return;
  nn_step *step = &p->plan->steps[p->plan->step_count++];
  *step = (nn_step){.id = id, .scratch = SIZE_MAX};
  if (node->op->scratch == NULL) return;
  nn_shape shapes[NN_MAX_INPUTS];
  for (int i = 0; i < node->op->arity; i++)
    shapes[i] = g->nodes[node->in[i]].shape;
  size_t bytes = node->op->scratch(node, shapes, p->plan->threads);
  if (bytes > 0)
    step->scratch = (size_t)nn_storages_add(
        p->storages, (bytes + sizeof(nn_real) - 1) / sizeof(nn_real),
        step_of(p, id), step_of(p, id));
}

/* ---- finishing ---- */

static void resolve(planner *p) {
  nn_plan *plan = p->plan;
  const nn_graph *g = p->graph;
  for (nn_id id = 0; id < g->count; id++)
    if (p->live[id] && p->storage_of[id] >= 0)
      plan->places[id] =
          (nn_place){NN_IN_ARENA, p->storages->items[p->storage_of[id]].offset};
  for (int i = 0; i < plan->step_count; i++) {
    nn_step *step = &plan->steps[i];
    if (step->id == NN_NONE) {
      step->in[0] = plan->places[source_of_copy(step)];
      continue;
    }
    const nn_node *node = &g->nodes[step->id];
    step->out = plan->places[step->id];
    for (int k = 0; k < node->op->arity; k++)
      step->in[k] = plan->places[node->in[k]];
    if (step->scratch != SIZE_MAX)
      step->scratch = p->storages->items[step->scratch].offset;
  }
}

/* The plan's last step that computes a node up to step `until`; of FOREVER the
 * last of all. */
static int last_step_until(const planner *p, int until) {
  const nn_step *steps = p->plan->steps;
  int i = p->plan->step_count - 1;
  if (until == FOREVER) return i;
  while (i > 0 && (steps[i].id == NN_NONE || step_of(p, steps[i].id) > until))
    i--;
  return i;
}

static void list_hand_overs(planner *p) {
  nn_plan *plan = p->plan;
  for (int i = 0; i < p->graph->state_count; i++) {
    if (!is_handed_over(p, i)) continue;
    const nn_state_entry *s = &p->graph->states[i];
    nn_hand_over new = {.step = last_step_until(p, released(p, i)),
                        .gradient = plan->places[s->result],
                        .entry = nn_layout_find(&plan->layout, s->entry.name)};
    INVARIANT(new.gradient.kind != NN_IN_STATE,
              "the gradient of %s is a parameter itself", s->entry.name);
    int at = plan->hand_over_count++;
    for (; at > 0 && plan->hand_overs[at - 1].step > new.step; at--)
      plan->hand_overs[at] = plan->hand_overs[at - 1];
    plan->hand_overs[at] = new;
  }
}

/* Results before those of `entry`, a parameter or what follows the last one. */
static size_t prefix_before(const nn_layout *layout, int entry) {
  nn_span p = layout->parameters;
  size_t end = p.end;
  if (entry < layout->entry_count && layout->entries[entry].offset < end)
    end = layout->entries[entry].offset;
  return end > p.begin ? end - p.begin : 0;
}

/* step->done: the prefix of parameters whose gradients are whole by then, and
 * not read any more. */
static void mark_progress(planner *p) {
  nn_plan *plan = p->plan;
  const nn_layout *layout = &plan->layout;
  size_t done = 0;
  int entry = 0;
  for (int i = 0; i < plan->step_count; i++) {
    nn_step *step = &plan->steps[i];
    /* what is copied is announced after the last copy */
    int now = step->id != NN_NONE ? step_of(p, step->id) : -1;
    while (entry < layout->entry_count &&
           layout->entries[entry].offset < layout->parameters.end &&
           layout->gradients > 0) {
      int state = 0;
      while (state < p->graph->state_count &&
             strcmp(p->graph->states[state].entry.name,
                    layout->entries[entry].name) != 0)
        state++;
      if (state < p->graph->state_count && released(p, state) > now) break;
      entry++;
      done = prefix_before(layout, entry);
    }
    step->done = done;
  }
  if (plan->step_count > 0)
    plan->steps[plan->step_count - 1].done = layout->result_size;
}

/* What is known before the layout: which nodes, and when results are whole. */
static status survey(planner *p, int count) {
  for (int k = 0; k < count; k++) {
    size_t nodes = (size_t)p[k].graph->count;
    TRY(MEMORY_NEW(nodes, "plan", &p[k].live));
    TRY(MEMORY_NEW(nodes, "plan", &p[k].last_use));
    TRY(MEMORY_NEW(nodes, "plan", &p[k].read_until));
    TRY(MEMORY_NEW(nodes, "plan", &p[k].is_result));
    TRY(MEMORY_NEW((size_t)p[k].graph->state_count + 1, "plan",
                   &p[k].completed));
    find_live(&p[k]);
    if (p[k].earlier != NULL) hold_given(&p[k]);
  }
  for (int k = 0; k < count; k++) find_completion(&p[k]);
  return STATUS_OK;
}

static void free_planner(planner *p) {
  memory_free(p->live);
  memory_free(p->last_use);
  memory_free(p->storage_of);
  memory_free(p->is_result);
  memory_free(p->completed);
  memory_free(p->read_until);
}

status nn_plan_layout_of(const nn_graph *const *graphs, int count,
                         nn_layout *out) {
  INVARIANT(count >= 1 && count <= NN_MAX_PHASES, "%d graphs", count);
  planner p[NN_MAX_PHASES] = {{0}};
  const int *completed[NN_MAX_PHASES];
  for (int k = 0; k < count; k++) p[k].graph = graphs[k];
  status result = survey(p, count);
  for (int k = 0; k < count; k++) completed[k] = p[k].completed;
  if (result == STATUS_OK)
    result = nn_layout_make(graphs, completed, count, out);
  for (int k = 0; k < count; k++) free_planner(&p[k]);
  return result;
}

/* Steps, and storages for their values. */
static status plan_phase(planner *p, const nn_plan_options *options) {
  const nn_graph *g = p->graph;
  nn_plan *plan = p->plan;
  size_t count = (size_t)g->count;
  size_t results = (size_t)g->state_count + (size_t)g->reports.count;
  TRY(MEMORY_NEW(count, "plan", &p->storage_of));
  TRY(MEMORY_NEW(count, "plan", &plan->places));
  TRY(MEMORY_NEW(count + results, "plan", &plan->steps));
  TRY(MEMORY_NEW((size_t)g->state_count + 1, "plan", &plan->hand_overs));
  if (options->layout != NULL)
    TRY(nn_layout_adopt(g, options->layout, &plan->layout));
  else
    TRY(nn_plan_layout_of(&g, 1, &plan->layout));
  if (p->hand_over) nn_layout_hand_over(&plan->layout);
  place_results(p);
  find_readers(p);
  prolong_gradients(p);
  int copies = plan->step_count;
  nn_step *copy_steps;
  TRY(MEMORY_NEW((size_t)copies, "plan", &copy_steps));
  memcpy(copy_steps, plan->steps, (size_t)copies * sizeof *copy_steps);
  plan->step_count = 0;
  for (nn_id id = 0; id < g->count; id++) {
    if (p->live[id]) place_node(p, id);
    if (is_computed(p, id)) add_step(p, id);
  }
  memcpy(plan->steps + plan->step_count, copy_steps,
         (size_t)copies * sizeof *copy_steps);
  memory_free(copy_steps);
  plan->step_count += copies;
  return MEMORY_NEW((size_t)plan->step_count, "profile", &plan->seconds);
}

static status make_plans(planner *p, int count, nn_storages *storages,
                         const nn_plan_options *options) {
  size_t arena_size;
  TRY(survey(p, count));
  for (int k = 0; k < count; k++) TRY(plan_phase(&p[k], options));
  TRY(nn_storages_place(storages, &arena_size));
  for (int k = 0; k < count; k++) {
    p[k].plan->arena_size = arena_size;
    resolve(&p[k]);
    list_hand_overs(&p[k]);
    mark_progress(&p[k]);
  }
  return STATUS_OK;
}

/* A phase's plan to be, and its planner. */
static status begin_plan(const nn_graph *graph, const nn_plan_options *options,
                         planner *p, nn_plan **out) {
  TRY(MEMORY_NEW(1, "plan", out));
  nn_plan *plan = p->plan = *out;
  p->graph = plan->graph = graph;
  p->hand_over = options->hand_over;
  plan->threads = options->threads > 0 ? options->threads : 1;
  plan->reference = options->reference;
  plan->borrowed = true;
  if (p->earlier != NULL) plan->earlier = p->earlier->plan;
  return STATUS_OK;
}

status nn_plan_phases(const nn_graph *const *graphs, int count,
                      const nn_plan_options *options, nn_plan **out) {
  INVARIANT(count >= 1 && count <= NN_MAX_PHASES, "%d graphs", count);
  planner p[NN_MAX_PHASES] = {{0}};
  nn_storages storages = {0};
  int nodes = 0;
  status result = STATUS_OK;
  for (int k = 0; k < count; k++) {
    p[k].storages = &storages;
    p[k].start = nodes;
    if (options->continued && k > 0) p[k].earlier = &p[k - 1];
    if (result == STATUS_OK)
      result = begin_plan(graphs[k], options, &p[k], &out[k]);
    nodes += graphs[k]->count;
  }
  if (result == STATUS_OK) result = nn_storages_create(2 * nodes, &storages);
  if (result == STATUS_OK) result = make_plans(p, count, &storages, options);
  for (int k = 0; k < count; k++) {
    free_planner(&p[k]);
    if (result != STATUS_OK) nn_plan_destroy(&out[k]);
  }
  nn_storages_free(&storages);
  return result;
}

status nn_plan_create(const nn_graph *graph, const nn_plan_options *options,
                      nn_plan **out) {
  *out = NULL;
  TRY(nn_plan_phases(&graph, 1, options, out));
  if (options->no_arena) return STATUS_OK;
  (*out)->borrowed = false;
  status result = MEMORY_NEW((*out)->arena_size, "activations", &(*out)->arena);
  if (result != STATUS_OK) nn_plan_destroy(out);
  return result;
}

void nn_plan_destroy(nn_plan **plan) {
  if (*plan == NULL) return;
  nn_layout_free(&(*plan)->layout);
  memory_free((*plan)->steps);
  memory_free((*plan)->hand_overs);
  memory_free((*plan)->places);
  memory_free((*plan)->seconds);
  if (!(*plan)->borrowed) memory_free((*plan)->arena);
  memory_free(*plan);
  *plan = NULL;
}

void nn_plan_lend(nn_plan *plan, nn_real *arena) {
  INVARIANT(plan->borrowed, "the plan has an arena of its own");
  plan->arena = arena;
}

const nn_layout *nn_plan_layout(const nn_plan *plan) { return &plan->layout; }

size_t nn_plan_arena_bytes(const nn_plan *plan) {
  return plan->arena_size * sizeof(nn_real);
}
