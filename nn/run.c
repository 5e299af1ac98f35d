/* Running a plan, and telling what it does. */
#include <string.h>

#include "base/log.h"
#include "nn/plan.h"

static const nn_real *value_at(const nn_plan *plan, const nn_run_options *run,
                               nn_place place) {
  switch (place.kind) {
  case NN_IN_ARENA: return plan->arena + place.offset;
  case NN_IN_STATE: return run->state + place.offset;
  case NN_IN_RESULTS: return run->results + place.offset;
  case NN_IN_INPUT: return run->inputs[place.offset];
  }
  return NULL;
}

/* Results and the arena are written, state and inputs never are. */
static nn_real *target_at(const nn_plan *plan, const nn_run_options *run,
                          nn_place place) {
  return (place.kind == NN_IN_ARENA ? plan->arena : run->results) +
         place.offset;
}

static void run_step(const nn_plan *plan, const nn_run_options *run,
                     const nn_step *step) {
  nn_real *out = target_at(plan, run, step->out);
  if (step->id == NN_NONE) {
    memcpy(out, value_at(plan, run, step->in[0]), step->copied * sizeof *out);
    return;
  }
  const nn_node *node = &plan->graph->nodes[step->id];
  nn_call call = {.node = node,
                  .out = out,
                  .shape = node->shape,
                  .threads = plan->threads,
                  .seed = run->seed,
                  .first_sample = run->first_sample};
  for (int i = 0; i < node->op->arity; i++) {
    call.in[i] = value_at(plan, run, step->in[i]);
    call.in_shape[i] = plan->graph->nodes[node->in[i]].shape;
  }
  if (step->scratch != SIZE_MAX) call.scratch = plan->arena + step->scratch;
  if (plan->reference && node->op->reference != NULL)
    node->op->reference(&call);
  else
    node->op->kernel(&call);
}

void nn_run(nn_plan *plan, const nn_run_options *options) {
  size_t done = 0;
  plan->last = *options;
  for (int i = 0; i < plan->step_count; i++) {
    const nn_step *step = &plan->steps[i];
    double start = plan->profiling ? clock_seconds() : 0;
    run_step(plan, options, step);
    if (plan->profiling) plan->seconds[i] += clock_seconds() - start;
    if (step->done > done) done = step->done;
    if (options->completed != NULL) options->completed(options->context, done);
  }
  if (plan->profiling) plan->profiled_runs++;
}

const nn_real *nn_plan_value(const nn_plan *plan, const char *name) {
  const nn_list *kept = &plan->graph->kept;
  for (int i = 0; i < kept->count; i++) {
    if (strcmp(kept->items[i].name, name) != 0) continue;
    return value_at(plan, &plan->last, plan->places[kept->items[i].id]);
  }
  INVARIANT(false, "no kept value %s", name);
}

/* ---- what a plan does ---- */

static double step_multiply_adds(const nn_plan *plan, const nn_step *step) {
  if (step->id == NN_NONE) return 0;
  const nn_node *node = &plan->graph->nodes[step->id];
  if (node->op->multiply_adds == NULL) return 0;
  nn_shape shapes[NN_MAX_INPUTS];
  for (int i = 0; i < node->op->arity; i++)
    shapes[i] = plan->graph->nodes[node->in[i]].shape;
  return node->op->multiply_adds(node, shapes);
}

double nn_plan_multiply_adds(const nn_plan *plan) {
  double sum = 0;
  for (int i = 0; i < plan->step_count; i++)
    sum += step_multiply_adds(plan, &plan->steps[i]);
  return sum;
}

void nn_plan_print(const nn_plan *plan, FILE *file) {
  static const char *const places[] = {"arena", "state", "results", "input"};
  for (int i = 0; i < plan->step_count; i++) {
    const nn_step *step = &plan->steps[i];
    if (step->id == NN_NONE) {
      fprintf(file, "%4d copy to results + %zu\n", i, step->out.offset);
      continue;
    }
    const nn_node *node = &plan->graph->nodes[step->id];
    fprintf(file, "%4d %-18s [%d,%d,%d,%d] %s + %zu\n", i, node->op->name,
            node->shape.n, node->shape.h, node->shape.w, node->shape.c,
            places[step->out.kind], step->out.offset);
  }
  fprintf(file, "arena %.1f MiB, %.3f G multiply-adds\n",
          (double)nn_plan_arena_bytes(plan) / 1048576.0,
          nn_plan_multiply_adds(plan) * 1e-9);
}

void nn_plan_profile(nn_plan *plan, bool on) {
  plan->profiling = on;
  plan->profiled_runs = 0;
  memset(plan->seconds, 0, (size_t)plan->step_count * sizeof *plan->seconds);
}

void nn_plan_print_profile(const nn_plan *plan, FILE *file) {
  double total = 0, runs = plan->profiled_runs > 0 ? plan->profiled_runs : 1;
  for (int i = 0; i < plan->step_count; i++) total += plan->seconds[i] / runs;
  fprintf(file, "%-26s %6s %9s %6s %9s\n", "operation", "steps", "ms", "share",
          "GFLOP/s");
  for (const nn_op *const *op = nn_ops; *op != NULL; op++) {
    double seconds = 0, products = 0;
    int steps = 0;
    for (int i = 0; i < plan->step_count; i++) {
      const nn_step *step = &plan->steps[i];
      if (step->id == NN_NONE || plan->graph->nodes[step->id].op != *op)
        continue;
      steps++;
      seconds += plan->seconds[i] / runs;
      products += step_multiply_adds(plan, step);
    }
    if (steps == 0) continue;
    fprintf(file, "%-26s %6d %9.3f %5.1f%%", (*op)->name, steps, 1e3 * seconds,
            100 * seconds / total);
    if (products > 0) fprintf(file, " %9.1f", 2e-9 * products / seconds);
    fputc('\n', file);
  }
  fprintf(file, "%-26s %6d %9.3f\n", "all", plan->step_count, 1e3 * total);
}
