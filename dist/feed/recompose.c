/* Which samples are composed anew, of what, and the composing. */
#include "dist/feed/recompose.h"

#include "base/memory.h"
#include "base/random.h"

recompose_draft recompose_draw(const recomposition *how, uint64_t position,
                               uint32_t sample) {
  recompose_draft draft = {0};
  if (!(how->share > 0)) return draft;
  random_stream random =
      random_stream_make(how->seed, RANDOM_RECOMPOSE, position, 0);
  draft.wanted = random_uniform(&random) < how->share;
  if (!draft.wanted) return draft;
  draft.seed = (uint64_t)random_u32(&random) << 32;
  draft.seed |= random_u32(&random);
  uint32_t methods = (uint32_t)how->methods.count;
  draft.method = how->methods.list[random_below(&random, methods)];
  draft.has_reference = draft.method != DATA_JITTER;
  if (draft.has_reference)
    draft.reference = sample_groups_other(how->groups, sample, &random);
  return draft;
}

status recomposer_create(int size, recomposer *out) {
  size_t pixels = (size_t)size * (size_t)size;
  status result = data_recolour_create(size, &out->recolour);
  if (result == STATUS_OK)
    result = MEMORY_NEW(3 * pixels, "a composite", &out->composite);
  if (result != STATUS_OK) recomposer_destroy(out);
  return result;
}

void recomposer_destroy(recomposer *r) {
  data_recolour_destroy(&r->recolour);
  memory_free(r->composite);
  r->composite = NULL;
}

size_t recomposer_bytes(int size) {
  return data_recolour_bytes(size) + 3 * (size_t)size * (size_t)size;
}

void recomposer_reference(recomposer *r, const sample_bytes *reference) {
  data_recolour_reference(r->recolour, reference->real, reference->mask);
}

status recomposer_run(recomposer *r, const recompose_draft *draft,
                      sample_bytes *sample) {
  TRY(data_recolour_run(r->recolour, draft->method, draft->seed, sample->real,
                        sample->mask, r->composite));
  sample->composite = r->composite;
  return STATUS_OK;
}
