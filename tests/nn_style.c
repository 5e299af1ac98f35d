/* Hue and saturation maps, VGG16's features of a region, and the losses on
 * them. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/graph_util.h"
#include "tests/tap.h"

/* ---- hue and saturation ---- */

/* HSV as colorsys has it, then the maps; r, g, b in [0,1]. */
static void hsv_formula(const double rgb[3], double maps[3]) {
  double most = fmax(rgb[0], fmax(rgb[1], rgb[2]));
  double least = fmin(rgb[0], fmin(rgb[1], rgb[2]));
  double range = most - least, hue = 0;
  double saturation = range / fmax(most, NN_HSV_DARK);
  if (range > 0) {
    if (rgb[0] == most)
      hue = (rgb[1] - rgb[2]) / range;
    else if (rgb[1] == most)
      hue = 2 + (rgb[2] - rgb[0]) / range;
    else
      hue = 4 + (rgb[0] - rgb[1]) / range;
    hue /= 6;
    hue -= floor(hue);
  }
  maps[0] = saturation * cos(2 * M_PI * hue);
  maps[1] = saturation * sin(2 * M_PI * hue);
  maps[2] = saturation;
}

/* Bytes in steps of 15 and their neighbours, black, grey and white included. */
enum { LEVELS = 18 };
static double level(int i) { return fmin(15 * i, 255) / 255; }

static void check_hsv_values(void) {
  size_t count = LEVELS * LEVELS * LEVELS;
  double *rgb = malloc(3 * count * sizeof *rgb);
  double *want = malloc(3 * count * sizeof *want);
  if (rgb == NULL || want == NULL) test_failed("no memory");
  for (size_t i = 0; i < count; i++) {
    double unit[3] = {level((int)(i % LEVELS)),
                      level((int)(i / LEVELS % LEVELS)),
                      level((int)(i / LEVELS / LEVELS))};
    for (int c = 0; c < 3; c++) rgb[3 * i + (size_t)c] = 2 * unit[c] - 1;
    hsv_formula(unit, want + 3 * i);
  }
  trial t = trial_make();
  nn_id x = trial_values(&t, NN_SHAPE(LEVELS, LEVELS, LEVELS, 3), rgb),
        gradient;
  nn_id maps = nn_hsv_maps(t.g, x);
  nn_grad(t.g, nn_sum(t.g, maps), &x, 1, &gradient);
  trial_keep(&t, "maps", maps);
  trial_keep(&t, "gradient", gradient);
  trial_plan(&t, 1, false);
  trial_run(&t);
  size_t got_count;
  double *got = trial_value(&t, "maps", &got_count);
  double *slope = trial_value(&t, "gradient", &got_count);
  double largest = 0;
  bool grey = true, finite = true;
  for (size_t i = 0; i < 3 * count; i++) {
    const double *pixel = rgb + i / 3 * 3;
    finite = finite && isfinite(slope[i]) && isfinite(got[i]);
    largest = fmax(largest, fabs(slope[i]));
    if (pixel[0] == pixel[1] && pixel[1] == pixel[2])
      grey = grey && slope[i] == 0 && got[i] == 0;
  }
  double error = tap_largest_difference(got, want, 3 * count);
  tap_ok(error < BY_PRECISION(4e-6, 1e-14),
         "hue and saturation of %zu colours: error %.1e", count, error);
  tap_ok(finite && largest < 3 / NN_HSV_DARK, "slopes are finite, at most %.1f",
         largest);
  tap_ok(grey, "grey pixels: maps and gradient are zero");
  free(got);
  free(slope);
  free(rgb);
  free(want);
  trial_free(&t);
}

