/* A system's training step without a trainer around it. */
#include "base/memory.h"
#include "base/random.h"
#include "tests/bench/bench.h"

/* Colours of noise; the mask is a rectangle of a quarter of the image. */
static status make_images(bench_stepper *s, const bench_case *what) {
  size_t pixels = (size_t)what->size * (size_t)what->size;
  for (int i = 0; i < 3; i++) {
    size_t channels = i == 1 ? 1 : 3;
    size_t count = (size_t)what->batch * pixels * channels;
    TRY(MEMORY_NEW(count, "images", &s->images[i]));
    random_stream r = random_stream_make(1, RANDOM_TEST, (uint64_t)i, 0);
    for (size_t k = 0; k < count; k++) {
      size_t at = k / channels % pixels, side = (size_t)what->size;
      bool inside = at / side < side / 2 && at % side < side / 2;
      s->images[i][k] = i == 1 ? inside : (nn_real)(2 * random_uniform(&r) - 1);
    }
  }
  return STATUS_OK;
}

status bench_case_options(const bench_case *what, train_options *out) {
  options_defaults(&train_option_table, out);
  TRY(options_set(&train_option_table, out, "model", what->model));
  train_options_preset(out, NULL);
  out->network.size = what->size;
  if (what->ngf > 0) out->network.ngf = what->ngf;
  return STATUS_OK;
}

static status make_system(bench_stepper *s, const bench_case *what) {
  train_options o;
  TRY(bench_case_options(what, &o));
  nn_model_options model = train_model_options(
      &o, what->batch,
      s->work == BENCH_FORWARD ? NN_FOR_OUTPUT : NN_FOR_TRAINING, true);
  nn_plan_options plan = {.threads = what->threads,
                          .continued = true,
                          .hand_over = s->work == BENCH_STEP};
  TRY(nn_system_create(&model, &plan, &s->system));
  s->adam = o.adam;
  if (model.lambda_style == 0 && model.lambda_gram == 0) return STATUS_OK;
  TRY(nn_vgg_weights_create(
      NN_VGG_WIDTH, nn_vgg_conv_count((unsigned)model.style_layers), &s->vgg));
  nn_vgg_weights_random(s->vgg, NN_VGG_SEED);
  return STATUS_OK;
}

static status prepare(bench_stepper *s, const bench_case *what) {
  TRY(make_system(s, what));
  TRY(make_images(s, what));
  const nn_layout *layout = &s->system->layout;
  TRY(MEMORY_NEW(layout->vector_size, "state", &s->state));
  nn_layout_initialise(layout, 1, s->state);
  if (s->work == BENCH_STEP) {
    TRY(MEMORY_NEW(layout->parameter_size, "moments", &s->mean));
    TRY(MEMORY_NEW(layout->parameter_size, "moments", &s->variance));
  }
  for (int k = 0; k < s->system->phase_count; k++) {
    const nn_phase *phase = &s->system->phases[k];
    TRY(MEMORY_NEW(nn_plan_layout(phase->plan)->result_size, "results",
                   &s->results[k]));
    for (int i = 0; i < 3; i++) s->inputs[k][i] = s->images[i];
    if (s->vgg != NULL) nn_vgg_bind(phase->graph, s->vgg, s->inputs[k]);
  }
  return STATUS_OK;
}

status bench_stepper_create(const bench_case *what, bench_work work,
                            bench_stepper **out) {
  TRY(MEMORY_NEW(1, "bench", out));
  (*out)->work = work;
  (*out)->threads = what->threads;
  status result = prepare(*out, what);
  if (result != STATUS_OK) bench_stepper_destroy(out);
  return result;
}

void bench_stepper_destroy(bench_stepper **stepper) {
  bench_stepper *s = *stepper;
  if (s == NULL) return;
  nn_system_destroy(&s->system);
  nn_vgg_weights_destroy(&s->vgg);
  memory_free(s->state);
  memory_free(s->mean);
  memory_free(s->variance);
  for (int k = 0; k < NN_MAX_PHASES; k++) memory_free(s->results[k]);
  for (int i = 0; i < 3; i++) memory_free(s->images[i]);
  memory_free(s);
  *stepper = NULL;
}

static void update_parameter(void *context, const nn_entry *entry,
                             const nn_real *gradient) {
  bench_stepper *s = context;
  double start = bench_clock();
  size_t at = entry->offset;
  nn_adam(&s->adam, entry->count, 1, gradient, s->state + at, s->mean + at,
          s->variance + at, s->threads);
  s->adam_seconds += bench_clock() - start;
}

static void update_buffers(bench_stepper *s, int k) {
  const nn_layout *part = nn_plan_layout(s->system->phases[k].plan);
  for (size_t at = part->rest.begin; at < part->state_size; at++)
    s->state[at] = s->results[k][nn_layout_result(part, at)];
}

void bench_stepper_run(bench_stepper *s) {
  s->adam.step++;
  s->adam_seconds = 0;
  for (int k = 0; k < s->system->phase_count; k++) {
    nn_run_options run = {.state = s->state,
                          .results = s->results[k],
                          .inputs = s->inputs[k],
                          .hand_over = update_parameter,
                          .context = s,
                          .seed = 1,
                          .first_sample = s->adam.step};
    nn_run(s->system->phases[k].plan, &run);
    if (s->work == BENCH_STEP) update_buffers(s, k);
  }
}

double bench_stepper_multiply_adds(const bench_stepper *s) {
  double sum = 0;
  for (int k = 0; k < s->system->phase_count; k++)
    sum += nn_plan_multiply_adds(s->system->phases[k].plan);
  return sum;
}
