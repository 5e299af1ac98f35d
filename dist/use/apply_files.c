/* Reads, harmonizes and writes pictures, many at once. */
#include "dist/use/apply_files.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/threads.h"

/* ---- one ---- */

/* A picture on its way. */
typedef struct work {
  data_picture picture;
  data_profile *profile;
  data_image mask;
  data_image weights; /* where another than the mask; else of no pixels */
} work;

static void free_work(work *w) {
  data_picture_free(&w->picture);
  data_profile_close(&w->profile);
  data_image_free(&w->mask);
  data_image_free(&w->weights);
}

static size_t pixel_count(const data_image *image) {
  return (size_t)image->width * (size_t)image->height;
}

/* A mask that has grown over all of the picture leaves nothing to go by. */
static status grow_mask(const apply_how *how, const char *image,
                        data_image *mask) {
  size_t pixels = pixel_count(mask), object = 0;
  TRY(data_mask_grow(mask, how->grow));
  for (size_t i = 0; i < pixels; i++) object += mask->pixels[i] >= 128;
  if (object < pixels) return STATUS_OK;
  return status_error(STATUS_MISFIT,
                      "%s: by --mask-grow %d the mask leaves no background",
                      image, how->grow);
}

static status make_weights(const apply_how *how, const data_image *mask,
                           data_image *out) {
  if (how->feather == 0 && how->strength >= 1) return STATUS_OK;
  TRY(data_image_create(mask->width, mask->height, 1, out));
  size_t pixels = pixel_count(mask);
  memcpy(out->pixels, mask->pixels, pixels);
  TRY(data_mask_feather(out, how->feather));
  for (size_t i = 0; i < pixels; i++)
    out->pixels[i] = (uint8_t)(how->strength * out->pixels[i] + 0.5);
  return STATUS_OK;
}

static status read_pictures(const apply_how *how, const char *image,
                            const char *mask, work *w) {
  TRY(apply_read(image, &w->picture, &w->profile));
  TRY(data_mask_read(mask[0] != '\0' ? mask : image, &how->mask, image,
                     w->picture.width, w->picture.height, &w->mask));
  size_t pixels = pixel_count(&w->mask);
  for (size_t i = 0; how->invert && i < pixels; i++)
    w->mask.pixels[i] = (uint8_t)(255 - w->mask.pixels[i]);
  TRY(grow_mask(how, image, &w->mask));
  return make_weights(how, &w->mask, &w->weights);
}

static const data_image *weights_of(const work *w) {
  return w->weights.pixels != NULL ? &w->weights : &w->mask;
}

static status by_network(const apply_how *how, work *w) {
  harmonizer *plan;
  TRY(harmonizer_pool_take(how->networks, &plan));
  status result = apply_network(plan, how->threads, w->profile, &w->picture,
                                &w->mask, weights_of(w));
  harmonizer_pool_give(how->networks, plan);
  return result;
}

static status write_picture(const apply_how *how, const char *image,
                            const data_picture *picture, const char *output) {
  char dropped[DATA_DROPPED_BYTES];
  TRY(data_picture_write(output, picture, how->quality, dropped));
  if (dropped[0] != '\0')
    log_warning("%s does not have what %s had: %s", output, image, dropped);
  log_info("wrote %s (%d x %d pixels)", output, picture->width,
           picture->height);
  return STATUS_OK;
}

/* Nothing is held longer than it is needed: pictures may be large. */
status apply_file(const apply_how *how, const char *image, const char *mask,
                  const char *output) {
  work w = {.profile = NULL};
  status result = read_pictures(how, image, mask, &w);
  if (result == STATUS_OK)
    result = how->networks != NULL
                 ? by_network(how, &w)
                 : apply_classical(how->classical, how->model, w.profile,
                                   &w.picture, &w.mask);
  data_image_free(&w.mask);
  data_image_free(&w.weights);
  if (result == STATUS_OK)
    result = write_picture(how, image, &w.picture, output);
  free_work(&w);
  return result;
}

/* ---- many ---- */

typedef struct batch {
  const cluster *cluster;
  const apply_how *how;
  const data_pairs *pairs;
  bool force;
  size_t own; /* pictures of this rank */
  double started;
  atomic_size_t written, there, failed;
} batch;

/* What is said of a picture names it. */
static void tell(const data_pair *pair, status result, char *said) {
  char *rest = said;
  for (const char *line; (line = strsep(&rest, "\n")) != NULL;)
    if (line[0] != '\0') log_warning("%s: %s", pair->image, line);
  if (result == STATUS_OK) return;
  const char *why = status_message();
  bool named = strncmp(why, pair->image, strlen(pair->image)) == 0;
  log_error("%s%s%s", named ? "" : pair->image, named ? "" : ": ", why);
}

/* By what was worked on: what was there already took no time. */
static void tell_progress(const batch *b) {
  char left[32];
  size_t made = atomic_load(&b->written) + atomic_load(&b->failed);
  size_t done = made + atomic_load(&b->there);
  double seconds = clock_seconds() - b->started;
  double rate = seconds > 0 ? (double)made / seconds : 0;
  log_live(
      done == b->own, "apply: %zu of %zu pictures, %.2f a second, %s left",
      done, b->own, rate,
      format_duration(rate > 0 ? (double)(b->own - done) / rate : -1, left));
}

static status do_pair(const batch *b, const data_pair *pair) {
  if (pair->mask[0] == '\0' && !b->how->mask.alpha)
    return status_error(STATUS_FORMAT, "%s: there is no mask for it",
                        pair->image);
  return apply_file(b->how, pair->image, pair->mask, pair->output);
}

static status do_item(void *context, size_t i) {
  batch *b = context;
  const cluster *c = b->cluster;
  const data_pair *pair =
      &b->pairs->pairs[i * (size_t)c->ranks + (size_t)c->rank];
  if (!b->force && access(pair->output, F_OK) == 0) {
    atomic_fetch_add(&b->there, 1);
  } else {
    char said[1024];
    log_keep(said, sizeof said);
    status result = do_pair(b, pair);
    log_keep(NULL, 0);
    tell(pair, result, said);
    atomic_fetch_add(result == STATUS_OK ? &b->written : &b->failed, 1);
  }
  tell_progress(b);
  return STATUS_OK;
}

status apply_files(const cluster *c, const apply_how *how,
                   const data_pairs *pairs, int workers, bool force) {
  size_t ranks = (size_t)c->ranks, rank = (size_t)c->rank;
  batch b = {.cluster = c,
             .how = how,
             .pairs = pairs,
             .force = force,
             .own = (pairs->count + ranks - 1 - rank) / ranks,
             .started = clock_seconds()};
  TRY(threads_for(b.own, workers, do_item, &b));
  uint64_t sums[3] = {b.written, b.there, b.failed};
  cluster_sum(c, sums, 3);
  log_info("apply: %llu pictures written, %llu were there, %llu failed",
           (unsigned long long)sums[0], (unsigned long long)sums[1],
           (unsigned long long)sums[2]);
  if (sums[2] == 0) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%llu of %zu pictures failed: each is named above",
                      (unsigned long long)sums[2], pairs->count);
}
