/* Records of iDIH, iSSAM and PCT-Net: one training step of a trunk with its
 * head, and the evaluation pass before it. Networks are run from [-1,1] as the
 * program runs them; the records are in ImageNet's units. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/parity_record.h"
#include "tests/tap.h"

typedef struct colour_record {
  record r;
  bool issam, pct; /* the trunk, else iDIH; the head, else iDIH's blend */
  double min_area, lambda_sobel, grads_spread, loss_spread;
  int width;
} colour_record;

static double attribute(const colour_record *c, const char *name) {
  return golden_attribute(c->r.file, "/", name, NAN);
}

static double scalar(const colour_record *c, const char *path) {
  golden array = golden_read(c->r.file, "%s", path);
  double value = array.values[0];
  golden_free(&array);
  return value;
}

static void open_colours(colour_record *c, const char *path, hid_t file) {
  *c = (colour_record){.r = {.path = path, .file = file}};
  c->r.batch = (int)attribute(c, "batch");
  c->r.size = (int)attribute(c, "size");
  c->width = (int)attribute(c, "ch");
  c->min_area = attribute(c, "min_area");
  c->lambda_sobel = attribute(c, "lambda_sobel");
  c->issam = golden_has_all(
      file, "weights/G/encoder.block0.convs.block.0.block.0.weight");
  c->pct = golden_has_all(file, "weights/G/get_params.weight");
  c->grads_spread = scalar(c, "spread/grads");
  c->loss_spread = scalar(c, "spread/loss");
}

/* Images in [-1,1]: of v in [0,1], in float32 where bytes give it. */
static nn_id input(const colour_record *c, trial *t, const char *name) {
  golden array = golden_read(c->r.file, "input/%s", name);
  bool mask = strncmp(name, "mask", 4) == 0, bytes = false;
  for (size_t i = 0; i < array.count; i++) bytes = bytes || array.values[i] > 1;
  for (size_t i = 0; i < array.count && !mask; i++) {
    double v = array.values[i];
    if (bytes) v = (double)((float)v / 255.0f);
    array.values[i] = 2 * v - 1;
  }
  nn_id id = trial_golden(t, &array, AXES_IMAGE);
  golden_free(&array);
  return id;
}

/* ---- the network ---- */

typedef struct harmonised {
  nn_scene scene;
  nn_colour_maps maps;
} harmonised;

static harmonised build(const colour_record *c, trial *t, bool training) {
  nn_graph *g = t->g;
  const nn_trunk_options trunk = {.width = c->width,
                                  .norm = NN_BATCH_NORM,
                                  .training = training,
                                  .magnitude = 2,
                                  .prefix = "G/"};
  const nn_head_options head = {.head = c->pct ? NN_HEAD_AFFINE : NN_HEAD_BLEND,
                                .magnitude = 2,
                                .unused_rgb = c->pct && c->issam,
                                .prefix = "G/"};
  nn_id composite = input(c, t, "comp"), mask = input(c, t, "mask");
  harmonised h = {.scene = nn_scene_of(g, composite, mask)};
  nn_id x = nn_concat(g, h.scene.normalised, mask);
  nn_features features =
      c->issam ? nn_issam(g, x, mask, &trunk) : nn_idih(g, x, &trunk);
  h.maps = nn_head_maps(g, features, &h.scene, &head);
  return h;
}

static nn_id normalised(trial *t, nn_id image) {
  return nn_scene_of(t->g, image, NN_NONE).normalised;
}

/* PCT-Net's records subtract a mean in double from what it has mapped to [0,1],
 * but one rounded to float32 from the images. */
static nn_id mapped_as_recorded(trial *t, const nn_colour_maps *maps,
                                nn_id unclamped, const nn_scene *scene) {
  static const double theta[12] = {1 / 0.229,
                                   0,
                                   0,
                                   0,
                                   1 / 0.224,
                                   0,
                                   0,
                                   0,
                                   1 / 0.225,
                                   -0.485 / 0.229,
                                   -0.456 / 0.224,
                                   -0.406 / 0.225};
  nn_graph *g = t->g;
  nn_shape s = nn_shape_of(g, scene->composite),
           m = nn_shape_of(g, maps->blend);
  nn_id a = maps->blend;
  if (m.h != s.h) a = nn_upsample_bicubic(g, a, s.h, s.w);
  nn_id y =
      nn_affine_colour(g, nn_table(g, theta, 12), nn_clamp(g, unclamped, 0, 1));
  nn_id change = nn_sub(g, y, scene->normalised);
  return nn_add(g, scene->normalised, nn_mul(g, change, a));
}

/* The output in the record's units, as the record has it. */
static nn_id recorded_output(const colour_record *c, trial *t,
                             const nn_colour_maps *maps,
                             const nn_scene *scene) {
  nn_colours colours = nn_head_apply(t->g, maps, scene);
  if (!c->pct) return normalised(t, colours.output);
  return mapped_as_recorded(t, maps, colours.unclamped, scene);
}

