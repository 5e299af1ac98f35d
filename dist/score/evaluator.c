/* A sample through a method, and its scores. */
#include "dist/score/evaluator.h"

#include <math.h>

#include "base/memory.h"
#include "dist/feed/augment.h"
#include "dist/use/apply.h"

/* ---- memory ---- */

/* Memory for a sample of e's width and height: kept for smaller ones. */
static status make_room(evaluator *e) {
  size_t pixels = (size_t)e->width * (size_t)e->height;
  size_t scratch = data_metrics_scratch(e->width, e->height);
  if (pixels > e->room) {
    memory_free(e->output);
    memory_free(e->target);
    e->output = e->target = NULL;
    TRY(MEMORY_NEW(3 * pixels, "a sample", &e->output));
    TRY(MEMORY_NEW(3 * pixels, "a sample", &e->target));
    e->room = pixels;
  }
  if (scratch > e->scratch_room) {
    memory_free(e->scratch);
    TRY(MEMORY_NEW(scratch, "metrics", &e->scratch));
    e->scratch_room = scratch;
  }
  return STATUS_OK;
}

status evaluator_open(evaluator *e, data_set *set, const protocol *how) {
  int size = data_set_describe(set)->size;
  *e = (evaluator){
      .set = set, .protocol = how, .size = size, .width = size, .height = size};
  if (size == 0) return STATUS_OK;
  size_t pixels = (size_t)size * (size_t)size;
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->composite));
  TRY(MEMORY_NEW(pixels, "a sample", &e->mask));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->real));
  TRY(make_room(e));
  if (how->full_res) return STATUS_OK;
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->net_composite));
  TRY(MEMORY_NEW(pixels, "a sample", &e->net_mask));
  return MEMORY_NEW(3 * pixels, "a sample", &e->net_real);
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

/* ---- samples ---- */

/* The images before are gone before the next ones are read: they may be large.
 */
static status read_files(evaluator *e, size_t index) {
  data_image composite, mask, real;
  memory_free(e->composite);
  memory_free(e->mask);
  memory_free(e->real);
  e->composite = e->mask = e->real = NULL;
  TRY(data_set_read_images(e->set, index, &composite, &mask, &real));
  e->composite = composite.pixels;
  e->mask = mask.pixels;
  e->real = real.pixels;
  e->width = real.width;
  e->height = real.height;
  return make_room(e);
}

status evaluator_read(evaluator *e, size_t index) {
  if (e->size > 0)
    return data_set_read(e->set, index, e->composite, e->mask, e->real);
  return read_files(e, index);
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

static size_t values_of(const evaluator *e) {
  return 3 * (size_t)e->width * (size_t)e->height;
}

static void take_levels(evaluator *e, const uint8_t *levels) {
  for (size_t i = 0; i < values_of(e); i++) e->output[i] = levels[i];
}

static status run_classical(evaluator *e, const method *how) {
  const data_image composite = {e->width, e->height, 3, e->composite};
  const data_image mask = {e->width, e->height, 1, e->mask};
  data_image output;
  TRY(how->classical->run(how->model, &composite, &mask, &output));
  take_levels(e, output.pixels);
  data_image_free(&output);
  return STATUS_OK;
}

static void run_network(evaluator *e, harmonizer *network, size_t sample) {
  augment_none(e->composite, e->mask, e->real, e->size, e->net_composite,
               e->net_mask, e->net_real);
  const nn_real *output =
      harmonizer_run(network, e->net_composite, e->net_mask,
                     e->protocol->code_of_real ? e->net_real : NULL, sample);
  for (size_t i = 0; i < values_of(e); i++)
    e->output[i] = to_level(output[i], e->protocol->quantise);
}

/* As `apply` has it, at the sample's own size. */
static status run_at_full_size(evaluator *e, harmonizer *network,
                               size_t sample) {
  const protocol *how = e->protocol;
  const data_image composite = {e->width, e->height, 3, e->composite};
  const data_image mask = {e->width, e->height, 1, e->mask};
  const data_image real = {e->width, e->height, 3, e->real};
  TRY(apply_to_levels(network, how->threads, &composite, &mask,
                      how->code_of_real ? &real : NULL, sample, e->output));
  if (how->quantise == QUANTISE_NONE) return STATUS_OK;
  float half = how->quantise == QUANTISE_ROUND ? 0.5f : 0;
  for (size_t i = 0; i < values_of(e); i++)
    e->output[i] = floorf(e->output[i] + half);
  return STATUS_OK;
}

status evaluator_run(evaluator *e, const method *how, size_t sample) {
  if (how->classical != NULL) return run_classical(e, how);
  if (how->network != NULL && e->protocol->full_res)
    return run_at_full_size(e, how->network, sample);
  if (how->network != NULL)
    run_network(e, how->network, sample);
  else
    take_levels(e, e->composite);
  return STATUS_OK;
}
