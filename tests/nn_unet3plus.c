/* U-Net 3+: its parameters by number, name and shape; what it computes where
 * that is known; training that lowers a loss. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/graph_util.h"
#include "tests/tap.h"

static nn_unet3plus_options small_options(void) {
  return (nn_unet3plus_options){.width = 2,
                                .cat_channels = 2,
                                .outputs = 3,
                                .norm = NN_BATCH_NORM,
                                .training = true,
                                .prefix = "G/"};
}

static size_t count_parameters(const nn_graph *g) {
  size_t count = 0;
  for (int i = 0; i < g->state_count; i++)
    if (g->states[i].entry.trainable) count += g->states[i].entry.count;
  return count;
}

static const nn_entry *find(const nn_graph *g, const char *name) {
  for (int i = 0; i < g->state_count; i++)
    if (strcmp(g->states[i].entry.name, name) == 0) return &g->states[i].entry;
  return NULL;
}

static bool has_shape(const nn_graph *g, const char *name, int kernel, int in,
                      int out) {
  const nn_entry *entry = find(g, name);
  return entry != NULL &&
         nn_shape_equal(entry->shape, NN_SHAPE(kernel, kernel, in, out));
}

/* FIELD: 26.97 M parameters in the paper for 3 -> 1 channels. */
static void check_published(void) {
  trial t = trial_make();
  nn_unet3plus_options o = small_options();
  o.width = o.cat_channels = 64;
  o.outputs = 1;
  o.prefix = "";
  nn_unet3plus(t.g, nn_input(t.g, "x", NN_SHAPE(1, 256, 256, 3)), &o);
  tap_ok(count_parameters(t.g) == 26971777,
         "published size, 3 to 1 channels: %zu parameters, expected 26971777",
         count_parameters(t.g));
  tap_ok(has_shape(t.g, "conv1.conv1.0.weight", 3, 3, 64) &&
             has_shape(t.g, "conv5.conv2.0.weight", 3, 1024, 1024) &&
             has_shape(t.g, "h1_PT_hd4_conv.weight", 3, 64, 64) &&
             has_shape(t.g, "h3_Cat_hd3_conv.weight", 3, 256, 64) &&
             has_shape(t.g, "hd5_UT_hd1_conv.weight", 3, 1024, 64) &&
             has_shape(t.g, "hd2_UT_hd1_conv.weight", 3, 320, 64) &&
             has_shape(t.g, "conv2d_1.weight", 3, 320, 320) &&
             has_shape(t.g, "outconv1.weight", 3, 320, 1),
         "convolutions have the public names and shapes");
  tap_ok(find(t.g, "conv3.conv1.1.running_var") != NULL &&
             find(t.g, "h2_PT_hd3_bn.weight") != NULL &&
             find(t.g, "bn4d_1.num_batches_tracked") != NULL &&
             find(t.g, "outconv2.weight") == NULL,
         "norms have the public names");
  const nn_entry *w = find(t.g, "conv4.conv1.0.weight");
  const nn_entry *n = find(t.g, "bn1d_1.weight");
  tap_ok(w != NULL && w->init == NN_INIT_NORMAL && w->init_a == 0 &&
             fabs(w->init_b - sqrt(2.0 / (9 * 256))) < 1e-12 && n != NULL &&
             n->init_a == 1 && n->init_b == 0.02,
         "Kaiming normal weights, norm weights N(1, 0.02)");
  trial_free(&t);
}

static void check_heads(void) {
  trial t = trial_make();
  nn_unet3plus_options o = small_options();
  o.width = o.cat_channels = 64;
  o.deep_supervision = true;
  nn_unet3plus_result r =
      nn_unet3plus(t.g, nn_input(t.g, "x", NN_SHAPE(2, 64, 64, 20)), &o);
  bool same = r.count == 5;
  for (int d = 0; d < r.count; d++)
    same = same &&
           nn_shape_equal(nn_shape_of(t.g, r.side[d]), NN_SHAPE(2, 64, 64, 3));
  tap_ok(same, "deep supervision at 64 pixels: five results of full size");
  tap_ok(has_shape(t.g, "G/outconv5.weight", 3, 1024, 3) &&
             has_shape(t.g, "G/outconv4.weight", 3, 320, 3) &&
             has_shape(t.g, "G/conv1.conv1.0.weight", 3, 20, 64),
         "heads of 320 and 1024 channels, 20 input channels");
  trial_free(&t);
}

