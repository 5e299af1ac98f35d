/* Batch norm in evaluation, where it is a scale and a shift, against training:
 * with the statistics that a batch has, a network in evaluation maps it to what
 * training does. */
#include <stdlib.h>
#include <string.h>

#include "nn/plan/plan.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { BATCH = 2, SIZE = 64, IMAGE = BATCH * SIZE * SIZE * 3 };

typedef struct images {
  nn_real composite[IMAGE], mask[IMAGE / 3], real[IMAGE];
} images;

static images *make_images(void) {
  images *all = test_array(1, sizeof *all);
  random_stream random = random_stream_make(1, RANDOM_TEST, 9, 0);
  for (int i = 0; i < IMAGE; i++) {
    all->composite[i] = (nn_real)(2 * random_uniform(&random) - 1);
    all->real[i] = (nn_real)(2 * random_uniform(&random) - 1);
  }
  for (int i = 0; i < IMAGE / 3; i++) all->mask[i] = i % SIZE < SIZE / 3;
  return all;
}

static nn_system *make_system(const nn_model_options *options, bool training) {
  nn_model_options o = *options;
  o.training = training;
  nn_system *system;
  if (nn_system_create(&o, &(nn_plan_options){.threads = 1}, &system) !=
      STATUS_OK)
    test_failed("%s", status_message());
  return system;
}

/* The output; in `results` what the run sets. */
static double *run(const nn_system *system, const images *in,
                   const nn_real *state, nn_real *results) {
  const nn_real *inputs[] = {in->composite, in->mask, in->real};
  nn_run_options options = {
      .state = state, .results = results, .inputs = inputs};
  nn_plan *plan = system->phases[0].plan;
  nn_run(plan, &options);
  const nn_real *output = nn_plan_value(plan, "output");
  double *copy = test_array(IMAGE, sizeof *copy);
  for (int i = 0; i < IMAGE; i++) copy[i] = (double)output[i];
  return copy;
}

/* Biases begin as zeros: here they take part. */
static void fill_biases(const nn_layout *layout, nn_real *state) {
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *entry = &layout->entries[i];
    if (strstr(entry->name, ".bias") == NULL) continue;
    random_stream random = random_stream_make(2, RANDOM_TEST, (uint64_t)i, 0);
    for (size_t k = 0; k < entry->count; k++)
      state[entry->offset + k] = (nn_real)(random_uniform(&random) - 0.5);
  }
}

/* Training makes of each statistic r and the batch's s: alpha r + beta s. From
 * r = 0, which is as good as any, s is known best. */
static void forget_statistics(const nn_layout *layout, nn_real *state) {
  for (size_t i = layout->parameter_size; i < layout->state_size; i++)
    state[i] = 0;
}

/* Sets them to those of the batch; how many there were. */
static int take_statistics(const nn_system *system, const nn_real *results,
                           nn_real *state) {
  const nn_graph *g = system->phases[0].graph;
  const nn_layout *layout = nn_plan_layout(system->phases[0].plan);
  int count = 0;
  for (int i = 0; i < g->state_count; i++) {
    const nn_state_entry *s = &g->states[i];
    if (s->result == NN_NONE) continue;
    nn_node node = nn_get(g, s->result);
    if (node.op != &nn_op_axpby) continue; /* num_batches_tracked */
    const nn_entry *entry = nn_layout_find(layout, s->entry.name);
    const nn_real *result = results + nn_layout_result(layout, entry->offset);
    for (size_t k = 0; k < entry->count; k++)
      state[entry->offset + k] = (nn_real)((double)result[k] / node.beta);
    count++;
  }
  return count;
}

static void check(const char *name, const nn_model_options *options,
                  const images *in, int statistics) {
  nn_system *training = make_system(options, true);
  nn_system *evaluation = make_system(options, false);
  const nn_layout *layout = nn_plan_layout(training->phases[0].plan);
  nn_real *state = test_array(layout->state_size, sizeof *state);
  nn_real *results = test_array(layout->result_size, sizeof *results);
  nn_layout_initialise(layout, 1, state);
  fill_biases(layout, state);
  forget_statistics(layout, state);
  double *want = run(training, in, state, results);
  int count = take_statistics(training, results, state);
  tap_ok(count == statistics, "%s: %d statistics, expected %d", name, count,
         statistics);
  double *got = run(evaluation, in, state, results);
  double residual = tap_residual(got, want, IMAGE);
  tap_ok(residual <= BY_PRECISION(2e-5, 1e-12),
         "%s: evaluation agrees with training, residual %.1e", name, residual);
  free(got);
  free(want);
  free(results);
  free(state);
  nn_system_destroy(&training);
  nn_system_destroy(&evaluation);
}

int main(void) {
  images *in = make_images();
  nn_model_options o = small_unet();
  o.purpose = NN_FOR_OUTPUT;
  o.batch = BATCH;
  o.norm = NN_BATCH_NORM;
  o.dropout = 0;
  check("unet", &o, in, 2 * 9);
  o.ngf = o.cat_channels = 4;
  o.generator = NN_GENERATOR_UNET3PLUS;
  check("unet3plus", &o, in, 2 * 34);
  o = small_mix();
  o.purpose = NN_FOR_OUTPUT;
  o.dropout = 0;
  check("bargainnet", &o, in, 2 * (9 + 3));
  free(in);
  return tap_done();
}
