/* libharmonia, linked to the static library alone: views, types, threads,
 * errors. */
#include <math.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dist/library/harmonia.h"
#include "tests/tap.h"

enum { WIDTH = 61, HEIGHT = 47, PIXELS = WIDTH * HEIGHT, VALUES = 3 * PIXELS };
enum { THREADS = 8, NUMBERS = 12 };

static harmonia *network; /* the one that comes with the library */
static uint8_t composite[VALUES], object[PIXELS], expected[VALUES];

/* A disc in another light, with a soft edge; `shift`: another picture. */
static void draw(int shift, uint8_t *image, uint8_t *mask) {
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      int p = y * WIDTH + x;
      double far = hypot(x - 30 + shift, y - 22);
      double share = fmin(fmax((14 - far) / 4, 0), 1);
      mask[p] = (uint8_t)(255 * share);
      for (int c = 0; c < 3; c++) {
        double ground = 110 + 50 * sin(x / 9.0 + shift) * cos(y / 7.0 - c);
        image[3 * p + c] =
            (uint8_t)(ground * (1 + share * (c == 2 ? 0.5 : -0.4)));
      }
    }
}

static harmonia_view view_of(void *pixels, int channels, harmonia_type type) {
  return harmonia_packed(pixels, WIDTH, HEIGHT, channels, type);
}

static harmonia_status apply_bytes(harmonia *by, uint8_t *image, uint8_t *mask,
                                   float *numbers) {
  harmonia_view image_view = view_of(image, 3, HARMONIA_UINT8);
  harmonia_view mask_view = view_of(mask, 1, HARMONIA_UINT8);
  return harmonia_apply(by, &image_view, &mask_view, numbers);
}

/* ---- one picture ---- */

/* What colours in [0,1] become by the numbers of a change. */
static double mapped(const float *numbers, const double x[3], int c) {
  double y = numbers[9 + c];
  for (int j = 0; j < 3; j++) y += numbers[3 * c + j] * x[j];
  return fmin(fmax(y, 0), 1);
}

static void test_picture(void) {
  float numbers[NUMBERS];
  draw(0, composite, object);
  memcpy(expected, composite, VALUES);
  harmonia_status result = apply_bytes(network, expected, object, numbers);
  tap_ok(result == HARMONIA_OK, "a picture is harmonized%s", harmonia_error());
  double change = 0, worst = 0;
  bool stays = true;
  for (int p = 0; p < PIXELS; p++)
    for (int c = 0; c < 3; c++) {
      int i = 3 * p + c;
      if (object[p] == 0) stays = stays && expected[i] == composite[i];
      if (object[p] < 255) continue;
      const double x[3] = {composite[3 * p] / 255.0,
                           composite[3 * p + 1] / 255.0,
                           composite[3 * p + 2] / 255.0};
      change += abs(expected[i] - composite[i]);
      worst = fmax(worst, fabs(255 * mapped(numbers, x, c) - expected[i]));
    }
  tap_ok(stays && change > 0.1 * PIXELS,
         "the background stays bit for bit, the object does not");
  tap_ok(worst < 0.51, "by the numbers that it gives (%.2f levels)", worst);
}

/* ---- views ---- */

/* Applies to values that lie in memory otherwise; `at` has a pixel's first. */
static void check_view(const char *what, harmonia_view view,
                       const uint8_t *bytes, size_t size) {
  uint8_t *first = view.pixels;
  uint8_t *before = malloc(size);
  for (int p = 0; p < VALUES; p++) {
    int y = p / 3 / WIDTH, x = p / 3 % WIDTH, c = p % 3;
    first[y * view.row + x * view.pixel + c * view.channel] = composite[p];
  }
  memcpy(before, bytes, size);
  harmonia_view mask = view_of(object, 1, HARMONIA_UINT8);
  bool good = harmonia_apply(network, &view, &mask, NULL) == HARMONIA_OK;
  size_t changed = 0, wanted = 0;
  for (int p = 0; p < VALUES; p++) {
    int y = p / 3 / WIDTH, x = p / 3 % WIDTH, c = p % 3;
    good = good && first[y * view.row + x * view.pixel + c * view.channel] ==
                       expected[p];
    wanted += expected[p] != composite[p];
  }
  for (size_t i = 0; i < size; i++) changed += bytes[i] != before[i];
  tap_ok(good && changed == wanted, "%s: the same bytes, and no other", what);
  free(before);
}

