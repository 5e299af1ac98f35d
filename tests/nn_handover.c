/* Gradients that are handed over during a run against those that are results:
 * the same state in the same bits, in less memory, and nobody reads a parameter
 * that has been given away. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/plan/layout.h"
#include "nn/plan/plan.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { STEPS = 3 };

/* A system in training. */
typedef struct training {
  nn_system *s;
  nn_real *state, *moments[2];
  nn_real *learned; /* parameters given away; NaN stands in the state */
  int *handed;      /* by entry: how often in this step */
  nn_adam_options adam;
  bool right; /* what is handed over is a parameter of the running phase */
  nn_span phase;
} training;

static training train_system(nn_system *s) {
  const nn_layout *layout = &s->layout;
  training t = {.s = s,
                .adam = {.lr = 1e-3, .beta1 = 0.5, .beta2 = 0.9, .eps = 1e-8},
                .right = true};
  t.state = test_array(layout->vector_size, sizeof(nn_real));
  for (int k = 0; k < 2; k++)
    t.moments[k] = test_array(layout->parameter_size, sizeof(nn_real));
  t.learned = test_array(layout->parameter_size, sizeof(nn_real));
  t.handed = calloc((size_t)layout->entry_count, sizeof *t.handed);
  if (t.handed == NULL) test_failed("no memory");
  nn_layout_initialise(layout, 3, t.state);
  return t;
}

static training start(const nn_model_options *options, bool hand_over,
                      bool continued) {
  const nn_plan_options plan = {
      .threads = 1, .continued = continued, .hand_over = hand_over};
  nn_system *s;
  if (nn_system_create(options, &plan, &s) != STATUS_OK)
    test_failed("%s", status_message());
  return train_system(s);
}

static void end(training *t) {
  free(t->state);
  for (int k = 0; k < 2; k++) free(t->moments[k]);
  free(t->learned);
  free(t->handed);
}

static void learn(void *context, const nn_entry *entry,
                  const nn_real *gradient) {
  training *t = context;
  size_t at = entry->offset;
  const nn_entry *known = nn_layout_find(&t->s->layout, entry->name);
  t->right = t->right && known != NULL && known->offset == at &&
             entry->trainable && at >= t->phase.begin && at < t->phase.end;
  if (!t->right) return;
  t->handed[known - t->s->layout.entries]++;
  nn_adam(&t->adam, entry->count, 1, gradient, t->state + at,
          t->moments[0] + at, t->moments[1] + at, 1);
  for (size_t i = at; i < at + entry->count; i++) {
    t->learned[i] = t->state[i];
    t->state[i] = (nn_real)NAN;
  }
}

/* Takes back what was given away; whether that was every parameter, once. */
static bool take_back(training *t) {
  bool once = true;
  for (int i = 0; i < t->s->layout.entry_count; i++) {
    const nn_entry *e = &t->s->layout.entries[i];
    if (e->offset < t->phase.begin || e->offset >= t->phase.end) continue;
    once = once && t->handed[i] == 1;
    t->handed[i] = 0;
    memcpy(t->state + e->offset, t->learned + e->offset,
           e->count * sizeof *t->state);
  }
  return once;
}

static void run_phase(training *t, int k, nn_real *const inputs[3]) {
  nn_plan *plan = t->s->phases[k].plan;
  const nn_layout *part = nn_plan_layout(plan);
  size_t begin = part->parameters.begin;
  nn_real *results = test_array(part->result_size, sizeof(nn_real));
  for (size_t i = 0; plan->earlier == NULL && i < plan->arena_size; i++)
    t->s->arena[i] = (nn_real)NAN;
  t->phase = part->parameters;
  nn_run_options run = {.state = t->state,
                        .results = results,
                        .inputs = (const nn_real *const *)inputs,
                        .seed = 5,
                        .first_sample = 2 * t->adam.step,
                        .hand_over = learn,
                        .context = t};
  nn_run(plan, &run);
  if (part->gradients > 0)
    nn_adam(&t->adam, part->gradients, 1, results, t->state + begin,
            t->moments[0] + begin, t->moments[1] + begin, 1);
  else
    t->right = take_back(t) && t->right;
  for (size_t at = part->rest.begin; at < part->rest.end; at++)
    if (at < part->state_size || at >= part->report_offset)
      t->state[at] = results[nn_layout_result(part, at)];
  free(results);
}

