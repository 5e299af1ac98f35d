/* Procedural scenes as a packed data set. A sample is a scene whose object has
 * taken the colours of an object of the same family in another scene, as
 * HCOCO's composites have. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "data/synth/synth_internal.h"

enum {
  TRIES = 12,
  MANY_TRIES = 1000,
  BATCH = 64,
  SMALLEST = 16,
  LARGEST = 4096
};

/* A composite's error in the foreground: others are drawn again. */
static const double fmse_least = 50, fmse_most = 3000;

void synth_sample_free(synth_sample *sample) {
  data_image_free(&sample->composite);
  data_image_free(&sample->real);
  data_image_free(&sample->mask);
  *sample = (synth_sample){0};
}

static random_stream stream_of(uint64_t seed, data_split split, size_t index,
                               uint32_t number) {
  uint64_t place = (uint64_t)split << 48 | (uint64_t)index;
  return random_stream_make(seed, RANDOM_SYNTH, place, number);
}

/* A scene whose object has a good size. `number` counts the streams used. */
static status draw_good_scene(uint64_t seed, data_split split, size_t index,
                              uint32_t *number, int family, int size,
                              bool object_only, data_image *picture,
                              data_image *mask) {
  for (int i = 0; i < MANY_TRIES; i++) {
    random_stream stream = stream_of(seed, split, index, (*number)++);
    bool good;
    TRY(synth_scene_draw(&stream, family, size, object_only, picture, mask,
                         &good));
    if (good) return STATUS_OK;
    data_image_free(picture);
    data_image_free(mask);
  }
  INVARIANT(false, "no scene of %d has a good object", MANY_TRIES);
}

static double foreground_mse(const synth_sample *sample) {
  size_t count = (size_t)sample->mask.width * (size_t)sample->mask.height;
  double sum = 0;
  size_t inside = 0;
  for (size_t i = 0; i < count; i++) {
    if (sample->mask.pixels[i] == 0) continue;
    inside++;
    for (int c = 0; c < 3; c++) {
      double difference = (double)sample->composite.pixels[3 * i + (size_t)c] -
                          (double)sample->real.pixels[3 * i + (size_t)c];
      sum += difference * difference;
    }
  }
  return inside == 0 ? 0 : sum / (3 * (double)inside);
}

/* idt seldom: it takes a hundred times as long. */
static data_transfer_method draw_method(random_stream *stream) {
  double x = random_uniform(stream);
  return x < 0.45   ? DATA_GCT
         : x < 0.80 ? DATA_GCTRGB
         : x < 0.96 ? DATA_HGM
                    : DATA_IDT;
}

/* The object recoloured after one reference scene. */
static status recolour(uint64_t seed, data_split split, size_t index,
                       uint32_t *number, int family, synth_sample *sample) {
  data_image reference = {0}, reference_mask = {0};
  TRY(draw_good_scene(seed, split, index, number, family, sample->real.width,
                      true, &reference, &reference_mask));
  random_stream stream = stream_of(seed, split, index, (*number)++);
  data_transfer_method method = draw_method(&stream);
  status result =
      data_transfer(method, &sample->real, &sample->mask, &reference,
                    &reference_mask, random_u32(&stream), &sample->composite);
  data_image_free(&reference);
  data_image_free(&reference_mask);
  return result;
}

status synth_sample_make(uint64_t seed, data_split split, size_t index,
                         int size, synth_sample *out) {
  *out = (synth_sample){0};
  uint32_t number = 0;
  random_stream stream = stream_of(seed, split, index, number++);
  int family = (int)random_below(&stream, SYNTH_FAMILIES);
  status result = draw_good_scene(seed, split, index, &number, family, size,
                                  false, &out->real, &out->mask);
  for (int i = 0; i < TRIES && result == STATUS_OK; i++) {
    data_image_free(&out->composite);
    result = recolour(seed, split, index, &number, family, out);
    if (result != STATUS_OK) break;
    double fmse = foreground_mse(out);
    if (fmse >= fmse_least && fmse <= fmse_most) break;
  }
  if (result != STATUS_OK) synth_sample_free(out);
  return result;
}

/* ---- packing ---- */

typedef struct chunks {
  data_chunk composite, real, mask;
} chunks;

typedef struct batch {
  const data_synth_options *options;
  size_t first;
  chunks items[BATCH];
} batch;

/* Samples are numbered on, split after split. */
static data_split split_of(const data_synth_options *options, size_t number,
                           size_t *index) {
  size_t train = (size_t)options->train_count;
  size_t test = (size_t)options->test_count;
  bool trains = number < train, tests = !trains && number < train + test;
  *index = trains ? number : tests ? number - train : number - train - test;
  return trains ? DATA_TRAIN : tests ? DATA_TEST : DATA_VALIDATION;
}

static size_t count_all(const data_synth_options *options) {
  return (size_t)options->train_count + (size_t)options->test_count +
         (size_t)options->validation_count;
}