/* Towards grey and towards black, at distances down to 1e-12. */
static void check_hsv_limits(void) {
  enum { STEPS = 40 };
  double rgb[2 * STEPS * 3];
  for (int i = 0; i < STEPS; i++) {
    double d = pow(2, -i);
    const double near_grey[3] = {0.1 + d / 2, 0.1 - d / 3, 0.1};
    const double near_black[3] = {d - 1, d / 2 - 1, -1};
    memcpy(rgb + 6 * i, near_grey, sizeof near_grey);
    memcpy(rgb + 6 * i + 3, near_black, sizeof near_black);
  }
  trial t = trial_make();
  nn_id x = trial_values(&t, NN_SHAPE(1, STEPS, 2, 3), rgb);
  nn_id maps = nn_hsv_maps(t.g, x);
  for (int c = 0; c < 3; c++) {
    nn_id gradient;
    char name[32];
    nn_grad(t.g, nn_sum(t.g, nn_slice(t.g, maps, c, 1)), &x, 1, &gradient);
    snprintf(name, sizeof name, "gradient%d", c);
    trial_keep(&t, name, gradient);
  }
  trial_plan(&t, 1, false);
  trial_run(&t);
  double largest = 0;
  bool finite = true;
  for (int c = 0; c < 3; c++) {
    char name[32];
    size_t count;
    snprintf(name, sizeof name, "gradient%d", c);
    double *slope = trial_value(&t, name, &count);
    for (size_t i = 0; i < count; i++) {
      finite = finite && isfinite(slope[i]);
      largest = fmax(largest, fabs(slope[i]));
    }
    free(slope);
  }
  tap_ok(finite && largest < 2 / NN_HSV_DARK,
         "near grey and near black every slope is below %g: %.1f",
         2 / NN_HSV_DARK, largest);
  trial_free(&t);
}

/* ---- features ---- */

enum { WIDTH = 3 };

/* An image, what it is compared with, a region, and a fixed random network. */
typedef struct scene {
  trial t;
  nn_id image, real, mask;
  nn_vgg vgg;
  nn_vgg_weights *weights;
} scene;

typedef enum region { RECTANGLE, EVERYWHERE, NOWHERE, ONE_OF_TWO } region;

static bool inside(region kind, int n, int h, int w, int size) {
  switch (kind) {
  case RECTANGLE:
    return h >= size / 4 && h < size / 2 && w >= 3 && w < size / 2;
  case EVERYWHERE: return true;
  case NOWHERE: return false;
  case ONE_OF_TWO: return n == 0 && h < size / 2;
  }
  return false;
}

static scene make_scene(int batch, int size, unsigned layers, region kind) {
  scene s = {.t = trial_make()};
  random_stream random = random_stream_make(6, RANDOM_TEST, 7, 0);
  nn_shape shape = NN_SHAPE(batch, size, size, 3);
  s.image = trial_uniform(&s.t, shape, &random, -1, 1);
  s.real = trial_uniform(&s.t, shape, &random, -1, 1);
  s.mask = trial_uniform(&s.t, NN_SHAPE(batch, size, size, 1), &random, 0, 0);
  nn_real *m = trial_input(&s.t, s.mask);
  for (int n = 0; n < batch; n++)
    for (int h = 0; h < size; h++)
      for (int w = 0; w < size; w++)
        m[(n * size + h) * size + w] = inside(kind, n, h, w, size);
  s.vgg = nn_vgg_inputs(s.t.g, WIDTH, layers);
  if (nn_vgg_weights_create(WIDTH, nn_vgg_conv_count(layers), &s.weights) !=
      STATUS_OK)
    test_failed("%s", status_message());
  nn_vgg_weights_random(s.weights, NN_VGG_SEED);
  for (int i = 0; i < s.weights->convs; i++) /* biases that can be seen */
    for (int c = 0; c < nn_vgg_conv_at(WIDTH, i).out; c++)
      s.weights->bias[i][c] = (nn_real)(0.1 * (c % 3) - 0.05);
  return s;
}

static void run_scene(scene *s) {
  trial_plan(&s->t, 1, false);
  nn_vgg_bind(s->t.g, s->weights, (const nn_real **)s->t.values);
  trial_run(&s->t);
}

static void free_scene(scene *s) {
  for (int i = 0; i < s->t.g->inputs.count; i++) /* borrowed from the weights */
    if (strncmp(s->t.g->inputs.items[i].name, "vgg.", 4) == 0)
      s->t.values[i] = NULL;
  trial_free(&s->t);
  nn_vgg_weights_destroy(&s->weights);
}

static void check_architecture(void) {
  static const int in[NN_VGG_CONVS] = {3,   64,  64,  128, 128, 256, 256,
                                       256, 512, 512, 512, 512, 512};
  static const int out[NN_VGG_CONVS] = {64,  64,  128, 128, 256, 256, 256,
                                        512, 512, 512, 512, 512, 512};
  bool good = true;
  size_t count = 0;
  for (int i = 0; i < NN_VGG_CONVS; i++) {
    nn_vgg_conv c = nn_vgg_conv_at(NN_VGG_WIDTH, i);
    good = good && c.in == in[i] && c.out == out[i];
    count += (size_t)(9 * c.in * c.out + c.out);
  }
  tap_ok(good && count == 14714688, "VGG16 has %zu parameters, expected %d",
         count, 14714688);
  nn_vgg_conv c = nn_vgg_conv_at(NN_VGG_WIDTH, 9);
  tap_ok(c.block == 4 && c.number == 3 &&
             nn_vgg_conv_count(NN_VGG_DEFAULT_LAYERS) == 10 &&
             nn_vgg_conv_count(1) == 2 && nn_vgg_conv_count(16) == 13,
         "layers need the convolutions up to their own");
}