static void test_views(void) {
  static uint8_t room[5 * PIXELS];
  harmonia_view view = view_of(room, 4, HARMONIA_UINT8);
  memset(room, 77, sizeof room);
  check_view("RGBA", view, room, sizeof room);
  view = view_of(room + 2, 3, HARMONIA_UINT8);
  view.channel = -1;
  check_view("BGR", view, room, sizeof room);
  view = (harmonia_view){room, WIDTH, HEIGHT, HARMONIA_UINT8, WIDTH, 1, PIXELS};
  check_view("planes", view, room, sizeof room);
  view = view_of(room, 3, HARMONIA_UINT8);
  view.pixels = room + (HEIGHT - 1) * view.row;
  view.row = -view.row;
  check_view("bottom up", view, room, sizeof room);
  view = (harmonia_view){room, WIDTH, HEIGHT, HARMONIA_UINT8, 3, 3 * HEIGHT, 1};
  check_view("columns", view, room, sizeof room);
}

/* ---- types ---- */

static void test_words(void) {
  static uint8_t room[2 * VALUES + 1]; /* at odd addresses */
  for (int i = 0; i < VALUES; i++) {
    uint16_t word = (uint16_t)(257 * composite[i]);
    memcpy(room + 1 + 2 * i, &word, 2);
  }
  static uint16_t mask_words[PIXELS];
  for (int p = 0; p < PIXELS; p++) mask_words[p] = (uint16_t)(257 * object[p]);
  harmonia_view image = view_of(room + 1, 3, HARMONIA_UINT16);
  harmonia_view mask = view_of(mask_words, 1, HARMONIA_UINT16);
  bool good = harmonia_apply(network, &image, &mask, NULL) == HARMONIA_OK;
  double worst = 0;
  for (int i = 0; i < VALUES; i++) {
    uint16_t word;
    memcpy(&word, room + 1 + 2 * i, 2);
    worst = fmax(worst, fabs(word / 257.0 - expected[i]));
  }
  tap_ok(good && worst < 0.51, "16 bits: the same to rounding (%.3f)", worst);
}

static float values[VALUES], mask_values[PIXELS];

static void test_floats(void) {
  float numbers[NUMBERS];
  for (int i = 0; i < VALUES; i++) values[i] = (float)composite[i] / 255;
  for (int p = 0; p < PIXELS; p++) mask_values[p] = (float)object[p] / 255;
  harmonia_view image = view_of(values, 3, HARMONIA_FLOAT);
  harmonia_view mask = view_of(mask_values, 1, HARMONIA_FLOAT);
  bool good = harmonia_apply(network, &image, &mask, numbers) == HARMONIA_OK;
  double worst = 0, deviation = 0;
  for (int i = 0; i < VALUES; i++) {
    const uint8_t *pixel = composite + i / 3 * 3;
    const double x[3] = {pixel[0] / 255.0, pixel[1] / 255.0, pixel[2] / 255.0};
    worst = fmax(worst, fabs(255.0 * values[i] - expected[i]));
    if (object[i / 3] == 255)
      deviation = fmax(deviation, fabs(values[i] - mapped(numbers, x, i % 3)));
  }
  tap_ok(good && worst < 0.51, "floats: the same to rounding (%.3f)", worst);
  tap_ok(deviation < 1e-6, "and no rounding of their own (%.1e)", deviation);
}

static void test_beyond(void) {
  float numbers[NUMBERS];
  int inside = 3 * (22 * WIDTH + 30), outside = 0;
  for (int i = 0; i < VALUES; i++) values[i] = (float)composite[i] / 255;
  values[inside] = 1.5f;
  values[outside] = -2;
  const double seen[3] = {1, values[inside + 1], values[inside + 2]};
  harmonia_view image = view_of(values, 3, HARMONIA_FLOAT);
  harmonia_view mask = view_of(mask_values, 1, HARMONIA_FLOAT);
  harmonia_apply(network, &image, &mask, numbers);
  tap_near(values[inside], 0.5 + mapped(numbers, seen, 0), 1e-6,
           "what is brighter than white stays so much brighter");
  tap_ok(values[outside] == -2, "what is darker than black stays, outside");
}

