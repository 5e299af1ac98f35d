/* Operations, losses and the optimizer against PyTorch's numbers:
 * tests/golden/ops.h5, computed in float64 and stored in float32. Every case
 * of every group there is visited, and every dataset of a case is read. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/graph_util.h"
#include "tests/tap.h"

enum { MAX_DATASETS = 32 };

typedef struct expectation {
  char name[32];
  axes form;
} expectation;

/* A case on its way: datasets become inputs, results are expected. */
typedef struct op_case {
  hid_t file;
  char path[128]; /* "conv2d/k3s1p1_a" */
  const char *name;
  trial t;
  expectation expected[MAX_DATASETS];
  int count;
  char used[MAX_DATASETS][32];
  int used_count;
  double worst; /* residual */
  char worst_name[32];
} op_case;

static void use(op_case *c, const char *name) {
  if (c->used_count == MAX_DATASETS) test_failed("%s: datasets", c->path);
  snprintf(c->used[c->used_count++], sizeof c->used[0], "%s", name);
}

static golden read_case(op_case *c, const char *name) {
  use(c, name);
  return golden_read(c->file, "%s/%s", c->path, name);
}

static bool has(const op_case *c, const char *name) {
  return golden_has(c->file, "%s/%s", c->path, name);
}

static double attribute(const op_case *c, const char *name) {
  double value = golden_attribute(c->file, c->path, name, NAN);
  if (isnan(value)) test_failed("%s: no attribute %s", c->path, name);
  return value;
}

static nn_id input(op_case *c, const char *name, axes form) {
  golden array = read_case(c, name);
  nn_id id = trial_golden(&c->t, &array, form);
  golden_free(&array);
  return id;
}

static void expect(op_case *c, const char *name, nn_id id, axes form) {
  if (c->count == MAX_DATASETS) test_failed("%s: expectations", c->path);
  expectation *e = &c->expected[c->count++];
  snprintf(e->name, sizeof e->name, "%s", name);
  e->form = form;
  trial_keep(&c->t, name, id);
}

/* The larger one; a NaN stays. */
static double larger(double a, double b) { return b <= a || isnan(a) ? a : b; }

static void note_residual(op_case *c, const char *name, double residual) {
  if (residual <= c->worst || isnan(c->worst)) return; /* a NaN stays */
  c->worst = residual;
  snprintf(c->worst_name, sizeof c->worst_name, "%s", name);
}

/* gx, gw, ... of sum(y gy) */
static void expect_gradients(op_case *c, nn_id y, nn_id gy, int count,
                             const nn_id *wrt, const char *const *names,
                             const axes *forms, nn_id *gradients) {
  nn_grad_of(c->t.g, y, gy, wrt, count, gradients);
  for (int i = 0; i < count; i++) expect(c, names[i], gradients[i], forms[i]);
}

/* s = sum(gx v): its derivatives */
static void expect_second(op_case *c, nn_id gx, int count, const nn_id *wrt,
                          const char *const *names, const axes *forms) {
  if (!has(c, "v")) return;
  nn_id v = input(c, "v", AXES_IMAGE), gradients[4];
  expect_gradients(c, gx, v, count, wrt, names, forms, gradients);
}

/* ---- groups ---- */

static void convolution(op_case *c, bool transposed) {
  nn_graph *g = c->t.g;
  int stride = (int)attribute(c, "stride"), pad = (int)attribute(c, "pad");
  bool bias = attribute(c, "has_bias") != 0;
  nn_id x = input(c, "x", AXES_IMAGE), w = input(c, "w", AXES_WEIGHT);
  nn_id gy = input(c, "gy", AXES_IMAGE);
  nn_shape s = nn_shape_of(g, x);
  nn_id y = transposed ? nn_conv_transpose(g, x, w, stride, pad, stride * s.h,
                                           stride * s.w)
                       : nn_conv(g, x, w, stride, pad);
  nn_id wrt[3] = {x, w, NN_NONE}, gradients[3];
  if (bias) {
    wrt[2] = input(c, "b", AXES_VECTOR);
    y = nn_add(g, y, wrt[2]);
  }
  expect(c, "y", y, AXES_IMAGE);
  expect_gradients(c, y, gy, bias ? 3 : 2, wrt,
                   (const char *[]){"gx", "gw", "gb"},
                   (axes[]){AXES_IMAGE, AXES_WEIGHT, AXES_VECTOR}, gradients);
  expect_second(c, gradients[0], 2, (nn_id[]){gy, w},
                (const char *[]){"second_ggy", "second_gw"},
                (axes[]){AXES_IMAGE, AXES_WEIGHT});
}

