/* Trunks and heads: their parameters by number; what heads make of a composite
 * where that is known; every head on every trunk learns; what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/network/networks.h"
#include "nn/plan/plan.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { SIZE = 64, BATCH = 2, STEPS = 12 };

static const char *name_of(nn_head head) { return CHOICES(NN_HEADS)[head]; }

/* ---- published sizes ---- */

/* Parameters, and multiply-adds of an image of 256 x 256 pixels, in 10^9. */
static void check_cost(const char *what, nn_generator generator, nn_head head,
                       int width, size_t parameters, double multiply_adds) {
  nn_model_options o = small_unet();
  o.size = 256;
  o.ngf = width;
  o.norm = generator == NN_GENERATOR_UNET ? NN_INSTANCE_NORM : NN_BATCH_NORM;
  o.generator = generator;
  o.head = head;
  o.purpose = NN_FOR_OUTPUT;
  o.training = false;
  nn_system *s;
  if (nn_system_create(&o, &(nn_plan_options){.threads = 1, .no_arena = true},
                       &s) != STATUS_OK)
    test_failed("%s: %s", what, status_message());
  const nn_plan *plan = s->phases[0].plan;
  size_t count = nn_layout_parameters(nn_plan_layout(plan), "");
  tap_ok(count == parameters, "%s: %zu parameters, expected %zu", what, count,
         parameters);
  tap_near(nn_plan_multiply_adds(plan) * 1e-9, multiply_adds, 0.005,
           "%s: multiply-adds of an image", what);
  nn_system_destroy(&s);
}

static void check_costs(void) {
  check_cost("the attention U-Net", NN_GENERATOR_UNET, NN_HEAD_RGB, 64,
             54755587, 6.87);
  check_cost("iDIH", NN_GENERATOR_IDIH, NN_HEAD_BLEND, 64, 8301284, 1.66);
  check_cost("iDIH with PCT-Net's head", NN_GENERATOR_IDIH, NN_HEAD_AFFINE, 64,
             8301581, 1.68);
  check_cost("iSSAM", NN_GENERATOR_ISSAM, NN_HEAD_BLEND, 32, 2185340, 14.88);
  check_cost("PCT-Net", NN_GENERATOR_ISSAM, NN_HEAD_AFFINE, 32, 2185736, 14.90);
}

/* ---- systems under test ---- */

static nn_model_options colours_of(nn_generator generator, nn_head head) {
  nn_model_options o = small_colours(generator, head);
  o.batch = BATCH;
  o.size = SIZE;
  o.cat_channels = 2;
  return o;
}

typedef struct fixture {
  nn_system *system;
  nn_real *state, *mean, *variance, *results[NN_MAX_PHASES];
  nn_real *inputs[3]; /* composite, mask, real */
} fixture;

static void fill_inputs(fixture *f, const nn_model_options *o) {
  size_t side = (size_t)o->size, pixels = (size_t)o->batch * side * side;
  static const size_t channels[] = {3, 1, 3};
  for (int i = 0; i < 3; i++)
    f->inputs[i] = test_array(pixels * channels[i], sizeof(nn_real));
  random_stream random = random_stream_make(4, RANDOM_TEST, 0, 0);
  for (size_t p = 0; p < pixels; p++) {
    bool inside = p % side > side / 4 && p / side % side > side / 3;
    f->inputs[1][p] = inside;
    for (size_t c = 0; c < 3; c++) {
      double wave = sin(0.2 * (double)(p % side) + (double)c);
      nn_real v = (nn_real)(0.5 * wave + 0.2 * random_uniform(&random));
      f->inputs[2][3 * p + c] = v;
      f->inputs[0][3 * p + c] = inside ? v * (nn_real)0.7 : v;
    }
  }
}

static fixture open_fixture(const nn_model_options *o) {
  fixture f = {0};
  const nn_plan_options plan = {.threads = 1, .continued = true};
  if (nn_system_create(o, &plan, &f.system) != STATUS_OK)
    test_failed("%s", status_message());
  const nn_layout *layout = &f.system->layout;
  f.state = test_array(layout->vector_size, sizeof(nn_real));
  f.mean = test_array(layout->parameter_size, sizeof(nn_real));
  f.variance = test_array(layout->parameter_size, sizeof(nn_real));
  for (int k = 0; k < f.system->phase_count; k++)
    f.results[k] = test_array(
        nn_plan_layout(f.system->phases[k].plan)->result_size, sizeof(nn_real));
  fill_inputs(&f, o);
  nn_layout_initialise(layout, 1, f.state);
  return f;
}

