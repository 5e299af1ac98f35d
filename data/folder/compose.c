/* Making HCOCO-like composites: each photograph's foreground takes the colours
 * of another foreground of its category (Cong et al., DoveNet, CVPR 2020,
 * section 3). Every draw follows from (seed, photograph's name, k), so that the
 * folder depends neither on threads nor on what an earlier run left. */
#include "data/folder/compose_internal.h"
#include "data/image/image_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/publish.h"
#include "base/read_file.h"
#include "base/random.h"
#include "base/threads.h"
#include "data/folder/file_names.h"

enum { TRIES = 8, FEWEST_PIXELS = 16 };

typedef struct composing {
  const data_compose_options *options;
  photo_index index;
  file_names files[DATA_SPLITS]; /* of the folders of photographs */
  data_methods methods;
  compose_record *records; /* index.count * per_image */
  FILE *journal;
  pthread_mutex_t mutex; /* of the journal and what follows */
  size_t kept, made;
  double begin;
} composing;

/* ---- options ---- */

static status check_options(const data_compose_options *options) {
  if (options->per_image < 1)
    return status_error(STATUS_USAGE, "--per-image is %d; expected 1 or more",
                        options->per_image);
  if (options->quality < 1 || options->quality > 100)
    return status_error(STATUS_USAGE, "--quality is %d; expected 1 to 100",
                        options->quality);
  if (!(options->max_fmse >= 0) || isinf(options->max_fmse))
    return status_error(STATUS_USAGE, "--max-fmse is %g; expected 0 or more",
                        options->max_fmse);
  return STATUS_OK;
}

/* What compose.txt holds: all that the folder's bytes follow from. */
static status describe(const composing *job, char **out) {
  const data_compose_options *o = job->options;
  char threshold[32] = "";
  if (o->mask.threshold > 0)
    snprintf(threshold, sizeof threshold, "mask-threshold %d\n",
             o->mask.threshold);
  return compose_path(out,
                      "harmonia compose 1\nmethods %s\nper-image %d\nseed "
                      "%" PRIu64 "\nmax-fmse %.17g\nquality %d\nphotographs "
                      "%zu\nindex %016" PRIx64 "\n%s%s",
                      o->methods, o->per_image, o->seed, o->max_fmse,
                      o->quality, job->index.count,
                      photo_index_hash(&job->index),
                      o->mask.alpha ? "mask-alpha\n" : "", threshold);
}

/* ---- one photograph ---- */

typedef struct picture {
  data_image image, mask; /* mask: 0 and 255 */
  data_bytes profile;     /* of the photograph's colours */
} picture;

static void picture_free(picture *p) {
  image_bytes_free(&p->profile);
  data_image_free(&p->image);
  data_image_free(&p->mask);
}

/* The file as its folder spells it; ending: "jpg", which may be "jpeg" too, or
 * "png". */
static status photo_path(const composing *job, size_t i, const char *ending,
                         char **out) {
  static const char *const endings[] = {".png", ".jpg", ".jpeg"};
  const photo *p = &job->index.photos[i];
  const char *folder = data_split_name(p->home);
  bool mask = strcmp(ending, "png") == 0;
  const char *found = file_names_find_stem(
      &job->files[p->home], p->name, endings + (mask ? 0 : 1), mask ? 1 : 2);
  if (found != NULL)
    return compose_path(out, "%s/%s/%s", job->options->photos, folder, found);
  /* reading it will tell that it is not there */
  return compose_path(out, "%s/%s/%s.%s", job->options->photos, folder, p->name,
                      ending);
}

static status check_mask(const char *path, data_image *mask) {
  size_t pixels = (size_t)mask->width * (size_t)mask->height, count = 0;
  for (size_t i = 0; i < pixels; i++) {
    mask->pixels[i] = mask->pixels[i] >= 128 ? 255 : 0;
    count += mask->pixels[i] != 0;
  }
  if (count < FEWEST_PIXELS)
    return status_error(STATUS_FORMAT,
                        "%s: the foreground has %zu pixels of 128 or more; at "
                        "least %d are needed",
                        path, count, FEWEST_PIXELS);
  return STATUS_OK;
}

static status photo_read(const char *path, picture *out) {
  data_picture read;
  TRY(image_read(path, IMAGE_BYTES, &read));
  status result = data_picture_colour(&read);
  out->image = (data_image){read.width, read.height, 3, read.pixels};
  out->profile = read.metadata.profile;
  read.pixels = NULL; /* they are out's now */
  read.metadata.profile = (data_bytes){0};
  data_picture_free(&read);
  return result;
}

