/* Whole training steps of a record: losses, gradients, the state after the
 * step, three more steps; the gradient penalty alone; the harmony score. The
 * system is trained here as the program trains it, on one rank. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/network/networks.h"
#include "tests/parity_record.h"
#include "tests/tap.h"

enum { STEPS = 4, IS_DOUBLE = sizeof(nn_real) == sizeof(double) };

typedef struct stepper {
  const record *r;
  const char *group; /* "", or "lsgan/": where results are recorded */
  const char *const *networks;
  nn_system *system;
  nn_real *state, *mean, *variance;
  nn_real *results[NN_MAX_PHASES];
  nn_real *inputs[4]; /* composite, mask, real, alpha */
  nn_adam_options adam;
} stepper;

static nn_real *new_values(size_t count) {
  nn_real *values = calloc(count + 1, sizeof *values);
  if (values == NULL) test_failed("no memory");
  return values;
}

static double file_attribute(const record *r, const char *name,
                             double otherwise) {
  return golden_attribute(r->file, "/", name, otherwise);
}

/* ---- a system on a record ---- */

static int width_of(const record *r, const char *weight) {
  if (!golden_has_all(r->file, weight)) return 1;
  golden array = golden_read(r->file, "%s", weight);
  int width = (int)array.shape[0];
  golden_free(&array);
  return width;
}

static nn_model_options options_of(const record *r, nn_gan gan,
                                   nn_triplet triplet) {
  nn_model_options o = {.batch = r->batch,
                        .size = r->size,
                        .ngf = r->ngf,
                        .ndf = width_of(r, "weights/D/D.conv1.weight_orig"),
                        .nef = width_of(r, "weights/E/conv1f.weight"),
                        .norm = r->norm,
                        .gan = gan,
                        .triplet = triplet,
                        .cat_channels = 16,
                        .style_layers = NN_VGG_DEFAULT_LAYERS,
                        .style_code = r->bargainnet,
                        .lambda_l1 = file_attribute(r, "lambda_L1", 1),
                        .lambda_gan = 1,
                        .lambda_a = file_attribute(r, "lambda_a", 1),
                        .lambda_v = file_attribute(r, "lambda_v", 1),
                        .lambda_gp = file_attribute(r, "gp_lambda", 10),
                        .gp_ratio = file_attribute(r, "gp_ratio", 1),
                        .lambda_tri = file_attribute(r, "lambda_tri", 0),
                        .margin = file_attribute(r, "margin", 0),
                        .purpose = NN_FOR_TRAINING,
                        .training = true,
                        .feed_alpha = true};
  return o;
}

static nn_real *network_input(const record *r, const char *name) {
  golden array = read_input(r, name);
  double *values = calloc(array.count, sizeof *values);
  if (values == NULL) test_failed("no memory");
  from_golden(&array, AXES_IMAGE, values);
  nn_real *input = new_values(array.count);
  for (size_t k = 0; k < array.count; k++) input[k] = (nn_real)values[k];
  free(values);
  golden_free(&array);
  return input;
}

static void open_stepper(stepper *s, const nn_model_options *options) {
  const nn_plan_options plan = {.threads = 2, .continued = true};
  if (nn_system_create(options, &plan, &s->system) != STATUS_OK)
    test_failed("%s: %s", s->r->path, status_message());
  const nn_layout *layout = &s->system->layout;
  s->state = new_values(layout->vector_size);
  s->mean = new_values(layout->parameter_size);
  s->variance = new_values(layout->parameter_size);
  for (int k = 0; k < NN_MAX_PHASES && k < s->system->phase_count; k++)
    s->results[k] =
        new_values(nn_plan_layout(s->system->phases[k].plan)->result_size);
  static const char *const names[] = {"comp", "mask", "real"};
  for (int i = 0; i < 3; i++) s->inputs[i] = network_input(s->r, names[i]);
  s->inputs[3] = new_values((size_t)s->r->batch);
}

static void close_stepper(stepper *s) {
  nn_system_destroy(&s->system);
  free(s->state);
  free(s->mean);
  free(s->variance);
  for (int k = 0; k < NN_MAX_PHASES; k++) free(s->results[k]);
  for (int i = 0; i < 4; i++) free(s->inputs[i]);
}

/* The alpha that was drawn in a step; records of systems without have none. */
static void set_alpha(stepper *s, int step) {
  char path[64];
  snprintf(path, sizeof path, "input/alpha");
  if (step > 0) snprintf(path, sizeof path, "steps/%d/alpha", step);
  if (!golden_has_all(s->r->file, path) && step > 0)
    snprintf(path, sizeof path, "input/alpha_step%d", step);
  if (!golden_has_all(s->r->file, path)) return;
  golden array = golden_read(s->r->file, "%s", path);
  for (int i = 0; i < s->r->batch; i++)
    s->inputs[3][i] = (nn_real)array.values[i];
  golden_free(&array);
}