static void close_fixture(fixture *f) {
  nn_system_destroy(&f->system);
  free(f->state);
  free(f->mean);
  free(f->variance);
  for (int k = 0; k < NN_MAX_PHASES; k++) free(f->results[k]);
  for (int i = 0; i < 3; i++) free(f->inputs[i]);
}

static void run_phase(fixture *f, int k, uint64_t step) {
  const nn_layout *part = nn_plan_layout(f->system->phases[k].plan);
  nn_run_options run = {.state = f->state,
                        .results = f->results[k],
                        .inputs = (const nn_real *const *)f->inputs,
                        .seed = 3,
                        .first_sample = step * BATCH};
  nn_run(f->system->phases[k].plan, &run);
  nn_adam_options adam = {
      .lr = 4e-3, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .step = step + 1};
  size_t begin = part->parameters.begin;
  nn_adam(&adam, part->parameters.end - begin, 1, f->results[k],
          f->state + begin, f->mean + begin, f->variance + begin, 1);
  for (size_t at = part->rest.begin; at < part->rest.end; at++)
    if (at < part->state_size || at >= part->report_offset)
      f->state[at] = f->results[k][nn_layout_result(part, at)];
}

static double report_of(const fixture *f, const char *name) {
  const nn_layout *layout = &f->system->layout;
  for (int i = 0; i < layout->report_count; i++)
    if (strcmp(layout->reports[i], name) == 0)
      return (double)f->state[layout->report_offset + (size_t)i];
  test_failed("nothing reported as %s", name);
}

/* The largest difference of the last run's output from an input. */
static double distance_to(const fixture *f, const nn_model_options *o,
                          int input) {
  int last = f->system->phase_count - 1;
  const nn_real *output = nn_plan_value(f->system->phases[last].plan, "output");
  double largest = 0;
  for (size_t i = 0; i < (size_t)(o->batch * o->size * o->size * 3); i++) {
    double d = fabs((double)output[i] - (double)f->inputs[input][i]);
    if (!(d <= largest)) largest = d;
  }
  return largest;
}

/* ---- heads that change nothing ---- */

static void set_entry(const fixture *f, const char *name, double value) {
  const nn_entry *e = nn_layout_find(&f->system->layout, name);
  if (e == NULL) test_failed("no %s", name);
  for (size_t i = 0; i < e->count; i++)
    f->state[e->offset + i] = (nn_real)value;
}

/* The blend map of one side gives back the composite; so do affine maps and
 * curves that are the identity. */
static void check_identity(nn_generator generator, nn_head head) {
  nn_model_options o = colours_of(generator, head);
  fixture f = open_fixture(&o);
  run_phase(&f, 0, 0);
  double learned = distance_to(&f, &o, 0);
  nn_layout_initialise(&f.system->layout, 1, f.state);
  bool maps = nn_head_reads_map(head);
  if (maps)
    set_entry(&f, "G/decoder.conv_attention.bias",
              head == NN_HEAD_BLEND ? 20 : -20);
  if (!maps) set_entry(&f, "G/get_params.weight", 0);
  if (maps) set_entry(&f, "G/decoder.conv_attention.weight", 0);
  run_phase(&f, 0, 0);
  tap_ok(distance_to(&f, &o, 0) < BY_PRECISION(3e-6, 1e-12),
         "%s on %s: the composite to %.1e where it should be kept (%.2f as it "
         "starts)",
         name_of(head), CHOICES(NN_GENERATORS)[generator],
         distance_to(&f, &o, 0), learned);
  if (head != NN_HEAD_BLEND)
    tap_ok(learned < 0.3, "%s: training starts near the composite (%.2f)",
           name_of(head), learned);
  close_fixture(&f);
}

/* PCT-Net's maps as the identity reproduce the picture wherever it blends. */
static void check_affine_identity(void) {
  nn_model_options o = colours_of(NN_GENERATOR_IDIH, NN_HEAD_AFFINE);
  fixture f = open_fixture(&o);
  set_entry(&f, "G/get_params.weight", 0);
  run_phase(&f, 0, 0);
  tap_ok(distance_to(&f, &o, 0) < BY_PRECISION(3e-6, 1e-12),
         "M = diag(std), b = mean: the picture to %.1e",
         distance_to(&f, &o, 0));
  tap_ok(report_of(&f, "clamped") == 0, "nothing is clamped there");
  close_fixture(&f);
}

