/* From a picture of any size to the network's size and back. */
#include "dist/use/apply.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/use/change.h"

/* ---- what the network sees ---- */

static data_image view_of(const data_picture *picture) {
  return (data_image){picture->width, picture->height, 3, picture->pixels};
}

/* An image of the picture's own colours; *copied where it is to be freed. */
static status see(const data_picture *picture, data_image *out, bool *copied) {
  *copied = picture->bits != 8 || picture->channels != 3;
  if (*copied) return data_picture_see(picture, out);
  *out = view_of(picture);
  return STATUS_OK;
}

static status shrink_picture(const data_picture *picture, int size,
                             data_image *out) {
  data_image seen;
  bool copied;
  TRY(see(picture, &seen, &copied));
  status result = data_resize(&seen, size, size, DATA_BILINEAR, out);
  if (copied) data_image_free(&seen);
  return result;
}

/* The network's pixels are large ones: it may see an object and little of its
 * colours. */
static void warn_if_tiny(const data_image *mask, int size) {
  size_t count = (size_t)mask->width * (size_t)mask->height, object = 0;
  for (size_t i = 0; i < count; i++) object += mask->pixels[i] >= 128;
  if (object * (size_t)size * (size_t)size < count)
    log_warning("the object has %zu pixels, less than one of the %d x %d that "
                "the network sees: it sees mostly the colours around it",
                object, size, size);
}

/* Networks know the masks of packed data sets, black and white; those that are
 * trained at the pictures' size know them soft. */
static status shrink_mask(const harmonizer *h, const data_image *mask,
                          data_image *out) {
  int size = harmonizer_size(h);
  if (!harmonizer_full_res(h)) return data_mask_shrink(mask, size, out);
  return data_resize(mask, size, size, DATA_BILINEAR, out);
}

static void take_colours(const data_image *small, float *net) {
  size_t values = 3 * (size_t)small->width * (size_t)small->height;
  for (size_t i = 0; i < values; i++)
    net[i] = data_byte_to_net(small->pixels[i]);
}

static status shrink(const harmonizer *h, const data_picture *picture,
                     const data_image *mask, float *net_composite,
                     float *net_mask) {
  int size = harmonizer_size(h);
  data_image small = {0}, small_mask = {0};
  status result;
  TRY_OR(done, shrink_picture(picture, size, &small));
  TRY_OR(done, shrink_mask(h, mask, &small_mask));
  take_colours(&small, net_composite);
  for (int i = 0; i < size * size; i++)
    net_mask[i] = (float)small_mask.pixels[i] / 255;
done:
  data_image_free(&small);
  data_image_free(&small_mask);
  return result;
}

/* `net` in the picture's colours becomes sRGB, as far as sRGB goes; `srgb` are
 * the same colours in [0,1] and beyond. */
static void net_to_srgb(const data_profile *profile, size_t pixels, float *net,
                        float *srgb) {
  for (size_t i = 0; i < 3 * pixels; i++) srgb[i] = (net[i] + 1) / 2;
  data_profile_to_srgb(profile, srgb, srgb, pixels);
  for (size_t i = 0; i < 3 * pixels; i++)
    net[i] = 2 * fminf(fmaxf(srgb[i], 0), 1) - 1;
}

/* ---- the change that was made ---- */

/* In levels of 255. */
static void change_of(const nn_real *output, const float *net, size_t pixels,
                      float *change) {
  for (size_t i = 0; i < 3 * pixels; i++)
    change[i] = ((float)output[i] - net[i]) * 127.5f;
}

/* What a change of sRGB is in the picture's own colours, of which `srgb` are
 * those before it. Both arrays are spent. */
static void change_back(const data_profile *profile, size_t pixels, float *srgb,
                        float *change) {
  for (size_t i = 0; i < 3 * pixels; i++) change[i] = srgb[i] + change[i] / 255;
  data_profile_from_srgb(profile, change, change, pixels);
  data_profile_from_srgb(profile, srgb, srgb, pixels);
  for (size_t i = 0; i < 3 * pixels; i++)
    change[i] = (change[i] - srgb[i]) * 255;
}

/* ---- classical methods ---- */