/* With the photograph's colour profile, so that what is made of it looks like
 * it. */
static status picture_write(const char *path, const data_image *image,
                            const picture *of, int quality) {
  data_picture written = {.width = image->width,
                          .height = image->height,
                          .channels = 3,
                          .bits = 8,
                          .pixels = image->pixels};
  char dropped[DATA_DROPPED_BYTES]; /* inks: the pixels are no longer */
  written.metadata.profile = of->profile;
  return data_picture_write(path, &written, quality, dropped);
}

static status picture_read(const composing *job, size_t i, picture *out) {
  *out = (picture){0};
  char *image_path = NULL, *mask_path = NULL;
  status result;
  TRY_OR(done, photo_path(job, i, "jpg", &image_path));
  TRY_OR(done, photo_path(job, i, "png", &mask_path));
  TRY_OR(done, photo_read(image_path, out));
  TRY_OR(done, data_mask_read(mask_path, &job->options->mask, image_path,
                              out->image.width, out->image.height, &out->mask));
  TRY_OR(done, check_mask(mask_path, &out->mask));
done:
  memory_free(image_path);
  memory_free(mask_path);
  if (result != STATUS_OK) picture_free(out);
  return result;
}

/* Mean squared difference over the foreground's pixels and channels. */
static double foreground_mse(const data_image *a, const data_image *b,
                             const data_image *mask) {
  size_t pixels = (size_t)mask->width * (size_t)mask->height, count = 0;
  uint64_t sum = 0;
  for (size_t i = 0; i < pixels; i++) {
    if (mask->pixels[i] == 0) continue;
    count++;
    for (size_t c = 0; c < 3; c++) {
      int d = a->pixels[3 * i + c] - b->pixels[3 * i + c];
      sum += (uint64_t)(d * d);
    }
  }
  return (double)sum / (3.0 * (double)count);
}

/* ---- one composite ---- */

static status try_transfer(const composing *job, size_t of,
                           const picture *target, random_stream *stream,
                           const uint32_t *candidates, size_t candidate_count,
                           compose_record *record, data_image *out) {
  *out = (data_image){0};
  *record = (compose_record){.known = true};
  record->reference =
      candidates[random_below(stream, (uint32_t)candidate_count)];
  const data_methods *methods = &job->methods;
  record->method =
      (data_transfer_method)
          methods->list[random_below(stream, (uint32_t)methods->count)];
  uint64_t seed = (uint64_t)random_u32(stream) << 32;
  seed |= random_u32(stream);
  picture reference;
  TRY(picture_read(job, record->reference, &reference));
  status result = data_transfer(record->method, &target->image, &target->mask,
                                &reference.image, &reference.mask, seed, out);
  picture_free(&reference);
  if (result != STATUS_OK)
    return status_context(result, "%s from %s", job->index.photos[of].name,
                          job->index.photos[record->reference].name);
  record->fmse = foreground_mse(out, &target->image, &target->mask);
  return STATUS_OK;
}

/* Draws until the foreground's MSE is small enough, at most TRIES times; of
 * those the least. */
static status draw_composite(const composing *job, size_t of, int k,
                             const picture *target, const uint32_t *candidates,
                             size_t candidate_count, compose_record *record,
                             data_image *out) {
  double limit = job->options->max_fmse;
  random_stream stream =
      random_stream_make(job->options->seed, RANDOM_COMPOSE,
                         random_hash(job->index.photos[of].name), (uint32_t)k);
  TRY(try_transfer(job, of, target, &stream, candidates, candidate_count,
                   record, out));
  for (int i = 1; i < TRIES && limit > 0 && record->fmse > limit; i++) {
    compose_record other;
    data_image image;
    status result = try_transfer(job, of, target, &stream, candidates,
                                 candidate_count, &other, &image);
    if (result == STATUS_OK && other.fmse < record->fmse) {
      data_image_free(out);
      *out = image;
      *record = other;
    } else {
      data_image_free(&image);
    }
    if (result != STATUS_OK) {
      data_image_free(out);
      return result;
    }
  }
  return STATUS_OK;
}