/* The same trunk of plain convolutions. */
static nn_id plain_trunk(scene *s, int layer) {
  nn_graph *g = s->t.g;
  nn_id x = nn_add(g, nn_mul(g, s->image, s->vgg.scale), s->vgg.shift);
  for (int i = 0; i < nn_vgg_conv_count(1u << layer); i++) {
    if (i == 2 || i == 4 || i == 7 || i == 10) x = nn_max_pool2(g, x);
    x = nn_conv(g, x, s->vgg.weight[i], 1, 1);
    x = nn_leaky_relu(g, nn_add(g, x, s->vgg.bias[i]), 0);
  }
  return x;
}

/* Places of layer 2 further than 8 of its pixels from the border see none of
 * the padding. */
static void check_plain(void) {
  enum { SIZE = 96, LAYER = 2, SMALL = SIZE >> LAYER, BORDER = 8 };
  scene s = make_scene(1, SIZE, 1u << LAYER, EVERYWHERE);
  nn_id out[NN_VGG_LAYERS];
  nn_vgg_masks masks = nn_vgg_mask(s.t.g, &s.vgg, s.mask);
  nn_vgg_features(s.t.g, &s.vgg, &masks, s.image, out);
  trial_keep(&s.t, "partial", out[LAYER]);
  trial_keep(&s.t, "plain", plain_trunk(&s, LAYER));
  trial_keep(&s.t, "valid", masks.block[LAYER].mask);
  run_scene(&s);
  size_t count, places;
  double *partial = trial_value(&s.t, "partial", &count);
  double *plain = trial_value(&s.t, "plain", &count);
  double *valid = trial_value(&s.t, "valid", &places);
  double inner = 0, border = 0, scale = 0;
  bool whole = true;
  for (size_t i = 0; i < count; i++) {
    int place = (int)(i / (4 * WIDTH)), h = place / SMALL, w = place % SMALL;
    double error = fabs(partial[i] - plain[i]);
    bool deep =
        h >= BORDER && h < SMALL - BORDER && w >= BORDER && w < SMALL - BORDER;
    if (deep)
      inner = fmax(inner, error);
    else
      border = fmax(border, error);
    scale = fmax(scale, fabs(plain[i]));
  }
  for (size_t i = 0; i < places; i++) whole = whole && valid[i] == 1;
  tap_ok(inner <= BY_PRECISION(1e-5, 1e-7) * scale && scale > 0.1 && whole,
         "relu3_3 of a full mask, away from borders: plain, to %.1e of %.2f",
         inner, scale);
  tap_ok(border > 1e-3 * scale, "at borders the padding does not count: %.1e",
         border);
  free(partial);
  free(plain);
  free(valid);
  free_scene(&s);
}

/* Where a layer's features are, and how large they get. */
static void check_region(void) {
  enum { SIZE = 64 };
  scene s = make_scene(1, SIZE, NN_VGG_DEFAULT_LAYERS, RECTANGLE);
  nn_id out[NN_VGG_LAYERS];
  nn_vgg_masks masks = nn_vgg_mask(s.t.g, &s.vgg, s.mask);
  nn_vgg_features(s.t.g, &s.vgg, &masks, s.image, out);
  char name[32];
  for (int l = 0; l < 4; l++) {
    snprintf(name, sizeof name, "layer%d", l);
    trial_keep(&s.t, name, out[l]);
  }
  run_scene(&s);
  for (int l = 0; l < 4; l++) {
    size_t count;
    snprintf(name, sizeof name, "layer%d", l);
    double *value = trial_value(&s.t, name, &count), largest = 0;
    int size = SIZE >> l, channels = (int)count / size / size;
    bool good = true;
    for (size_t i = 0; i < count; i++) {
      int h = (int)i / channels / size, w = (int)i / channels % size;
      bool valid = false; /* any pixel below it */
      for (int k = 0; k < 1 << 2 * l; k++)
        valid = valid || inside(RECTANGLE, 0, (h << l) + (k >> l),
                                (w << l) + k % (1 << l), SIZE);
      good = good && (valid || value[i] == 0);
      largest = fmax(largest, value[i]);
    }
    tap_ok(good && largest > 0.01 && largest < 100,
           "layer %d: features in the region only, up to %.2f", l, largest);
    free(value);
  }
  free_scene(&s);
}

