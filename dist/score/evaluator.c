/* A sample through a method, and its scores. */
#include "dist/score/evaluator.h"

#include <math.h>

#include "base/memory.h"
#include "dist/feed/augment.h"

status evaluator_open(evaluator *e, data_set *set, const protocol *how) {
  *e = (evaluator){
      .set = set, .protocol = how, .size = data_set_describe(set)->size};
  size_t pixels = (size_t)e->size * (size_t)e->size;
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->composite));
  TRY(MEMORY_NEW(pixels, "a sample", &e->mask));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->real));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->net_composite));
  TRY(MEMORY_NEW(pixels, "a sample", &e->net_mask));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->net_real));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->output));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->target));
  return MEMORY_NEW(data_metrics_scratch(e->size, e->size), "metrics",
                    &e->scratch);
}

void evaluator_close(evaluator *e) {
  memory_free(e->composite);
  memory_free(e->mask);
  memory_free(e->real);
  memory_free(e->net_composite);
  memory_free(e->net_mask);
  memory_free(e->net_real);
  memory_free(e->output);
  memory_free(e->target);
  memory_free(e->scratch);
}

/* What is no number stays none: quantised it would be black. */
static float to_level(nn_real value, quantisation how) {
  if (!isfinite(value)) return NAN;
  switch (how) {
  case QUANTISE_TRUNCATE: return data_net_to_byte((float)value);
  case QUANTISE_ROUND: return data_net_to_byte_rounded((float)value);
  case QUANTISE_NONE: break;
  }
  float level = ((float)value + 1.0f) * 127.5f;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

static void take_levels(evaluator *e, const uint8_t *levels) {
  size_t values = 3 * (size_t)e->size * (size_t)e->size;
  for (size_t i = 0; i < values; i++) e->output[i] = levels[i];
}

static status run_classical(evaluator *e, const method *how) {
  const data_image composite = {e->size, e->size, 3, e->composite};
  const data_image mask = {e->size, e->size, 1, e->mask};
  data_image output;
  TRY(how->classical->run(how->model, &composite, &mask, &output));
  take_levels(e, output.pixels);
  data_image_free(&output);
  return STATUS_OK;
}

static void run_network(evaluator *e, harmonizer *network, size_t sample) {
  size_t values = 3 * (size_t)e->size * (size_t)e->size;
  augment_none(e->composite, e->mask, e->real, e->size, e->net_composite,
               e->net_mask, e->net_real);
  const nn_real *output =
      harmonizer_run(network, e->net_composite, e->net_mask,
                     e->protocol->code_of_real ? e->net_real : NULL, sample);
  for (size_t i = 0; i < values; i++)
    e->output[i] = to_level(output[i], e->protocol->quantise);
}

status evaluator_run(evaluator *e, const method *how, size_t sample) {
  if (how->classical != NULL) return run_classical(e, how);
  if (how->network != NULL)
    run_network(e, how->network, sample);
  else
    take_levels(e, e->composite);
  return STATUS_OK;
}