static status write_composite(const composing *job, size_t of, int k,
                              const picture *target, const data_image *image) {
  char name[64], *path;
  compose_composite_name(&job->index.photos[of], k, name);
  TRY(compose_path(&path, "%s/composite_images/%s.jpg", job->options->out,
                   name));
  status result = picture_write(path, image, target, job->options->quality);
  memory_free(path);
  return result;
}

/* The mutex is held. */
static void show_progress(const composing *job) {
  size_t all = job->index.count * (size_t)job->options->per_image;
  size_t done = job->kept + job->made;
  double seconds = clock_seconds() - job->begin;
  double rate = seconds > 0 ? (double)job->made / seconds : 0;
  char left[32];
  format_duration(rate > 0 ? (double)(all - done) / rate : -1, left);
  log_live(done == all, "compose: %zu of %zu composites, %.1f/s, %s left", done,
           all, rate, left);
}

static status note_composite(composing *job, size_t of, int k,
                             const compose_record *record) {
  pthread_mutex_lock(&job->mutex);
  compose_record_print(job->journal, &job->index, of, k, record);
  bool good = fflush(job->journal) == 0;
  int error = errno;
  job->made++;
  show_progress(job);
  pthread_mutex_unlock(&job->mutex);
  if (good) return STATUS_OK;
  return status_error(STATUS_IO, "%s/compose.part: %s", job->options->out,
                      strerror(error));
}

static void note_kept(composing *job) {
  pthread_mutex_lock(&job->mutex);
  job->kept++;
  if (job->kept == job->index.count * (size_t)job->options->per_image)
    show_progress(job);
  pthread_mutex_unlock(&job->mutex);
}

static status make_composite(composing *job, size_t of, int k,
                             const picture *target, const uint32_t *candidates,
                             size_t candidate_count, compose_record *record) {
  data_image image;
  TRY(draw_composite(job, of, k, target, candidates, candidate_count, record,
                     &image));
  status result = write_composite(job, of, k, target, &image);
  data_image_free(&image);
  TRY(result);
  return note_composite(job, of, k, record);
}

/* ---- real image and mask ---- */

/* A JPEG whose stored pixels are upright. */
static status is_upright_jpeg(const data_bytes *file, bool *upright) {
  data_metadata metadata;
  *upright = false;
  if (file->size <= 3 || memcmp(file->data, "\xff\xd8\xff", 3) != 0)
    return STATUS_OK;
  TRY(image_metadata_read(file, &metadata));
  *upright = exif_orientation(&metadata.exif) == 1;
  image_metadata_free(&metadata);
  return STATUS_OK;
}

/* The photograph itself: its bytes if it is a JPEG as its composites are, else
 * encoded. */
static status write_real(const composing *job, size_t i, const picture *p,
                         const char *path) {
  char *source, *bytes = NULL;
  size_t length = 0;
  bool upright;
  TRY(photo_path(job, i, "jpg", &source));
  status result = read_file(source, &bytes, &length);
  memory_free(source);
  TRY(result);
  result = is_upright_jpeg(&(data_bytes){(uint8_t *)bytes, length, length},
                           &upright);
  if (result == STATUS_OK)
    result = upright ? publish_bytes(path, bytes, length)
                     : picture_write(path, &p->image, p, job->options->quality);
  memory_free(bytes);
  return result;
}

static status write_real_and_mask(const composing *job, size_t i,
                                  const picture *p, const char *real,
                                  const char *mask) {
  if (!compose_file_is_whole(real, p->image.width, p->image.height))
    TRY(write_real(job, i, p, real));
  if (!compose_file_is_whole(mask, p->image.width, p->image.height))
    TRY(data_image_write(mask, &p->mask, 0));
  return STATUS_OK;
}

static status output_paths(const composing *job, size_t i, char **real,
                           char **mask) {
  uint64_t id = job->index.photos[i].id;
  *mask = NULL;
  TRY(compose_path(real, "%s/real_images/c%" PRIu64 ".jpg", job->options->out,
                   id));
  return compose_path(mask, "%s/masks/c%" PRIu64 "_1.png", job->options->out,
                      id);
}

static bool composite_is_whole(const composing *job, size_t of, int k,
                               const picture *target) {
  char name[64], *path;
  compose_composite_name(&job->index.photos[of], k, name);
  if (compose_path(&path, "%s/composite_images/%s.jpg", job->options->out,
                   name) != STATUS_OK)
    return false;
  bool whole =
      compose_file_is_whole(path, target->image.width, target->image.height);
  memory_free(path);
  return whole;
}