static nn_style_options all_losses(bool hsv) {
  return (nn_style_options){.hsv = hsv, .perceptual = true, .gram = true};
}

/* Keeps losses and their gradient by the image. */
static void add_losses(scene *s, bool hsv) {
  nn_graph *g = s->t.g;
  nn_style_options o = all_losses(hsv);
  nn_style_losses l = nn_style_loss(g, &s->vgg, s->image, s->real, s->mask, &o);
  nn_id gradient, total = nn_add(g, l.perceptual, l.gram);
  nn_grad(g, total, &s->image, 1, &gradient);
  nn_report(g, "perceptual", l.perceptual);
  nn_report(g, "gram", l.gram);
  nn_report(g, "total", total);
  trial_keep(&s->t, "gradient", gradient);
}

static void check_outside(bool hsv) {
  enum { SIZE = 32 };
  scene s = make_scene(1, SIZE, NN_VGG_DEFAULT_LAYERS, RECTANGLE);
  add_losses(&s, hsv);
  run_scene(&s);
  double perceptual = trial_report(&s.t, "perceptual");
  double gram = trial_report(&s.t, "gram");
  size_t count;
  double *gradient = trial_value(&s.t, "gradient", &count);
  nn_real *image = trial_input(&s.t, s.image);
  const nn_real *mask = trial_input(&s.t, s.mask);
  bool zero = true, present = false;
  for (size_t i = 0; i < count; i++) {
    if (mask[i / 3] == 0) {
      zero = zero && gradient[i] == 0;
      image[i] = (nn_real)sin((double)i);
    } else {
      present = present || gradient[i] != 0;
    }
  }
  run_scene(&s);
  tap_ok(zero && present, "%s: gradient inside the mask only",
         hsv ? "HSV" : "RGB");
  tap_ok(perceptual == trial_report(&s.t, "perceptual") &&
             gram == trial_report(&s.t, "gram") && perceptual > 0 && gram > 0,
         "%s: other pixels outside, the same losses (%.4f, %.4f)",
         hsv ? "HSV" : "RGB", perceptual, gram);
  free(gradient);
  free_scene(&s);
}

static bool all_finite(const double *x, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(x[i])) return false;
  return true;
}

static void check_extreme_masks(bool hsv) {
  for (region kind = EVERYWHERE; kind <= NOWHERE; kind++) {
    scene s = make_scene(2, 16, NN_VGG_DEFAULT_LAYERS, kind);
    add_losses(&s, hsv);
    run_scene(&s);
    double total = trial_report(&s.t, "total"), largest = 0;
    size_t count;
    double *gradient = trial_value(&s.t, "gradient", &count);
    for (size_t i = 0; i < count; i++)
      largest = fmax(largest, fabs(gradient[i]));
    bool good = all_finite(gradient, count) && isfinite(total);
    good = good && (kind == NOWHERE ? total == 0 && largest == 0
                                    : total > 0 && largest > 0);
    tap_ok(good, "%s, all %s: loss %g, gradient up to %.1e",
           hsv ? "HSV" : "RGB", kind == NOWHERE ? "background" : "foreground",
           total, largest);
    free(gradient);
    free_scene(&s);
  }
}

/* A sample without foreground adds nothing, and halves the mean. */
static void check_empty_sample(void) {
  scene two = make_scene(2, 16, 3, ONE_OF_TWO);
  scene one = make_scene(1, 16, 3, ONE_OF_TWO);
  nn_real *to = trial_input(&one.t, one.real);
  const nn_real *from = trial_input(&two.t, two.real);
  memcpy(to, from, sizeof *to * 16 * 16 * 3);
  add_losses(&two, false);
  add_losses(&one, false);
  run_scene(&two);
  run_scene(&one);
  double a = trial_report(&two.t, "total"), b = trial_report(&one.t, "total");
  tap_ok(fabs(2 * a - b) <= 1e-5 * b && b > 0,
         "one sample of two without foreground: %g is half of %g", a, b);
  free_scene(&one);
  free_scene(&two);
}