/* Sizes below 32 lose stages. */
static void check_sizes(void) {
  static const int size[] = {4, 8, 16, 32, 64}, stages[] = {2, 3, 4, 5, 5};
  for (int i = 0; i < 5; i++) {
    trial t = trial_make();
    nn_unet3plus_options o = small_options();
    o.deep_supervision = true;
    o.norm = i % 2 ? NN_INSTANCE_NORM : NN_BATCH_NORM;
    random_stream random = random_stream_make(1, RANDOM_TEST, 5, 0);
    nn_id x =
        trial_uniform(&t, NN_SHAPE(1, size[i], size[i], 4), &random, -1, 1);
    nn_unet3plus_result r = nn_unet3plus(t.g, x, &o);
    nn_report(t.g, "sum", nn_sum(t.g, r.side[0]));
    nn_minimise(t.g, nn_mean(t.g, nn_square(t.g, r.side[0])), "G/");
    trial_plan(&t, 1, false);
    nn_layout_initialise(nn_plan_layout(t.plan), 1, t.state);
    trial_run(&t);
    const nn_layout *layout = nn_plan_layout(t.plan);
    bool finite = isfinite(trial_report(&t, "sum"));
    for (int e = 0; e < layout->entry_count; e++)
      for (size_t k = 0; k < layout->entries[e].count; k++)
        finite = finite && isfinite(t.results[layout->entries[e].offset + k]);
    tap_ok(r.count == stages[i] && finite,
           "%d pixels, %s norm, a batch of one: %d stages, all finite", size[i],
           i % 2 ? "instance" : "batch", r.count);
    trial_free(&t);
  }
}

/* A chain of 2x2 pools against one pool by k. */
static void check_pools(void) {
  enum { SIZE = 16, CHANNELS = 3 };
  trial t = trial_make();
  random_stream random = random_stream_make(2, RANDOM_TEST, 5, 0);
  nn_id x =
      trial_uniform(&t, NN_SHAPE(1, SIZE, SIZE, CHANNELS), &random, -1, 1);
  nn_id y = nn_leaky_relu(t.g, x, 0); /* with many ties at zero */
  for (int k = 0; k < 3; k++) y = nn_max_pool2(t.g, y);
  nn_id gradient;
  nn_grad(t.g, nn_sum(t.g, y), &x, 1, &gradient);
  trial_keep(&t, "y", y);
  trial_keep(&t, "gradient", gradient);
  trial_plan(&t, 1, false);
  trial_run(&t);
  size_t count, all;
  double *got = trial_value(&t, "y", &count);
  double *slope = trial_value(&t, "gradient", &all);
  const nn_real *from = trial_input(&t, x);
  double want[4 * CHANNELS] = {0}, wanted_slope[SIZE * SIZE * CHANNELS] = {0};
  size_t best[4 * CHANNELS] = {0};
  for (int h = 0; h < SIZE; h++)
    for (int w = 0; w < SIZE; w++)
      for (int c = 0; c < CHANNELS; c++) {
        size_t at = (size_t)((h * SIZE + w) * CHANNELS + c);
        int to = (h / 8 * 2 + w / 8) * CHANNELS + c;
        if ((double)from[at] > want[to]) {
          want[to] = (double)from[at];
          best[to] = at;
        }
      }
  for (int i = 0; i < 4 * CHANNELS; i++)
    if (want[i] > 0) wanted_slope[best[i]] = 1;
  tap_ok(tap_largest_difference(got, want, count) == 0 &&
             tap_largest_difference(slope, wanted_slope, all) == 0,
         "three 2x2 pools of a relu are its pool by 8, gradient too");
  free(got);
  free(slope);
  trial_free(&t);
}

/* One network in training mode, L1 on all sides; plain gradient steps. */
static void check_training(nn_norm norm) {
  trial t = trial_make();
  nn_unet3plus_options o = small_options();
  o.norm = norm;
  o.deep_supervision = true;
  random_stream random = random_stream_make(3, RANDOM_TEST, 5, 0);
  nn_id x = trial_uniform(&t, NN_SHAPE(2, 32, 32, 4), &random, -1, 1);
  nn_id target = nn_affine(t.g, nn_slice(t.g, x, 0, 3), 0.3, 0.2);
  nn_unet3plus_result r = nn_unet3plus(t.g, x, &o);
  nn_id loss = nn_loss_l1(t.g, r.side[0], target);
  for (int d = 1; d < r.count; d++)
    loss = nn_add(t.g, loss, nn_loss_l1(t.g, r.side[d], target));
  nn_report(t.g, "loss", loss);
  nn_minimise(t.g, loss, "G/");
  trial_plan(&t, 1, false);
  const nn_layout *layout = nn_plan_layout(t.plan);
  nn_layout_initialise(layout, 4, t.state);
  double first = NAN, last = NAN;
  for (int step = 0; step < 40; step++) {
    trial_run(&t);
    last = trial_report(&t, "loss");
    if (step == 0) first = last;
    for (int e = 0; e < layout->entry_count; e++) {
      const nn_entry *entry = &layout->entries[e];
      for (size_t k = 0; k < entry->count && entry->trainable; k++)
        t.state[entry->offset + k] -=
            (nn_real)0.01 * t.results[entry->offset + k];
    }
  }
  tap_ok(last < 0.8 * first, "%s norm: 40 steps, loss %.3f to %.3f",
         norm == NN_BATCH_NORM ? "batch" : "instance", first, last);
  const nn_entry *tracked =
      nn_layout_find(layout, "G/bn1d_1.num_batches_tracked");
  if (norm == NN_BATCH_NORM)
    tap_ok(tracked != NULL && (double)t.results[tracked->offset] == 1,
           "a run counts its batch");
  trial_free(&t);
}

int main(void) {
  check_published();
  check_heads();
  check_sizes();
  check_pools();
  check_training(NN_BATCH_NORM);
  check_training(NN_INSTANCE_NORM);
  return tap_done();
}
