/* Training at the images' size, of which the generator sees half: a step's
 * output and loss against the same made by hand of the small network's maps;
 * gradients against differences; what is refused. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/network/networks.h"
#include "nn/plan/plan.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { SIZE = 64, FULL = 2 * SIZE, BATCH = 2, PIXELS = FULL * FULL };

static nn_model_options full_size(nn_generator generator, nn_head head) {
  nn_model_options o = small_colours(generator, head);
  o.batch = BATCH;
  o.size = SIZE;
  o.full_size = FULL;
  return o;
}

/* Composite, mask and real image at full size. */
typedef struct images {
  nn_real *in[3];
} images;

static images make_images(void) {
  static const size_t channels[] = {3, 1, 3};
  images all;
  for (int i = 0; i < 3; i++)
    all.in[i] = test_array(BATCH * PIXELS * channels[i], sizeof(nn_real));
  random_stream random = random_stream_make(4, RANDOM_TEST, 0, 0);
  for (size_t p = 0; p < BATCH * PIXELS; p++) {
    size_t x = p % FULL, y = p / FULL % FULL;
    bool inside = x > FULL / 4 + p / PIXELS && y > FULL / 3;
    all.in[1][p] = inside;
    for (size_t c = 0; c < 3; c++) {
      double wave = sin(0.1 * (double)x + (double)c) * cos(0.07 * (double)y);
      nn_real v = (nn_real)(0.5 * wave + 0.2 * random_uniform(&random));
      all.in[2][3 * p + c] = v;
      all.in[0][3 * p + c] = inside ? v * (nn_real)0.7 : v;
    }
  }
  return all;
}

/* Means of 2x2 pixels: what two taps a side make of half the size. */
static nn_real *halve(const nn_real *full, size_t channels) {
  nn_real *half = test_array(BATCH * SIZE * SIZE * channels, sizeof *half);
  for (size_t p = 0; p < BATCH * SIZE * SIZE; p++)
    for (size_t c = 0; c < channels; c++) {
      size_t top = (p / SIZE * 2 * FULL + p % SIZE * 2) * channels + c;
      size_t below = top + FULL * channels;
      half[p * channels + c] = (full[top] + full[top + channels] + full[below] +
                                full[below + channels]) /
                               4;
    }
  return half;
}

/* ---- systems ---- */

typedef struct step {
  nn_system *system;
  nn_real *state, *results;
} step;

static step open_step(const nn_model_options *o) {
  step s;
  const nn_plan_options plan = {.threads = 1};
  if (nn_system_create(o, &plan, &s.system) != STATUS_OK)
    test_failed("%s", status_message());
  s.state = test_array(s.system->layout.vector_size, sizeof(nn_real));
  size_t results = nn_plan_layout(s.system->phases[0].plan)->result_size;
  s.results = test_array(results, sizeof(nn_real));
  nn_layout_initialise(&s.system->layout, 1, s.state);
  /* away from the identity, at which training begins */
  const nn_layout *layout = &s.system->layout;
  random_stream random = random_stream_make(9, RANDOM_TEST, 0, 0);
  for (size_t i = 0; i < layout->parameter_size; i++)
    s.state[i] += (nn_real)(0.05 * (random_uniform(&random) - 0.5));
  return s;
}

static void close_step(step *s) {
  nn_system_destroy(&s->system);
  free(s->state);
  free(s->results);
}

static void run_step(const step *s, const images *all) {
  nn_run_options run = {.state = s->state,
                        .results = s->results,
                        .inputs = (const nn_real *const *)all->in};
  nn_run(s->system->phases[0].plan, &run);
}

static double loss_of(const step *s) {
  const nn_layout *layout = &s->system->layout;
  for (int i = 0; i < layout->report_count; i++)
    if (strcmp(layout->reports[i], "G_fnmse") == 0)
      return (double)
          s->results[nn_layout_result(nn_plan_layout(s->system->phases[0].plan),
                                      layout->report_offset + (size_t)i)];
  test_failed("no loss");
}

/* ---- by hand ---- */

