/* Times of micro-batches and the memory's bandwidth, on this machine. */
#include "dist/foretell/measure.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/random.h"
#include "dist/state/vgg_weights.h"

/* Values of an array of the memory measurement: beyond every cache. */
enum { MEMORY_VALUES = 1 << 25, MOST_POINTS = 4096 };

static int by_value(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static double median(double *values, int count) {
  qsort(values, (size_t)count, sizeof *values, by_value);
  return values[count / 2];
}

static double slowest(const cluster *c, double own) {
  double all;
  MPI_Allreduce(&own, &all, 1, MPI_DOUBLE, MPI_MAX, c->world);
  return all;
}

/* ---- memory bandwidth ---- */

/* a += b: reads two values and writes one, as sums of gradients do. */
static void add(nn_real *a, const nn_real *b, size_t count) {
  for (size_t i = 0; i < count; i++) a[i] += b[i];
}

static status measure_memory(const cluster *c, int repeats, double *times,
                             double *out) {
  nn_real *a = NULL, *b = NULL;
  status result = MEMORY_NEW(MEMORY_VALUES, "a measurement", &a);
  if (result == STATUS_OK)
    result = MEMORY_NEW(MEMORY_VALUES, "a measurement", &b);
  result = cluster_agree(c, result);
  if (result == STATUS_OK) {
    INVARIANT(a != NULL && b != NULL, "ranks agreed on memory not there");
    add(a, b, MEMORY_VALUES); /* makes the pages */
    for (int i = 0; i < repeats; i++) {
      MPI_Barrier(c->world);
      double start = clock_seconds();
      add(a, b, MEMORY_VALUES);
      times[i] = clock_seconds() - start;
    }
    *out = 3.0 * sizeof *a * MEMORY_VALUES / slowest(c, median(times, repeats));
  }
  memory_free(a);
  memory_free(b);
  return result;
}

/* ---- micro-batches ---- */

typedef struct recorder {
  measured_phase *phase;
  double start;
} recorder;

static void record(void *context, size_t done) {
  recorder *r = context;
  forecast_phase *f = &r->phase->forecast;
  if (f->result_count == MOST_POINTS) f->result_count--; /* the last stays */
  r->phase->points[f->result_count++] =
      (forecast_point){clock_seconds() - r->start, done};
}

/* The system on made-up pictures. */
typedef struct bench {
  nn_system *system;
  nn_vgg_weights *vgg;
  nn_real *state, *results, *composite, *mask, *real;
} bench;

static void free_bench(bench *b) {
  nn_system_destroy(&b->system);
  nn_vgg_weights_destroy(&b->vgg);
  memory_free(b->state);
  memory_free(b->results);
  memory_free(b->composite);
  memory_free(b->mask);
  memory_free(b->real);
}

static status make_bench(const train_options *o, int threads, bool continued,
                         bench *b) {
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, NN_FOR_TRAINING, true);
  nn_plan_options plan = {.threads = threads, .continued = continued};
  TRY(nn_system_create(&model, &plan, &b->system));
  size_t results = 0;
  for (int k = 0; k < b->system->phase_count; k++) {
    size_t size = nn_plan_layout(b->system->phases[k].plan)->result_size;
    if (size > results) results = size;
  }
  size_t side = (size_t)train_image_size(o);
  size_t pixels = (size_t)o->micro_batch * side * side;
  TRY(MEMORY_NEW(b->system->layout.vector_size, "parameters", &b->state));
  TRY(MEMORY_NEW(results, "gradients", &b->results));
  TRY(MEMORY_NEW(3 * pixels, "pictures", &b->composite));
  TRY(MEMORY_NEW(pixels, "pictures", &b->mask));
  TRY(MEMORY_NEW(3 * pixels, "pictures", &b->real));
  random_stream stream = random_stream_make(1, RANDOM_TEST, 0, 0);
  for (size_t i = 0; i < 3 * pixels; i++) {
    b->composite[i] = (nn_real)(random_uniform(&stream) * 2 - 1);
    b->real[i] = (nn_real)(random_uniform(&stream) * 2 - 1);
  }
  /* the middle of each picture */
  for (size_t i = 0; i < pixels; i++)
    b->mask[i] = i / side % side / (side / 2) + i % side / (side / 2) == 1;
  nn_layout_initialise(&b->system->layout, 1, b->state);
  if (o->network.lambda_style > 0 || o->network.lambda_gram > 0)
    TRY(vgg_weights_load(o->vgg_weights, NN_VGG_WIDTH,
                         nn_vgg_conv_count((unsigned)o->network.style_layers),
                         &b->vgg));
  return STATUS_OK;
}

static double run_once(const bench *b, int phase, measured_phase *record_of) {
  nn_plan *plan = b->system->phases[phase].plan;
  const nn_real *inputs[3 + NN_VGG_INPUTS] = {b->composite, b->mask, b->real};
  if (b->vgg != NULL)
    nn_vgg_bind(b->system->phases[phase].graph, b->vgg, inputs);
  recorder watch = {.phase = record_of, .start = clock_seconds()};
  nn_run_options run = {.state = b->state,
                        .results = b->results,
                        .inputs = inputs,
                        .completed = record,
                        .context = &watch};
  record_of->forecast.result_count = 0;
  nn_run(plan, &run);
  return clock_seconds() - watch.start;
}

/* The phases in turn, again and again; times by phase, then repeat. */
static void run_all(const cluster *c, const bench *b, int repeats,
                    double *times, measured *out) {
  for (int i = -1; i < repeats; i++) /* the first makes the pages */
    for (int k = 0; k < b->system->phase_count; k++) {
      MPI_Barrier(c->world);
      double seconds = run_once(b, k, &out->phases[k]);
      if (i >= 0) times[k * repeats + i] = seconds;
    }
}

static void describe_phase(const cluster *c, const nn_phase *phase,
                           double *times, int repeats, measured_phase *out) {
  const nn_layout *layout = nn_plan_layout(phase->plan);
  forecast_phase *f = &out->forecast;
  f->learned = layout->parameters.end - layout->parameters.begin;
  f->count = f->learned + layout->rest.end - layout->rest.begin;
  f->results = out->points;
  out->network = phase->network;
  double last = times[repeats - 1];
  f->seconds = slowest(c, median(times, repeats));
  for (int i = 0; i < f->result_count; i++)
    out->points[i].seconds *= f->seconds / last;
}

status measure_system(const cluster *c, const train_options *o, int threads,
                      int repeats, bool continued, measured *out) {
  *out = (measured){0};
  bench b = {0};
  double *times = NULL;
  status result =
      MEMORY_NEW((size_t)(NN_MAX_PHASES * repeats), "times", &times);
  if (result == STATUS_OK) result = make_bench(o, threads, continued, &b);
  for (int k = 0; k < NN_MAX_PHASES && result == STATUS_OK; k++)
    result = MEMORY_NEW(MOST_POINTS, "times", &out->phases[k].points);
  result = cluster_agree(c, result);
  if (result == STATUS_OK)
    result = measure_memory(c, repeats, times, &out->memory);
  if (result == STATUS_OK) {
    out->phase_count = b.system->phase_count;
    run_all(c, &b, repeats, times, out);
    for (int k = 0; k < out->phase_count; k++)
      describe_phase(c, &b.system->phases[k], times + k * repeats, repeats,
                     &out->phases[k]);
  }
  free_bench(&b);
  memory_free(times);
  return result;
}

void measured_free(measured *m) {
  for (int k = 0; k < NN_MAX_PHASES; k++) memory_free(m->phases[k].points);
}