static void conv2d(op_case *c) { convolution(c, false); }
static void conv_transpose2d(op_case *c) { convolution(c, true); }

static void instance_norm(op_case *c) {
  nn_id x = input(c, "x", AXES_IMAGE), gy = input(c, "gy", AXES_IMAGE), gx;
  nn_id y = nn_normalise(c->t.g, x, true, attribute(c, "eps"), NULL);
  expect(c, "y", y, AXES_IMAGE);
  expect_gradients(c, y, gy, 1, &x, (const char *[]){"gx"},
                   (axes[]){AXES_IMAGE}, &gx);
  expect_second(c, gx, 2, (nn_id[]){gy, x},
                (const char *[]){"second_ggy", "second_gx"},
                (axes[]){AXES_IMAGE, AXES_IMAGE});
}

static void batch_norm(op_case *c) {
  nn_graph *g = c->t.g;
  double eps = attribute(c, "eps");
  nn_id x = input(c, "x", AXES_IMAGE), gy = input(c, "gy", AXES_IMAGE);
  nn_id weight = input(c, "weight", AXES_VECTOR);
  nn_id bias = input(c, "bias", AXES_VECTOR);
  nn_id mean = input(c, "running_mean", AXES_VECTOR);
  nn_id var = input(c, "running_var", AXES_VECTOR);
  const nn_id wrt[3] = {x, weight, bias};
  const axes forms[3] = {AXES_IMAGE, AXES_VECTOR, AXES_VECTOR};
  nn_id gradients[3];
  nn_batch_norm train =
      nn_batch_norm_apply(g, x, 1, weight, bias, mean, var, true, eps);
  expect(c, "y", train.y, AXES_IMAGE);
  expect(c, "running_mean_after", train.running_mean, AXES_VECTOR);
  expect(c, "running_var_after", train.running_var, AXES_VECTOR);
  expect_gradients(c, train.y, gy, 3, wrt,
                   (const char *[]){"gx", "gweight", "gbias"}, forms,
                   gradients);
  expect_second(c, gradients[0], 3, (nn_id[]){gy, x, weight},
                (const char *[]){"second_ggy", "second_gx", "second_gweight"},
                (axes[]){AXES_IMAGE, AXES_IMAGE, AXES_VECTOR});
  nn_batch_norm eval =
      nn_batch_norm_apply(g, x, 1, weight, bias, mean, var, false, eps);
  expect(c, "eval_y", eval.y, AXES_IMAGE);
  expect_gradients(c, eval.y, gy, 3, wrt,
                   (const char *[]){"eval_gx", "eval_gweight", "eval_gbias"},
                   forms, gradients);
}

static void activation(op_case *c) {
  nn_graph *g = c->t.g;
  nn_id x = input(c, "x", AXES_VECTOR), gy = input(c, "gy", AXES_VECTOR), gx;
  nn_id y = NN_NONE;
  if (strcmp(c->name, "leaky_relu_0.2") == 0) y = nn_leaky_relu(g, x, 0.2);
  if (strcmp(c->name, "relu") == 0) y = nn_leaky_relu(g, x, 0);
  if (strcmp(c->name, "tanh") == 0) y = nn_tanh(g, x);
  if (strcmp(c->name, "sigmoid") == 0) y = nn_sigmoid(g, x);
  if (strcmp(c->name, "clamp_min_0.001") == 0) y = nn_clamp_min(g, x, 0.001);
  if (y == NN_NONE) return;
  expect(c, "y", y, AXES_VECTOR);
  expect_gradients(c, y, gy, 1, &x, (const char *[]){"gx"},
                   (axes[]){AXES_VECTOR}, &gx);
}

