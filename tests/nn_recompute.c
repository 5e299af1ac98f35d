/* Values that gradients compute a second time: the same gradients in the same
 * bits, of first and second order, in less memory. */
#include <string.h>

#include "nn/plan/plan.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { STAGES = 4, CHANNELS = 4 };

/* A gate, an activation and a concatenation a stage, as in the U-Net; marked
 * alone, in chains, or not at all (bits of `marks`). */
static nn_id stage(trial *t, nn_id x, nn_id w, unsigned marks) {
  nn_graph *g = t->g;
  nn_id z = nn_conv(g, x, w, 1, 1);
  nn_id made[3] = {nn_mul(g, nn_sigmoid(g, z), x)};
  made[1] = nn_leaky_relu(g, made[0], 0.2);
  made[2] = nn_concat(g, nn_slice(g, made[1], 0, CHANNELS / 2),
                      nn_slice(g, z, 0, CHANNELS / 2));
  for (int i = 0; i < 3; i++)
    if (marks >> i & 1) nn_recompute(g, made[i]);
  return made[2];
}

/* The mean square of what the stages make of x and, of second order, that of
 * its gradient for x. */
static trial train(unsigned marks, bool penalty) {
  trial t = trial_make();
  random_stream random = random_stream_make(3, RANDOM_TEST, 5, 0);
  nn_id x = trial_uniform(&t, NN_SHAPE(2, 16, 16, CHANNELS), &random, -1, 1);
  nn_id y = x;
  for (int i = 0; i < STAGES; i++) {
    char name[32];
    snprintf(name, sizeof name, "G/conv%d.weight", i);
    nn_id w = nn_parameter(t.g, name, NN_SHAPE(3, 3, CHANNELS, CHANNELS), 4,
                           NN_INIT_NORMAL, 0, 0.3);
    y = stage(&t, y, w, marks);
  }
  nn_id loss = nn_mean(t.g, nn_square(t.g, y));
  if (penalty) {
    nn_id slope;
    nn_grad(t.g, loss, &x, 1, &slope);
    loss = nn_add(t.g, loss, nn_sum(t.g, nn_square(t.g, slope)));
  }
  nn_report(t.g, "loss", loss);
  nn_minimise(t.g, loss, "");
  trial_plan(&t, 1, false);
  nn_layout_initialise(nn_plan_layout(t.plan), 7, t.state);
  trial_run(&t);
  return t;
}

static void check(unsigned marks, bool penalty) {
  trial kept = train(0, penalty), spared = train(marks, penalty);
  const nn_layout *layout = nn_plan_layout(kept.plan);
  bool same = true;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    same = same && memcmp(kept.results + e->offset, spared.results + e->offset,
                          e->count * sizeof *kept.results) == 0;
  }
  tap_ok(same && trial_report(&kept, "loss") == trial_report(&spared, "loss") &&
             spared.plan->step_count >= kept.plan->step_count,
         "marks %u, %s order: the same bits in %d steps, not %d", marks,
         penalty ? "second" : "first", spared.plan->step_count,
         kept.plan->step_count);
  if (marks == 7)
    tap_ok(spared.plan->arena_size < kept.plan->arena_size,
           "in %zu values, not %zu", spared.plan->arena_size,
           kept.plan->arena_size);
  trial_free(&kept);
  trial_free(&spared);
}

int main(void) {
  for (unsigned marks = 1; marks < 8; marks++) check(marks, false);
  check(7, true);
  check(5, true);
  return tap_done();
}
