/* Reads a picture and its mask, harmonizes and writes it. */
#include "dist/use/apply_file.h"

#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "dist/use/layers.h"
#include "dist/use/lut.h"
#include "dist/use/maps.h"

/* A picture on its way. */
typedef struct work {
  const apply_how *how;
  const apply_task *task;
  data_picture picture;
  data_profile *profile;
  data_image mask;
  data_image weights;  /* where another than the mask; else of no pixels */
  data_picture placed; /* the cut-out alone, for the object; or of no pixels */
  void *before;        /* the picture's pixels before the change, or NULL */
} work;

static void free_work(work *w) {
  data_picture_free(&w->picture);
  data_profile_close(&w->profile);
  data_image_free(&w->mask);
  data_image_free(&w->weights);
  data_picture_free(&w->placed);
  memory_free(w->before);
}

static bool wants(const work *w, apply_product product) {
  return w->task->products[product][0] != '\0';
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

/* Where the change is to be made, but for its strength. */
static status make_weights(const apply_how *how, const data_image *mask,
                           data_image *out) {
  if (how->feather == 0 && how->strength >= 1) return STATUS_OK;
  TRY(data_image_create(mask->width, mask->height, 1, out));
  memcpy(out->pixels, mask->pixels, pixel_count(mask));
  return data_mask_feather(out, how->feather);
}

static void weaken(double strength, data_image *weights) {
  size_t pixels = pixel_count(weights);
  for (size_t i = 0; strength < 1 && i < pixels; i++)
    weights->pixels[i] = (uint8_t)(strength * weights->pixels[i] + 0.5);
}

/* ---- reading ---- */

static status read_mask(const work *w, int width, int height, data_image *out) {
  const apply_task *task = w->task;
  return data_mask_read(task->mask[0] != '\0' ? task->mask : task->image,
                        &w->how->mask, task->image, width, height, out);
}

/* The picture, or its mask. */
static status read_one(void *context, size_t item) {
  work *w = context;
  const char *image = w->task->image;
  int width, height;
  if (item == 0) return apply_read(image, &w->picture, &w->profile);
  TRY(data_image_read_size(image, &width, &height));
  return read_mask(w, width, height, &w->mask);
}

/* Both at once, where there are threads for it: large ones take a while. */
static status read_both(work *w) {
  if (w->how->threads > 1 && strcmp(w->task->image, "-") != 0)
    return threads_for(2, 2, read_one, w);
  TRY(read_one(w, 0));
  return read_mask(w, w->picture.width, w->picture.height, &w->mask);
}

/* A cut-out's alpha, where its own is not taken as it is. */
static status read_alpha(const work *w, const data_picture *picture,
                         data_image *out) {
  const apply_task *task = w->task;
  bool own = task->mask[0] == '\0';
  data_mask_options how = w->how->mask;
  if (own && picture->channels < 4)
    return status_error(STATUS_FORMAT,
                        "%s: the cut-out (--cutout) has no alpha; expected a "
                        "PNG that has, or its mask (--mask)",
                        task->cutout);
  if (own && how.threshold == 0) return STATUS_OK;
  how.alpha = how.alpha || own;
  return data_mask_read(own ? task->cutout : task->mask, &how, task->cutout,
                        picture->width, picture->height, out);
}

/* The background becomes the picture, with the cut-out in it. */
static status read_cutout(work *w) {
  const apply_task *task = w->task;
  data_picture picture = {0};
  data_profile *profile = NULL;
  data_image alpha = {0};
  status result;
  TRY_OR(done, apply_read(task->image, &w->picture, &w->profile));
  TRY_OR(done, apply_read(task->cutout, &picture, &profile));
  TRY_OR(done, read_alpha(w, &picture, &alpha));
  const data_cutout cutout = {.path = task->cutout,
                              .picture = &picture,
                              .profile = profile,
                              .mask = alpha.pixels != NULL ? &alpha : NULL,
                              .at = task->at};
  result = data_picture_paste(&cutout, task->image, w->profile, w->how->threads,
                              &w->picture, &w->mask,
                              wants(w, APPLY_OBJECT) ? &w->placed : NULL);
done:
  data_picture_free(&picture);
  data_profile_close(&profile);
  data_image_free(&alpha);
  return result;
}

static status read_pictures(work *w) {
  const apply_how *how = w->how;
  TRY(w->task->cutout[0] != '\0' ? read_cutout(w) : read_both(w));
  size_t pixels = pixel_count(&w->mask);
  for (size_t i = 0; how->invert && i < pixels; i++)
    w->mask.pixels[i] = (uint8_t)(255 - w->mask.pixels[i]);
  TRY(grow_mask(how, w->task->image, &w->mask));
  return make_weights(how, &w->mask, &w->weights);
}

/* ---- the change ---- */

static data_image *weights_of(work *w) {
  return w->weights.pixels != NULL ? &w->weights : &w->mask;
}

/* What is made of a network's change beside the picture, which it has not
 * changed yet. */
static status write_products(work *w, const apply_change *change) {
  const apply_how *how = w->how;
  const char *const *paths = w->task->products;
  nn_head head = harmonizer_head(harmonizer_pool_network(how->networks));
  double strength = (int)(255 * how->strength + 0.5) / 255.0; /* as weaken */
  const data_picture *placed = w->placed.pixels != NULL ? &w->placed : NULL;
  if (wants(w, APPLY_OBJECT))
    TRY(layers_write_object(paths[APPLY_OBJECT], change, how->threads,
                            &w->picture, placed, weights_of(w), strength));
  data_picture_free(&w->placed);
  if (wants(w, APPLY_LUT))
    TRY(lut_write(paths[APPLY_LUT], change, how->threads, strength,
                  how->lut_size, &w->picture, weights_of(w)));
  if (!wants(w, APPLY_MAPS)) return STATUS_OK;
  return maps_write(paths[APPLY_MAPS], change, head, strength);
}

static status by_plan(harmonizer *plan, work *w) {
  apply_change change;
  int threads = w->how->threads;
  TRY(apply_find(plan, w->profile, &w->picture, &w->mask, &change));
  status result = write_products(w, &change);
  if (result == STATUS_OK) {
    weaken(w->how->strength, weights_of(w));
    result = apply_make(&change, threads, &w->picture, weights_of(w));
  }
  apply_change_free(&change);
  return result;
}

static status by_network(work *w) {
  harmonizer *plan;
  TRY(harmonizer_pool_take(w->how->networks, &plan));
  status result = by_plan(plan, w);
  harmonizer_pool_give(w->how->networks, plan);
  return result;
}

/* ---- writing ---- */

static status write_picture(const work *w) {
  char dropped[DATA_DROPPED_BYTES];
  const data_picture *picture = &w->picture;
  const char *output = w->task->output;
  if (output[0] == '\0') return STATUS_OK;
  TRY(data_picture_write(output, picture, w->how->quality, dropped));
  if (dropped[0] != '\0')
    log_warning("%s does not have what %s had: %s", output, w->task->image,
                dropped);
  log_info("wrote %s (%d x %d pixels)", output, picture->width,
           picture->height);
  return STATUS_OK;
}

/* ---- what is told of it ---- */

static status score(const work *w, double *out) {
  harmonizer *plan;
  if (w->how->scores == NULL) return STATUS_OK;
  TRY(harmonizer_pool_take(w->how->scores, &plan));
  status result = apply_score(plan, w->profile, &w->picture, &w->mask, out);
  harmonizer_pool_give(w->how->scores, plan);
  return result;
}

static status keep_pixels(work *w) {
  const data_picture *picture = &w->picture;
  size_t bytes = (size_t)picture->width * (size_t)picture->height *
                 (size_t)picture->channels * (size_t)picture->bits / 8;
  uint8_t *pixels;
  TRY(MEMORY_NEW(bytes, "a copy of a picture", &pixels));
  memcpy(pixels, picture->pixels, bytes);
  w->before = pixels;
  return STATUS_OK;
}

/* ---- a picture ---- */

static status change(work *w) {
  const apply_how *how = w->how;
  if (how->networks != NULL) return by_network(w);
  return apply_classical(how->classical, how->model, w->profile, &w->picture,
                         &w->mask);
}

static status change_and_tell(work *w, apply_record *record) {
  TRY(apply_record_digest(record));
  TRY(score(w, &record->harmony_before));
  TRY(change(w));
  apply_record_change(record, &w->picture, w->before, &w->mask);
  return score(w, &record->harmony_after);
}

/* Nothing is held longer than it is needed: pictures may be large. */
static status apply(work *w, apply_record *record) {
  const char *difference = w->task->products[APPLY_DIFFERENCE];
  TRY(read_pictures(w));
  if (record != NULL || wants(w, APPLY_DIFFERENCE)) TRY(keep_pixels(w));
  TRY(record != NULL ? change_and_tell(w, record) : change(w));
  data_image_free(&w->mask);
  data_image_free(&w->weights);
  if (wants(w, APPLY_DIFFERENCE))
    TRY(layers_write_difference(difference, w->before, &w->picture));
  memory_free(w->before);
  w->before = NULL;
  return write_picture(w);
}

status apply_file(const apply_how *how, const apply_task *task,
                  apply_record *record) {
  work w = {.how = how, .task = task};
  double started = clock_seconds();
  status result = apply(&w, record);
  free_work(&w);
  if (record == NULL) return result;
  record->milliseconds = 1000 * (clock_seconds() - started);
  record->outcome = result == STATUS_OK ? "written" : "failed";
  record->error = result == STATUS_OK ? NULL : status_message();
  return result;
}
