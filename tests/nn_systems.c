/* Systems: phases on one state, the penalty end to end, sizes, masks without
 * foreground or background. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/network/networks.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

/* ---- the gradient penalty ---- */

typedef struct penalised {
  trial t;
  nn_id loss;
} penalised;

/* DoveNet's whole discriminator loss on random images; u and v stay as they are
 * given, as within one evaluation, and batch norm is in evaluation mode. */
static penalised build_critic(nn_norm norm, bool hinge) {
  enum { SIZE = 16, BATCH = 2, NDF = 2 };
  penalised p = {.t = trial_make()};
  nn_graph *g = p.t.g;
  random_stream random = random_stream_make(3, RANDOM_TEST, norm, 0);
  nn_shape image = NN_SHAPE(BATCH, SIZE, SIZE, 3);
  nn_id real = trial_uniform(&p.t, image, &random, -1, 1);
  nn_id fake = trial_uniform(&p.t, image, &random, -1, 1);
  nn_id mask =
      trial_uniform(&p.t, NN_SHAPE(BATCH, SIZE, SIZE, 1), &random, 0, 1);
  for (int i = 0; i < BATCH * SIZE * SIZE; i++)
    trial_input(&p.t, mask)[i] = trial_input(&p.t, mask)[i] > (nn_real)0.5;
  nn_id alpha = nn_uniform(g, BATCH);
  nn_layers layers = {.g = g, .prefix = "D/", .norm = norm, .deviation = 0.3};
  p.loss = nn_gradient_penalty(&layers, real, fake, mask, alpha, NDF, 10);
  if (hinge) {
    nn_scores on[2];
    nn_discriminator(&layers, (nn_id[]){fake, real}, 2, mask, NDF, on);
    for (int i = 0; i < 2; i++) {
      nn_id global = nn_loss_hinge(g, on[i].global, i == 1);
      nn_id local = nn_loss_hinge(g, on[i].local, i == 1);
      p.loss = nn_add(g, p.loss, nn_add(g, global, local));
    }
  }
  nn_report(g, "loss", p.loss);
  nn_minimise(g, p.loss, "D/");
  trial_plan(&p.t, 1, false);
  nn_layout_initialise(nn_plan_layout(p.t.plan), 11, p.t.state);
  return p;
}

static double loss_at(penalised *p, const nn_real *start, const nn_real *way,
                      double step) {
  size_t count = nn_plan_layout(p->t.plan)->parameter_size;
  for (size_t i = 0; i < count; i++)
    p->t.state[i] = start[i] + (nn_real)step * way[i];
  trial_run(&p->t);
  return trial_report(&p->t, "loss");
}

/* Central differences along random directions. The loss jumps where an
 * activation changes sign, so the best of several steps counts. */
static void check_penalty(nn_norm norm, bool hinge) {
  if (sizeof(nn_real) != sizeof(double)) {
    tap_skip("central differences need the double build");
    return;
  }
  penalised p = build_critic(norm, hinge);
  size_t count = nn_plan_layout(p.t.plan)->parameter_size;
  nn_real *start = test_array(count, sizeof(nn_real)),
          *way = test_array(count, sizeof(nn_real));
  memcpy(start, p.t.state, count * sizeof *start);
  double worst = 0;
  for (uint32_t direction = 0; direction < 6; direction++) {
    random_stream random =
        random_stream_make(5, RANDOM_TEST, direction, (uint32_t)norm);
    for (size_t i = 0; i < count; i++) way[i] = (nn_real)random_normal(&random);
    memcpy(p.t.state, start, count * sizeof *start);
    trial_run(&p.t);
    double slope = 0, best = INFINITY;
    for (size_t i = 0; i < count; i++) {
      double gradient = (double)p.t.results[i]; /* NaN in padding */
      if (gradient - gradient == 0) slope += gradient * (double)way[i];
    }
    double h = 1e-5;
    for (int i = 0; i < 8; i++, h *= 0.3) {
      double difference =
          loss_at(&p, start, way, h) - loss_at(&p, start, way, -h);
      best = fmin(best, fabs(difference / (2 * h) - slope) / fabs(slope));
    }
    if (!(best <= worst)) worst = best;
  }
  tap_ok(worst < 1e-6, "%s norm, %s: gradients are slopes to %.1e",
         norm == NN_BATCH_NORM ? "batch" : "instance",
         hinge ? "whole loss" : "penalty alone", worst);
  free(start);
  free(way);
  trial_free(&p.t);
}

/* ---- sizes ---- */