static void run_phase(stepper *s, int k) {
  nn_run_options run = {.state = s->state,
                        .results = s->results[k],
                        .inputs = (const nn_real *const *)s->inputs};
  nn_run(s->system->phases[k].plan, &run);
}

/* Adam on the phase's parameters, new values of the rest. */
static void end_phase(stepper *s, int k) {
  const nn_layout *part = nn_plan_layout(s->system->phases[k].plan);
  size_t begin = part->parameters.begin;
  size_t learned = part->parameters.end - begin;
  nn_adam(&s->adam, learned, 1, s->results[k], s->state + begin,
          s->mean + begin, s->variance + begin, 1);
  for (size_t at = part->rest.begin; at < part->rest.end; at++)
    if (at < part->state_size || at >= part->report_offset)
      s->state[at] = s->results[k][nn_layout_result(part, at)];
}

/* ---- comparing ---- */

static void compare_losses(const stepper *s, int step) {
  const nn_layout *layout = &s->system->layout;
  for (int i = 0; i < layout->report_count; i++) {
    const char *name = layout->reports[i];
    if (s->r->bargainnet && strcmp(name, "G_L1") == 0) name = "L1";
    if (s->r->bargainnet && strcmp(name, "G") == 0) name = "total";
    compare_loss(s->r, s->group, step, name,
                 (double)s->state[layout->report_offset + (size_t)i]);
  }
}

/* Share of a parameter's entries that are off, against the record's. One entry
 * more may be off: of a thin sample it is a large share. */
static void compare_parameter(const record *r, const char *path,
                              const double *got, size_t count, double lr,
                              nearest *w, const char *name) {
  golden want = golden_read(r->file, "%s", path);
  size_t stride = (size_t)golden_attribute(r->file, path, "stride", 1);
  double off = 0, most = 0;
  for (size_t i = 0; i < want.count && i * stride < count; i++) {
    double difference = fabs(got[i * stride] - want.values[i]);
    if (!(difference <= 1e-6)) off++;
    if (!(difference <= most)) most = difference;
  }
  double spread =
      golden_attribute(r->file, path, "spread_fraction_over_1e_6", 0);
  double limit = (3 * spread + 1e-3) * (double)want.count + (stride > 1);
  keep_nearest(w, off / limit, name);
  keep_nearest(w, most / (2.02 * lr), name);
  golden_free(&want);
}

static bool is_null(const stepper *s, const char *name) {
  char path[320];
  snprintf(path, sizeof path, "%sfloat64/grads/%s", s->group, name);
  return golden_has_all(s->r->file, path) &&
         golden_attribute(s->r->file, path, "null_gradient", 0) == 1;
}

static void compare_after(const stepper *s) {
  const nn_layout *layout = &s->system->layout;
  nearest parameters = {0}, buffers = {0};
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    char path[320];
    snprintf(path, sizeof path, "%safter/%s", s->group, e->name);
    if (!golden_has_all(s->r->file, path) || is_null(s, e->name)) continue;
    double *got = public_values(e, s->state + e->offset);
    if (e->trainable) {
      compare_parameter(s->r, path, got, e->count, s->adam.lr, &parameters,
                        e->name);
    } else {
      double largest;
      double error = difference_from(s->r, path, got, e->count, &largest);
      double spread = golden_attribute(s->r->file, path, "spread_linf", 0);
      keep_nearest(&buffers, error / fmax(3 * spread, 1e-5 * largest), e->name);
    }
    free(got);
  }
  if (parameters.count > 0)
    tap_ok(parameters.part <= 1,
           "%s: parameters after the step at %.3g of the limit (%s)",
           s->r->path, parameters.part, parameters.name);
  if (buffers.count > 0)
    tap_ok(buffers.part <= 1,
           "%s: %d buffers after the step at %.3g of the limit (%s)",
           s->r->path, buffers.count, buffers.part, buffers.name);
}

/* ---- what is checked ---- */

static void check_variant(const record *r, const char *group, nn_gan gan,
                          nn_triplet triplet) {
  static const char *const dovenet[] = {"G", "D", NULL};
  static const char *const bargainnet[] = {"G", "E", NULL};
  stepper s = {.r = r,
               .group = group,
               .networks = r->bargainnet ? bargainnet : dovenet,
               .adam = {.lr = file_attribute(r, "lr_G", 2e-4),
                        .beta1 = file_attribute(r, "beta1", 0.5),
                        .beta2 = file_attribute(r, "beta2", 0.999),
                        .eps = file_attribute(r, "adam_eps", 1e-8)}};
  nn_model_options options = options_of(r, gan, triplet);
  open_stepper(&s, &options);
  bool loaded = load_state(r, &s.system->layout, s.state, s.networks);
  for (int step = 0; loaded && step < STEPS; step++) {
    s.adam.step = (uint64_t)step + 1;
    set_alpha(&s, step);
    for (int k = 0; k < s.system->phase_count; k++) {
      const nn_phase *phase = &s.system->phases[k];
      run_phase(&s, k);
      const nn_layout *part = nn_plan_layout(phase->plan);
      const gradient_paths paths = {group, "grads/"};
      const char *network = phase->network == 'D' ? "D/" : "G/";
      if (step == 0) compare_gradients(r, paths, part, s.results[k], network);
      if (step == 0 && r->bargainnet)
        compare_gradients(r, paths, part, s.results[k], "E/");
      end_phase(&s, k);
    }
    compare_losses(&s, step);
    if (step == 0) compare_after(&s);
  }
  close_stepper(&s);
}

