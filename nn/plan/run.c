/* Running a plan, and telling what it does. */
#include <string.h>

#include "base/log.h"
#include "nn/plan/plan.h"

static const nn_real *value_at(const nn_plan *plan, const nn_run_options *run,
                               nn_place place) {
  switch (place.kind) {
  case NN_IN_ARENA:
  case NN_IN_BLOCK: return plan->arena + place.offset;
  case NN_IN_STATE: return run->state + place.offset;
  case NN_IN_RESULTS: return run->results + place.offset;
  case NN_IN_INPUT: return run->inputs[place.offset];
  }
  return NULL;
}

/* Results and the arena are written, state and inputs never are. */
static nn_real *target_at(const nn_plan *plan, const nn_run_options *run,
                          nn_place place) {
  return (place.kind == NN_IN_RESULTS ? run->results : plan->arena) +
         place.offset;
}

static nn_call call_of(const nn_plan *plan, const nn_run_options *run,
                       const nn_step *step) {
  const nn_node *node = &plan->graph->nodes[step->id];
  nn_call call = {.node = node,
                  .out = target_at(plan, run, step->out),
                  .shape = node->shape,
                  .threads = plan->threads,
                  .seed = run->seed,
                  .first_sample = run->first_sample};
  for (int i = 0; i < node->op->arity; i++) {
    call.in[i] = value_at(plan, run, step->in[i]);
    call.in_shape[i] = plan->graph->nodes[node->in[i]].shape;
  }
  if (step->scratch != SIZE_MAX) call.scratch = plan->arena + step->scratch;
  return call;
}

/* ---- sweeps (sweep.c) ---- */

typedef struct sweep {
  const nn_step *steps;
  int count;
  nn_call calls[NN_SWEEP_NODES];
} sweep;

/* How far a value's part for pixels from `begin` on, of a thread, is from its
 * beginning. */
static size_t part_at(nn_place place, nn_shape shape, size_t block,
                      size_t begin, int thread) {
  if (place.kind == NN_IN_BLOCK)
    return (size_t)thread * nn_passing_stride(block, shape);
  return begin * (size_t)shape.c;
}

static void sweep_block(void *context, size_t begin, size_t end, int thread) {
  const sweep *all = context;
  for (int k = 0; k < all->count; k++) {
    const nn_step *step = &all->steps[k];
    nn_call call = all->calls[k];
    call.out += part_at(step->out, call.shape, step->block, begin, thread);
    for (int i = 0; i < call.node->op->arity; i++)
      if (nn_same_pixels(call.in_shape[i], call.shape))
        call.in[i] +=
            part_at(step->in[i], call.in_shape[i], step->block, begin, thread);
    call.node->op->pixels(&call, begin, end - begin);
  }
}

static void run_sweep(const nn_plan *plan, const nn_run_options *run,
                      const nn_step *steps) {
  sweep all = {.steps = steps, .count = steps->sweep};
  for (int k = 0; k < all.count; k++) {
    all.calls[k] = call_of(plan, run, &steps[k]);
    const nn_op *op = all.calls[k].node->op;
    if (op->prepare != NULL) op->prepare(&all.calls[k]);
  }
  nn_parallel_ranked(plan->threads, nn_pixels(all.calls[0].shape), steps->block,
                     sweep_block, &all);
}

static void run_step(const nn_plan *plan, const nn_run_options *run,
                     const nn_step *step) {
  if (step->id == NN_NONE) {
    memcpy(target_at(plan, run, step->out), value_at(plan, run, step->in[0]),
           step->copied * sizeof(nn_real));
    return;
  }
  if (step->block > 0) {
    run_sweep(plan, run, step);
    return;
  }
  nn_call call = call_of(plan, run, step);
  const nn_op *op = call.node->op;
  if (plan->reference && op->reference != NULL)
    op->reference(&call);
  else
    op->kernel(&call);
}

/* ---- a run ---- */

/* What is to be handed over by step i, from the hand-over `next` on; returns
 * the one after these. */
static int hand_over(const nn_plan *plan, const nn_run_options *run, int next,
                     int i) {
  for (; next < plan->hand_over_count && plan->hand_overs[next].step <= i;
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
  for (int i = 0; i < plan->step_count;) {
    const nn_step *step = &plan->steps[i];
    double start = plan->clock != NULL ? plan->clock() : 0;
    run_step(plan, options, step);
    if (plan->clock != NULL) plan->seconds[i] += plan->clock() - start;
    i += step->sweep;
    handed = hand_over(plan, options, handed, i - 1);
    if (plan->steps[i - 1].done > done) done = plan->steps[i - 1].done;
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