static void train(training *t, nn_real *const inputs[3]) {
  for (int i = 0; i < STEPS; i++) {
    t->adam.step++;
    for (int k = 0; k < t->s->phase_count; k++) run_phase(t, k, inputs);
  }
}

static bool same_bits(const training *a, const training *b) {
  const nn_layout *layout = &a->s->layout;
  bool same =
      memcmp(a->state, b->state, layout->vector_size * sizeof *a->state) == 0;
  for (int k = 0; k < 2; k++)
    same = same && memcmp(a->moments[k], b->moments[k],
                          layout->parameter_size * sizeof *a->state) == 0;
  for (size_t i = 0; i < layout->vector_size; i++)
    same = same && isfinite(a->state[i]);
  return same;
}

/* Arena and results of the phase that needs most, in values. */
static size_t memory_of(const training *t) {
  size_t most = 0;
  for (int k = 0; k < t->s->phase_count; k++) {
    const nn_plan *plan = t->s->phases[k].plan;
    size_t size = plan->arena_size + nn_plan_layout(plan)->result_size;
    if (size > most) most = size;
  }
  return most;
}

static void check(const char *name, const nn_model_options *options) {
  size_t pixels =
      (size_t)options->batch * (size_t)options->size * (size_t)options->size;
  nn_real *inputs[3] = {test_array(3 * pixels, sizeof(nn_real)),
                        test_array(pixels, sizeof(nn_real)),
                        test_array(3 * pixels, sizeof(nn_real))};
  random_stream random = random_stream_make(9, RANDOM_TEST, 2, 0);
  for (size_t i = 0; i < 3 * pixels; i++) {
    inputs[0][i] = (nn_real)(2 * random_uniform(&random) - 1);
    inputs[2][i] = (nn_real)(2 * random_uniform(&random) - 1);
  }
  for (size_t i = 0; i < pixels / 2; i++) inputs[1][i] = 1;
  training kept = start(options, false, false);
  training given = start(options, true, false);
  training on = start(options, true, true);
  train(&kept, inputs);
  train(&given, inputs);
  train(&on, inputs);
  tap_ok(given.right && on.right,
         "%s: every parameter's gradient is handed over once", name);
  tap_ok(same_bits(&kept, &given), "%s: the same bits after %d steps", name,
         STEPS);
  tap_ok(same_bits(&kept, &on), "%s: and where phases continue each other",
         name);
  size_t parameters = kept.s->layout.parameter_size;
  tap_ok(memory_of(&given) < memory_of(&kept),
         "%s: %zu values of arena and results, not %zu (%zu parameters)", name,
         memory_of(&given), memory_of(&kept), parameters);
  training *all[] = {&kept, &given, &on};
  for (int i = 0; i < 3; i++) {
    nn_system_destroy(&all[i]->s);
    end(all[i]);
  }
  for (int i = 0; i < 3; i++) free(inputs[i]);
}

/* Parameters whose gradients other nodes read, in place where they can, whose
 * values are kept, and one that is read after its gradient is whole. */
static void check_readers(void) {
  trial t = trial_make();
  random_stream random = random_stream_make(9, RANDOM_TEST, 3, 0);
  nn_shape shape = NN_SHAPE(1, 1, 1, 8);
  nn_id x = trial_uniform(&t, shape, &random, 1, 2);
  nn_id a = nn_parameter(t.g, "a", shape, 1, NN_INIT_CONSTANT, 0.5, 0);
  nn_id b = nn_parameter(t.g, "b", shape, 1, NN_INIT_CONSTANT, 2, 0);
  nn_minimise(t.g, nn_sum(t.g, nn_mul(t.g, x, nn_mul(t.g, a, b))), "");
  nn_id of_a = t.g->states[0].result, of_b = t.g->states[1].result;
  nn_report(t.g, "read", nn_sum(t.g, nn_affine(t.g, of_a, 2, 1)));
  nn_report(t.g, "late", nn_sum(t.g, nn_mul(t.g, b, b)));
  nn_keep(t.g, "kept", of_b);
  const nn_plan_options options = {.threads = 1, .hand_over = true};
  if (nn_plan_create(t.g, &options, &t.plan) != STATUS_OK)
    test_failed("%s", status_message());
  const nn_layout *layout = nn_plan_layout(t.plan);
  nn_system alone = {.layout = *layout};
  training of = train_system(&alone);
  of.adam = (nn_adam_options){.lr = 1, .eps = 1e-8, .step = 1};
  of.phase = layout->parameters;
  t.results = test_array(layout->result_size, sizeof(nn_real));
  nn_run_options run = {.state = of.state,
                        .results = t.results,
                        .inputs = (const nn_real *const *)t.values,
                        .hand_over = learn,
                        .context = &of};
  nn_run(t.plan, &run);
  const nn_real *values = trial_input(&t, x);
  const nn_real *kept = nn_plan_value(t.plan, "kept");
  double read = 0, wrong = 0; /* by hand: gradients b x and a x */
  for (size_t i = 0; i < 8; i++) {
    read += 2 * 2 * (double)values[i] + 1;
    wrong += fabs((double)kept[i] - 0.5 * (double)values[i]);
    for (int k = 0; k < 2; k++) {
      const nn_entry *e = &layout->entries[k];
      double g =
          e->name[0] == 'a' ? 2 * (double)values[i] : 0.5 * (double)values[i];
      wrong += fabs((double)of.moments[0][e->offset + i] - g);
    }
  }
  const nn_real *reports =
      t.results + nn_layout_result(layout, layout->report_offset);
  tap_ok(of.right && of.handed[0] == 1 && of.handed[1] == 1 && wrong < 1e-4 &&
             fabs((double)reports[0] - read) < 1e-3 &&
             fabs((double)reports[1] - 8 * 4) < 1e-4,
         "gradients and parameters with other readers");
  end(&of);
  trial_free(&t);
}

