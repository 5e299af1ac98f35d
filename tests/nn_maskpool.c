/* The trunk that pools over a mask's regions: regions by brute force, and what
 * its system does by itself: it starts at the composite, changes nothing
 * outside the mask, and one map of colours is all that it changes inside. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "nn/network/networks.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

/* ---- regions ---- */

static double at(const double *mask, nn_shape s, int n, int y, int x) {
  if (y < 0 || y >= s.h || x < 0 || x >= s.w) return NAN;
  return mask[((size_t)n * (size_t)s.h + (size_t)y) * (size_t)s.w + (size_t)x];
}

/* box of the mask, or of the background. */
static double box(const double *mask, nn_shape s, int n, int y, int x,
                  bool background) {
  double sum = 0;
  for (int dy = -1; dy <= 1; dy++)
    for (int dx = -1; dx <= 1; dx++) {
      double m = at(mask, s, n, y + dy, x + dx);
      if (!isnan(m)) sum += background ? 1 - m : m;
    }
  return sum / 9;
}

static double region(const double *mask, nn_shape s, size_t pixel, int which) {
  int x = (int)pixel % s.w, y = (int)pixel / s.w % s.h;
  int n = (int)pixel / s.w / s.h;
  double m = at(mask, s, n, y, x);
  if (which == 0) return m;
  if (which == 1) return 1 - m;
  return which == 2 ? m * box(mask, s, n, y, x, true)
                    : (1 - m) * box(mask, s, n, y, x, false);
}

static void check_regions(nn_shape s) {
  trial t = trial_make();
  random_stream random = random_stream_make(1, RANDOM_TEST, 0, 0);
  nn_id mask = trial_uniform(&t, s, &random, 0, 1);
  trial_keep(&t, "regions", nn_mask_regions(t.g, mask));
  trial_keep(&t, "mask", nn_affine(t.g, mask, 1, 0));
  trial_plan(&t, 2, false);
  trial_run(&t);
  size_t count, pixels;
  double *got = trial_value(&t, "regions", &count), worst = 0;
  double *m = trial_value(&t, "mask", &pixels);
  for (size_t i = 0; i < count; i++)
    worst = fmax(worst, fabs(got[i] - region(m, s, i / NN_REGIONS,
                                             (int)(i % NN_REGIONS))));
  tap_ok(count == pixels * NN_REGIONS && worst < 1e-6,
         "regions of %d x %d x %d pixels (%.1e)", s.n, s.h, s.w, worst);
  free(got);
  free(m);
  trial_free(&t);
}

/* ---- the system ---- */

enum { SIZE = 64, BATCH = 2, VALUES = BATCH * SIZE * SIZE * 3 };

static nn_model_options options_of(nn_head head) {
  return (nn_model_options){.batch = BATCH,
                            .size = SIZE,
                            .ngf = 4,
                            .norm = NN_BATCH_NORM,
                            .generator = NN_GENERATOR_MASKPOOL,
                            .head = head,
                            .loss = NN_LOSS_FNMSE,
                            .min_area = 100,
                            .lambda_l1 = 1,
                            .cat_channels = 4,
                            .style_layers = NN_VGG_DEFAULT_LAYERS,
                            .purpose = NN_FOR_OUTPUT};
}

/* Noise with an object in the middle of each image. */
static void fill(nn_real *image, nn_real *mask) {
  random_stream random = random_stream_make(2, RANDOM_TEST, 0, 0);
  for (int i = 0; i < VALUES; i++)
    image[i] = (nn_real)(2 * random_uniform(&random) - 1);
  for (int i = 0; i < VALUES / 3; i++) {
    int x = i % SIZE, y = i / SIZE % SIZE;
    mask[i] = x > 20 && x < 40 && y > 10 && y < 50;
  }
}

static void check_system(void) {
  nn_real *image = malloc(VALUES * sizeof *image), *state;
  nn_real *mask = malloc(VALUES / 3 * sizeof *mask);
  nn_model_options options = options_of(NN_HEAD_AFFINE_OBJECT);
  nn_plan_options how = {.threads = 1, .hand_over = true};
  nn_system *system;
  if (nn_system_create(&options, &how, &system) != STATUS_OK)
    test_failed("%s", status_message());
  const nn_layout *layout = nn_plan_layout(system->phases[0].plan);
  state = calloc(layout->state_size, sizeof *state);
  nn_real *results = calloc(layout->result_size + 1, sizeof *results);
  nn_layout_initialise(layout, 1, state);
  fill(image, mask);
  const nn_real *inputs[] = {image, mask, image};
  nn_run_options run = {.state = state, .results = results, .inputs = inputs};
  nn_run(system->phases[0].plan, &run);
  const nn_real *out = nn_plan_value(system->phases[0].plan, "output");
  double inside = 0, outside = 0;
  for (int i = 0; i < VALUES; i++) {
    double change = fabs((double)(out[i] - image[i]));
    if (mask[i / 3] > 0)
      inside = fmax(inside, change);
    else
      outside = fmax(outside, change);
  }
  tap_ok(outside < 1e-6, "the background stays (%.1e)", outside);
  tap_ok(inside < 0.2, "it starts near the composite (%.2f)", inside);
  nn_system_destroy(&system);
  free(image), free(mask), free(state), free(results);
}

static void check_refusal(nn_head head, bool wanted) {
  nn_model_options options = options_of(head);
  nn_system *system;
  nn_plan_options how = {.threads = 1, .hand_over = true};
  status result = nn_system_create(&options, &how, &system);
  bool good = (result == STATUS_OK) == wanted &&
              (wanted || strstr(status_message(), "--head") != NULL);
  tap_ok(good, "--head %s is %s", CHOICES(NN_HEADS)[head],
         wanted ? "taken" : "refused by name");
  if (result == STATUS_OK) nn_system_destroy(&system);
}

int main(void) {
  check_regions(NN_SHAPE(2, 8, 6, 1));
  check_regions(NN_SHAPE(1, 2, 2, 1));
  check_regions(NN_SHAPE(1, 5, 1, 1));
  check_regions(NN_SHAPE(3, 64, 64, 1));
  check_system();
  check_refusal(NN_HEAD_RGB, false);
  check_refusal(NN_HEAD_AFFINE, false);
  check_refusal(NN_HEAD_AFFINE_IMAGE, true);
  check_refusal(NN_HEAD_AFFINE_OBJECT, true);
  return tap_done();
}