/* Bytes of one row as floats of the picture's own colours. */
static void row_of(const data_profile *profile, const data_image *image,
                   size_t y, float *out) {
  size_t width = (size_t)image->width;
  const uint8_t *bytes = image->pixels + 3 * y * width;
  for (size_t i = 0; i < 3 * width; i++) out[i] = (float)bytes[i] / 255;
  if (profile != NULL) data_profile_from_srgb(profile, out, out, width);
}

/* The picture's own colours become those of sRGB. */
static status see_srgb(const data_profile *profile, data_image *seen) {
  size_t width = (size_t)seen->width;
  float *row;
  TRY(MEMORY_NEW(3 * width, "a row of colours", &row));
  for (size_t y = 0; y < (size_t)seen->height; y++) {
    uint8_t *bytes = seen->pixels + 3 * y * width;
    row_of(NULL, seen, y, row);
    data_profile_to_srgb(profile, row, row, width);
    for (size_t i = 0; i < 3 * width; i++)
      bytes[i] = (uint8_t)nearest_level(255 * (double)row[i], 255);
  }
  memory_free(row);
  return STATUS_OK;
}

/* What `after` has more than `before`, in the picture's own colours. */
static status add_difference(const data_profile *profile,
                             const data_image *before, const data_image *after,
                             const data_image *mask, data_picture *picture) {
  size_t width = (size_t)picture->width;
  float *rows;
  TRY(MEMORY_NEW(6 * width, "rows of colours", &rows));
  for (size_t y = 0; y < (size_t)picture->height; y++) {
    row_of(profile, before, y, rows);
    row_of(profile, after, y, rows + 3 * width);
    for (size_t x = 0; x < width; x++) {
      if (mask->pixels[y * width + x] == 0) continue;
      double change[3];
      for (size_t c = 0; c < 3; c++)
        change[c] = 255 * ((double)rows[3 * (width + x) + c] - rows[3 * x + c]);
      change_pixel(picture, y * width + x, change);
    }
  }
  memory_free(rows);
  return STATUS_OK;
}

static bool is_same(const data_image *a, const data_image *b) {
  size_t bytes = 3 * (size_t)a->width * (size_t)a->height;
  return memcmp(a->pixels, b->pixels, bytes) == 0;
}

status apply_classical(const classical *method, const data_xue_model *model,
                       const data_profile *profile, data_picture *picture,
                       const data_image *mask) {
  data_image before = {0}, after = {0};
  bool copied = profile != NULL;
  status result;
  if (profile != NULL) {
    TRY(data_picture_see(picture, &before));
    TRY_OR(done, see_srgb(profile, &before));
  } else {
    TRY(see(picture, &before, &copied));
  }
  TRY_OR(done, method->run(model, &before, mask, &after));
  if (is_same(&before, &after))
    log_warning("method %s leaves the picture as it is", method->name);
  result = add_difference(profile, &before, &after, mask, picture);
done:
  data_image_free(&after);
  if (copied) data_image_free(&before);
  return result;
}

/* ---- the network ---- */

status apply_score(harmonizer *h, const data_profile *profile,
                   const data_picture *picture, const data_image *mask,
                   double *score) {
  int size = harmonizer_size(h);
  size_t pixels = (size_t)size * (size_t)size;
  float *inputs = NULL, *srgb = NULL;
  status result;
  warn_if_tiny(mask, size);
  TRY_OR(done, MEMORY_NEW(4 * pixels, "network inputs", &inputs));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "colours in sRGB", &srgb));
  TRY_OR(done, shrink(h, picture, mask, inputs, inputs + 3 * pixels));
  if (profile != NULL) net_to_srgb(profile, pixels, inputs, srgb);
  *score = harmonizer_score(h, inputs, inputs + 3 * pixels);
done:
  memory_free(inputs);
  memory_free(srgb);
  return result;
}

/* What is to be harmonized. */
typedef struct scene {
  const data_picture *picture;
  const data_image *mask;
  const data_image *reference; /* of a domain code; NULL: the picture */
  const data_profile *profile;
  uint64_t sample;
} scene;

static status shrink_reference(const harmonizer *h, const scene *s,
                               float *out) {
  int size = harmonizer_size(h);
  data_image small;
  TRY(data_resize(s->reference, size, size, DATA_BILINEAR, &small));
  take_colours(&small, out);
  data_image_free(&small);
  return STATUS_OK;
}

/* Once the network has run. inputs: the small picture; *added: as much memory,
 * which the change takes over where it needs it. */