static void compare_kept(const colour_record *c, const trial *t,
                         const char *kept, const char *path) {
  char exact[160];
  snprintf(exact, sizeof exact, "float64/%s", path);
  if (!golden_has_all(c->r.file, exact)) return;
  size_t count;
  double *values = trial_value(t, kept, &count);
  nn_id id = NN_NONE;
  for (int i = 0; i < t->g->kept.count; i++)
    if (strcmp(t->g->kept.items[i].name, kept) == 0)
      id = t->g->kept.items[i].id;
  double *image = to_public_image(values, nn_shape_of(t->g, id));
  double largest, worst = difference_from(&c->r, exact, image, count, &largest);
  double limit = BY_PRECISION(1e-4, 1e-9) * largest;
  tap_ok(worst <= limit, "%s: %s differs by %.2e (limit %.2e)", c->r.path, path,
         worst, limit);
  free(image);
  free(values);
}

/* ---- a step ---- */

/* Reports "pixel", "sobel" and "total". */
static void add_losses(const colour_record *c, trial *t, const harmonised *h) {
  nn_graph *g = t->g;
  static const double same[3] = {1, 1, 1};
  nn_scene scene = h->scene;
  if (c->pct) {
    scene = nn_scene_of(g, input(c, t, "comp_full"), input(c, t, "mask_full"));
    trial_keep(t, "params", h->maps.values);
    trial_keep(t, "attention", h->maps.blend);
  }
  nn_id output = recorded_output(c, t, &h->maps, &scene);
  nn_id real = input(c, t, c->pct ? "real_full" : "real");
  trial_keep(t, "of the loss", output);
  nn_id pixel = nn_loss_fnmse(g, output, normalised(t, real), scene.mask,
                              c->min_area, same);
  nn_report(g, "same",
            nn_loss_fnmse(g, nn_head_apply(g, &h->maps, &scene).output, real,
                          scene.mask, c->min_area, nn_imagenet_scale));
  nn_id total = nn_affine(g, pixel, 1, 0);
  nn_report(g, "pixel", pixel);
  if (c->pct) {
    nn_id sobel = nn_loss_sobel(g, h->maps.values);
    nn_report(g, "sobel", sobel);
    total = nn_axpby(g, 1, pixel, c->lambda_sobel, sobel);
  }
  nn_report(g, "total", total);
  nn_minimise(g, total, "G/");
}

static void compare_losses_of(const colour_record *c, const trial *t) {
  const char *const names[] = {"pixel", "sobel", "total"};
  for (int i = 0; i < 3; i++) {
    char path[64];
    snprintf(path, sizeof path, "float64/losses/%s", names[i]);
    if (!golden_has_all(c->r.file, path)) continue;
    double want = scalar(c, path);
    double limit =
        BY_PRECISION(fmax(4 * c->loss_spread, 1e-5 * want), 1e-9 * want);
    tap_near(trial_report(t, names[i]), want, limit, "%s: loss %s", c->r.path,
             names[i]);
  }
  double pixel = trial_report(t, "pixel");
  tap_near(trial_report(t, "same"), pixel, 1e-6 * pixel,
           "%s: the same loss of images in [-1,1]", c->r.path);
}

/* ---- gradients and the state after the step ---- */

static double norm_of(const double *values, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; i++) sum += values[i] * values[i];
  return sqrt(sum);
}

static double *gradient_of(const trial *t, const nn_entry *e) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  return public_values(e, t->results + nn_layout_result(layout, e->offset));
}

static double norm_of_all(const trial *t) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  double sum = 0;
  for (int i = 0; i < layout->entry_count; i++) {
    if (!layout->entries[i].trainable) continue;
    double *own = gradient_of(t, &layout->entries[i]);
    sum += pow(norm_of(own, layout->entries[i].count), 2);
    free(own);
  }
  return sqrt(sum);
}

/* |got - want| over the larger of |want| and 1e-4 of all gradients' norm. */
static double gradient_distance(const colour_record *c, const char *path,
                                const double *got, size_t count, double all) {
  golden want = golden_read(c->r.file, "%s", path);
  size_t stride = (size_t)golden_attribute(c->r.file, path, "stride", 1);
  double sum = 0;
  for (size_t i = 0; i < want.count; i++)
    sum += i * stride < count ? pow(got[i * stride] - want.values[i], 2) : NAN;
  double distance =
      sqrt(sum) / fmax(norm_of(want.values, want.count), 1e-4 * all);
  golden_free(&want);
  return distance;
}

static void compare_colour_gradients(const colour_record *c, const trial *t) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  double all = norm_of_all(t);
  double limit = BY_PRECISION(4 * c->grads_spread, 1e-9);
  nearest w = {0};
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    if (!e->trainable) continue;
    char path[256];
    snprintf(path, sizeof path, "float64/grads/%s", e->name);
    double *got = gradient_of(t, e);
    keep_nearest(&w, gradient_distance(c, path, got, e->count, all) / limit,
                 e->name);
    free(got);
  }
  tap_ok(w.part <= 1, "%s: %d gradients at %.3g of the limit (%s)", c->r.path,
         w.count, w.part, w.name);
}

