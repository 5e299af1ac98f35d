/* Reads a picture and its mask, harmonizes and writes it. */
#include "dist/use/apply_file.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"

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

typedef struct reading {
  const apply_how *how;
  const char *image, *mask;
  work *to;
} reading;

static status read_mask(const reading *r, int width, int height) {
  return data_mask_read(r->mask[0] != '\0' ? r->mask : r->image, &r->how->mask,
                        r->image, width, height, &r->to->mask);
}

/* The picture, or its mask. */
static status read_one(void *context, size_t item) {
  const reading *r = context;
  int width, height;
  if (item == 0) return apply_read(r->image, &r->to->picture, &r->to->profile);
  TRY(data_image_read_size(r->image, &width, &height));
  return read_mask(r, width, height);
}

/* Both at once, where there are threads for it: large ones take a while. */
static status read_both(reading *r) {
  const data_picture *picture = &r->to->picture;
  if (r->how->threads > 1 && strcmp(r->image, "-") != 0)
    return threads_for(2, 2, read_one, r);
  TRY(read_one(r, 0));
  return read_mask(r, picture->width, picture->height);
}

static status read_pictures(const apply_how *how, const char *image,
                            const char *mask, work *w) {
  reading both = {how, image, mask, w};
  TRY(read_both(&both));
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

/* ---- what is told of it ---- */

static status score(const apply_how *how, const work *w, double *out) {
  harmonizer *plan;
  if (how->scores == NULL) return STATUS_OK;
  TRY(harmonizer_pool_take(how->scores, &plan));
  status result = apply_score(plan, w->profile, &w->picture, &w->mask, out);
  harmonizer_pool_give(how->scores, plan);
  return result;
}

static status copy_pixels(const data_picture *picture, uint8_t **out) {
  size_t bytes = (size_t)picture->width * (size_t)picture->height *
                 (size_t)picture->channels * (size_t)picture->bits / 8;
  TRY(MEMORY_NEW(bytes, "a copy of a picture", out));
  memcpy(*out, picture->pixels, bytes);
  return STATUS_OK;
}

/* ---- a picture ---- */

static status change(const apply_how *how, work *w) {
  if (how->networks != NULL) return by_network(how, w);
  return apply_classical(how->classical, how->model, w->profile, &w->picture,
                         &w->mask);
}

static status change_and_tell(const apply_how *how, work *w,
                              apply_record *record) {
  uint8_t *before = NULL;
  status result;
  TRY_OR(done, apply_record_digest(record));
  TRY_OR(done, score(how, w, &record->harmony_before));
  TRY_OR(done, copy_pixels(&w->picture, &before));
  TRY_OR(done, change(how, w));
  apply_record_change(record, &w->picture, before, &w->mask);
  result = score(how, w, &record->harmony_after);
done:
  memory_free(before);
  return result;
}

/* Nothing is held longer than it is needed: pictures may be large. */
status apply_file(const apply_how *how, const char *image, const char *mask,
                  const char *output, apply_record *record) {
  work w = {.profile = NULL};
  double started = clock_seconds();
  status result = read_pictures(how, image, mask, &w);
  if (result == STATUS_OK)
    result =
        record != NULL ? change_and_tell(how, &w, record) : change(how, &w);
  data_image_free(&w.mask);
  data_image_free(&w.weights);
  if (result == STATUS_OK)
    result = write_picture(how, image, &w.picture, output);
  free_work(&w);
  if (record == NULL) return result;
  record->milliseconds = 1000 * (clock_seconds() - started);
  record->outcome = result == STATUS_OK ? "written" : "failed";
  record->error = result == STATUS_OK ? NULL : status_message();
  return result;
}