static void draw_state(trial *t, random_stream *random) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  for (size_t i = 0; i < layout->state_size; i++)
    t->state[i] = (nn_real)(2 * random_uniform(random) - 1);
}

/* Whatever the numbers, curves do not fall. */
static void check_monotone(void) {
  enum { COUNT = 3 * NN_TONE_SLOPES + 12, POINTS = 200 };
  trial t = trial_make();
  random_stream random = random_stream_make(6, RANDOM_TEST, 0, 0);
  nn_id code = trial_uniform(&t, NN_SHAPE(1, 1, 1, 5), &random, -9, 9);
  nn_colour_maps maps =
      nn_head_maps(t.g, (nn_features){.map = NN_NONE, .code = code}, NULL,
                   &(nn_head_options){.head = NN_HEAD_CURVES, .prefix = "G/"});
  double ramp[3 * POINTS];
  for (int i = 0; i < POINTS; i++)
    for (int c = 0; c < 3; c++) ramp[3 * i + c] = (i - 20) / 150.0;
  nn_id x = trial_values(&t, NN_SHAPE(1, 1, POINTS, 3), ramp);
  nn_id slopes = nn_slice(t.g, maps.values, 0, 3 * NN_TONE_SLOPES);
  trial_keep(&t, "y", nn_tone_curve(t.g, slopes, x));
  trial_plan(&t, 1, false);
  draw_state(&t, &random);
  trial_run(&t);
  size_t count;
  double *y = trial_value(&t, "y", &count);
  bool rises = true;
  for (size_t i = 3; i < count; i++) rises = rises && y[i] >= y[i - 3];
  tap_ok(rises && y[count - 1] > y[0], "curves are monotone");
  free(y);
  trial_free(&t);
}

/* ---- about the object's colours ---- */

enum { ABOUT = 6, ABOUT_PIXELS = ABOUT * ABOUT };

/* The twelve numbers that a head makes of a code, all of its state drawn; and
 * the image in ImageNet's units with its mask. */
typedef struct said {
  double *theta, *image, *mask;
} said;

static said say(nn_head head) {
  trial t = trial_make();
  random_stream random = random_stream_make(8, RANDOM_TEST, 0, 0);
  nn_shape image = NN_SHAPE(1, ABOUT, ABOUT, 3);
  nn_id code = trial_uniform(&t, NN_SHAPE(1, 1, 1, 5), &random, -1, 1);
  nn_id composite = trial_uniform(&t, image, &random, -1, 1);
  nn_id mask = trial_uniform(&t, NN_SHAPE(1, ABOUT, ABOUT, 1), &random, 0, 1);
  nn_scene scene = nn_scene_of(t.g, composite, mask);
  nn_colour_maps maps =
      nn_head_maps(t.g, (nn_features){.map = NN_NONE, .code = code}, &scene,
                   &(nn_head_options){.head = head, .prefix = "G/"});
  trial_keep(&t, "theta", maps.values);
  trial_keep(&t, "image", nn_affine(t.g, scene.normalised, 1, 0));
  trial_keep(&t, "mask", nn_affine(t.g, mask, 1, 0));
  trial_plan(&t, 1, false);
  draw_state(&t, &random);
  trial_run(&t);
  size_t count;
  said out = {.theta = trial_value(&t, "theta", &count)};
  out.image = trial_value(&t, "image", &count);
  out.mask = trial_value(&t, "mask", &count);
  trial_free(&t);
  return out;
}

static void forget(said *s) { free(s->theta), free(s->image), free(s->mask); }

/* Channel c of the object: its mean, and its deviation. */
static double object_mean(const said *s, int c, double *deviation) {
  double sum = 0, squares = 0, area = 0;
  for (size_t i = 0; i < ABOUT_PIXELS; i++) {
    double x = s->image[3 * i + (size_t)c];
    area += s->mask[i];
    sum += s->mask[i] * x;
    squares += s->mask[i] * x * x;
  }
  *deviation = sqrt(squares / area - sum / area * (sum / area));
  return sum / area;
}