/* HCOCO's form of a name, told apart by the split, without what follows it. */
static void name_scene(data_split split, size_t index, char name[32]) {
  snprintf(name, 32, "%s%06zu", data_split_name(split), index);
}

static status write_picture(const char *folder, const char *name,
                            const char *ending, const data_image *image) {
  char path[PATH_MAX];
  int length = snprintf(path, sizeof path, "%s/%s%s", folder, name, ending);
  if (length >= (int)sizeof path)
    return status_error(STATUS_USAGE, "%s: too long a name", folder);
  return data_image_write(path, image, 95);
}

static status write_pictures(const char *folder, const char *name,
                             const synth_sample *sample) {
  if (folder == NULL) return STATUS_OK;
  TRY(write_picture(folder, name, ".png", &sample->composite));
  TRY(write_picture(folder, name, "_mask.png", &sample->mask));
  return write_picture(folder, name, "_real.png", &sample->real);
}

static status make_item(void *context, size_t i) {
  batch *b = context;
  const data_synth_options *options = b->options;
  size_t index;
  data_split split = split_of(options, b->first + i, &index);
  synth_sample sample;
  TRY(synth_sample_make(options->seed, split, index, options->size, &sample));
  chunks *item = &b->items[i];
  int size = options->size, level = DATA_SET_COMPRESSION;
  char name[32];
  name_scene(split, index, name);
  status result = write_pictures(options->pictures, name, &sample);
  if (result == STATUS_OK)
    result = data_chunk_make(sample.real.pixels, size, 3, level, &item->real);
  if (result == STATUS_OK)
    result = data_chunk_make(sample.mask.pixels, size, 1, level, &item->mask);
  if (result == STATUS_OK)
    result = data_chunk_make(sample.composite.pixels, size, 3, level,
                             &item->composite);
  synth_sample_free(&sample);
  return result;
}

static status add_item(data_set_writer *writer, const batch *b, size_t i) {
  size_t index, real, mask;
  data_split split = split_of(b->options, b->first + i, &index);
  const chunks *item = &b->items[i];
  char scene[32], name[64];
  name_scene(split, index, scene);
  snprintf(name, sizeof name, "%s_1_1.jpg", scene);
  TRY(data_set_writer_add_real(writer, &item->real, &real));
  TRY(data_set_writer_add_mask(writer, &item->mask, &mask));
  return data_set_writer_add_composite(writer, name, split, real, mask,
                                       &item->composite);
}

static void free_batch(batch *b) {
  for (size_t i = 0; i < BATCH; i++) {
    data_chunk_free(&b->items[i].real);
    data_chunk_free(&b->items[i].mask);
    data_chunk_free(&b->items[i].composite);
  }
  memset(b->items, 0, sizeof b->items);
}

static status add_all(data_set_writer *writer,
                      const data_synth_options *options) {
  size_t total = count_all(options);
  double start = clock_seconds();
  batch *b;
  TRY(MEMORY_NEW(1, "batch of scenes", &b));
  b->options = options;
  status result = STATUS_OK;
  for (size_t first = 0; first < total && result == STATUS_OK; first += BATCH) {
    size_t count = total - first < BATCH ? total - first : BATCH;
    b->first = first;
    result = threads_for(count, options->threads, make_item, b);
    for (size_t i = 0; i < count && result == STATUS_OK; i++)
      result = add_item(writer, b, i);
    free_batch(b);
    double seconds = clock_seconds() - start;
    if (result == STATUS_OK)
      log_live(first + count == total, "synth: %zu/%zu scenes, %.0f/s",
               first + count, total,
               (double)(first + count) / (seconds > 0 ? seconds : 1));
  }
  memory_free(b);
  return result;
}

status data_synth(const data_synth_options *options) {
  if (options->size < SMALLEST || options->size > LARGEST)
    return status_error(STATUS_USAGE, "size %d: expected %d to %d pixels",
                        options->size, SMALLEST, LARGEST);
  if (options->train_count < 0 || options->test_count < 0 ||
      options->validation_count < 0 || count_all(options) < 1)
    return status_error(STATUS_USAGE, "no scenes to make");
  char protocol[256];
  snprintf(protocol, sizeof protocol, "size %d, procedural scenes 1, seed %llu",
           options->size, (unsigned long long)options->seed);
  if (options->pictures != NULL && mkdir(options->pictures, 0777) != 0 &&
      errno != EEXIST)
    return status_error(STATUS_IO, "%s: cannot create: %s", options->pictures,
                        strerror(errno));
  size_t total = count_all(options);
  data_set_attributes attributes = {.size = options->size,
                                    .reals = total,
                                    .masks = total,
                                    .count = total,
                                    .compression = DATA_SET_COMPRESSION,
                                    .protocol = protocol,
                                    .source = "synth"};
  data_set_writer *writer;
  TRY(data_set_writer_open(options->out, &attributes, &writer));
  status result = add_all(writer, options);
  if (result != STATUS_OK) {
    data_set_writer_abort(&writer);
    return result;
  }
  return data_set_writer_commit(&writer);
}