static void resampling(op_case *c, nn_id x, nn_id y) {
  nn_id gy = input(c, "gy", AXES_IMAGE), gx;
  expect(c, "y", y, AXES_IMAGE);
  expect_gradients(c, y, gy, 1, &x, (const char *[]){"gx"},
                   (axes[]){AXES_IMAGE}, &gx);
}

static void max_pool2(op_case *c) {
  nn_id x = input(c, "x", AXES_IMAGE);
  resampling(c, x, nn_max_pool2(c->t.g, x));
}

static void global_avg_pool(op_case *c) {
  nn_id x = input(c, "x", AXES_IMAGE);
  resampling(c, x, nn_global_average(c->t.g, x));
}

static void upsample_bilinear(op_case *c) {
  nn_id x = input(c, "x", AXES_IMAGE);
  resampling(c, x,
             nn_upsample_bilinear(c->t.g, x, (int)attribute(c, "scale"),
                                  attribute(c, "align_corners") != 0));
}

static void partial_conv(op_case *c) {
  nn_graph *g = c->t.g;
  bool bias = attribute(c, "has_bias") != 0;
  bool masked = attribute(c, "has_mask") != 0;
  nn_id x = input(c, "x", AXES_IMAGE), w = input(c, "w", AXES_WEIGHT);
  nn_id gy = input(c, "gy", AXES_IMAGE), gradients[3], new_mask;
  nn_id mask = masked ? input(c, "mask", AXES_IMAGE) : NN_NONE;
  nn_id wrt[3] = {x, w, bias ? input(c, "b", AXES_VECTOR) : NN_NONE};
  nn_id y = nn_partial_conv(g, x, mask, w, wrt[2], (int)attribute(c, "stride"),
                            (int)attribute(c, "pad"), &new_mask);
  expect(c, "y", y, AXES_IMAGE);
  expect_gradients(c, y, gy, bias ? 3 : 2, wrt,
                   (const char *[]){"gx", "gw", "gb"},
                   (axes[]){AXES_IMAGE, AXES_WEIGHT, AXES_VECTOR}, gradients);
  use(c, "mask_ratio"); /* inside; y shows it */
  if (masked) {
    expect(c, "update_mask", new_mask, AXES_IMAGE);
    return;
  }
  golden update = read_case(c, "update_mask"); /* NN_NONE means all ones */
  for (size_t i = 0; i < update.count; i++)
    if (new_mask != NN_NONE || update.values[i] != 1)
      note_residual(c, "update_mask", 1);
  golden_free(&update);
}

/* v is [in,kh,kw] there and [kh,kw,in] here: the order of a weight for one
 * filter. */
static golden spectral_v(const golden *from, size_t row, const golden *w) {
  golden v = {.rank = 4,
              .shape = {1, w->shape[1], w->shape[2], w->shape[3]},
              .count = w->count / w->shape[0]};
  v.values = from->values + row * v.count;
  return v;
}

static nn_id vector_of(op_case *c, nn_id v) {
  nn_graph *g = c->t.g;
  int count = (int)nn_shape_count(nn_shape_of(g, v));
  return nn_reshape(g, v, NN_SHAPE(1, 1, 1, count));
}

static void check_spectral_run(op_case *c, const golden *w) {
  golden u = read_case(c, "u_after"), v = read_case(c, "v_after");
  golden sigma = read_case(c, "sigma");
  for (size_t k = 0; k < 3; k++) {
    char name[32];
    golden row = {.rank = 1, .count = u.count / 3, .shape = {u.count / 3}};
    row.values = u.values + k * row.count;
    snprintf(name, sizeof name, "u%zu", k + 1);
    note_residual(c, name, trial_residual(&c->t, name, &row, AXES_VECTOR));
    golden v_row = spectral_v(&v, k, w);
    snprintf(name, sizeof name, "v%zu", k + 1);
    note_residual(c, name, trial_residual(&c->t, name, &v_row, AXES_WEIGHT));
    golden one = {.rank = 1, .count = 1, .shape = {1}};
    one.values = sigma.values + k;
    snprintf(name, sizeof name, "sigma%zu", k + 1);
    note_residual(c, name, trial_residual(&c->t, name, &one, AXES_VECTOR));
  }
  golden_free(&u);
  golden_free(&v);
  golden_free(&sigma);
}