/* Entries whose gradient is rounding alone, such as of biases before a norm,
 * are moved by Adam all the same, anywhere up to the learning rate. */
static bool is_noise(const colour_record *c, const char *name, double all) {
  char path[256];
  snprintf(path, sizeof path, "float64/grads/%s", name);
  golden want = golden_read(c->r.file, "%s", path);
  double size = norm_of(want.values, want.count);
  golden_free(&want);
  return size < 1e-9 * all;
}

/* The share of a parameter's entries that are off by a tenth of the step. */
static double share_off(const colour_record *c, const char *path,
                        const double *got, size_t count, double lr) {
  golden want = golden_read(c->r.file, "%s", path);
  size_t stride = (size_t)golden_attribute(c->r.file, path, "stride", 1);
  double off = 0;
  for (size_t i = 0; i < want.count && i * stride < count; i++) {
    double difference = fabs(got[i * stride] - want.values[i]);
    if (!(difference <= 0.1 * lr)) off++;
    if (!(difference <= 2.02 * lr)) off += (double)want.count;
  }
  off /= (double)want.count;
  golden_free(&want);
  return off;
}

static void compare_colours_after(const colour_record *c, trial *t) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  double all = norm_of_all(t);
  nn_adam_options adam = {.lr = attribute(c, "lr"),
                          .beta1 = attribute(c, "beta1"),
                          .beta2 = attribute(c, "beta2"),
                          .eps = attribute(c, "adam_eps"),
                          .step = 1};
  nn_real *moments[2];
  for (int k = 0; k < 2; k++)
    moments[k] = test_array(layout->parameter_size, sizeof *moments[k]);
  nn_adam(&adam, layout->parameter_size, 1, t->results, t->state, moments[0],
          moments[1], 1);
  nearest parameters = {0}, buffers = {0};
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    char path[256];
    snprintf(path, sizeof path, "after/%s", e->name);
    if (e->trainable && is_noise(c, e->name, all)) continue;
    const nn_real *from = t->state + e->offset;
    if (!e->trainable && !e->fixed)
      from = t->results + nn_layout_result(layout, e->offset);
    double *got = public_values(e, from), largest;
    if (e->trainable) {
      double off = share_off(c, path, got, e->count, adam.lr);
      keep_nearest(&parameters, off / (0.02 + 1.0 / (double)e->count), e->name);
    } else {
      double error = difference_from(&c->r, path, got, e->count, &largest);
      keep_nearest(&buffers, error / (2e-5 * largest), e->name);
    }
    free(got);
  }
  tap_ok(parameters.part <= 1,
         "%s: %d parameters after the step at %.3g of the limit (%s)",
         c->r.path, parameters.count, parameters.part, parameters.name);
  tap_ok(buffers.part <= 1,
         "%s: %d buffers after the step at %.3g of the limit (%s)", c->r.path,
         buffers.count, buffers.part, buffers.name);
  for (int k = 0; k < 2; k++) free(moments[k]);
}

static const char *const generator_alone[] = {"G", NULL};

static void check_colour_step(const colour_record *c) {
  trial t = trial_make();
  harmonised h = build(c, &t, true);
  trial_keep(&t, "output", recorded_output(c, &t, &h.maps, &h.scene));
  add_losses(c, &t, &h);
  trial_plan(&t, 2, false);
  if (load_state(&c->r, nn_plan_layout(t.plan), t.state, generator_alone)) {
    trial_run(&t);
    compare_kept(c, &t, "output", "forward/output");
    if (c->pct) {
      compare_kept(c, &t, "of the loss", "forward/images_fullres");
      compare_kept(c, &t, "params", "forward/params");
      compare_kept(c, &t, "attention", "forward/attention");
    }
    compare_losses_of(c, &t);
    compare_colour_gradients(c, &t);
    compare_colours_after(c, &t);
  }
  trial_free(&t);
}

static void check_colour_evaluation(const colour_record *c) {
  trial t = trial_make();
  harmonised h = build(c, &t, false);
  trial_keep(&t, "output", recorded_output(c, &t, &h.maps, &h.scene));
  trial_plan(&t, 1, false);
  if (load_state(&c->r, nn_plan_layout(t.plan), t.state, generator_alone)) {
    trial_run(&t);
    compare_kept(c, &t, "output", "eval/output");
  }
  trial_free(&t);
}

bool is_colour_record(hid_t file) {
  return golden_has_all(file, "weights/G/decoder.conv_attention.weight");
}

void check_colours(const char *path, hid_t file) {
  colour_record c;
  open_colours(&c, path, file);
  check_colour_step(&c);
  check_colour_evaluation(&c);
}