/* affine-image takes a code's numbers as they are; here they are those of axes
 * a deviation long about the object's mean, added to the identity. */
static void check_about_object(void) {
  said about = say(NN_HEAD_AFFINE_OBJECT), plain = say(NN_HEAD_AFFINE_IMAGE);
  double mean[3], deviation[3], worst = 0;
  for (int c = 0; c < 3; c++) mean[c] = object_mean(&about, c, &deviation[c]);
  for (int row = 0; row < 3; row++) {
    double moved = about.theta[9 + row] - nn_imagenet_mean[row];
    for (int c = 0; c < 3; c++) {
      double linear = about.theta[3 * row + c];
      if (row == c) linear -= nn_imagenet_std[c];
      double numbers = plain.theta[3 * row + c];
      worst = fmax(worst, fabs(linear * deviation[c] - numbers));
      moved += linear * mean[c];
    }
    worst = fmax(worst, fabs(moved - plain.theta[9 + row]));
  }
  tap_ok(worst < BY_PRECISION(2e-5, 1e-6), "affine-object: %.1e", worst);
  forget(&about), forget(&plain);
}

/* ---- the error over the composite's ---- */

static void check_relative(void) {
  enum { N = 2, PIXELS = 5, COUNT = N * PIXELS * 3 };
  const double least = 0.02;
  trial t = trial_make();
  random_stream random = random_stream_make(9, RANDOM_TEST, 0, 0);
  nn_shape image = NN_SHAPE(N, 1, PIXELS, 3);
  nn_id in[4];
  for (int i = 0; i < 3; i++) in[i] = trial_uniform(&t, image, &random, -1, 1);
  in[3] = trial_uniform(&t, NN_SHAPE(N, 1, PIXELS, 1), &random, 0, 1);
  double wanted = 0;
  for (int n = 0; n < N; n++) {
    double after = 0, before = 0, area = 0;
    for (int i = n * PIXELS * 3; i < (n + 1) * PIXELS * 3; i++) {
      double real = (double)trial_input(&t, in[1])[i];
      double error = (double)trial_input(&t, in[0])[i] - real;
      double composite = (double)trial_input(&t, in[2])[i] - real;
      after += error * error;
      before += composite * composite;
    }
    for (int i = n * PIXELS; i < (n + 1) * PIXELS; i++)
      area += (double)trial_input(&t, in[3])[i];
    wanted += after / (before + 3 * least * fmax(area, 1)) / N;
  }
  trial_keep(&t, "loss",
             nn_loss_relative(t.g, in[0], in[1], in[2], in[3], least));
  trial_plan(&t, 1, false);
  trial_run(&t);
  size_t count;
  double *loss = trial_value(&t, "loss", &count);
  tap_near(loss[0], wanted, 1e-6 * wanted, "the error over the composite's");
  free(loss);
  trial_free(&t);
}

/* ---- learning ---- */

static void check_learning(nn_generator generator, nn_head head) {
  nn_model_options o = colours_of(generator, head);
  fixture f = open_fixture(&o);
  double first = 0, least = INFINITY;
  for (uint64_t step = 0; step < STEPS; step++) {
    run_phase(&f, 0, step);
    double loss = report_of(&f, "G_fnmse");
    if (step == 0) first = loss;
    least = fmin(least, loss);
  }
  tap_ok(least < 0.9 * first, "%s on %s learns: %.4f to %.4f", name_of(head),
         CHOICES(NN_GENERATORS)[generator], first, least);
  close_fixture(&f);
}

/* A head beside a discriminator, a code, style losses' absence, smoothness. */
static void check_mix(void) {
  nn_model_options o = small_mix();
  o.generator = NN_GENERATOR_IDIH;
  o.ngf = 4;
  o.head = NN_HEAD_AFFINE;
  o.loss = NN_LOSS_FNMSE;
  o.min_area = 100;
  o.lambda_sobel = 0.1;
  o.dropout = 0;
  fixture f = open_fixture(&o);
  bool finite = true;
  for (uint64_t step = 0; step < 3; step++)
    for (int k = 0; k < f.system->phase_count; k++) {
      run_phase(&f, k, step);
      size_t count = f.system->layout.vector_size;
      for (size_t i = 0; i < count; i++)
        finite = finite && isfinite(f.state[i]);
    }
  tap_ok(finite && f.system->phase_count == 2 && report_of(&f, "G_sobel") > 0,
         "an affine head against a discriminator, with a code and smoothness");
  close_fixture(&f);
}