/* The penalty on a fresh state: one call of the discriminator. */
static void check_penalty(const record *r) {
  if (!golden_has_all(r->file, "gp/value")) return;
  trial t = trial_make();
  nn_graph *g = t.g;
  nn_id input[3];
  static const char *const names[] = {"comp", "mask", "real"};
  for (int i = 0; i < 3; i++) {
    golden array = read_input(r, names[i]);
    input[i] = trial_golden(&t, &array, AXES_IMAGE);
    golden_free(&array);
  }
  golden drawn = golden_read(r->file, "input/alpha");
  nn_id alpha = trial_values(&t, NN_SHAPE(r->batch, 1, 1, 1), drawn.values);
  golden_free(&drawn);
  nn_unet_options unet = {.ngf = r->ngf,
                          .norm = r->norm,
                          .training = true,
                          .prefix = "G/",
                          .init_deviation = 0.02};
  nn_id fake = nn_unet(g, nn_concat(g, input[0], input[1]), &unet);
  nn_layers layers = {.g = g,
                      .prefix = "D/",
                      .norm = r->norm,
                      .training = true,
                      .deviation = 0.02};
  nn_id loss = nn_gradient_penalty(&layers, input[2], nn_stop_gradient(g, fake),
                                   input[1], alpha,
                                   width_of(r, "weights/D/D.conv1.weight_orig"),
                                   file_attribute(r, "gp_lambda", 10));
  nn_report(g, "gp", loss);
  nn_minimise(g, loss, "D/");
  trial_plan(&t, 2, false);
  const nn_layout *layout = nn_plan_layout(t.plan);
  static const char *const networks[] = {"G", "D", NULL};
  if (load_state(r, layout, t.state, networks)) {
    trial_run(&t);
    golden want = golden_read(r->file, "float64/gp/value");
    double limit = IS_DOUBLE ? 1e-9 : 2e-5;
    tap_near(trial_report(&t, "gp"), want.values[0],
             limit * fabs(want.values[0]), "%s: gradient penalty", r->path);
    golden_free(&want);
    const gradient_paths paths = {"", "gp/grads_"};
    compare_gradients(r, paths, layout, t.results, "D/");
  }
  trial_free(&t);
}

/* Codes of a composite's parts in evaluation mode and their distance. */
static void check_score(const record *r) {
  if (!golden_has_all(r->file, "eval/harmony/score")) return;
  static const char *const networks[] = {"E", NULL};
  stepper s = {.r = r, .group = ""};
  nn_model_options options = options_of(r, NN_GAN_NONE, NN_TRIPLET_VECTOR);
  options.purpose = NN_FOR_SCORE;
  options.training = false;
  open_stepper(&s, &options);
  if (load_state(r, &s.system->layout, s.state, networks)) {
    run_phase(&s, 0);
    const nn_plan *plan = s.system->phases[0].plan;
    const nn_real *b = nn_plan_value(plan, "code_background");
    const nn_real *f = nn_plan_value(plan, "code_foreground");
    golden want = golden_read(r->file, "eval/harmony/score");
    for (int n = 0; n < r->batch; n++)
      tap_near(
          nn_harmony_score(b + n * NN_CODE_CHANNELS, f + n * NN_CODE_CHANNELS),
          want.values[n], 2e-6, "%s: harmony score of sample %d", r->path, n);
    golden_free(&want);
  }
  close_stepper(&s);
}

void check_steps(const record *r) {
  if (golden_has_all(r->file, "weights/D") &&
      golden_has_all(r->file, "losses/D"))
    check_variant(r, "", NN_GAN_WGANGP, NN_TRIPLET_VECTOR);
  if (golden_has_all(r->file, "lsgan"))
    check_variant(r, "lsgan/", NN_GAN_LSGAN, NN_TRIPLET_VECTOR);
  if (golden_has_all(r->file, "vanilla"))
    check_variant(r, "vanilla/", NN_GAN_VANILLA, NN_TRIPLET_VECTOR);
  if (golden_has_all(r->file, "weights/E")) {
    check_variant(r, "", NN_GAN_NONE, NN_TRIPLET_VECTOR);
    if (golden_has_all(r->file, "elementwise"))
      check_variant(r, "elementwise/", NN_GAN_NONE, NN_TRIPLET_ENTRIES);
  }
  check_penalty(r);
  check_score(r);
}
