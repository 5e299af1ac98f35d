/* Parity with the public PyTorch implementations: runs the networks on golden
 * records (tests/golden) and compares.
 *
 *   parity RECORD.h5...
 *
 * A record gives weights, inputs, every hyper-parameter and results. In double
 * the comparison is with the record's float64 run, strictly; in float with its
 * float32 run, within the spread of correct float arithmetic. What a record
 * lacks is not compared. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/parity_record.h"
#include "tests/tap.h"

enum { STYLE_CHANNELS = 16 };

static void compare_image(const record *r, const trial *t, const char *kept,
                          const char *what, const char *float32,
                          const char *float64) {
  size_t count;
  double *values = trial_value(t, kept, &count);
  double *image =
      to_public_image(values, NN_SHAPE(r->batch, r->size, r->size, 3));
  compare_tensor(r, what, float32, float64, image, count,
                 golden_attribute(r->file, "spread", "output_linf", 0));
  free(image);
  free(values);
}

/* Buffers of one network after a step. */
static void compare_buffers(const record *r, const trial *t) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  double worst = 0; /* as a part of the limit */
  int compared = 0;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *entry = &layout->entries[i];
    char path[256];
    snprintf(path, sizeof path, "after/%s", entry->name);
    if (entry->trainable || !golden_has(r->file, "after") ||
        !golden_has(r->file, "%s", path))
      continue;
    double *got = calloc(entry->count, sizeof *got);
    if (got == NULL) test_failed("no memory");
    for (size_t k = 0; k < entry->count; k++)
      got[k] = (double)t->results[entry->offset + k];
    double largest;
    double difference = difference_from(r, path, got, entry->count, &largest);
    double spread = golden_attribute(r->file, path, "spread_linf", 0);
    double part = difference / fmax(3 * spread, 1e-5 * largest);
    if (!(part <= worst || isnan(worst))) worst = part;
    compared++;
    free(got);
  }
  if (compared > 0)
    tap_ok(worst <= 1, "%s: %d buffers after the step, at %.2f of the limit",
           r->path, compared, worst);
}

/* ---- the networks ---- */

static nn_id image_input(const record *r, trial *t, const char *name) {
  golden array = read_input(r, name);
  nn_id id = trial_golden(t, &array, AXES_IMAGE);
  golden_free(&array);
  return id;
}

/* The style code of `path` spread over the image, times max(weight, 0.001). */
static nn_id style_map(const record *r, trial *t, const char *path) {
  golden code = golden_read(r->file, "%s", path);
  nn_id style = trial_golden(t, &code, AXES_IMAGE);
  golden_free(&code);
  nn_id weight =
      nn_parameter(t->g, "G/weight", NN_SCALAR, 1, NN_INIT_CONSTANT, 0.1, 0);
  double low = golden_attribute(r->file, "/", "style_weight_min", 0.001);
  nn_id scaled = nn_mul(t->g, style, nn_clamp_min(t->g, weight, low));
  return nn_broadcast_to(t->g, scaled,
                         NN_SHAPE(r->batch, r->size, r->size, STYLE_CHANNELS));
}

static nn_id generator(const record *r, trial *t, bool training,
                       nn_id composite, nn_id mask, const char *style) {
  nn_id x = nn_concat(t->g, composite, mask);
  if (r->bargainnet) x = nn_concat(t->g, x, style_map(r, t, style));
  nn_unet_options options = {.ngf = r->ngf,
                             .norm = r->norm,
                             .training = training,
                             .prefix = "G/",
                             .init_deviation = 0.02};
  return nn_unet(t->g, x, &options);
}

static const char *const generator_alone[] = {"G", NULL};

/* The generator in training mode, its L1 loss and running statistics. */
static void check_forward(const record *r) {
  if (!golden_has(r->file, "forward") || !golden_has(r->file, "forward/output"))
    return;
  trial t = trial_make();
  nn_id composite = image_input(r, &t, "comp"),
        mask = image_input(r, &t, "mask");
  const char *style = BY_PRECISION("forward/style/bg", "float64/style/bg");
  nn_id output = generator(r, &t, true, composite, mask, style);
  trial_keep(&t, "output", output);
  bool with_loss = golden_has(r->file, "input/real");
  if (with_loss) {
    nn_id l1 = nn_loss_l1(t.g, output, image_input(r, &t, "real"));
    double lambda = golden_attribute(r->file, "/", "lambda_L1", 1);
    nn_report(t.g, "L1", nn_affine(t.g, l1, lambda, 0));
  }
  trial_plan(&t, 2, false);
  if (load_state(r, nn_plan_layout(t.plan), t.state, generator_alone)) {
    trial_run(&t);
    compare_image(r, &t, "output", "output in training mode", "forward/output",
                  "float64/output");
    if (with_loss)
      compare_loss(r, "", 0, r->bargainnet ? "L1" : "G_L1",
                   trial_report(&t, "L1"));
    compare_buffers(r, &t);
  }
  trial_free(&t);
}

static void check_evaluation(const record *r) {
  if (!golden_has(r->file, "eval") || !golden_has(r->file, "eval/output"))
    return;
  trial t = trial_make();
  nn_id composite = image_input(r, &t, "comp"),
        mask = image_input(r, &t, "mask");
  /* codes of evaluation mode are recorded in float32 only */
  nn_id output = generator(r, &t, false, composite, mask, "eval/style/bg");
  trial_keep(&t, "output", output);
  trial_plan(&t, 1, false);
  if (load_state(r, nn_plan_layout(t.plan), t.state, generator_alone)) {
    trial_run(&t);
    compare_image(r, &t, "output", "output in evaluation mode", "eval/output",
                  r->bargainnet ? NULL : "float64/eval_output");
  }
  trial_free(&t);
}

static void check_record(const char *path) {
  hid_t file = golden_open_path(path);
  bool other = is_colour_record(file) || is_operation_record(file);
  if (is_colour_record(file)) check_colours(path, file);
  if (is_operation_record(file)) check_operations(path, file);
  H5Fclose(file);
  if (other) return;
  record r;
  if (open_record(&r, path)) {
    check_forward(&r);
    check_evaluation(&r);
    check_steps(&r);
  }
  H5Fclose(r.file);
}

int main(int argc, char **argv) {
  if (argc < 2 || argv[1][0] == '-') {
    fprintf(stderr, "usage: parity RECORD.h5...\n");
    return 2;
  }
  for (int i = 1; i < argc; i++) check_record(argv[i]);
  return tap_done();
}