/* The small network's change of one sample, as a picture is changed. */
static void change(const nn_colour_change *colours, const nn_real *composite,
                   double *out) {
  nn_picture_change *picture;
  if (nn_picture_change_create(colours, FULL, FULL, &picture) != STATUS_OK)
    test_failed("%s", status_message());
  nn_real *row =
      test_array(nn_picture_change_row_size(picture) + 1, sizeof *row);
  nn_real before[3 * FULL], after[3 * FULL];
  for (int y = 0; y < FULL; y++, composite += 3 * FULL, out += 3 * FULL) {
    for (int i = 0; i < 3 * FULL; i++) before[i] = (composite[i] + 1) / 2;
    nn_picture_change_row(picture, y, row);
    nn_picture_change_pixels(picture, row, 0, FULL, before, after);
    for (int i = 0; i < 3 * FULL; i++) out[i] = 2 * (double)after[i] - 1;
  }
  free(row);
  nn_picture_change_destroy(&picture);
}

/* The same network of half the size, on means of the images. */
static nn_system *run_small(const nn_model_options *o, const step *s,
                            const images *all) {
  nn_model_options small = *o;
  small.full_size = 0;
  small.purpose = NN_FOR_OUTPUT;
  nn_plan_options how = {
      .threads = 1, .layout = &s->system->layout, .hand_over = true};
  nn_system *system;
  if (nn_system_create(&small, &how, &system) != STATUS_OK)
    test_failed("%s", status_message());
  nn_plan *plan = system->phases[0].plan;
  nn_real *results =
      test_array(nn_plan_layout(plan)->result_size + 1, sizeof *results);
  nn_real *in[3];
  for (int i = 0; i < 3; i++) in[i] = halve(all->in[i], i == 1 ? 1 : 3);
  nn_run_options run = {.state = s->state,
                        .results = results,
                        .inputs = (const nn_real *const *)in};
  nn_run(plan, &run);
  for (int i = 0; i < 3; i++) free(in[i]);
  free(results);
  return system;
}

/* The output at full size. */
static double *output_by_hand(const nn_model_options *o, const step *s,
                              const images *all) {
  double *out = test_array(3 * BATCH * PIXELS, sizeof *out);
  nn_system *small = run_small(o, s, all);
  const nn_plan *plan = small->phases[0].plan;
  bool own = o->head == NN_HEAD_AFFINE; /* of each pixel */
  size_t numbers = o->head == NN_HEAD_CURVES ? 3 * NN_TONE_SLOPES + 12 : 12;
  for (size_t n = 0; n < BATCH; n++) {
    nn_colour_change colours = {.head = o->head, .size = SIZE};
    size_t pixels = own ? SIZE * SIZE : 1;
    colours.maps = nn_plan_value(plan, "maps") + n * pixels * numbers;
    if (own) colours.blend = nn_plan_value(plan, "blend") + n * pixels;
    change(&colours, all->in[0] + 3 * n * PIXELS, out + 3 * n * PIXELS);
  }
  for (size_t i = 0; !own && i < 3 * BATCH * PIXELS; i++) {
    double c = (double)all->in[0][i];
    out[i] = c + (double)all->in[1][i / 3] * (out[i] - c);
  }
  nn_system_destroy(&small);
  return out;
}

static double loss_by_hand(const nn_model_options *o, const double *output,
                           const images *all) {
  double loss = 0;
  for (size_t n = 0; n < BATCH; n++) {
    double sum = 0, area = 0;
    for (size_t p = n * PIXELS; p < (n + 1) * PIXELS; p++) {
      area += (double)all->in[1][p];
      for (size_t c = 0; c < 3; c++) {
        double d = output[3 * p + c] - (double)all->in[2][3 * p + c];
        sum += pow(d * nn_imagenet_scale[c], 2);
      }
    }
    loss += sum / (3 * fmax(area, o->min_area)) / BATCH;
  }
  return loss;
}

