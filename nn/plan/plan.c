/* The planner: steps, and where each value lies.
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
#include "nn/plan/planner.h"

#include <string.h>

#include "base/memory.h"
#include "nn/plan/layout.h"

/* ---- results ---- */

/* `direct`: the node writes there itself; else its value is copied there. */
static void place_result(nn_planner *p, nn_id id, size_t offset, bool direct) {
  if (direct) {
    p->plan->places[id] = (nn_place){NN_IN_RESULTS, offset};
    return;
  }
  nn_step *copy = &p->plan->steps[p->plan->step_count++];
  *copy = (nn_step){.id = NN_NONE,
                    .source = id,
                    .out = {NN_IN_RESULTS, offset},
                    .sweep = 1,
                    .copied = nn_shape_count(nn_shape_of(p->graph, id))};
  p->last_use[id] = NN_FOREVER;
}

/* Copies come behind the nodes' steps, so they are collected first and moved
 * there once the number of steps is known. */
static void place_results(nn_planner *p) {
  const nn_graph *g = p->graph;
  const nn_layout *layout = &p->plan->layout;
  for (int i = 0; i < g->state_count; i++) {
    if (g->states[i].result == NN_NONE) continue;
    if (nn_is_handed_over(p, i)) {
      if (p->completed[i] != NN_COPIED)
        p->is_result[g->states[i].result] = false;
      continue;
    }
    const nn_entry *entry = nn_layout_find(layout, g->states[i].entry.name);
    INVARIANT(entry != NULL, "the layout lacks %s", g->states[i].entry.name);
    place_result(p, g->states[i].result,
                 nn_layout_result(layout, entry->offset),
                 p->completed[i] != NN_COPIED);
  }
  for (int i = 0; i < g->reports.count; i++)
    place_result(p, g->reports.items[i].id,
                 nn_layout_result(layout, layout->report_offset + (size_t)i),
                 nn_claim_result(p, g->reports.items[i].id));
}

/* A gradient stays until it is handed over: its last reader may not write in
 * its place. */
static void prolong_gradients(nn_planner *p) {
  for (int i = 0; i < p->graph->state_count; i++) {
    if (!nn_is_handed_over(p, i)) continue;
    nn_id id = p->graph->states[i].result;
    int until = nn_released(p, i);
    p->is_given_away[id] = true;
    if (until > nn_step_of(p, id) && until == p->read_until[id] &&
        until < NN_COPIED)
      until++;
    if (p->last_use[id] < until) p->last_use[id] = until;
  }
}

/* ---- storages ---- */

static void place_node(nn_planner *p, nn_id id) {
  const nn_node *node = &p->graph->nodes[id];
  nn_place *place = &p->plan->places[id];
  p->storage_of[id] = -1;
  if (nn_is_given(p, id)) {
    *place = p->earlier->plan->places[id];
    p->storage_of[id] = p->earlier->storage_of[id];
  } else if (node->op->binding == NN_BOUND_INPUT) {
    *place = (nn_place){NN_IN_INPUT, (size_t)node->index};
  } else if (node->op->binding == NN_BOUND_STATE) {
    const char *name = p->graph->states[node->index].entry.name;
    const nn_entry *entry = nn_layout_find(&p->plan->layout, name);
    INVARIANT(entry != NULL && nn_shape_equal(entry->shape, node->shape),
              "the layout lacks %s of this shape", name);
    *place = (nn_place){NN_IN_STATE, entry->offset};
  } else if (node->op->view) {
    *place = p->plan->places[node->in[0]];
    p->storage_of[id] = p->storage_of[node->in[0]];
  } else if (!p->is_result[id]) {
    bool passing = nn_is_passing(p, id);
    size_t size =
        passing ? nn_passing_size(p, id) : nn_shape_count(node->shape);
    int taken = nn_storage_to_take(p, id), now = nn_step_of(p, id);
    p->storage_of[id] =
        taken >= 0 ? taken : nn_storages_add(p->storages, size, now, now);
    p->storages->items[p->storage_of[id]].passing = passing;
  }
  if (p->storage_of[id] >= 0) {
    nn_storage *home = &p->storages->items[p->storage_of[id]];
    if (p->last_use[id] > home->death) home->death = p->last_use[id];
  }
}

static void add_step(nn_planner *p, nn_id id) {
  const nn_graph *g = p->graph;
  const nn_node *node = &g->nodes[id];
  if (node->op->binding != NN_COMPUTED || node->op->view) return;
  nn_step *step = &p->plan->steps[p->plan->step_count++];
  const nn_sweep *sweep = &p->sweeps[id];
  *step = (nn_step){.id = id,
                    .sweep = sweep->first == id ? sweep->nodes : 0,
                    .block = sweep->block,
                    .scratch = SIZE_MAX};
  if (node->op->scratch == NULL) return;
  nn_shape shapes[NN_MAX_INPUTS];
  for (int i = 0; i < node->op->arity; i++)
    shapes[i] = g->nodes[node->in[i]].shape;
  size_t bytes = node->op->scratch(node, shapes, p->plan->threads);
  if (bytes > 0)
    step->scratch = (size_t)nn_storages_add(
        p->storages, (bytes + sizeof(nn_real) - 1) / sizeof(nn_real),
        nn_step_of(p, id), nn_step_of(p, id));
}

/* ---- finishing ---- */