static void check_stages(void) {
  static const struct {
    int size, stages;
  } cases[] = {{64, 4}, {128, 5}, {256, 6}, {512, 7}};
  for (int i = 0; i < 4; i++) {
    trial t = trial_make();
    nn_layers layers = {.g = t.g, .prefix = "D/", .deviation = 0.02};
    int size = cases[i].size;
    nn_id x = nn_input(t.g, "x", NN_SHAPE(1, size, size, 3));
    nn_id mask = nn_input(t.g, "mask", NN_SHAPE(1, size, size, 1));
    nn_scores scores;
    nn_discriminator(&layers, &x, 1, mask, 2, &scores);
    char last[64], beyond[64];
    snprintf(last, sizeof last, "D/D.conv%df.weight_v", cases[i].stages + 1);
    snprintf(beyond, sizeof beyond, "D/D.conv%d.weight_orig",
             cases[i].stages + 2);
    tap_ok(nn_shape_equal(nn_shape_of(t.g, scores.global), NN_SCALAR) &&
               nn_shape_equal(nn_shape_of(t.g, scores.local), NN_SCALAR) &&
               nn_find_state(t.g, last) != NN_NONE &&
               nn_find_state(t.g, beyond) == NN_NONE,
           "discriminator at %d pixels: %d halvings and one stage more", size,
           cases[i].stages);
    trial_free(&t);
  }
}

/* ---- phases ---- */

static nn_system *create(const nn_model_options *options, bool continued) {
  nn_system *s;
  const nn_plan_options plan = {.threads = 1, .continued = continued};
  if (nn_system_create(options, &plan, &s) != STATUS_OK)
    test_failed("%s", status_message());
  return s;
}

/* Every parameter is learned in one phase, and its place in the results leads
 * back to its place in the state. */
static void check_parts(void) {
  nn_model_options options = small_mix();
  nn_system *s = create(&options, false);
  const nn_layout *d = nn_plan_layout(s->phases[0].plan);
  const nn_layout *g = nn_plan_layout(s->phases[1].plan);
  bool right = s->phase_count == 2 && s->phases[0].network == 'D' &&
               s->phases[1].network == 'G';
  for (int i = 0; i < s->layout.entry_count; i++) {
    const nn_entry *e = &s->layout.entries[i];
    bool of_d = strncmp(e->name, "D/", 2) == 0;
    const nn_layout *part = of_d ? d : g;
    size_t at = nn_layout_result(part, e->offset);
    right = right && nn_layout_target(part, at) == e->offset;
    right = right && (e->offset < s->layout.parameter_size) == e->trainable;
    nn_span other = of_d ? g->parameters : d->parameters;
    if (e->trainable)
      right = right && (e->offset < other.begin || e->offset >= other.end);
    if (!e->trainable && of_d) /* both phases move the discriminator's on */
      right = right &&
              nn_layout_target(g, nn_layout_result(g, e->offset)) == e->offset;
    if (!e->trainable && !of_d) right = right && e->offset < d->rest.begin;
  }
  right = right && d->report_offset == s->layout.report_offset &&
          g->report_offset == d->report_offset + (size_t)d->report_count &&
          s->layout.report_count == d->report_count + g->report_count;
  tap_ok(right, "two phases share the state: %d entries, %d losses",
         s->layout.entry_count, s->layout.report_count);
  nn_system_destroy(&s);
}

/* A system's state and pictures. */
typedef struct trained {
  nn_system *s;
  nn_real *state, *inputs[3]; /* composite, mask, real */
  size_t pixels;
} trained;

/* Random pictures, masks of zeros. */
static trained train(const nn_model_options *options, bool continued) {
  trained t = {.s = create(options, continued)};
  t.pixels =
      (size_t)options->batch * (size_t)options->size * (size_t)options->size;
  t.state = test_array(t.s->layout.vector_size, sizeof(nn_real));
  nn_layout_initialise(&t.s->layout, 3, t.state);
  for (int i = 0; i < 3; i++)
    t.inputs[i] = test_array((i == 1 ? 1 : 3) * t.pixels, sizeof(nn_real));
  random_stream random = random_stream_make(9, RANDOM_TEST, 1, 0);
  for (size_t i = 0; i < 3 * t.pixels; i++) {
    t.inputs[0][i] = (nn_real)(2 * random_uniform(&random) - 1);
    t.inputs[2][i] = (nn_real)(2 * random_uniform(&random) - 1);
  }
  return t;
}

static void free_trained(trained *t) {
  for (int i = 0; i < 3; i++) free(t->inputs[i]);
  free(t->state);
  nn_system_destroy(&t->s);
}

