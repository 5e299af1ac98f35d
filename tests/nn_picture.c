/* A head's maps on a picture of any size, row by row, against the same by a
 * graph of the picture's size (network/heads.c). */
#include <math.h>
#include <stdlib.h>

#include "base/random.h"
#include "nn/network/networks.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { SIZE = 8, WIDTH = 149, HEIGHT = 13, PIXELS = WIDTH * HEIGHT };

static const int channels_of[] = {[NN_HEAD_AFFINE] = 12,
                                  [NN_HEAD_AFFINE_IMAGE] = 12,
                                  [NN_HEAD_AFFINE_OBJECT] = 12,
                                  [NN_HEAD_CURVES] = 3 * NN_TONE_SLOPES + 12};

typedef struct scene {
  trial t;
  random_stream random;
  nn_id composite, mask, maps, blend;
} scene;

static scene make_scene(nn_head head) {
  scene s = {.t = trial_make(),
             .random = random_stream_make(3, RANDOM_TEST, (uint32_t)head, 0)};
  int size = nn_head_reads_map(head) ? SIZE : 1;
  s.composite =
      trial_uniform(&s.t, NN_SHAPE(1, HEIGHT, WIDTH, 3), &s.random, -1, 1);
  s.mask = trial_uniform(&s.t, NN_SHAPE(1, HEIGHT, WIDTH, 1), &s.random, 1, 1);
  s.maps = trial_uniform(&s.t, NN_SHAPE(1, size, size, channels_of[head]),
                         &s.random, 0, 0.5);
  s.blend = trial_uniform(&s.t, NN_SHAPE(1, size, size, 1), &s.random, 0, 1);
  return s;
}

/* By rows, of which each is cut in two parts. */
static void by_rows(const scene *s, nn_head head, double *out) {
  nn_colour_change change = {.head = head,
                             .size = SIZE,
                             .maps = trial_input(&s->t, s->maps),
                             .blend = trial_input(&s->t, s->blend)};
  nn_picture_change *picture;
  if (nn_picture_change_create(&change, WIDTH, HEIGHT, &picture) != STATUS_OK)
    test_failed("%s", status_message());
  const nn_real *composite = trial_input(&s->t, s->composite);
  nn_real *own = calloc(nn_picture_change_row_size(picture) + 1, sizeof *own);
  nn_real colours[3 * PIXELS], changed[3 * WIDTH];
  for (int i = 0; i < 3 * PIXELS; i++) colours[i] = (composite[i] + 1) / 2;
  for (int y = 0; y < HEIGHT; y++) {
    const nn_real *row = colours + 3 * y * WIDTH;
    nn_picture_change_row(picture, y, own);
    nn_picture_change_pixels(picture, own, 0, 5, row, changed);
    nn_picture_change_pixels(picture, own, 5, WIDTH, row + 15, changed + 15);
    for (int i = 0; i < 3 * WIDTH; i++)
      out[3 * y * WIDTH + i] = 2 * (double)changed[i] - 1;
  }
  free(own);
  nn_picture_change_destroy(&picture);
}

static void check(nn_head head) {
  scene s = make_scene(head);
  nn_scene seen = nn_scene_of(s.t.g, s.composite, s.mask);
  nn_colour_maps maps = {.head = head, .values = s.maps, .blend = s.blend};
  trial_keep(&s.t, "output", nn_head_apply(s.t.g, &maps, &seen).output);
  trial_plan(&s.t, 1, false);
  trial_run(&s.t);
  static double rows[3 * PIXELS];
  by_rows(&s, head, rows);
  size_t count;
  double *want = trial_value(&s.t, "output", &count), worst = 0, change = 0;
  for (size_t i = 0; i < count; i++) {
    worst = fmax(worst, fabs(rows[i] - want[i]));
    change =
        fmax(change, fabs(want[i] - (double)trial_input(&s.t, s.composite)[i]));
  }
  double limit = sizeof(nn_real) == sizeof(double) ? 1e-6 : 1e-5;
  tap_ok(count == 3 * PIXELS && change > 0.1 && worst < limit,
         "%s: rows equal the graph (%.1e of %.1f)", CHOICES(NN_HEADS)[head],
         worst, change);
  free(want);
  trial_free(&s.t);
}