static void spectral_norm(op_case *c) {
  nn_graph *g = c->t.g;
  golden array = read_case(c, "w_orig"), v0 = read_case(c, "v0");
  golden v_public = spectral_v(&v0, 0, &array);
  nn_id w = trial_golden(&c->t, &array, AXES_WEIGHT);
  nn_id u = input(c, "u0", AXES_VECTOR);
  nn_id v = vector_of(c, trial_golden(&c->t, &v_public, AXES_WEIGHT));
  nn_id sigma = nn_spectral_sigma(g, w, nn_singular_row(g, w, v, u));
  expect(c, "eval_w", nn_div(g, w, sigma), AXES_WEIGHT);
  for (int k = 1; k <= 3; k++) {
    nn_id row = nn_power_iteration(g, w, u);
    u = nn_singular_u(g, w, row);
    v = nn_singular_v(g, w, row);
    sigma = nn_spectral_sigma(g, w, row);
    char name[32];
    snprintf(name, sizeof name, "u%d", k);
    trial_keep(&c->t, name, u);
    snprintf(name, sizeof name, "v%d", k);
    trial_keep(&c->t, name, v);
    snprintf(name, sizeof name, "sigma%d", k);
    trial_keep(&c->t, name, sigma);
    if (k == 1) {
      nn_id gradient;
      nn_id weight = nn_div(g, w, sigma);
      expect(c, "w", weight, AXES_WEIGHT);
      expect_gradients(c, weight, input(c, "gw", AXES_WEIGHT), 1, &w,
                       (const char *[]){"gw_orig"}, (axes[]){AXES_WEIGHT},
                       &gradient);
    }
  }
  trial_plan(&c->t, 1, false);
  trial_run(&c->t);
  check_spectral_run(c, &array);
  golden_free(&array);
  golden_free(&v0);
}

static nn_id scores_loss(op_case *c, nn_id x) {
  nn_graph *g = c->t.g;
  bool real = strstr(c->name, "real") != NULL;
  if (strncmp(c->name, "gan_lsgan", 9) == 0) return nn_loss_lsgan(g, x, real);
  if (strncmp(c->name, "gan_vanilla", 11) == 0) return nn_loss_bce(g, x, real);
  if (strncmp(c->name, "gan_wgangp", 10) == 0)
    return nn_affine(g, nn_mean(g, x), real ? -1 : 1, 0);
  if (strncmp(c->name, "hinge", 5) == 0) return nn_loss_hinge(g, x, real);
  return NN_NONE;
}

static void triplet(op_case *c, bool elementwise) {
  nn_graph *g = c->t.g;
  const char *const names[3] = {"anchor", "positive", "negative"};
  nn_id wrt[3], values[3], gradients[3];
  for (int i = 0; i < 3; i++) {
    values[i] = wrt[i] = input(c, names[i], AXES_IMAGE);
    int count = (int)nn_shape_count(nn_shape_of(g, wrt[i]));
    if (elementwise)
      values[i] = nn_reshape(g, wrt[i], NN_SHAPE(count, 1, 1, 1));
  }
  nn_id loss = nn_loss_triplet(g, values[0], values[1], values[2],
                               attribute(c, "margin"));
  expect(c, "value", loss, AXES_VECTOR);
  nn_grad(g, loss, wrt, 3, gradients);
  expect(c, "ganchor", gradients[0], AXES_IMAGE);
  expect(c, "gpositive", gradients[1], AXES_IMAGE);
  expect(c, "gnegative", gradients[2], AXES_IMAGE);
}