static void check_step(nn_generator generator, nn_head head) {
  nn_model_options o = full_size(generator, head);
  images all = make_images();
  step s = open_step(&o);
  run_step(&s, &all);
  double *want = output_by_hand(&o, &s, &all), worst = 0, moved = 0;
  const nn_real *got = nn_plan_value(s.system->phases[0].plan, "output");
  for (size_t i = 0; i < 3 * BATCH * PIXELS; i++) {
    worst = fmax(worst, fabs((double)got[i] - want[i]));
    moved = fmax(moved, fabs((double)got[i] - (double)all.in[0][i]));
  }
  double loss = loss_of(&s), by_hand = loss_by_hand(&o, want, &all);
  tap_ok(worst < BY_PRECISION(1e-4, 1e-7) && moved > 0.02 &&
             fabs(loss - by_hand) < BY_PRECISION(1e-4, 1e-7) * by_hand,
         "%s on %s: output by hand to %.1e of %.2f, loss %.6f and %.6f",
         CHOICES(NN_HEADS)[head], CHOICES(NN_GENERATORS)[generator], worst,
         moved, loss, by_hand);
  free(want);
  close_step(&s);
  for (int i = 0; i < 3; i++) free(all.in[i]);
}

/* ---- gradients ---- */

/* Some of every parameter, by central differences of the loss. */
static void check_gradient(nn_generator generator, nn_head head) {
  nn_model_options o = full_size(generator, head);
  images all = make_images();
  step s = open_step(&o);
  run_step(&s, &all);
  const nn_layout *layout = nn_plan_layout(s.system->phases[0].plan);
  size_t begin = layout->parameters.begin,
         count = layout->parameters.end - begin;
  double *gradient = test_array(count, sizeof *gradient), worst = 0, most = 0;
  for (size_t i = 0; i < count; i++) gradient[i] = (double)s.results[i];
  const double by = 1e-5;
  for (size_t i = 0; i < count; i += count / 23) {
    nn_real *at = &s.state[begin + i], was = *at;
    *at = was + (nn_real)by;
    run_step(&s, &all);
    double above = loss_of(&s);
    *at = was - (nn_real)by;
    run_step(&s, &all);
    double slope = (above - loss_of(&s)) / (2 * by);
    *at = was;
    worst = fmax(worst, fabs(slope - gradient[i]));
    most = fmax(most, fabs(slope));
  }
  tap_ok(most > 0 && worst < 1e-6 * fmax(1, most),
         "%s on %s: gradients are differences to %.1e of %.2e",
         CHOICES(NN_HEADS)[head], CHOICES(NN_GENERATORS)[generator], worst,
         most);
  free(gradient);
  close_step(&s);
  for (int i = 0; i < 3; i++) free(all.in[i]);
}

/* ---- what is refused ---- */

static void refuse(nn_model_options o, const char *words) {
  nn_system *system;
  const nn_plan_options plan = {.threads = 1};
  status result = nn_system_create(&o, &plan, &system);
  tap_ok(result == STATUS_USAGE && strstr(status_message(), words) != NULL,
         "refused: %s", result == STATUS_OK ? "nothing" : status_message());
  nn_system_destroy(&system);
}

int main(void) {
  check_step(NN_GENERATOR_IDIH, NN_HEAD_AFFINE);
  check_step(NN_GENERATOR_MASKPOOL, NN_HEAD_AFFINE_IMAGE);
  check_step(NN_GENERATOR_UNET, NN_HEAD_CURVES);
  if (sizeof(nn_real) == sizeof(double)) {
    check_gradient(NN_GENERATOR_IDIH, NN_HEAD_AFFINE);
    check_gradient(NN_GENERATOR_MASKPOOL, NN_HEAD_CURVES);
  }
  nn_model_options o = full_size(NN_GENERATOR_IDIH, NN_HEAD_BLEND);
  refuse(o, "option --full-res: --head blend");
  o = full_size(NN_GENERATOR_UNET, NN_HEAD_RGB);
  refuse(o, "option --full-res: --head rgb");
  o = full_size(NN_GENERATOR_IDIH, NN_HEAD_AFFINE);
  o.full_size = SIZE;
  refuse(o, "option --full-res: the images have 64");
  o.full_size = 96;
  o.gan = NN_GAN_WGANGP;
  o.ndf = 4;
  refuse(o, "option --gan: images of 96");
  return tap_done();
}
