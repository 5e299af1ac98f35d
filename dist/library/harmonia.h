/* libharmonia: the object that was pasted into a picture takes the colours of
 * what is around it, by a trained network.
 *
 *   harmonia *network;
 *   harmonia_view image = harmonia_packed(pixels, width, height, 3,
 *                                         HARMONIA_UINT8);
 *   harmonia_view mask = harmonia_packed(object, width, height, 1,
 *                                        HARMONIA_UINT8);
 *   if (harmonia_open(NULL, 0, &network) != HARMONIA_OK ||
 *       harmonia_apply(network, &image, &mask, NULL) != HARMONIA_OK)
 *     fprintf(stderr, "%s\n", harmonia_error());
 *   harmonia_close(network);
 *
 * Any number of threads may use the library, and one network, at once; the
 * bytes are those of one call after the other, and do not depend on the number
 * of threads. Nothing is printed, no signal is handled, no MPI is used. What it
 * has in common with all of its process is told in the README beside this file:
 * OpenBLAS's threads and HDF5. */
#ifndef HARMONIA_H
#define HARMONIA_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The number in the library's name (libharmonia.so.0): programs that were built
 * with one of the same number go on working. */
#define HARMONIA_ABI 0

#define HARMONIA_API __attribute__((visibility("default")))

typedef enum harmonia_status {
  HARMONIA_OK,
  HARMONIA_USAGE,  /* an argument is wrong */
  HARMONIA_IO,     /* the system refused: a missing file */
  HARMONIA_FORMAT, /* the file is no checkpoint, or a damaged one */
  HARMONIA_MISFIT, /* good alone, but not together: a mask of another size */
  HARMONIA_MEMORY,
  HARMONIA_NUMERIC /* the network's result is no number */
} harmonia_status;

/* Why this thread's last call failed; "" where it did not. Belongs to the
 * library, until this thread's next call. */
HARMONIA_API const char *harmonia_error(void);
/* What this thread's last call found odd, a line each; "" where nothing. */
HARMONIA_API const char *harmonia_warnings(void);
/* "0.1.0" */
HARMONIA_API const char *harmonia_version(void);

/* ---- networks ---- */

typedef struct harmonia harmonia;

/* Reads a checkpoint; NULL: the network that comes with the library. threads:
 * that a call uses, at most 256; 0: all cores (give 1 where calls run side by
 * side). *out is to be closed; NULL on failure. */
HARMONIA_API harmonia_status harmonia_open(const char *checkpoint, int threads,
                                           harmonia **out);
/* The same for harmonia_score, of a checkpoint that has a code extractor
 * (bargainnet); else HARMONIA_MISFIT. */
HARMONIA_API harmonia_status harmonia_open_score(const char *checkpoint,
                                                 int threads, harmonia **out);
/* After the last call that uses it has returned. Accepts NULL. */
HARMONIA_API void harmonia_close(harmonia *network);

/* "maskpool"; belongs to the library. */
HARMONIA_API const char *harmonia_model(const harmonia *network);
/* Pixels a side of the small copy that the network looks at. */
HARMONIA_API int harmonia_size(const harmonia *network);
/* How many numbers the change of colours is made by (harmonia_apply); 0: the
 * network draws its picture, or scores. */
HARMONIA_API size_t harmonia_parameter_count(const harmonia *network);

/* ---- pictures ---- */

typedef enum harmonia_type {
  HARMONIA_UINT8,  /* 0 to 255 */
  HARMONIA_UINT16, /* 0 to 65535, in the machine's byte order */
  HARMONIA_FLOAT   /* 0 to 1, and of images beyond */
} harmonia_type;

/* Pixels of the caller's, upright. Steps are in bytes, may be negative, and
 * values need not be aligned: any array of NumPy's is a view, so is BGR (from
 * the red value on, with a `channel` of -1). */
typedef struct harmonia_view {
  void *pixels; /* the first value of the pixel at the left of the top row */
  int width, height;
  harmonia_type type;
  ptrdiff_t row, pixel; /* from a row, a pixel to the next one */
  ptrdiff_t channel;    /* from red to green to blue; not asked of a mask */
} harmonia_view;

/* The view of values without gaps, `channels` a pixel. */
static inline harmonia_view harmonia_packed(void *pixels, int width, int height,
                                            int channels, harmonia_type type) {
  ptrdiff_t value = type == HARMONIA_UINT8    ? 1
                    : type == HARMONIA_UINT16 ? 2
                                              : 4;
  harmonia_view view;
  view.pixels = pixels;
  view.width = width;
  view.height = height;
  view.type = type;
  view.channel = value;
  view.pixel = value * channels;
  view.row = view.pixel * width;
  return view;
}

/* Changes the object's colours in the image, which is RGB in sRGB. The mask, of
 * the image's size, is white (its largest value) where the object is, 0 where
 * the image is to stay, bit for bit; greys blend. It must have both: a value of
 * half of white or more, and one below. Float colours beyond 0 to 1 are seen as
 * the nearest in it, and keep what they are beyond.
 *
 * parameters: NULL, or where the harmonia_parameter_count numbers go by which
 * colours x in [0,1] were changed: to clamp(M x + t), as M row by row, then t.
 * Where these are 12 they are the whole object's; of 36 the first 24 are eight
 * slopes a channel of tone curves, through which x goes first: curve(x) is the
 * sum over k of slope k * clamp(x - k/8, 0, 1/8). Of 13 * size * size they are
 * 12 for each pixel of the small copy, row by row, then one for each: how far
 * from x to there colours go. On failure the image is as it was. */
HARMONIA_API harmonia_status harmonia_apply(harmonia *network,
                                            const harmonia_view *image,
                                            const harmonia_view *mask,
                                            float *parameters);

/* How well the object fits what is around it, 0 to 1; the image stays. */
HARMONIA_API harmonia_status harmonia_score(harmonia *network,
                                            const harmonia_view *image,
                                            const harmonia_view *mask,
                                            double *score);

#ifdef __cplusplus
}
#endif
#endif
