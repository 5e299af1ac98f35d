/* For tests/bench/apply.sh: pictures to try, what it takes to decode and encode
 * one, and what a command takes.
 *
 *   recode make I.jpg M.png MEGAPIXELS   a photograph's likeness and a mask
 *   recode copy I.jpg M.png O.jpg        decodes both, encodes the picture
 *   recode time N COMMAND...             least CPU and wall seconds of N runs
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "data/data.h"

static int failed(const char *what) {
  fprintf(stderr, "recode: %s\n", what);
  return 1;
}

/* Smooth shades with a sensor's noise, 3 to 2; the object is an ellipse of a
 * quarter of it. */
static void draw(data_image *picture, data_image *mask) {
  int width = picture->width, height = picture->height;
  random_stream random = random_stream_make(1, RANDOM_TEST, 0, 0);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      double u = (double)x / width, v = (double)y / height;
      double detail = sin(900 * u * v) * cos(400 * (u - v));
      size_t at = (size_t)y * (size_t)width + (size_t)x;
      for (int c = 0; c < 3; c++)
        picture->pixels[3 * at + (size_t)c] =
            (uint8_t)(110 + 60 * sin(7 * u + c) * cos(5 * v) + 30 * detail +
                      random_below(&random, 9));
      double far = hypot((u - 0.5) / 0.33, (v - 0.5) / 0.25);
      mask->pixels[at] = far < 1 ? 255 : 0;
    }
}

static int make(const char *picture_path, const char *mask_path,
                double megapixels) {
  int height = (int)sqrt(megapixels * 1e6 / 1.5), width = height * 3 / 2;
  data_image picture, mask;
  if (data_image_create(width, height, 3, &picture) != STATUS_OK ||
      data_image_create(width, height, 1, &mask) != STATUS_OK)
    return failed(status_message());
  draw(&picture, &mask);
  if (data_image_write(picture_path, &picture, 92) != STATUS_OK ||
      data_image_write(mask_path, &mask, 92) != STATUS_OK)
    return failed(status_message());
  return 0;
}

/* A mask of "" is none. */
static int copy(const char *from, const char *mask_from, const char *to) {
  data_picture picture, mask = {0};
  char dropped[DATA_DROPPED_BYTES];
  if (data_picture_read(from, &picture) != STATUS_OK ||
      (mask_from[0] != '\0' &&
       data_picture_read(mask_from, &mask) != STATUS_OK) ||
      data_picture_write(to, &picture, 95, dropped) != STATUS_OK)
    return failed(status_message());
  data_picture_free(&picture);
  data_picture_free(&mask);
  return 0;
}

static int run(char **command, double *cpu, double *wall) {
  double start = clock_seconds();
  pid_t child = fork();
  if (child == 0) {
    execvp(command[0], command);
    _exit(127);
  }
  int code;
  struct rusage used;
  if (child < 0 || wait4(child, &code, 0, &used) != child || code != 0)
    return failed(command[0]);
  *wall = clock_seconds() - start;
  *cpu = (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
         1e-6 * (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  return 0;
}

/* Least of several: what other programs do only adds. */
static int measure(int count, char **command) {
  double least_cpu = INFINITY, least_wall = INFINITY;
  for (int i = 0; i < count; i++) {
    double cpu, wall;
    if (run(command, &cpu, &wall) != 0) return 1;
    least_cpu = fmin(least_cpu, cpu);
    least_wall = fmin(least_wall, wall);
  }
  printf("%.3f %.3f\n", least_cpu, least_wall);
  return 0;
}

int main(int count, char **words) {
  if (count == 5 && strcmp(words[1], "make") == 0)
    return make(words[2], words[3], atof(words[4]));
  if (count == 5 && strcmp(words[1], "copy") == 0)
    return copy(words[2], words[3], words[4]);
  if (count > 3 && strcmp(words[1], "time") == 0)
    return measure(atoi(words[2]), words + 3);
  return failed("expected make, copy or time");
}
