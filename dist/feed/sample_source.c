/* Samples from the packed file or from a stream. */
#include "dist/feed/sample_source.h"

#include "base/memory.h"

static bool announce(void *self, uint32_t sample) {
  (void)self, (void)sample;
  return true;
}

static bool progress(void *self) {
  (void)self;
  return false;
}

static status read_sample(void *self, uint32_t sample, bool wanted,
                          sample_bytes *out) {
  file_source *source = self;
  size_t side = (size_t)data_set_describe(source->set)->size;
  uint8_t *composite = source->pixels, *real = composite + 3 * side * side;
  uint8_t *mask = real + 3 * side * side;
  *out =
      (sample_bytes){composite, mask, real, data_set_name(source->set, sample)};
  return data_set_read(source->set, sample, wanted ? composite : NULL, mask,
                       real);
}

status file_source_open(data_set *set, file_source *out) {
  size_t side = (size_t)data_set_describe(set)->size;
  *out = (file_source){.set = set};
  return MEMORY_NEW(7 * side * side, "a sample", &out->pixels);
}

void file_source_close(file_source *source) {
  memory_free(source->pixels);
  source->pixels = NULL;
}

sample_source file_source_of(file_source *source) {
  return (sample_source){source, announce, progress, read_sample};
}
