/* The phases of a system, planned on one state vector. */
#include <string.h>

#include "base/memory.h"
#include "nn/layout.h"
#include "nn/model.h"
#include "nn/plan.h"

static status build(nn_system *s, const nn_model_options *options,
                    const nn_plan_options *how) {
  const char *phases = nn_model_phases(options);
  const nn_graph *graphs[NN_MAX_PHASES];
  for (int k = 0; phases[k] != '\0'; k++) {
    nn_phase *phase = &s->phases[s->phase_count++];
    phase->network = phases[k];
    TRY(nn_model_build(options, phases[k], &phase->graph));
    graphs[k] = phase->graph;
  }
  nn_plan_options plan = *how;
  if (how->layout == NULL) {
    TRY(nn_plan_layout_of(graphs, s->phase_count, &s->layout));
    if (s->phase_count > 1) plan.layout = &s->layout;
  }
  plan.no_arena = true;
  size_t most = 0;
  for (int k = 0; k < s->phase_count; k++) {
    TRY(nn_plan_create(s->phases[k].graph, &plan, &s->phases[k].plan));
    size_t size = nn_plan_arena_bytes(s->phases[k].plan) / sizeof *s->arena;
    if (size > most) most = size;
  }
  if (!how->no_arena) TRY(MEMORY_NEW(most, "activations", &s->arena));
  for (int k = 0; k < s->phase_count; k++)
    nn_plan_lend(s->phases[k].plan, s->arena);
  if (how->layout == NULL) return STATUS_OK;
  return nn_layout_adopt(s->phases[0].graph, how->layout, &s->layout);
}

status nn_system_create(const nn_model_options *options,
                        const nn_plan_options *plan, nn_system **out) {
  *out = NULL;
  TRY(nn_model_check(options));
  TRY(MEMORY_NEW(1, "system", out));
  status result = build(*out, options, plan);
  if (result != STATUS_OK) nn_system_destroy(out);
  return result;
}

void nn_system_destroy(nn_system **system) {
  nn_system *s = *system;
  if (s == NULL) return;
  for (int k = 0; k < s->phase_count; k++) {
    nn_plan_destroy(&s->phases[k].plan);
    nn_graph_destroy(&s->phases[k].graph);
  }
  nn_layout_free(&s->layout);
  memory_free(s->arena);
  memory_free(s);
  *system = NULL;
}