/* ---- threads ---- */

typedef struct job {
  int number;
  harmonia *by;
  uint8_t image[VALUES], mask[PIXELS];
  bool good;
} job;

static void *run_job(void *argument) {
  job *own = argument;
  char wanted[32];
  own->good = true;
  uint8_t before[VALUES];
  memcpy(before, own->image, VALUES);
  for (int again = 0; again < 2; again++) {
    memcpy(own->image, before, VALUES);
    own->good = own->good && apply_bytes(own->by, own->image, own->mask,
                                         NULL) == HARMONIA_OK;
    /* a failure of this thread's own, and its own words */
    harmonia_view image = view_of(own->image, 3, HARMONIA_UINT8);
    image.width = -1 - own->number;
    snprintf(wanted, sizeof wanted, "has %d x", image.width);
    own->good =
        own->good &&
        harmonia_apply(own->by, &image, &image, NULL) == HARMONIA_USAGE &&
        strstr(harmonia_error(), wanted) != NULL;
  }
  return NULL;
}

/* Threads on one network, or on one each, against one after the other. */
static void check_threads(bool shared, int threads_each) {
  static job jobs[THREADS];
  static uint8_t wanted[THREADS][VALUES];
  pthread_t threads[THREADS];
  bool good = true;
  for (int i = 0; i < THREADS; i++) {
    jobs[i] = (job){.number = i, .by = network};
    draw(i - 4, jobs[i].image, jobs[i].mask);
    memcpy(wanted[i], jobs[i].image, VALUES);
    apply_bytes(network, wanted[i], jobs[i].mask, NULL);
    if (!shared || i == 0)
      good = good && harmonia_open(NULL, threads_each, &jobs[i].by) == 0;
    if (shared) jobs[i].by = jobs[0].by;
  }
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, run_job, &jobs[i]);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    good =
        good && jobs[i].good && memcmp(jobs[i].image, wanted[i], VALUES) == 0;
  }
  for (int i = 0; i < (shared ? 1 : THREADS); i++) harmonia_close(jobs[i].by);
  tap_ok(good, "%d threads at once on %s, of %d: as one after the other",
         THREADS, shared ? "one network" : "a network each", threads_each);
}

static void *open_and_close(void *argument) {
  bool *good = argument;
  harmonia *own;
  *good = harmonia_open(NULL, 1, &own) == HARMONIA_OK;
  harmonia_close(own);
  return NULL;
}

static void test_threads(void) {
  check_threads(true, 1);
  check_threads(true, 2);
  check_threads(false, 1);
  pthread_t threads[THREADS];
  bool good[THREADS], all = true;
  for (int i = 0; i < THREADS; i++)
    pthread_create(&threads[i], NULL, open_and_close, &good[i]);
  for (int i = 0; i < THREADS; i++) {
    pthread_join(threads[i], NULL);
    all = all && good[i];
  }
  tap_ok(all, "%d threads open networks at once", THREADS);
}

/* ---- what is refused, and what is said ---- */

static void refused(harmonia_status result, harmonia_status wanted,
                    const char *text, const char *what) {
  tap_ok(result == wanted && strstr(harmonia_error(), text) != NULL,
         "%s: \"%s\"", what, harmonia_error());
}

static void test_files(void) {
  harmonia *none;
  char path[4096];
  refused(harmonia_open("nothing.h5", 0, &none), HARMONIA_IO, "nothing.h5",
          "a missing file");
  tap_ok(none == NULL, "there is no network then");
  snprintf(path, sizeof path, "%s/text.h5", tap_scratch_folder());
  FILE *file = fopen(path, "w");
  fputs("not a checkpoint", file);
  fclose(file);
  refused(harmonia_open(path, 0, &none), HARMONIA_FORMAT, "text.h5",
          "a file of another kind");
  refused(harmonia_open(NULL, -1, &none), HARMONIA_USAGE, "-1 threads",
          "a number of threads");
  refused(harmonia_open(NULL, 0, NULL), HARMONIA_USAGE, "NULL",
          "nowhere to go");
  refused(harmonia_open_score(NULL, 0, &none), HARMONIA_MISFIT, "network.h5",
          "a score by what has no code extractor");
  harmonia_close(NULL);
}

