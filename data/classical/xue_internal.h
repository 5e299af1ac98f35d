/* Harmonization of Xue, Agarwala, Dorsey and Rushmeier, "Understanding and
 * improving the realism of image composites" (SIGGRAPH 2012), in the form that
 * iHarmony4's comparison runs. Private to libdata.
 *
 * For each goal, in order, the distributions of a quantity in foreground and
 * background are compared at a zone - their top, low or mean -, and the
 * foreground is changed until they agree there. Which zones agree in natural
 * images is what the classifiers of a model know. */
#ifndef HARMONIA_DATA_XUE_INTERNAL_H
#define HARMONIA_DATA_XUE_INTERNAL_H

#include "data/data.h"

typedef enum xue_goal {
  XUE_CONTRAST,    /* local contrast */
  XUE_LUMINANCE,   /* log2 Y */
  XUE_TEMPERATURE, /* mired */
  XUE_SATURATION,  /* log2 S */
  XUE_GOALS
} xue_goal;

extern const char *const xue_goal_names[XUE_GOALS];

typedef enum xue_zone { XUE_TOP, XUE_LOW, XUE_MEAN, XUE_ZONES } xue_zone;

/* Goals whose zone is chosen by a classifier: all but contrast. */
enum { XUE_FIRST_CHOSEN = XUE_LUMINANCE };

/* The shape of a distribution: deviation, skewness, excess kurtosis, entropy,
 * and the shares of 20 equal parts of its range, from the top, less the 18th.
 */
enum { XUE_SHAPE = 23, XUE_INPUTS = 2 * XUE_SHAPE };

typedef struct xue_region {
  double zone[XUE_ZONES];
  double shape[XUE_SHAPE];
} xue_region;

typedef struct xue_features {
  bool defined; /* both regions have pixels that count */
  xue_region foreground, background;
} xue_features;

/* Linear sRGB, interleaved; values may leave 0 to 1. */
typedef struct xue_picture {
  int width, height;
  float *rgb;
  const uint8_t *mask;
} xue_picture;

/* The part of a picture that is measured: three times the foreground's
 * bounding box, and its regions, eroded. */
typedef struct xue_scene {
  int x, y, width, height; /* in the picture */
  double scale;            /* pixels of the picture / 256^2 */
  bool *inside[2];         /* foreground, background */
} xue_scene;

/* Thresholds that the authors give in pixels of a 256 x 256 image grow with
 * `scale`. */
double xue_scale(int width, int height);

/* xue_scene.c. `mask` must have foreground. */
status xue_scene_make(const xue_picture *picture, xue_scene *out);
void xue_scene_free(xue_scene *scene);

/* Blurs `channels` interleaved planes by a Gaussian, cut at three sigmas, the
 * border repeated; in place. */
status xue_blur(float *values, int width, int height, int channels,
                double sigma);

/* Y of linear sRGB, as the authors weigh it. */
static inline double xue_luminance(const float *rgb) {
  return 0.21 * rgb[0] + 0.72 * rgb[1] + 0.07 * rgb[2];
}

/* |Y - blurred Y| / blurred Y, of width * height values. */
status xue_contrast_map(const float *luminance, int width, int height,
                        float *out);

/* xue_statistics.c. Of `count` > 0 values, which are put in another order.
 * [least, most] is the range that entropy divides into 256 levels. */
void xue_describe(double *values, size_t count, double least, double most,
                  xue_region *out);
/* The mean of the top 1/1024. */
double xue_top_mean(double *values, size_t count);

/* xue_features.c. */
status xue_measure(const xue_picture *picture, const xue_scene *scene,
                   xue_goal goal, xue_features *out);
/* Keeps what is above the threshold of visible contrast; returns the number,
 * which is at least 1: few values are filled up with the threshold, for which
 * `values` has room for xue_contrast_fill(scale) more. */
size_t xue_contrast_keep(double *values, size_t count, double scale);
size_t xue_contrast_fill(double scale);

/* The classifiers' inputs. */
void xue_inputs(const xue_features *features, float inputs[XUE_INPUTS]);

/* Which offset foreground - background is to be made zero: the one of the zones
 * agreeing[] names that leaves the others best, or the mean's if none is named.
 * (findBestLabel of the authors' program.) */
double xue_offset(const xue_features *features, xue_goal goal,
                  const bool agreeing[XUE_ZONES]);

/* xue_file.c: the zones a model expects to agree. */
void xue_model_zones(const data_xue_model *model, xue_goal goal,
                     const xue_features *features, bool agreeing[XUE_ZONES]);

/* xue.c: the linear picture of an image. Fewer foreground pixels than the
 * authors' least, or no background, is `*usable` false. */
status xue_picture_make(const data_image *image, const data_image *mask,
                        xue_picture *out, bool *usable);
void xue_picture_free(xue_picture *picture);

/* One goal's change by -offset of the foreground. */
status xue_change(xue_picture *picture, const xue_scene *scene, xue_goal goal,
                  double offset);

#endif
