/* An example of libharmonia: harmonizes a composite.
 *
 *   cc example.c $(pkg-config --cflags --libs harmonia) -o example
 *   ./example image.ppm mask.pgm output.ppm [CHECKPOINT.h5]
 *
 * Pictures are PPM and PGM files of 8 bits (P6, P5). */
#include <stdio.h>
#include <stdlib.h>

#include "harmonia.h"

/* The pixels of a file of `kind`, to be freed; NULL, with a message, where it
 * is none. */
static unsigned char *read_picture(const char *path, char kind, int channels,
                                   int *width, int *height) {
  FILE *file = fopen(path, "rb");
  char found = 0;
  int most = 0;
  unsigned char *pixels = NULL;
  if (file != NULL &&
      fscanf(file, "P%c %5d %5d %3d", &found, width, height, &most) == 4 &&
      fgetc(file) != EOF && found == kind && most == 255 && *width > 0 &&
      *height > 0) {
    size_t pixel_count = (size_t)*width * (size_t)*height;
    pixels = malloc(pixel_count * (size_t)channels);
    if (pixels != NULL &&
        fread(pixels, (size_t)channels, pixel_count, file) != pixel_count) {
      free(pixels);
      pixels = NULL;
    }
  }
  if (file != NULL) fclose(file);
  if (pixels == NULL)
    fprintf(stderr, "%s: expected a P%c file of 8 bits\n", path, kind);
  return pixels;
}

static int write_picture(const char *path, const harmonia_view *image) {
  FILE *file = fopen(path, "wb");
  if (file == NULL) return 0;
  size_t count = (size_t)image->width * (size_t)image->height;
  int good =
      fprintf(file, "P6\n%d %d\n255\n", image->width, image->height) > 0 &&
      fwrite(image->pixels, 3, count, file) == count;
  return fclose(file) == 0 && good;
}

static int harmonize(const char *checkpoint, const harmonia_view *image,
                     const harmonia_view *mask) {
  harmonia *network;
  int good = harmonia_open(checkpoint, 0, &network) == HARMONIA_OK &&
             harmonia_apply(network, image, mask, NULL) == HARMONIA_OK;
  if (!good) fprintf(stderr, "%s\n", harmonia_error());
  if (harmonia_warnings()[0] != '\0')
    fprintf(stderr, "%s\n", harmonia_warnings());
  harmonia_close(network);
  return good;
}

int main(int argc, char **argv) {
  if (argc < 4) {
    fprintf(stderr, "Usage: %s IMAGE.ppm MASK.pgm OUTPUT.ppm [CHECKPOINT.h5]\n",
            argv[0]);
    return 2;
  }
  int width, height, mask_width, mask_height, good = 0;
  unsigned char *pixels = read_picture(argv[1], '6', 3, &width, &height);
  unsigned char *object =
      read_picture(argv[2], '5', 1, &mask_width, &mask_height);
  if (pixels != NULL && object != NULL) {
    harmonia_view image =
        harmonia_packed(pixels, width, height, 3, HARMONIA_UINT8);
    harmonia_view mask =
        harmonia_packed(object, mask_width, mask_height, 1, HARMONIA_UINT8);
    good = harmonize(argc > 4 ? argv[4] : NULL, &image, &mask) &&
           write_picture(argv[3], &image);
  }
  free(pixels);
  free(object);
  return good ? 0 : 1;
}