static void loss_case(op_case *c) {
  nn_graph *g = c->t.g;
  if (strncmp(c->name, "triplet_", 8) == 0) {
    triplet(c, strcmp(c->name, "triplet_elementwise") == 0);
    return;
  }
  nn_id x = input(c, "x", AXES_IMAGE), gx, loss;
  if (strcmp(c->name, "l1") == 0)
    loss = nn_loss_l1(g, x, input(c, "target", AXES_IMAGE));
  else if (strcmp(c->name, "mse") == 0)
    loss = nn_loss_mse(g, x, input(c, "target", AXES_IMAGE));
  else
    loss = scores_loss(c, x);
  if (loss == NN_NONE) return;
  expect(c, "value", loss, AXES_VECTOR);
  nn_grad(g, loss, &x, 1, &gx);
  expect(c, "gx", gx, AXES_IMAGE);
}

/* ---- what is no graph ---- */

/* Entries span many magnitudes: each against the largest it has been so far
 * (want: [steps up to now][count]). */
static void residual_of_moments(op_case *c, const char *name,
                                const nn_real *got, const double *want,
                                size_t step, size_t count) {
  double worst = 0;
  for (size_t i = 0; i < count; i++) {
    double scale = 1e-30;
    for (size_t k = 0; k <= step; k++)
      scale = fmax(scale, fabs(want[k * count + i]));
    double e = fabs((double)got[i] - want[step * count + i]) / scale;
    worst = larger(worst, e);
  }
  note_residual(c, name, worst);
}

static void adam(op_case *c) {
  golden p0 = read_case(c, "p0"), grads = read_case(c, "grads");
  golden m = read_case(c, "exp_avg"), v = read_case(c, "exp_avg_sq");
  golden p = read_case(c, "p_after_float64");
  use(c, "p_after"); /* the same, rounded */
  use(c, "p_after_float32_run");
  size_t count = p0.count;
  nn_real *state = calloc(4 * count, sizeof *state);
  if (state == NULL) test_failed("no memory");
  nn_real *gradient = state, *parameter = state + count;
  nn_real *mean = state + 2 * count, *variance = state + 3 * count;
  for (size_t i = 0; i < count; i++) parameter[i] = (nn_real)p0.values[i];
  for (size_t step = 0; step < grads.shape[0]; step++) {
    nn_adam_options options = {.lr = attribute(c, "lr"),
                               .beta1 = attribute(c, "beta1"),
                               .beta2 = attribute(c, "beta2"),
                               .eps = attribute(c, "eps"),
                               .step = step + 1};
    for (size_t i = 0; i < count; i++) /* as a sum of four is averaged */
      gradient[i] = (nn_real)(4 * grads.values[step * count + i]);
    nn_adam(&options, count, 0.25, gradient, parameter, mean, variance, 2);
    residual_of_moments(c, "exp_avg", mean, m.values, step, count);
    residual_of_moments(c, "exp_avg_sq", variance, v.values, step, count);
    /* the parameter's own rounding in each step, and the update's */
    double worst = 0, ulp = BY_PRECISION(6e-8, 1e-15);
    for (size_t i = 0; i < count; i++) {
      double want = p.values[step * count + i];
      double limit = (double)(step + 1) * ulp * fabs(want) +
                     BY_PRECISION(2e-6, 1e-12) * options.lr;
      double e = fabs((double)parameter[i] - want) / limit;
      worst = larger(worst, e);
    }
    tap_ok(worst <= 1, "%s: parameters after step %zu, at %.2f of the limit",
           c->path, step + 1, worst);
  }
  free(state);
  golden_free(&p0);
  golden_free(&grads);
  golden_free(&m);
  golden_free(&v);
  golden_free(&p);
}

