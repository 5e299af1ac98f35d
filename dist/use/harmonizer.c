/* A checkpoint's network, planned for one image. */
#include "dist/use/harmonizer.h"

#include <string.h>

#include "base/memory.h"
#include "dist/state/snapshot.h"

struct harmonizer {
  train_options options;
  char *texts; /* of options read from a file */
  uint64_t step;
  nn_purpose purpose;
  nn_system *system;  /* of one phase */
  nn_real *own_state; /* NULL: borrowed */
  const nn_real *state;
  nn_real *results; /* train mode sets buffers: they go nowhere */
};

static nn_plan *plan_of(const harmonizer *h) {
  return h->system->phases[0].plan;
}

static status build(harmonizer *h, const nn_layout *layout, int threads,
                    nn_purpose purpose, bool train_mode) {
  nn_model_options model =
      train_model_options(&h->options, 1, purpose, train_mode);
  h->purpose = purpose;
  /* nothing is minimised: without gradients the results are only buffers */
  nn_plan_options plan = {
      .threads = threads, .layout = layout, .hand_over = true};
  TRY(nn_system_create(&model, &plan, &h->system));
  return MEMORY_NEW(nn_plan_layout(plan_of(h))->result_size, "results",
                    &h->results);
}

static status load(harmonizer *h, ckpt_reader *reader, int threads,
                   nn_purpose purpose, bool train_mode) {
  options_defaults(&train_option_table, &h->options);
  TRY(train_options_load(&h->options, NULL, reader, &h->texts));
  TRY(snapshot_step(reader, &h->step));
  TRY(build(h, NULL, threads, purpose, train_mode));
  const nn_layout *layout = nn_plan_layout(plan_of(h));
  TRY(MEMORY_NEW(layout->state_size, "parameters", &h->own_state));
  nn_real *scratch;
  TRY(MEMORY_NEW(snapshot_scratch(layout), "a parameter", &scratch));
  snapshot s = {.layout = layout, .state = h->own_state, .partial = true};
  /* averages are read over the state */
  if (snapshot_has_average(reader)) s.averaged = h->own_state;
  status result = snapshot_read(reader, &s, scratch);
  memory_free(scratch);
  h->state = h->own_state;
  return result;
}

static status open_for(const char *checkpoint, int threads, nn_purpose purpose,
                       bool train_mode, harmonizer **out) {
  *out = NULL;
  ckpt_reader *reader;
  TRY(ckpt_reader_open(checkpoint, &reader));
  status result = MEMORY_NEW(1, "network", out);
  if (result == STATUS_OK) {
    result = load(*out, reader, threads, purpose, train_mode);
    if (result != STATUS_OK) {
      status_add_context("%s", checkpoint);
      harmonizer_destroy(out);
      if (result == STATUS_USAGE) result = STATUS_FORMAT;
    }
  }
  ckpt_reader_close(&reader);
  return result;
}

status harmonizer_open(const char *checkpoint, int threads, bool train_mode,
                       harmonizer **out) {
  return open_for(checkpoint, threads, NN_FOR_OUTPUT, train_mode, out);
}

status harmonizer_open_score(const char *checkpoint, int threads,
                             harmonizer **out) {
  return open_for(checkpoint, threads, NN_FOR_SCORE, false, out);
}

static status borrow(const train_options *options, const nn_layout *layout,
                     const nn_real *state, int threads, nn_purpose purpose,
                     harmonizer **out) {
  TRY(MEMORY_NEW(1, "network", out));
  (*out)->options = *options;
  (*out)->state = state;
  status result = build(*out, layout, threads, purpose, false);
  if (result != STATUS_OK) harmonizer_destroy(out);
  return result;
}

status harmonizer_borrow(const train_options *options, const nn_layout *layout,
                         const nn_real *state, int threads, harmonizer **out) {
  return borrow(options, layout, state, threads, NN_FOR_OUTPUT, out);
}

status harmonizer_twin(const harmonizer *of, int threads, harmonizer **out) {
  return borrow(&of->options, nn_plan_layout(plan_of(of)), of->state, threads,
                of->purpose, out);
}

void harmonizer_destroy(harmonizer **pointer) {
  harmonizer *h = *pointer;
  if (h == NULL) return;
  nn_system_destroy(&h->system);
  memory_free(h->own_state);
  memory_free(h->results);
  memory_free(h->texts);
  memory_free(h);
  *pointer = NULL;
}

int harmonizer_size(const harmonizer *h) { return h->options.network.size; }

bool harmonizer_full_res(const harmonizer *h) { return h->options.full_res; }

const char *harmonizer_model(const harmonizer *h) {
  return train_model_name(h->options.model);
}

uint64_t harmonizer_step(const harmonizer *h) { return h->step; }

size_t harmonizer_parameters(const harmonizer *h) {
  return nn_layout_parameters(nn_plan_layout(plan_of(h)), "");
}

double harmonizer_multiply_adds(const harmonizer *h) {
  return nn_plan_multiply_adds(plan_of(h));
}

nn_head harmonizer_head(const harmonizer *h) { return h->options.network.head; }

static void run(harmonizer *h, const nn_real *image, const nn_real *mask,
                const nn_real *reference, uint64_t sample) {
  const nn_real *inputs[] = {image, mask, reference};
  nn_run_options options = {.state = h->state,
                            .results = h->results,
                            .inputs = inputs,
                            .seed = (uint64_t)h->options.seed,
                            .first_sample = sample};
  nn_run(plan_of(h), &options);
}

const nn_real *harmonizer_run(harmonizer *h, const nn_real *composite,
                              const nn_real *mask, const nn_real *reference,
                              uint64_t sample) {
  run(h, composite, mask, reference != NULL ? reference : composite, sample);
  return nn_plan_value(plan_of(h), "output");
}

bool harmonizer_change(const harmonizer *h, nn_colour_change *out) {
  nn_head head = harmonizer_head(h);
  if (!nn_head_changes_pictures(head)) return false;
  *out = (nn_colour_change){.head = head,
                            .size = harmonizer_size(h),
                            .maps = nn_plan_value(plan_of(h), "maps")};
  if (head == NN_HEAD_AFFINE) out->blend = nn_plan_value(plan_of(h), "blend");
  return true;
}

double harmonizer_score(harmonizer *h, const nn_real *image,
                        const nn_real *mask) {
  run(h, image, mask, image, 0);
  return nn_harmony_score(nn_plan_value(plan_of(h), "code_background"),
                          nn_plan_value(plan_of(h), "code_foreground"));
}