/* ---- the numbers of a change ---- */

static double clamped(double x, double least, double most) {
  return fmin(fmax(x, least), most);
}

/* What nn.h says that they do to a colour. */
static void by_numbers(nn_head head, const nn_real *numbers, size_t pixel,
                       const nn_real *x, double *out) {
  double toned[3] = {x[0], x[1], x[2]}, blend = 1;
  if (head == NN_HEAD_CURVES) {
    for (int c = 0; c < 3; c++, numbers += NN_TONE_SLOPES) {
      toned[c] = 0;
      for (int k = 0; k < NN_TONE_SLOPES; k++)
        toned[c] += numbers[k] * clamped(x[c] - k / 8.0, 0, 0.125);
    }
  } else if (head == NN_HEAD_AFFINE) {
    blend = numbers[(size_t)12 * SIZE * SIZE + pixel];
    numbers += 12 * pixel;
  }
  for (int i = 0; i < 3; i++) {
    double y = numbers[9 + i];
    for (int j = 0; j < 3; j++) y += numbers[3 * i + j] * toned[j];
    out[i] = x[i] + blend * (clamped(y, 0, 1) - x[i]);
  }
}

/* On a picture of the maps' size, where each pixel has its own. */
static void check_numbers(nn_head head) {
  scene s = make_scene(head);
  nn_colour_change change = {.head = head,
                             .size = SIZE,
                             .maps = trial_input(&s.t, s.maps),
                             .blend = trial_input(&s.t, s.blend)};
  static nn_real numbers[13 * SIZE * SIZE];
  size_t count = nn_change_number_count(head, SIZE);
  nn_change_numbers(&change, numbers);
  nn_picture_change *picture;
  if (nn_picture_change_create(&change, SIZE, SIZE, &picture) != STATUS_OK)
    test_failed("%s", status_message());
  nn_real *row = calloc(nn_picture_change_row_size(picture) + 1, sizeof *row);
  double worst = 0;
  for (size_t p = 0; p < SIZE * SIZE; p++) {
    const nn_real *composite = trial_input(&s.t, s.composite) + 3 * p;
    nn_real x[3], got[3];
    double want[3];
    for (int c = 0; c < 3; c++) x[c] = (composite[c] + 1) / 2;
    int column = (int)(p % SIZE);
    nn_picture_change_row(picture, (int)(p / SIZE), row);
    nn_picture_change_pixels(picture, row, column, column + 1, x, got);
    by_numbers(head, numbers, p, x, want);
    for (int c = 0; c < 3; c++) worst = fmax(worst, fabs(got[c] - want[c]));
    if (!nn_head_changes_evenly(head)) continue;
    nn_change_by_numbers(head, numbers, 1, x, got);
    for (int c = 0; c < 3; c++)
      worst = fmax(worst, fabs(clamped(got[c], 0, 1) - want[c]));
  }
  free(row);
  nn_picture_change_destroy(&picture);
  trial_free(&s.t);
  tap_ok(count > 0 && worst < 2e-6, "%s: %zu numbers tell what is done (%.1e)",
         CHOICES(NN_HEADS)[head], count, worst);
}

int main(void) {
  static const nn_head heads[] = {NN_HEAD_AFFINE, NN_HEAD_AFFINE_IMAGE,
                                  NN_HEAD_AFFINE_OBJECT, NN_HEAD_CURVES};
  for (int i = 0; i < 4; i++) check(heads[i]);
  for (int i = 0; i < 4; i++) check_numbers(heads[i]);
  tap_ok(nn_change_number_count(NN_HEAD_RGB, SIZE) == 0,
         "what is drawn has none");
  return tap_done();
}