static void resolve(nn_planner *p) {
  nn_plan *plan = p->plan;
  const nn_graph *g = p->graph;
  for (nn_id id = 0; id < g->count; id++)
    if (p->live[id] && p->storage_of[id] >= 0) {
      const nn_storage *home = &p->storages->items[p->storage_of[id]];
      plan->places[id] =
          (nn_place){home->passing ? NN_IN_BLOCK : NN_IN_ARENA, home->offset};
    }
  for (int i = 0; i < plan->step_count; i++) {
    nn_step *step = &plan->steps[i];
    if (step->id == NN_NONE) {
      step->in[0] = plan->places[step->source];
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

/* The plan's last step that computes a node up to step `until`; of NN_FOREVER
 * the last of all. */
static int last_step_until(const nn_planner *p, int until) {
  const nn_step *steps = p->plan->steps;
  int i = p->plan->step_count - 1;
  if (until == NN_FOREVER) return i;
  while (i > 0 &&
         (steps[i].id == NN_NONE || nn_step_of(p, steps[i].id) > until))
    i--;
  return i;
}

static void list_hand_overs(nn_planner *p) {
  nn_plan *plan = p->plan;
  for (int i = 0; i < p->graph->state_count; i++) {
    if (!nn_is_handed_over(p, i)) continue;
    const nn_state_entry *s = &p->graph->states[i];
    nn_hand_over new = {.step = last_step_until(p, nn_released(p, i)),
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
static void mark_progress(nn_planner *p) {
  nn_plan *plan = p->plan;
  const nn_layout *layout = &plan->layout;
  size_t done = 0;
  int entry = 0;
  for (int i = 0; i < plan->step_count; i++) {
    nn_step *step = &plan->steps[i];
    /* what is copied is announced after the last copy */
    int now = step->id != NN_NONE ? nn_step_of(p, step->id) : -1;
    while (entry < layout->entry_count &&
           layout->entries[entry].offset < layout->parameters.end &&
           layout->gradients > 0) {
      int state = p->state_of[entry];
      if (state >= 0 && nn_released(p, state) > now) break;
      entry++;
      done = prefix_before(layout, entry);
    }
    step->done = done;
  }
  if (plan->step_count > 0)
    plan->steps[plan->step_count - 1].done = layout->result_size;
}

/* The graph's state entry of each entry of the layout, which may be of several
 * graphs. */
static status find_states(nn_planner *p) {
  const nn_graph *g = p->graph;
  const nn_layout *layout = &p->plan->layout;
  TRY(MEMORY_NEW((size_t)layout->entry_count, "plan", &p->state_of));
  for (int i = 0; i < layout->entry_count; i++) p->state_of[i] = -1;
  for (int i = 0; i < g->state_count; i++) {
    const nn_entry *entry = nn_layout_find(layout, g->states[i].entry.name);
    INVARIANT(entry != NULL, "the layout lacks %s", g->states[i].entry.name);
    p->state_of[entry - layout->entries] = i;
  }
  return STATUS_OK;
}

/* Steps, and storages for their values. */
static status plan_phase(nn_planner *p, const nn_plan_options *options) {
  const nn_graph *g = p->graph;
  nn_plan *plan = p->plan;
  size_t count = (size_t)g->count;
  size_t results = (size_t)g->state_count + (size_t)g->reports.count;
  TRY(MEMORY_NEW(count, "plan", &p->storage_of));
  TRY(MEMORY_NEW(count, "plan", &p->sweeps));
  TRY(MEMORY_NEW(count, "plan", &plan->places));
  TRY(MEMORY_NEW(count + results, "plan", &plan->steps));
  TRY(MEMORY_NEW((size_t)g->state_count + 1, "plan", &plan->hand_overs));
  if (options->layout != NULL)
    TRY(nn_layout_adopt(g, options->layout, &plan->layout));
  else
    TRY(nn_plan_layout_of(&g, 1, &plan->layout));
  if (p->hand_over) nn_layout_hand_over(&plan->layout);
  TRY(find_states(p));
  place_results(p);
  nn_find_readers(p);
  prolong_gradients(p);
  nn_find_sweeps(p, options->reference);
  int copies = plan->step_count;
  nn_step *copy_steps;
  TRY(MEMORY_NEW((size_t)copies, "plan", &copy_steps));
  memcpy(copy_steps, plan->steps, (size_t)copies * sizeof *copy_steps);
  plan->step_count = 0;
  for (nn_id id = 0; id < g->count; id++) {
    if (p->live[id]) place_node(p, id);
    if (nn_is_computed(p, id)) add_step(p, id);
  }
  memcpy(plan->steps + plan->step_count, copy_steps,
         (size_t)copies * sizeof *copy_steps);
  memory_free(copy_steps);
  plan->step_count += copies;
  return MEMORY_NEW((size_t)plan->step_count, "profile", &plan->seconds);
}

static status make_plans(nn_planner *p, int count, nn_storages *storages,
                         const nn_plan_options *options) {
  size_t arena_size;
  TRY(nn_survey(p, count));
  for (int k = 0; k < count; k++) TRY(plan_phase(&p[k], options));
  for (int k = 0; k < count; k++)
    for (int i = 0; i < storages->count; i++)
      nn_live_for_sweeps(&p[k], &storages->items[i]);
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
                         nn_planner *p, nn_plan **out) {
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
  nn_planner p[NN_MAX_PHASES] = {{0}};
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
    nn_survey_free(&p[k]);
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