/* The blur is a Gaussian and stays one, whoever sums up what else is there. */
static void check_blur(void) {
  nn_model_options o = colours_of(NN_GENERATOR_ISSAM, NN_HEAD_BLEND);
  fixture f = open_fixture(&o);
  const nn_layout *layout = &f.system->layout;
  const nn_entry *e = nn_layout_find(
      layout, "G/decoder.up_blocks.2.attention.mask_blurring.weight");
  if (e == NULL) test_failed("no blur");
  const nn_real *w = f.state + e->offset;
  double sum = 0;
  for (int i = 0; i < 49; i++) sum += (double)w[i];
  double ratio = (double)w[25] / (double)w[24];
  tap_ok(e->count == 49 && !e->trainable && fabs(sum - 1) < 1e-6 &&
             fabs(ratio - exp(-0.5)) < 1e-6,
         "the mask's blur is a Gaussian of deviation 1 and sum %.7f", sum);
  nn_real before[49];
  for (int i = 0; i < 49; i++) before[i] = w[i] * (nn_real)1.25;
  memcpy(f.state + e->offset, before, sizeof before);
  for (uint64_t step = 0; step < 2; step++) run_phase(&f, 0, step);
  tap_ok(memcmp(before, w, sizeof before) == 0 && e->fixed &&
             layout->rest.begin >= e->offset + e->count,
         "it is kept as it was loaded, and is no result of a step");
  close_fixture(&f);
}

/* ---- instance norm, single samples ---- */

static void check_single(void) {
  nn_model_options o = colours_of(NN_GENERATOR_IDIH, NN_HEAD_AFFINE);
  o.batch = 1;
  o.norm = NN_INSTANCE_NORM;
  fixture f = open_fixture(&o);
  run_phase(&f, 0, 0);
  tap_ok(isfinite(report_of(&f, "G_fnmse")),
         "iDIH with instance norm takes single samples");
  close_fixture(&f);
}

/* ---- what is refused ---- */

static void refuse(nn_model_options o, const char *option) {
  nn_system *system;
  const nn_plan_options plan = {.threads = 1};
  status result = nn_system_create(&o, &plan, &system);
  tap_ok(result == STATUS_USAGE && strstr(status_message(), option) != NULL,
         "refused: %s", result == STATUS_OK ? "nothing" : status_message());
  nn_system_destroy(&system);
}

static void check_refusals(void) {
  nn_model_options good = colours_of(NN_GENERATOR_IDIH, NN_HEAD_BLEND);
  nn_model_options o = good;
  o.lambda_sobel = 0.1;
  refuse(o, "--lambda-sobel");
  o = good;
  o.ngf = 5;
  refuse(o, "--ngf");
  o = good;
  o.batch = 1;
  refuse(o, "--micro-batch");
  o = colours_of(NN_GENERATOR_UNET3PLUS, NN_HEAD_AFFINE);
  o.deep_supervision = true;
  refuse(o, "--deep-supervision");
}

int main(void) {
  static const nn_generator generators[] = {
      NN_GENERATOR_UNET, NN_GENERATOR_UNET3PLUS, NN_GENERATOR_IDIH,
      NN_GENERATOR_ISSAM};
  static const nn_head heads[] = {NN_HEAD_BLEND,        NN_HEAD_AFFINE,
                                  NN_HEAD_AFFINE_IMAGE, NN_HEAD_AFFINE_OBJECT,
                                  NN_HEAD_CURVES,       NN_HEAD_RGB};
  check_costs();
  for (int i = 0; i < 5; i++) check_identity(NN_GENERATOR_IDIH, heads[i]);
  check_identity(NN_GENERATOR_ISSAM, NN_HEAD_BLEND);
  check_affine_identity();
  check_about_object();
  check_relative();
  check_monotone();
  for (int i = 0; i < 4 && sizeof(nn_real) == sizeof(float); i++)
    for (int k = 0; k < 6; k++)
      if (heads[k] != NN_HEAD_RGB || generators[i] >= NN_GENERATOR_IDIH)
        check_learning(generators[i], heads[k]);
  check_mix();
  check_blur();
  check_single();
  check_refusals();
  return tap_done();
}
