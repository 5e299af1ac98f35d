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

/* What is to be handed over after step i, from the hand-over `next` on; returns
 * the one after these. */
static int hand_over(const nn_plan *plan, const nn_run_options *run, int next,
                     int i) {
  for (; next < plan->hand_over_count && plan->hand_overs[next].step == i;
       next++) {
    const nn_hand_over *h = &plan->hand_overs[next];
    run->hand_over(run->context, h->entry, value_at(plan, run, h->gradient));
  }
  return next;
}

void nn_run(nn_plan *plan, const nn_run_options *options) {
  size_t done = 0;
  int handed = 0;
  plan->last = *options;
  plan->runs++;
  if (plan->earlier != NULL)
    INVARIANT(plan->runs == plan->earlier->runs &&
                  options->seed == plan->earlier->last.seed &&
                  options->first_sample == plan->earlier->last.first_sample,
              "the earlier phase of this micro-batch has not run");
  for (int i = 0; i < plan->step_count; i++) {
    const nn_step *step = &plan->steps[i];
    double start = plan->clock != NULL ? plan->clock() : 0;
    run_step(plan, options, step);
    if (plan->clock != NULL) plan->seconds[i] += plan->clock() - start;
    handed = hand_over(plan, options, handed, i);
    if (step->done > done) done = step->done;
    if (options->completed != NULL) options->completed(options->context, done);
  }
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

void nn_plan_profile(nn_plan *plan, double (*clock)(void)) {
  plan->clock = clock;
  memset(plan->seconds, 0, (size_t)plan->step_count * sizeof *plan->seconds);
}