static void fill(trial *t, nn_id input, double value) {
  nn_real *x = trial_input(t, input);
  for (size_t i = 0; i < nn_shape_count(nn_shape_of(t->g, input)); i++)
    x[i] = (nn_real)value;
}

static void check_grey(void) {
  static const double level_of[] = {-1, 0.25, 1};
  for (int i = 0; i < 3; i++) {
    scene s = make_scene(1, 16, NN_VGG_DEFAULT_LAYERS, RECTANGLE);
    add_losses(&s, true);
    fill(&s.t, s.image, level_of[i]);
    run_scene(&s);
    size_t count;
    double *gradient = trial_value(&s.t, "gradient", &count), largest = 0;
    bool finite = all_finite(gradient, count);
    for (size_t k = 0; k < count; k++)
      largest = fmax(largest, fabs(gradient[k]));
    tap_ok(finite && largest == 0 && trial_report(&s.t, "total") > 0,
           "HSV of an image all %g: a loss, no NaN, gradient 0", level_of[i]);
    free(gradient);
    free_scene(&s);
  }
}

/* ---- the losses against their formulas ---- */

/* Sums of one layer; f and g are features [2,places,channels]. */
static void add_formulas(const double *f, const double *g, const double *m,
                         size_t places, size_t channels, double *perceptual,
                         double *gram) {
  for (size_t n = 0; n < 2; n++) {
    const double *a = f + n * places * channels, *b = g + n * places * channels;
    double valid = 0, sum = 0;
    for (size_t p = 0; p < places; p++) valid += m[n * places + p];
    double size = valid * (double)channels;
    for (size_t p = 0; p < places; p++)
      for (size_t c = 0; c < channels; c++)
        sum +=
            m[n * places + p] * fabs(a[p * channels + c] - b[p * channels + c]);
    *perceptual += sum / size / 2;
    for (size_t i = 0; i < channels; i++)
      for (size_t j = 0; j < channels; j++) {
        double entry = 0;
        for (size_t p = 0; p < places; p++)
          entry +=
              m[n * places + p] * (a[p * channels + i] * a[p * channels + j] -
                                   b[p * channels + i] * b[p * channels + j]);
        *gram += fabs(entry) / size / (double)(2 * channels * channels);
      }
  }
}

static void check_formulas(void) {
  enum { SIZE = 16 };
  scene s = make_scene(2, SIZE, NN_VGG_DEFAULT_LAYERS, RECTANGLE);
  nn_graph *g = s.t.g;
  add_losses(&s, false);
  nn_id a[NN_VGG_LAYERS], b[NN_VGG_LAYERS];
  nn_vgg_masks masks = nn_vgg_mask(g, &s.vgg, s.mask);
  nn_vgg_features(g, &s.vgg, &masks, s.image, a);
  nn_vgg_features(g, &s.vgg, &masks, s.real, b);
  char name[3][32];
  for (int l = 0; l < 4; l++) {
    for (int k = 0; k < 3; k++)
      snprintf(name[k], sizeof name[k], "%c%d", "abm"[k], l);
    trial_keep(&s.t, name[0], a[l]);
    trial_keep(&s.t, name[1], b[l]);
    trial_keep(&s.t, name[2], masks.block[l].mask);
  }
  run_scene(&s);
  double perceptual = 0, gram = 0;
  for (int l = 0; l < 4; l++) {
    double *value[3];
    size_t count[3];
    for (int k = 0; k < 3; k++) {
      snprintf(name[k], sizeof name[k], "%c%d", "abm"[k], l);
      value[k] = trial_value(&s.t, name[k], &count[k]);
    }
    add_formulas(value[0], value[1], value[2], count[2] / 2,
                 count[0] / count[2], &perceptual, &gram);
    for (int k = 0; k < 3; k++) free(value[k]);
  }
  double limit = BY_PRECISION(1e-5, 1e-12);
  tap_near(trial_report(&s.t, "perceptual"), perceptual, limit * perceptual,
           "the perceptual loss is its formula");
  tap_near(trial_report(&s.t, "gram"), gram, limit * gram,
           "the Gram loss is its formula");
  free_scene(&s);
}

/* The gradient of everything against central differences, along directions
 * within and across the mask. Kinks are where nobody looks: steps are tiny. */