static void take_change(const harmonizer *h, const scene *s,
                        const nn_real *output, const float *inputs, float *srgb,
                        float **added, apply_change *out) {
  int size = harmonizer_size(h);
  size_t pixels = (size_t)size * (size_t)size;
  *out = (apply_change){.profile = s->profile, .size = size};
  if (harmonizer_change(h, &out->colours)) return;
  change_of(output, inputs, pixels, *added);
  if (s->profile != NULL) change_back(s->profile, pixels, srgb, *added);
  out->added = *added;
  *added = NULL;
}

static status find_change(harmonizer *h, const scene *s, apply_change *out) {
  int size = harmonizer_size(h);
  size_t pixels = (size_t)size * (size_t)size;
  float *composite = NULL, *srgb = NULL, *other = NULL;
  status result;
  TRY_OR(done, MEMORY_NEW(4 * pixels, "network inputs", &composite));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "colours in sRGB", &srgb));
  TRY_OR(done, MEMORY_NEW(3 * pixels, "network output", &other));
  float *mask = composite + 3 * pixels;
  TRY_OR(done, shrink(h, s->picture, s->mask, composite, mask));
  if (s->profile != NULL) net_to_srgb(s->profile, pixels, composite, srgb);
  if (s->reference != NULL) TRY_OR(done, shrink_reference(h, s, other));
  const nn_real *output = harmonizer_run(
      h, composite, mask, s->reference != NULL ? other : NULL, s->sample);
  take_change(h, s, output, composite, srgb, &other, out);
done:
  memory_free(composite);
  memory_free(srgb);
  memory_free(other);
  return result;
}

status apply_find(harmonizer *h, const data_profile *profile,
                  const data_picture *picture, const data_image *mask,
                  apply_change *out) {
  const scene s = {.picture = picture, .mask = mask, .profile = profile};
  warn_if_tiny(mask, harmonizer_size(h));
  return find_change(h, &s, out);
}

status apply_make(const apply_change *change, int threads,
                  const data_picture *picture, const data_image *weights) {
  if (change->added != NULL)
    return change_add(change->added, change->size, threads, picture, weights);
  return change_colours(&change->colours, threads, change->profile, picture,
                        weights);
}

void apply_change_free(apply_change *change) {
  memory_free(change->added);
  *change = (apply_change){0};
}

status apply_network(harmonizer *h, int threads, const data_profile *profile,
                     data_picture *picture, const data_image *mask,
                     const data_image *weights) {
  apply_change change;
  TRY(apply_find(h, profile, picture, mask, &change));
  status result = apply_make(&change, threads, picture, weights);
  apply_change_free(&change);
  return result;
}

status apply_to_levels(harmonizer *h, int threads, const data_image *composite,
                       const data_image *mask, const data_image *reference,
                       uint64_t sample, float *levels) {
  data_picture picture = {.width = composite->width,
                          .height = composite->height,
                          .channels = 3,
                          .bits = 32,
                          .pixels = levels};
  size_t values = 3 * (size_t)picture.width * (size_t)picture.height;
  for (size_t i = 0; i < values; i++)
    levels[i] = (float)composite->pixels[i] / 255;
  scene s = {.picture = &picture,
             .mask = mask,
             .reference = reference,
             .sample = sample};
  apply_change change;
  TRY(find_change(h, &s, &change));
  status result = apply_make(&change, threads, &picture, mask);
  apply_change_free(&change);
  if (result != STATUS_OK) return result;
  for (size_t i = 0; i < values; i++) {
    float level = 255 * levels[i];
    levels[i] = level < 0 ? 0 : level > 255 ? 255 : level;
  }
  return STATUS_OK;
}

/* ---- pictures ---- */

status apply_read(const char *path, data_picture *picture,
                  data_profile **profile) {
  *profile = NULL;
  TRY(data_picture_read(path, picture));
  TRY(data_picture_colour(picture));
  if (picture->metadata.other_colours)
    log_warning("%s: a gamma or primaries without a profile: its colours are "
                "taken for sRGB",
                path);
  if (picture->inks ||
      data_profile_open(&picture->metadata.profile, profile) == STATUS_OK)
    return STATUS_OK;
  log_warning("%s: %s: its colours are taken for sRGB", path, status_message());
  return STATUS_OK;
}
