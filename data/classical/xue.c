/* The four stages in order: entry of the method and of its variant without a
 * model. */
#include <string.h>

#include "base/memory.h"
#include "data/classical/classical.h"
#include "data/colour/lab.h"
#include "data/classical/xue_internal.h"

/* Foregrounds below are left alone; pixels of 256 x 256. */
static const double least_foreground = 500;

status xue_picture_make(const data_image *image, const data_image *mask,
                        xue_picture *out, bool *usable) {
  *out = (xue_picture){image->width, image->height, NULL, mask->pixels};
  size_t pixels = (size_t)image->width * (size_t)image->height;
  size_t inside = classical_foreground(mask);
  *usable = (double)inside >=
                least_foreground * xue_scale(image->width, image->height) &&
            inside > 0 && inside < pixels;
  if (!*usable) return STATUS_OK;
  float linear[256];
  for (int level = 0; level < 256; level++)
    linear[level] = (float)srgb_to_linear(level / 255.0);
  TRY(MEMORY_NEW(3 * pixels, "a linear picture", &out->rgb));
  for (size_t i = 0; i < 3 * pixels; i++)
    out->rgb[i] = linear[image->pixels[i]];
  return STATUS_OK;
}

void xue_picture_free(xue_picture *picture) {
  memory_free(picture->rgb);
  *picture = (xue_picture){0};
}

/* Contrast is matched at its top, with and without a model. */
static double offset_of(const data_xue_model *model, xue_goal goal,
                        const xue_features *features) {
  bool agreeing[XUE_ZONES] = {false};
  if (goal == XUE_CONTRAST)
    agreeing[XUE_TOP] = true;
  else if (model != NULL)
    xue_model_zones(model, goal, features, agreeing);
  return xue_offset(features, goal, agreeing);
}

/* Each stage measures what the one before has made. */
static status run_stages(const data_xue_model *model, xue_picture *picture) {
  xue_scene scene;
  TRY(xue_scene_make(picture, &scene));
  status result = STATUS_OK;
  for (int g = 0; g < XUE_GOALS && result == STATUS_OK; g++) {
    xue_goal goal = (xue_goal)g;
    xue_features features;
    result = xue_measure(picture, &scene, goal, &features);
    if (result == STATUS_OK && features.defined)
      result =
          xue_change(picture, &scene, goal, offset_of(model, goal, &features));
  }
  xue_scene_free(&scene);
  return result;
}

static void write_back(const xue_picture *picture, data_image *image) {
  size_t pixels = (size_t)picture->width * (size_t)picture->height;
  for (size_t i = 0; i < pixels; i++) {
    if (picture->mask[i] == 0) continue;
    for (size_t c = 0; c < 3; c++) {
      uint8_t *level = &image->pixels[3 * i + c];
      *level = classical_blend(
          *level, srgb_from_linear(picture->rgb[3 * i + c]), picture->mask[i]);
    }
  }
}

static status run(const data_xue_model *model, const data_image *composite,
                  const data_image *mask, data_image *out) {
  *out = (data_image){0};
  TRY(classical_check(composite, mask));
  xue_picture picture;
  bool usable;
  status result;
  TRY_OR(done, xue_picture_make(composite, mask, &picture, &usable));
  if (usable) TRY_OR(done, run_stages(model, &picture));
  TRY_OR(done, classical_copy(composite, out));
  if (usable) write_back(&picture, out);
done:
  xue_picture_free(&picture);
  return result;
}

status data_xue_zero(const data_image *composite, const data_image *mask,
                     data_image *out) {
  return run(NULL, composite, mask, out);
}

status data_xue(const data_xue_model *model, const data_image *composite,
                const data_image *mask, data_image *out) {
  INVARIANT(model != NULL, "no model");
  return run(model, composite, mask, out);
}