static void check_gradient(bool hsv) {
  scene s = make_scene(2, 16, NN_VGG_DEFAULT_LAYERS, RECTANGLE);
  add_losses(&s, hsv);
  run_scene(&s);
  size_t count;
  double *gradient = trial_value(&s.t, "gradient", &count), worst = 0;
  nn_real *image = trial_input(&s.t, s.image);
  nn_real *before = malloc(count * sizeof *before);
  if (before == NULL) test_failed("no memory");
  memcpy(before, image, count * sizeof *before);
  random_stream random = random_stream_make(8, RANDOM_TEST, 9, 0);
  double h = BY_PRECISION(2e-4, 1e-7);
  for (int d = 0; d < 3; d++) {
    double exact = 0, numeric = 0, size = 0;
    for (int side = 1; side >= -1; side -= 2) {
      random_stream same = random;
      for (size_t i = 0; i < count; i++) {
        double direction = 2 * random_uniform(&same) - 1;
        image[i] = (nn_real)((double)before[i] + side * h * direction);
        if (side == 1) exact += direction * gradient[i];
        if (side == 1) size += pow(direction * gradient[i], 2);
      }
      trial_run(&s.t);
      numeric += side * trial_report(&s.t, "total") / (2 * h);
      if (side == -1) random = same;
    }
    worst = fmax(worst, fabs(numeric - exact) / sqrt(size));
  }
  tap_ok(worst < BY_PRECISION(5e-2, 1e-5),
         "%s: gradient of both losses against differences: %.1e",
         hsv ? "HSV" : "RGB", worst);
  free(before);
  free(gradient);
  free_scene(&s);
}

/* ---- weights ---- */

static void check_random(void) {
  nn_vgg_weights *a, *b;
  if (nn_vgg_weights_create(16, 4, &a) != STATUS_OK ||
      nn_vgg_weights_create(16, 4, &b) != STATUS_OK)
    test_failed("%s", status_message());
  nn_vgg_weights_random(a, NN_VGG_SEED);
  nn_vgg_weights_random(b, NN_VGG_SEED);
  bool same = true;
  double worst = 0;
  for (int i = 0; i < 4; i++) {
    nn_vgg_conv c = nn_vgg_conv_at(16, i);
    size_t count = (size_t)(9 * c.in * c.out);
    same = same &&
           memcmp(a->weight[i], b->weight[i], count * sizeof(nn_real)) == 0;
    double square = 0;
    for (size_t k = 0; k < count; k++)
      square += pow((double)a->weight[i][k], 2);
    worst = fmax(worst, fabs(square / (double)count * 9 * c.in / 2 - 1));
  }
  nn_vgg_weights_random(b, NN_VGG_SEED + 1);
  tap_ok(same && a->weight[0][0] != b->weight[0][0],
         "random weights follow from the seed");
  tap_ok(worst < 0.25, "their variance is 2 / fan-in, within %.2f", worst);
  nn_vgg_weights_destroy(&a);
  nn_vgg_weights_destroy(&b);
}

/* A first convolution that takes channel c of the input to channel c. */
static void check_input(void) {
  nn_vgg_weights *w;
  if (nn_vgg_weights_create(WIDTH, 1, &w) != STATUS_OK)
    test_failed("%s", status_message());
  w->weight[0][4 * 9 + 0 * 3 + 0] = 1; /* centre, blue to 0 */
  w->weight[0][4 * 9 + 2 * 3 + 2] = 1; /* centre, red to 2 */
  nn_vgg_input_caffe(w);
  double red = 0.5;
  double shifted = red * (double)w->scale[0] + (double)w->shift[0];
  tap_near(shifted, 0.75 * 255 - 123.68, 1e-4,
           "Caffe's input: red less 123.68");
  tap_ok(w->weight[0][4 * 9 + 0 * 3 + 2] == 1 &&
             w->weight[0][4 * 9 + 2 * 3 + 0] == 1 &&
             w->weight[0][4 * 9 + 0 * 3 + 0] == 0,
         "Caffe's input: BGR weights turned to RGB");
  nn_vgg_input_torchvision(w);
  tap_near(-0.2 * (double)w->scale[2] + (double)w->shift[2],
           (0.4 - 0.406) / 0.225, 1e-6, "torchvision's input");
  nn_vgg_weights_destroy(&w);
}

int main(void) {
  check_hsv_values();
  check_hsv_limits();
  check_architecture();
  check_plain();
  check_region();
  check_random();
  check_input();
  for (int hsv = 0; hsv < 2; hsv++) {
    check_outside(hsv);
    check_extreme_masks(hsv);
    check_gradient(hsv);
  }
  check_empty_sample();
  check_grey();
  check_formulas();
  return tap_done();
}
