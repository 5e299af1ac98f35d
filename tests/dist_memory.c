/* What ranks need, against sums made by hand; and the micro-batch that follows.
 */
#include <math.h>
#include <string.h>

#include "dist/feed/recompose.h"
#include "dist/foretell/micro_batch.h"
#include "tests/tap.h"

static train_options small(int64_t batch, int64_t micro_batch) {
  train_options o;
  options_defaults(&train_option_table, &o);
  o.network.size = 64;
  o.network.ngf = 8;
  o.report_samples = 0;
  o.batch = batch;
  o.micro_batch = micro_batch;
  return o;
}

static const int alone[] = {0, 1}, four[] = {0, 4}, two_of_two[] = {0, 2, 4},
                 uneven[] = {0, 3, 4};

static memory_places places(const int *first_ranks, int nodes) {
  return (memory_places){
      .first_ranks = first_ranks, .nodes = nodes, .threads = 1};
}

static run_memory survey(const train_options *o, const int *first_ranks,
                         int nodes) {
  memory_model model = {0};
  memory_places where = places(first_ranks, nodes);
  run_memory found = {0};
  status result = rank_memory_survey(&model, o, &where, &found);
  if (result != STATUS_OK) tap_ok(false, "a survey: %s", status_message());
  return found;
}

static double total(const train_options *o, const int *first_ranks) {
  run_memory found = survey(o, first_ranks, 1);
  return rank_memory_sum(&found.most);
}

/* Padding, reports and statistics are less than a hundredth of a vector. */
static bool near(double a, double b) {
  return fabs(a - b) <= 0.01 * fmax(fabs(a), fabs(b));
}

static void test_one_rank(void) {
  train_options o = small(4, 4);
  rank_memory whole = survey(&o, alone, 1).most;
  double vector = whole.state;
  tap_ok(vector > 1e6 && near(whole.moments, 2 * vector),
         "state, and two moments of it");
  tap_ok(whole.gradients < 0.01 * vector,
         "a step of one micro-batch keeps no gradients");
  o.clip_norm = 1;
  tap_ok(survey(&o, alone, 1).most.gradients > 0.99 * vector,
         "but where their norm is asked for");
  o.clip_norm = 0;
  tap_ok(whole.saving > 3 * 0.99 * vector && whole.saving < 4 * vector,
         "rank 0 has copies of all three, and of a parameter");
  tap_ok(whole.samples == 3.0 * 4 * 7 * 64 * 64 * sizeof(float) +
                              (double)augmenter_bytes(64),
         "three micro-batches of samples, and what they are augmented in");
  o = small(4, 2);
  tap_ok(near(survey(&o, alone, 1).most.gradients, 2 * vector),
         "two micro-batches: a sum and what is added to it");
  o = small(4, 1);
  rank_memory ones = survey(&o, alone, 1).most;
  tap_ok(near(ones.gradients, 3 * vector), "four: two sums beside");
  tap_ok(ones.arena < whole.arena, "smaller ones have a smaller arena");
  tap_ok(ones.features == 0 && ones.scoring == 0,
         "no features and no pictures that nobody wants");
}