/* A parameter whose view an earlier phase has taken: it is not given away while
 * that is read. */
static void check_earlier_view(void) {
  trial t = trial_make();
  nn_shape column = NN_SHAPE(1, 8, 1, 1);
  nn_id w =
      nn_parameter(t.g, "w", NN_SHAPE(1, 1, 1, 8), 1, NN_INIT_CONSTANT, 0.5, 0);
  nn_id view = nn_reshape(t.g, w, column);
  nn_id square = nn_mul(t.g, view, view);
  nn_graph *graphs[2] = {NULL, t.g};
  nn_plan *plans[2] = {NULL};
  if (nn_graph_fork(t.g, &graphs[0]) != STATUS_OK)
    test_failed("%s", status_message());
  nn_report(graphs[0], "first", nn_sum(graphs[0], square));
  nn_minimise(t.g, nn_sum(t.g, square), "");
  nn_report(t.g, "second", nn_sum(t.g, square));
  nn_report(t.g, "late", nn_sum(t.g, nn_affine(t.g, view, 2, 0)));
  nn_layout layout;
  const nn_graph *const *all = (const nn_graph *const *)graphs;
  if (nn_plan_layout_of(all, 2, &layout) != STATUS_OK)
    test_failed("%s", status_message());
  const nn_plan_options options = {
      .threads = 1, .layout = &layout, .hand_over = true, .continued = true};
  if (nn_plan_phases(all, 2, &options, plans) != STATUS_OK)
    test_failed("%s", status_message());
  nn_real *arena = test_array(plans[0]->arena_size, sizeof(nn_real));
  nn_system shared = {.layout = layout};
  training of = train_system(&shared);
  of.adam.step = 1;
  double reports[3] = {0};
  int count = 0;
  for (int k = 0; k < 2; k++) {
    const nn_layout *part = nn_plan_layout(plans[k]);
    nn_real *results = test_array(part->result_size, sizeof(nn_real));
    of.phase = part->parameters;
    nn_run_options run = {.state = of.state,
                          .results = results,
                          .hand_over = learn,
                          .context = &of};
    nn_plan_lend(plans[k], arena);
    nn_run(plans[k], &run);
    for (int i = 0; i < part->report_count; i++)
      reports[count++] = (double)
          results[nn_layout_result(part, part->report_offset + (size_t)i)];
    free(results);
  }
  tap_ok(of.right && of.handed[0] == 1 && count == 3 && reports[0] == 2 &&
             reports[1] == 2 && reports[2] == 8,
         "a parameter is not given away while a view from before is read");
  end(&of);
  free(arena);
  for (int k = 0; k < 2; k++) nn_plan_destroy(&plans[k]);
  nn_graph_destroy(&graphs[0]);
  nn_layout_free(&layout);
  trial_free(&t);
}

int main(void) {
  nn_model_options one = small_unet(), both = small_mix();
  check("U-Net", &one);
  check("two phases", &both);
  both.norm = NN_INSTANCE_NORM;
  check("two phases, instance norm", &both);
  check_readers();
  check_earlier_view();
  return tap_done();
}