/* AdamW: the parameter is made less by itself, then Adam does what it does. */
static void check_weight_decay(void) {
  enum { COUNT = 70000 }; /* more than a chunk */
  static nn_real plain[COUNT], decayed[COUNT], gradient[COUNT];
  static nn_real moments[4][COUNT], average[COUNT];
  for (int i = 0; i < COUNT; i++) {
    plain[i] = decayed[i] = (nn_real)(i % 17 - 8);
    gradient[i] = (nn_real)(i % 5 - 2);
  }
  nn_adam_options o = {
      .lr = 0.125, .beta1 = 0.9, .beta2 = 0.999, .eps = 1e-8, .step = 1};
  nn_adam(&o, COUNT, 1, gradient, plain, moments[0], moments[1], 2);
  o.weight_decay = 0.5;
  nn_adam(&o, COUNT, 1, gradient, decayed, moments[2], moments[3], 2);
  double worst = 0, off = 0;
  for (int i = 0; i < COUNT; i++) {
    double was = i % 17 - 8, moved = (double)plain[i] - was;
    worst = larger(worst, fabs((double)decayed[i] - (was * 0.9375 + moved)));
    average[i] = 1;
  }
  tap_ok(worst < BY_PRECISION(2e-6, 1e-14), "AdamW: off by %.1e", worst);
  tap_ok(memcmp(moments[0], moments[2], 2 * sizeof moments[0]) == 0,
         "AdamW: moments are Adam's");
  nn_average(0.75, COUNT, decayed, average, 2);
  for (int i = 0; i < COUNT; i++)
    off = larger(off,
                 fabs((double)average[i] - (0.75 + 0.25 * (double)decayed[i])));
  tap_ok(off < BY_PRECISION(1e-6, 1e-14), "average: off by %.1e", off);
}

static void check_lr_factor(hid_t file) {
  size_t count;
  char **names = golden_members(file, "lr_factor", &count);
  for (size_t i = 0; i < count; i++) {
    golden factor = golden_read(file, "lr_factor/%s", names[i]);
    int policy = choice_index(CHOICES(NN_LR_POLICIES), names[i]);
    nn_lr_schedule schedule = {.policy = (nn_lr_policy)policy,
                               .constant_epochs = 100,
                               .decay_epochs = 100,
                               .step_epochs = 50};
    double worst = policy >= 0 ? 0 : NAN;
    for (size_t k = 0; k < factor.count; k++) {
      nn_lr_moment at = {.epoch = (double)k};
      double got = nn_lr_factor(&schedule, &at);
      worst = larger(worst, fabs(got - factor.values[k]));
    }
    tap_ok(worst <= 1e-12, "lr_factor/%s: %zu epochs", names[i], factor.count);
    golden_free(&factor);
  }
  golden_free_names(names, count);
  const nn_lr_schedule constant = {.policy = NN_LR_CONSTANT};
  const nn_lr_schedule linear = {
      .policy = NN_LR_LINEAR, .constant_epochs = 100, .decay_epochs = 100};
  nn_lr_moment late = {.epoch = 1e6};
  tap_ok(nn_lr_factor(&constant, &late) == 1 &&
             nn_lr_factor(&linear, &late) == 0,
         "lr_factor: constant, and no negative rate behind the end");
}

static double factor_at(const nn_lr_schedule *s, uint64_t step, double epoch,
                        double progress) {
  return nn_lr_factor(s, &(nn_lr_moment){step, epoch, progress});
}

static void check_lr_progress(void) {
  nn_lr_schedule s = {.policy = NN_LR_COSINE};
  double worst = 0;
  for (int k = 0; k <= 4; k++) {
    static const double want[] = {1, 0.8535533905932737, 0.5,
                                  0.14644660940672624, 0};
    worst = larger(worst, fabs(factor_at(&s, 0, 0, k / 4.0) - want[k]));
  }
  tap_ok(worst < 1e-12, "lr_factor: half a wave of cosine");
  s.warmup_steps = 10;
  tap_near(factor_at(&s, 0, 0, 0), 0.1, 1e-12, "warm-up begins");
  tap_near(factor_at(&s, 8, 0, 0.5), 0.45, 1e-12, "and multiplies the policy");
  tap_near(factor_at(&s, 9, 0, 0.5), 0.5, 1e-12, "and ends");
  s = (nn_lr_schedule){.policy = NN_LR_MULTISTEP, .milestones = "0.5,0.75,12"};
  tap_ok(nn_lr_check(&s) == STATUS_OK, "milestones: shares, then epochs");
  tap_near(factor_at(&s, 0, 11, 0.49), 1, 1e-12, "before the first milestone");
  tap_near(factor_at(&s, 0, 11, 0.5), 0.1, 1e-12, "at it");
  tap_near(factor_at(&s, 0, 11, 0.8), 0.01, 1e-12, "after the second");
  tap_near(factor_at(&s, 0, 12, 0.8), 0.001, 1e-12, "and of an epoch");
  static const char *const bad[] = {"",        "0.5,", "0.5,0.5", "3,2",
                                    "0.5 0.7", "-1",   "x"};
  for (int i = 0; i < 7; i++) {
    s.milestones = bad[i];
    tap_ok(nn_lr_check(&s) == STATUS_USAGE, "milestones '%s' are refused",
           bad[i]);
  }
}