static status make_composites(composing *job, size_t i, const picture *target) {
  uint32_t *candidates;
  TRY(MEMORY_NEW(job->index.count, "reference photographs", &candidates));
  size_t count = photo_candidates(&job->index, i, candidates);
  status result = STATUS_OK;
  if (count == 0)
    result = status_error(STATUS_MISFIT,
                          "%s/index.tsv: '%s' is the only photograph of split "
                          "%s; another is needed to take colours from",
                          job->options->photos, job->index.photos[i].name,
                          data_split_name(job->index.photos[i].split));
  for (int k = 1; k <= job->options->per_image && result == STATUS_OK; k++) {
    compose_record *record =
        &job->records[i * (size_t)job->options->per_image + (size_t)(k - 1)];
    if (record->known && composite_is_whole(job, i, k, target))
      note_kept(job);
    else
      result = make_composite(job, i, k, target, candidates, count, record);
  }
  memory_free(candidates);
  return result;
}

static status make_photo(void *context, size_t i) {
  composing *job = context;
  picture target;
  TRY(picture_read(job, i, &target));
  char *real, *mask;
  status result = output_paths(job, i, &real, &mask);
  if (result == STATUS_OK)
    result = write_real_and_mask(job, i, &target, real, mask);
  if (result == STATUS_OK) result = make_composites(job, i, &target);
  memory_free(real);
  memory_free(mask);
  picture_free(&target);
  return result;
}

/* ---- all ---- */

static status open_journal(composing *job) {
  char *path;
  TRY(compose_path(&path, "%s/compose.part", job->options->out));
  job->journal = fopen(path, "ab");
  status result = STATUS_OK;
  if (job->journal == NULL)
    result = status_error(STATUS_IO, "%s: %s", path, strerror(errno));
  else
    fputc('\n', job->journal); /* ends a line that was cut short */
  memory_free(path);
  return result;
}

static status make_all(composing *job) {
  const data_compose_options *options = job->options;
  int per_image = options->per_image;
  TRY(MEMORY_NEW(job->index.count * (size_t)per_image, "compose's records",
                 &job->records));
  TRY(compose_records_read(options->out, &job->index, per_image, job->records));
  TRY(open_journal(job));
  job->begin = clock_seconds();
  pthread_mutex_init(&job->mutex, NULL);
  status result =
      threads_for(job->index.count, options->threads, make_photo, job);
  pthread_mutex_destroy(&job->mutex);
  fclose(job->journal);
  TRY(result);
  TRY(compose_folder_finish(options->out, &job->index, per_image,
                            job->records));
  char time[32];
  log_info("compose: %s has %zu photographs, %zu composites (%zu were there); "
           "%s",
           options->out, job->index.count, job->kept + job->made, job->kept,
           format_duration(clock_seconds() - job->begin, time));
  return STATUS_OK;
}

static status list_photos(composing *job) {
  bool needed[DATA_SPLITS] = {false};
  for (size_t i = 0; i < job->index.count; i++)
    needed[job->index.photos[i].home] = true;
  for (int split = 0; split < DATA_SPLITS; split++) {
    if (!needed[split]) continue;
    char *path;
    TRY(compose_path(&path, "%s/%s", job->options->photos,
                     data_split_name((data_split)split)));
    status result = STATUS_OK; /* without it reading will name a photograph */
    if (access(path, F_OK) == 0)
      result = file_names_read(path, &job->files[split]);
    memory_free(path);
    TRY(result);
  }
  return STATUS_OK;
}

status data_compose(const data_compose_options *options) {
  composing job = {.options = options};
  TRY(check_options(options));
  TRY(data_methods_read("methods", options->methods, false, &job.methods));
  TRY(photo_index_read(options->photos, &job.index));
  char *text = NULL;
  status result = list_photos(&job);
  if (result == STATUS_OK)
    result = photo_index_hold_out(&job.index, options->validation);
  if (result == STATUS_OK)
    result = photo_index_check(options->photos, &job.index, options->strict);
  if (result == STATUS_OK) result = describe(&job, &text);
  if (result == STATUS_OK) result = compose_folder_open(options->out, text);
  if (result == STATUS_OK) result = make_all(&job);
  memory_free(text);
  memory_free(job.records);
  for (int split = 0; split < DATA_SPLITS; split++)
    file_names_free(&job.files[split]);
  photo_index_free(&job.index);
  return result;
}