static void test_ranks(void) {
  train_options o = small(4, 1);
  double vector = survey(&o, alone, 1).most.state;
  run_memory shared = survey(&o, four, 1);
  const rank_memory *m = &shared.most;
  tap_ok(shared.rank == 0 && m->saving > 0, "rank 0 needs most: it saves");
  tap_ok(near(m->state, vector / 4) && near(m->moments, 2 * vector / 4) &&
             near(m->gradients, vector),
         "state and moments once a node, gradients once a rank");
  tap_ok(near(shared.node, 4 * rank_memory_sum(m) - 3 * m->saving),
         "the others need the same but for what is saved");
  run_memory apart = survey(&o, two_of_two, 2);
  tap_ok(near(apart.most.state, vector / 2) &&
             near(apart.most.moments, 2 * vector / 4) &&
             near(apart.most.gradients, vector + vector / 4),
         "two nodes: a state each; another node's sum of a piece arrives");
  o.grad_dtype = GRAD_BFLOAT16;
  tap_ok(near(survey(&o, two_of_two, 2).most.gradients,
              vector + vector / 4 / 2 + vector / 4 / 2),
         "rounded it is half as long, and so is what leaves");
  o.grad_dtype = GRAD_FLOAT32;
  run_memory odd = survey(&o, uneven, 2);
  tap_ok(near(odd.most.state, vector / 3) &&
             near(odd.node,
                  rank_memory_sum(&odd.most) +
                      2 * (rank_memory_sum(&odd.most) - odd.most.saving)),
         "nodes of three ranks and of one");
  o = small(5, 1); /* ranks 0 and 1 of 2: 2 and 3 micro-batches */
  tap_ok(survey(&o, (int[]){0, 1, 2}, 2).most.gradients > 2 * vector,
         "uneven shares");
}

static void test_extras(void) {
  train_options o = small(4, 2);
  rank_memory plain = survey(&o, alone, 1).most;
  o.report_samples = 4;
  double pictures = survey(&o, alone, 1).most.scoring;
  o.validate_every = 10;
  tap_ok(pictures > 0 && survey(&o, alone, 1).most.scoring > pictures,
         "pictures and validation have a network each");
  o.network.lambda_style = 1;
  rank_memory styled = survey(&o, alone, 1).most;
  tap_ok(near(styled.features, 4.0 * 7635264), "VGG16's weights up to relu4_3");
  tap_ok(styled.state == plain.state, "which are no parameters");
  o.network.lambda_style = 0;
  o.recompose = 0.5;
  o.ema = 0.999;
  rank_memory extra = survey(&o, alone, 1).most;
  tap_ok(extra.samples == plain.samples + (double)recomposer_bytes(64),
         "what samples are composed anew in");
  tap_ok(near(extra.state, 2 * plain.state) &&
             near(extra.saving - plain.saving, plain.state),
         "averages of the state, and rank 0's copy of them");
  o = small(4, 1);
  memory_model model = {0};
  memory_places where = places(four, 1);
  run_memory found = {0}, streamed = {0};
  where.streamed = true;
  tap_ok(rank_memory_survey(&model, &o, &where, &streamed) == STATUS_OK,
         "streams");
  found = survey(&o, four, 1);
  tap_ok(streamed.node > found.node + 3 * (20 << 20) &&
             streamed.node < found.node + 4 * (33 << 20),
         "take some 32 MB of each rank that is sent its samples");
  o.network.size = 63;
  tap_ok(rank_memory_survey(&(memory_model){0}, &o, &where, &found) ==
                 STATUS_USAGE &&
             strstr(status_message(), "--size") != NULL,
         "a system that cannot be is refused");
}

/* Images larger than what the network sees. */
static void test_full_size(void) {
  train_options o = small(4, 4);
  o.network.head = NN_HEAD_CURVES;
  o.validate_every = 10;
  rank_memory plain = survey(&o, alone, 1).most;
  o.full_res = true;
  tap_ok(train_options_fit(&o, 0) == STATUS_OK && o.network.full_size == 128 &&
             train_image_size(&o) == 128,
         "images that no data set tells of are twice the network's size");
  rank_memory full = survey(&o, alone, 1).most;
  tap_ok(full.samples == 3.0 * 4 * 7 * 128 * 128 * sizeof(float) +
                             (double)augmenter_bytes(128) &&
             full.scoring > plain.scoring && full.arena > plain.arena,
         "samples, scores and values are of the images' size");
  tap_ok(full.state < 1.01 * plain.state, "the network is the same");
  o.network.size = 0;
  tap_ok(train_options_fit(&o, 512) == STATUS_OK && o.network.size == 256 &&
             o.network.full_size == 512,
         "the network has half the data set's size");
  o.full_res = false;
  o.data = "d.h5";
  tap_ok(train_options_fit(&o, 512) == STATUS_MISFIT &&
             strstr(status_message(), "d.h5: holds images of 512") != NULL,
         "without --full-res it has all of it: %s", status_message());
}

