#include "dist/harmonizer.h"

#include <string.h>

#include "base/memory.h"
#include "dist/snapshot.h"

struct harmonizer {
  train_options options;
  char *texts; /* of options read from a file */
  uint64_t step;
  nn_graph *graph;
  nn_plan *plan;
  nn_real *own_state; /* NULL: borrowed */
  const nn_real *state;
  nn_real *results; /* train mode sets buffers: they go nowhere */
};

static status build(harmonizer *h, const nn_layout *layout, int threads,
                    bool train_mode) {
  nn_model_options model =
      train_model_options(&h->options, 1, train_mode, false);
  TRY(nn_model_build(&model, &h->graph));
  nn_plan_options plan = {.threads = threads, .layout = layout};
  TRY(nn_plan_create(h->graph, &plan, &h->plan));
  return MEMORY_NEW(nn_plan_layout(h->plan)->result_size, "results",
                    &h->results);
}

static status load(harmonizer *h, ckpt_reader *reader, int threads,
                   bool train_mode) {
  options_defaults(&train_option_table, &h->options);
  TRY(train_options_load(&h->options, NULL, reader, &h->texts));
  TRY(snapshot_step(reader, &h->step));
  TRY(build(h, NULL, threads, train_mode));
  const nn_layout *layout = nn_plan_layout(h->plan);
  TRY(MEMORY_NEW(layout->state_size, "parameters", &h->own_state));
  nn_real *scratch;
  TRY(MEMORY_NEW(snapshot_scratch(layout), "a parameter", &scratch));
  snapshot s = {.layout = layout, .state = h->own_state};
  status result = snapshot_read(reader, &s, scratch);
  memory_free(scratch);
  h->state = h->own_state;
  return result;
}

status harmonizer_open(const char *checkpoint, int threads, bool train_mode,
                       harmonizer **out) {
  *out = NULL;
  ckpt_reader *reader;
  TRY(ckpt_reader_open(checkpoint, &reader));
  status result = MEMORY_NEW(1, "network", out);
  if (result == STATUS_OK) {
    result = load(*out, reader, threads, train_mode);
    if (result != STATUS_OK) {
      status_add_context("%s", checkpoint);
      harmonizer_destroy(out);
      if (result == STATUS_USAGE) result = STATUS_FORMAT;
    }
  }
  ckpt_reader_close(&reader);
  return result;
}

status harmonizer_borrow(const train_options *options, const nn_layout *layout,
                         const nn_real *state, int threads, harmonizer **out) {
  TRY(MEMORY_NEW(1, "network", out));
  (*out)->options = *options;
  (*out)->state = state;
  status result = build(*out, layout, threads, false);
  if (result != STATUS_OK) harmonizer_destroy(out);
  return result;
}

void harmonizer_destroy(harmonizer **pointer) {
  harmonizer *h = *pointer;
  if (h == NULL) return;
  nn_plan_destroy(&h->plan);
  nn_graph_destroy(&h->graph);
  memory_free(h->own_state);
  memory_free(h->results);
  memory_free(h->texts);
  memory_free(h);
  *pointer = NULL;
}

int harmonizer_size(const harmonizer *h) { return (int)h->options.size; }

const char *harmonizer_model(const harmonizer *h) { return h->options.model; }

uint64_t harmonizer_step(const harmonizer *h) { return h->step; }

const nn_real *harmonizer_run(harmonizer *h, const nn_real *composite,
                              const nn_real *mask, uint64_t sample) {
  const nn_real *inputs[] = {composite, mask};
  nn_run_options run = {.state = h->state,
                        .results = h->results,
                        .inputs = inputs,
                        .seed = (uint64_t)h->options.seed,
                        .first_sample = sample};
  nn_run(h->plan, &run);
  return nn_plan_value(h->plan, "output");
}
