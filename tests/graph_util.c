/* Small graphs that carry their values. */
#include "tests/graph_util.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "nn/plan/plan.h"
#include "tests/tap.h"

void test_failed(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  printf("Bail out! ");
  vprintf(format, arguments);
  putchar('\n');
  va_end(arguments);
  exit(1);
}

void *test_array(size_t count, size_t size) {
  void *array = calloc(count + 1, size);
  if (array == NULL) test_failed("no memory");
  return array;
}

/* What is tested is what the program uses. */
__attribute__((constructor)) static void fit_blas(int argc, char **argv) {
  (void)argc;
  nn_blas_fit(argv);
}

trial trial_make(void) {
  trial t = {.seed = 7};
  if (nn_graph_create(&t.g) != STATUS_OK) test_failed("%s", status_message());
  return t;
}

void trial_free(trial *t) {
  nn_plan_destroy(&t->plan);
  nn_graph_destroy(&t->g);
  for (int i = 0; i < TRIAL_INPUTS; i++) free(t->values[i]);
  free(t->state);
  free(t->results);
  memset(t, 0, sizeof *t);
}

static nn_id new_input(trial *t, nn_shape shape) {
  int index = t->g->inputs.count;
  if (index >= TRIAL_INPUTS) test_failed("too many inputs");
  char name[32];
  snprintf(name, sizeof name, "input%d", index);
  t->values[index] = test_array(nn_shape_count(shape), sizeof(nn_real));
  return nn_input(t->g, name, shape);
}

nn_real *trial_input(const trial *t, nn_id input) {
  return t->values[nn_get(t->g, input).index];
}

nn_id trial_values(trial *t, nn_shape shape, const double *values) {
  nn_id id = new_input(t, shape);
  nn_real *to = trial_input(t, id);
  for (size_t i = 0; i < nn_shape_count(shape); i++) to[i] = (nn_real)values[i];
  return id;
}

nn_id trial_uniform(trial *t, nn_shape shape, random_stream *stream, double low,
                    double high) {
  nn_id id = new_input(t, shape);
  nn_real *to = trial_input(t, id);
  for (size_t i = 0; i < nn_shape_count(shape); i++)
    to[i] = (nn_real)(low + (high - low) * random_uniform(stream));
  return id;
}

void trial_keep(trial *t, const char *name, nn_id id) {
  /* a slice of all channels is a copy of its own */
  nn_keep(t->g, name, nn_slice(t->g, id, 0, nn_shape_of(t->g, id).c));
}

void trial_plan(trial *t, int threads, bool reference) {
  nn_plan_destroy(&t->plan);
  nn_plan_options options = {.threads = threads, .reference = reference};
  if (nn_plan_create(t->g, &options, &t->plan) != STATUS_OK)
    test_failed("%s", status_message());
  const nn_layout *layout = nn_plan_layout(t->plan);
  free(t->state);
  free(t->results);
  t->state = test_array(layout->state_size, sizeof(nn_real));
  t->results = test_array(layout->result_size, sizeof(nn_real));
}

void trial_run(trial *t) {
  for (size_t i = 0; i < t->plan->arena_size; i++)
    t->plan->arena[i] = (nn_real)NAN;
  size_t count = nn_plan_layout(t->plan)->result_size;
  for (size_t i = 0; i < count; i++) t->results[i] = (nn_real)NAN;
  nn_run_options run = {.state = t->state,
                        .results = t->results,
                        .inputs = (const nn_real *const *)t->values,
                        .seed = t->seed,
                        .first_sample = t->first_sample};
  nn_run(t->plan, &run);
}

double *trial_value(const trial *t, const char *name, size_t *count) {
  nn_id id = NN_NONE;
  for (int i = 0; i < t->g->kept.count; i++)
    if (strcmp(t->g->kept.items[i].name, name) == 0)
      id = t->g->kept.items[i].id;
  if (id == NN_NONE) test_failed("nothing kept as %s", name);
  *count = nn_shape_count(nn_shape_of(t->g, id));
  double *values = test_array(*count, sizeof *values);
  const nn_real *from = nn_plan_value(t->plan, name);
  for (size_t i = 0; i < *count; i++) values[i] = (double)from[i];
  return values;
}

double trial_report(const trial *t, const char *name) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  for (int i = 0; i < layout->report_count; i++)
    if (strcmp(layout->reports[i], name) == 0)
      return (double)t->results[nn_layout_result(layout, layout->report_offset +
                                                             (size_t)i)];
  test_failed("nothing reported as %s", name);
}

nn_shape shape_of_golden(const golden *array, axes form) {
  int d[4] = {1, 1, 1, 1};
  for (int i = 0; i < array->rank && i < 4; i++) d[i] = (int)array->shape[i];
  switch (form) {
  case AXES_IMAGE: return NN_SHAPE(d[0], d[2], d[3], d[1]);
  case AXES_WEIGHT: return NN_SHAPE(d[2], d[3], d[1], d[0]);
  case AXES_VECTOR: break;
  }
  return NN_SHAPE(1, 1, 1, (int)array->count);
}

void from_golden(const golden *array, axes form, double *to) {
  nn_shape s = shape_of_golden(array, form);
  size_t at = 0;
  for (int n = 0; n < s.n; n++)
    for (int h = 0; h < s.h; h++)
      for (int w = 0; w < s.w; w++)
        for (int c = 0; c < s.c; c++, at++) {
          size_t from = at;
          if (form == AXES_IMAGE)
            from = ((size_t)(n * s.c + c) * (size_t)s.h + (size_t)h) *
                       (size_t)s.w +
                   (size_t)w;
          if (form == AXES_WEIGHT)
            from = ((size_t)(c * s.w + w) * (size_t)s.n + (size_t)n) *
                       (size_t)s.h +
                   (size_t)h;
          to[at] = array->values[from];
        }
}

nn_id trial_golden(trial *t, const golden *array, axes form) {
  double *values = test_array(array->count, sizeof *values);
  from_golden(array, form, values);
  nn_id id = trial_values(t, shape_of_golden(array, form), values);
  free(values);
  return id;
}

double trial_residual(const trial *t, const char *name, const golden *want,
                      axes form) {
  size_t count;
  double *got = trial_value(t, name, &count);
  double *values = test_array(want->count, sizeof *values);
  from_golden(want, form, values);
  double residual =
      count == want->count ? tap_residual(got, values, count) : NAN;
  free(values);
  free(got);
  return residual;
}

nn_model_options small_unet(void) {
  return (nn_model_options){.batch = 1,
                            .size = 64,
                            .ngf = 8,
                            .norm = NN_INSTANCE_NORM,
                            .dropout = 0.5,
                            .cat_channels = 16,
                            .style_layers = NN_VGG_DEFAULT_LAYERS,
                            .lambda_l1 = 1,
                            .training = true};
}

nn_model_options small_colours(nn_generator generator, nn_head head) {
  nn_model_options o = small_unet();
  o.ngf = 4;
  o.norm = NN_BATCH_NORM;
  o.dropout = 0;
  o.generator = generator;
  o.head = head;
  o.loss = NN_LOSS_FNMSE;
  o.min_area = 100;
  return o;
}

nn_model_options small_mix(void) {
  nn_model_options o = small_unet();
  o.batch = 2;
  o.ngf = o.ndf = o.nef = 2;
  o.norm = NN_BATCH_NORM;
  o.style_code = true;
  o.gan = NN_GAN_WGANGP;
  o.lambda_gan = o.lambda_a = o.lambda_v = o.gp_ratio = 1;
  o.lambda_gp = 10;
  o.lambda_tri = o.margin = 0.1;
  return o;
}