/* ---- visiting ---- */

static void compare_expected(op_case *c) {
  for (int i = 0; i < c->count; i++) {
    const expectation *e = &c->expected[i];
    golden want = read_case(c, e->name);
    note_residual(c, e->name, trial_residual(&c->t, e->name, &want, e->form));
    golden_free(&want);
  }
}

/* Every dataset of the case was read. */
static bool all_used(op_case *c) {
  size_t count;
  bool all = true;
  char **names = golden_members(c->file, c->path, &count);
  for (size_t i = 0; i < count; i++) {
    bool used = false;
    for (int k = 0; k < c->used_count; k++)
      if (strcmp(c->used[k], names[i]) == 0) used = true;
    if (!used) tap_note("%s/%s is not compared", c->path, names[i]);
    all = all && used;
  }
  golden_free_names(names, count);
  return all;
}

typedef struct group {
  const char *name;
  void (*check)(op_case *c);
  double float_limit; /* of the residual */
} group;

static const group groups[] = {
    {"conv2d", conv2d, 1e-6},
    {"conv_transpose2d", conv_transpose2d, 1e-6},
    {"instance_norm", instance_norm, 4e-5}, /* tiny_variance: float means */
    {"batch_norm", batch_norm, 1e-5},
    {"activation", activation, 1e-6},
    {"max_pool2", max_pool2, 1e-7},
    {"global_avg_pool", global_avg_pool, 1e-6},
    {"upsample_bilinear", upsample_bilinear, 1e-6},
    {"partial_conv", partial_conv, 1e-6},
    {"spectral_norm", spectral_norm, 3e-6},
    {"loss", loss_case, 1e-6},
    {"adam", adam, 1e-6},
};

static void check_case(hid_t file, const group *of, const char *name) {
  op_case c = {.file = file, .name = name, .t = trial_make()};
  snprintf(c.path, sizeof c.path, "%s/%s", of->name, name);
  of->check(&c);
  if (c.count > 0 && c.t.plan == NULL) {
    trial_plan(&c.t, 1, false);
    trial_run(&c.t);
  }
  compare_expected(&c);
  double limit = BY_PRECISION(of->float_limit, 1e-7);
  bool complete = all_used(&c);
  tap_ok(c.worst <= limit && complete, "%s: residual %.1e (%s)", c.path,
         c.worst, c.worst_name);
  trial_free(&c.t);
}

int main(void) {
  hid_t file = golden_open("ops.h5");
  for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
    size_t count;
    char **names = golden_members(file, groups[i].name, &count);
    tap_ok(count > 0, "%s: %zu cases", groups[i].name, count);
    for (size_t k = 0; k < count; k++) check_case(file, &groups[i], names[k]);
    golden_free_names(names, count);
  }
  check_lr_factor(file);
  check_lr_progress();
  check_weight_decay();
  size_t count;
  char **names = golden_members(file, "/", &count);
  for (size_t k = 0; k < count; k++) {
    bool known = strcmp(names[k], "lr_factor") == 0;
    for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++)
      if (strcmp(names[k], groups[i].name) == 0) known = true;
    if (!known) tap_ok(false, "group %s has no test", names[k]);
  }
  golden_free_names(names, count);
  H5Fclose(file);
  return tap_done();
}
