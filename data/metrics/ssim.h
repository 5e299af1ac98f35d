/* Structural similarity in its common forms. Private to libdata's metrics; the
 * tests check the forms of scikit-image by the same routine. */
#ifndef HARMONIA_SSIM_H
#define HARMONIA_SSIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum ssim_window {
  SSIM_GAUSSIAN_11, /* sigma 1.5 */
  SSIM_UNIFORM_7
} ssim_window;

typedef enum ssim_border {
  SSIM_ZERO,   /* outside is zero (pytorch_ssim) */
  SSIM_REFLECT /* outside is the mirror image, d c b a | a b c d (SciPy) */
} ssim_border;

typedef struct ssim_form {
  ssim_window window;
  ssim_border border;
  bool sample_covariance; /* variances times n / (n - 1) */
  int margin;             /* pixels at the border left out of `mean` */
  double range;           /* R: the constants are (0.01 R)^2 and (0.03 R)^2 */
} ssim_form;

typedef struct ssim_images {
  const float *output, *real; /* height * width * channels */
  int width, height, channels;
  const uint8_t *mask; /* height * width, or NULL: everything is inside */
  bool paste;          /* output's background is taken from real */
} ssim_images;

typedef struct ssim_result {
  double mean;   /* over pixels and channels */
  double inside; /* the same over the mask's foreground (all of it, whatever
                    the margin); 0 if there is none */
} ssim_result;

/* `scratch` has ssim_scratch floats; `map` is NULL or takes the value at each
 * pixel and channel. A margin that leaves nothing gives mean 0. */
size_t ssim_scratch(int width, int channels);
ssim_result ssim_compute(const ssim_form *form, const ssim_images *images,
                         float *scratch, double *map);

#endif