static void test_pictures_refused(void) {
  uint8_t image[VALUES], mask[PIXELS] = {0};
  double score;
  memcpy(image, composite, VALUES);
  refused(apply_bytes(network, image, mask, NULL), HARMONIA_MISFIT, "no object",
          "an empty mask");
  memset(mask, 255, PIXELS);
  refused(apply_bytes(network, image, mask, NULL), HARMONIA_MISFIT,
          "no background", "a full one");
  harmonia_view good = view_of(image, 3, HARMONIA_UINT8);
  harmonia_view small = harmonia_packed(mask, 5, 4, 1, HARMONIA_UINT8);
  refused(harmonia_apply(network, &good, &small, NULL), HARMONIA_MISFIT,
          "5 x 4", "a mask of another size");
  refused(harmonia_apply(network, NULL, &small, NULL), HARMONIA_USAGE, "image",
          "no image");
  refused(harmonia_apply(network, &good, NULL, NULL), HARMONIA_USAGE, "mask",
          "no mask");
  refused(harmonia_apply(NULL, &good, &good, NULL), HARMONIA_USAGE, "network",
          "no network");
  refused(harmonia_score(network, &good, &good, &score), HARMONIA_USAGE,
          "harmonia_open_score", "a score of one that applies");
  good.type = (harmonia_type)7;
  refused(harmonia_apply(network, &good, &small, NULL), HARMONIA_USAGE,
          "type is 7", "a type that there is not");
  tap_ok(memcmp(image, composite, VALUES) == 0, "the image is as it was");
}

/* Warnings are the caller's to read: nothing is printed. */
static void test_warnings(void) {
  char path[4096];
  snprintf(path, sizeof path, "%s/stderr", tap_scratch_folder());
  fflush(stderr);
  int kept = dup(STDERR_FILENO);
  if (freopen(path, "w", stderr) == NULL) abort();
  enum { SIDE = 600 };
  uint8_t *image = calloc(3, SIDE * SIDE), *mask = calloc(1, SIDE * SIDE);
  mask[SIDE * SIDE / 2] = 255;
  harmonia_view view = harmonia_packed(image, SIDE, SIDE, 3, HARMONIA_UINT8);
  harmonia_view mask_view =
      harmonia_packed(mask, SIDE, SIDE, 1, HARMONIA_UINT8);
  bool good = harmonia_apply(network, &view, &mask_view, NULL) == HARMONIA_OK;
  tap_ok(good &&
             strncmp(harmonia_warnings(), "the object has 1 pixels", 23) == 0,
         "a tiny object is warned of: \"%s\"", harmonia_warnings());
  memcpy(image, composite, VALUES);
  good = apply_bytes(network, image, object, NULL) == HARMONIA_OK;
  tap_ok(good && harmonia_warnings()[0] == '\0' && harmonia_error()[0] == '\0',
         "not for ever");
  apply_bytes(NULL, image, object, NULL);
  tap_ok(ftell(stderr) == 0, "nothing is printed");
  fflush(stderr);
  dup2(kept, STDERR_FILENO);
  close(kept);
  free(image);
  free(mask);
}

int main(void) {
  if (harmonia_open(NULL, 2, &network) != HARMONIA_OK) {
    tap_ok(false, "the network in the box: %s", harmonia_error());
    return tap_done();
  }
  tap_ok(strcmp(harmonia_model(network), "maskpool") == 0 &&
             harmonia_size(network) == 256 &&
             harmonia_parameter_count(network) == NUMBERS,
         "the network in the box");
  tap_ok(harmonia_version()[0] >= '0', "version %s", harmonia_version());
  test_picture();
  test_views();
  test_words();
  test_floats();
  test_beyond();
  test_threads();
  test_files();
  test_pictures_refused();
  test_warnings();
  harmonia_close(network);
  return tap_done();
}