/* ---- the micro-batch ---- */

static int64_t settle(train_options o, const int *first_ranks, int nodes,
                      double gibibytes) {
  memory_places where = places(first_ranks, nodes);
  run_memory found;
  o.memory = gibibytes;
  status result = micro_batch_settle(&o, &where, &found);
  return result == STATUS_OK ? o.micro_batch : -(int64_t)result;
}

static void test_unasked(void) {
  const struct {
    int64_t batch;
    int ranks, expected;
  } cases[] = {{16, 1, 4}, {16, 4, 4}, {16, 8, 2}, {16, 16, 1}, {6, 1, 3},
               {6, 3, 2},  {7, 1, 1},  {1, 1, 1},  {9, 4, 1}};
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    int first[] = {0, cases[i].ranks};
    tap_ok(settle(small(cases[i].batch, 0), first, 1, 0) == cases[i].expected,
           "batch %lld, %d ranks: %d", (long long)cases[i].batch,
           cases[i].ranks, cases[i].expected);
  }
}

static void test_budget(void) {
  tap_ok(settle(small(32, 0), alone, 1, 1) == 16, "with room for it 16");
  tap_ok(settle(small(48, 0), four, 1, 1) == 12, "12 of 48 on four ranks");
  tap_ok(settle(small(13, 0), alone, 1, 1) == 13, "a prime batch as a whole");
  tap_ok(settle(small(17, 0), alone, 1, 1) == 1, "or by ones");
  train_options o = small(64, 0), eight = small(64, 8);
  double enough = total(&eight, four) / GIBIBYTE;
  tap_ok(settle(o, four, 1, enough) == 8 &&
             settle(o, four, 1, enough * 0.9999) < 8,
         "a budget is kept to the byte");
  tap_ok(settle(eight, four, 1, enough) == 8, "a given one that fits");
  tap_ok(settle(eight, four, 1, enough * 0.9999) == -STATUS_USAGE &&
             strstr(status_message(), "option --memory") != NULL &&
             strstr(status_message(), "micro-batches of 8 need") != NULL,
         "and one that does not");
  tap_ok(settle(o, four, 1, 0.001) == -STATUS_USAGE &&
             strstr(status_message(), "which need least") != NULL,
         "nothing fits");
  /* whole, the step needs no gradients: less than in parts */
  train_options wide = small(2, 0), ones = small(2, 1), twos = small(2, 2);
  wide.network.ngf = ones.network.ngf = twos.network.ngf = 32;
  double parts = total(&ones, alone) / GIBIBYTE;
  double whole = total(&twos, alone) / GIBIBYTE;
  tap_ok(whole < parts && settle(wide, alone, 1, whole) == 2,
         "the largest one may need least");
  tap_ok(settle(wide, alone, 1, whole * 0.99) == -STATUS_USAGE &&
             strstr(status_message(), "micro-batches of 2, which") != NULL,
         "and is what a refusal names");
}

static void test_refusals(void) {
  tap_ok(settle(small(9, 2), alone, 1, 0) == -STATUS_USAGE &&
             strstr(status_message(), "2 does not divide --batch 9") != NULL,
         "a micro-batch that does not divide the batch");
  for (int i = 0; i < 2; i++)
    tap_ok(settle(small(3, 0), four, 1, i) == -STATUS_USAGE &&
               strstr(status_message(), "option --batch: 3") != NULL,
           "ranks without work, %s a budget", i == 0 ? "without" : "with");
}

int main(void) {
  test_one_rank();
  test_ranks();
  test_extras();
  test_full_size();
  test_unasked();
  test_budget();
  test_refusals();
  return tap_done();
}