/* Runs all phases with a mask of `value`; whether all results are finite. */
static bool runs_finite(const nn_model_options *options, double value) {
  trained t = train(options, true);
  for (size_t i = 0; i < t.pixels; i++) t.inputs[1][i] = (nn_real)value;
  nn_system *s = t.s;
  bool finite = true;
  for (int k = 0; k < s->phase_count; k++) {
    const nn_layout *part = nn_plan_layout(s->phases[k].plan);
    nn_real *results = test_array(part->result_size, sizeof(nn_real));
    nn_run_options run = {.state = t.state,
                          .results = results,
                          .inputs = (const nn_real *const *)t.inputs};
    nn_run(s->phases[k].plan, &run);
    for (size_t i = 0; i < part->result_size; i++)
      finite = finite && isfinite(results[i]);
    free(results);
  }
  free_trained(&t);
  return finite;
}

static void check_masks(void) {
  nn_model_options options = small_mix();
  for (int value = 0; value <= 1; value++) {
    options.norm = NN_BATCH_NORM;
    bool batch = runs_finite(&options, value);
    options.norm = NN_INSTANCE_NORM;
    tap_ok(batch && runs_finite(&options, value),
           "a mask without %s trains on numbers",
           value == 0 ? "foreground" : "background");
  }
}

/* ---- phases that continue each other ---- */

/* Two steps, each phase's new values in place of the old ones and a bit of the
 * gradients beside: what a later phase finds changed matters. */
static void run_steps(trained *t) {
  nn_system *s = t->s;
  for (uint64_t step = 0; step < 2; step++)
    for (int k = 0; k < s->phase_count; k++) {
      const nn_layout *part = nn_plan_layout(s->phases[k].plan);
      nn_real *results = test_array(part->result_size, sizeof(nn_real));
      nn_run_options run = {.state = t->state,
                            .results = results,
                            .inputs = (const nn_real *const *)t->inputs,
                            .seed = 5,
                            .first_sample = step};
      nn_run(s->phases[k].plan, &run);
      for (size_t i = 0; i < part->result_size; i++) {
        nn_real *value = &t->state[nn_layout_target(part, i)];
        bool learned = i < part->parameters.end - part->parameters.begin;
        *value = learned ? *value - (nn_real)0.01 * results[i] : results[i];
      }
      free(results);
    }
}

static void check_continued(const nn_model_options *options, const char *name) {
  trained anew = train(options, false), on = train(options, true);
  for (size_t i = 0; i < anew.pixels; i++)
    anew.inputs[1][i] = on.inputs[1][i] = i % 3 == 0;
  run_steps(&anew);
  run_steps(&on);
  const nn_plan *longer = anew.s->phases[1].plan, *rest = on.s->phases[1].plan;
  tap_ok(memcmp(anew.state, on.state,
                anew.s->layout.vector_size * sizeof *on.state) == 0 &&
             nn_plan_multiply_adds(rest) < nn_plan_multiply_adds(longer),
         "%s: the same bits by %.0f %% of phase G's multiply-adds", name,
         100 * nn_plan_multiply_adds(rest) / nn_plan_multiply_adds(longer));
  free_trained(&anew);
  free_trained(&on);
}

static void check_all_continued(void) {
  nn_model_options options = small_mix();
  check_continued(&options, "a code, batch norm, dropout");
  options.generator = NN_GENERATOR_UNET3PLUS;
  options.deep_supervision = true;
  options.blend = true;
  check_continued(&options, "deep supervision, blended");
  options = small_mix();
  options.style_code = false;
  options.lambda_tri = 0;
  options.norm = NN_INSTANCE_NORM;
  check_continued(&options, "DoveNet, instance norm");
}

/* ---- alpha ---- */

static void check_alpha(void) {
  trial t = trial_make();
  nn_id alpha = nn_uniform(t.g, 4);
  trial_keep(&t, "alpha", alpha);
  trial_plan(&t, 1, false);
  size_t count;
  t.first_sample = 10;
  trial_run(&t);
  double *first = trial_value(&t, "alpha", &count);
  t.first_sample = 12;
  trial_run(&t);
  double *second = trial_value(&t, "alpha", &count);
  t.seed++;
  trial_run(&t);
  double *other = trial_value(&t, "alpha", &count);
  bool inside = true;
  for (int i = 0; i < 4; i++) inside = inside && first[i] >= 0 && first[i] < 1;
  tap_ok(inside && first[2] == second[0] && first[3] == second[1] &&
             first[0] != first[1] && other[0] != second[0],
         "alpha is a sample's own, and the seed's");
  free(first);
  free(second);
  free(other);
  trial_free(&t);
}

int main(void) {
  check_penalty(NN_INSTANCE_NORM, false);
  check_penalty(NN_INSTANCE_NORM, true);
  check_penalty(NN_BATCH_NORM, false);
  check_stages();
  check_parts();
  check_masks();
  check_all_continued();
  check_alpha();
  return tap_done();
}
