/* The phases of a system, planned on one state vector. */
#include <string.h>

#include "base/memory.h"
#include "nn/plan/layout.h"
#include "nn/system/model.h"
#include "nn/plan/plan.h"

static status build(nn_system *s, const nn_model_options *options,
                    const nn_plan_options *how) {
  const char *phases = nn_model_phases(options);
  int count = s->phase_count = (int)strlen(phases);
  nn_graph *graphs[NN_MAX_PHASES] = {NULL};
  nn_plan *plans[NN_MAX_PHASES] = {NULL};
  status built = nn_model_build(options, graphs);
  for (int k = 0; k < count; k++)
    s->phases[k] = (nn_phase){.network = phases[k], .graph = graphs[k]};
  TRY(built);
  const nn_graph *const *all = (const nn_graph *const *)graphs;
  nn_plan_options plan = *how;
  if (how->layout == NULL) {
    TRY(nn_plan_layout_of(all, count, &s->layout));
    if (count > 1) plan.layout = &s->layout;
  }
  TRY(nn_plan_phases(all, count, &plan, plans));
  for (int k = 0; k < count; k++) s->phases[k].plan = plans[k];
  size_t arena = nn_plan_arena_bytes(plans[0]) / sizeof *s->arena;
  if (!how->no_arena) TRY(MEMORY_NEW(arena, "activations", &s->arena));
  for (int k = 0; k < count; k++) nn_plan_lend(plans[k], s->arena);
  if (how->layout == NULL) return STATUS_OK;
  return nn_layout_adopt(graphs[0], how->layout, &s->layout);
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
