/* Tuned kernels against their plain twins, any number of threads against one,
 * and the planner: places, results announced early, layouts, random numbers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/plan/plan.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

static bool same_bits(const nn_real *a, const nn_real *b, size_t count) {
  return memcmp(a, b, count * sizeof *a) == 0;
}

/* ---- tuned kernels and their twins ---- */

typedef struct conv_size {
  nn_shape x;
  int channels, kernel_h, kernel_w, stride, pad;
} conv_size;

/* Layers of the networks, as far as plain loops are fast enough: inner ones as
 * they are, outer ones of smaller images. */
static const conv_size network_layers[] = {
    {{1, 64, 64, 4}, 64, 4, 4, 2, 1},    /* U-Net, outermost */
    {{1, 32, 32, 64}, 128, 4, 4, 2, 1},  /* U-Net level 1, small */
    {{1, 8, 8, 256}, 128, 4, 4, 2, 1},   /* level 5, fewer channels */
    {{2, 4, 4, 512}, 256, 4, 4, 2, 1},   /* level 6 */
    {{2, 2, 2, 512}, 512, 4, 4, 2, 1},   /* innermost */
    {{1, 48, 48, 3}, 128, 4, 4, 2, 1},   /* outermost up */
    {{1, 64, 64, 16}, 20, 4, 4, 2, 1},   /* minimal filtering */
    {{2, 66, 70, 17}, 19, 4, 4, 2, 1},   /* the same, odd result */
    {{3, 41, 44, 24}, 33, 4, 4, 2, 1},   /* the same, odd input */
    {{1, 128, 128, 3}, 16, 4, 4, 2, 1},  /* data gradient alone */
    {{5, 32, 32, 130}, 16, 4, 4, 2, 1},  /* many tiles, several panels */
    {{1, 32, 32, 128}, 128, 1, 1, 1, 0}, /* gate */
    {{2, 65, 65, 3}, 32, 3, 3, 2, 0},    /* discriminator, first */
    {{2, 15, 15, 128}, 128, 3, 3, 2, 0}, /* and further in */
    {{1, 3, 3, 256}, 256, 3, 3, 1, 0},   /* and last */
    {{4, 1, 1, 512}, 512, 1, 1, 1, 0},   /* its heads */
    {{1, 1, 1, 512}, 1, 1, 1, 1, 0},
    {{1, 1, 1, 1152}, 128, 1, 1, 1, 0}, /* spectral norm's outer product */
    {{1, 4, 4, 512}, 128, 4, 4, 2, 1},  /* weights of four pixels */
    {{4, 4, 4, 20}, 48, 4, 4, 2, 1},    /* and of sixteen */
    {{1, 65, 65, 1}, 1, 3, 3, 2, 0},    /* counts of a mask */
    {{1, 1, 1, 1}, 512, 1, 1, 1, 0},    /* depth 1 */
    {{1, 20, 20, 64}, 64, 3, 3, 1, 1},  /* unet3plus */
    {{1, 17, 300, 5}, 3, 3, 3, 1, 1},   /* wide */
    {{1, 300, 17, 5}, 300, 2, 2, 1, 0}, /* many panels of columns */
    {{1, 60, 60, 16}, 8, 3, 3, 1, 1},   /* panels of the weight gradient: */
    {{2, 40, 40, 65}, 12, 4, 4, 1, 1},  /* with groups of kernel rows */
    {{1, 40, 40, 300}, 5, 1, 1, 1, 0},  /* and pointwise */
};
enum {
  NETWORK_LAYERS = sizeof network_layers / sizeof network_layers[0],
  RANDOM_LAYERS = 40
};

static int between(random_stream *random, int low, int high) {
  return low + (int)random_below(random, (uint32_t)(high - low + 1));
}

static conv_size random_layer(random_stream *random) {
  static const int channels[] = {1, 2, 3, 5, 8, 13, 31, 64, 65, 130, 257};
  conv_size s;
  s.kernel_h = between(random, 1, 5);
  s.kernel_w = between(random, 0, 3) ? s.kernel_h : between(random, 1, 5);
  s.stride = between(random, 1, 4);
  s.pad = between(random, 0, 3);
  bool large = between(random, 0, 2) == 0;
  int most = large ? 40 : 9;
  s.x.n = between(random, 1, 3);
  s.x.h = between(random, s.kernel_h, s.kernel_h + most);
  s.x.w = between(random, s.kernel_w, s.kernel_w + most);
  s.x.c = channels[between(random, 0, large ? 6 : 10)];
  s.channels = channels[between(random, 0, large ? 6 : 10)];
  return s;
}

static nn_id build_conv(trial *t, const nn_op *op, const conv_size *s,
                        random_stream *random) {
  nn_shape w = NN_SHAPE(s->kernel_h, s->kernel_w, s->x.c, s->channels);
  nn_shape y = NN_SHAPE(
      s->x.n, (s->x.h + 2 * s->pad - s->kernel_h) / s->stride + 1,
      (s->x.w + 2 * s->pad - s->kernel_w) / s->stride + 1, s->channels);
  nn_node node = {.op = op, .stride = s->stride, .pad = s->pad};
  bool takes_x = op != &nn_op_conv_data_grad,
       takes_w = op != &nn_op_conv_weight_grad;
  node.in[0] = trial_uniform(t, takes_x ? s->x : y, random, -1, 1);
  node.in[1] = trial_uniform(t, takes_w ? w : y, random, -1, 1);
  if (!takes_x) node.shape = NN_SHAPE(0, s->x.h, s->x.w, 0);
  if (!takes_w) node.shape = NN_SHAPE(s->kernel_h, s->kernel_w, 0, 0);
  return nn_emit(t->g, node);
}

/* The kept "y" on the given plan, as it lies in memory. */
static nn_real *run_for_y(trial *t, int threads, bool reference,
                          size_t *count) {
  trial_plan(t, threads, reference);
  trial_run(t);
  *count = nn_shape_count(
      nn_shape_of(t->g, t->g->kept.items[t->g->kept.count - 1].id));
  nn_real *copy = test_array(*count, sizeof *copy);
  memcpy(copy, nn_plan_value(t->plan, "y"), *count * sizeof *copy);
  return copy;
}

typedef struct comparison {
  double residual;
  bool same_bits;
} comparison;

/* Residual of the tuned kernel against the reference; bits with 2, 3 threads.
 */
static comparison compare_kernels(trial *t, nn_id y) {
  trial_keep(t, "y", y);
  size_t count;
  nn_real *want = run_for_y(t, 1, true, &count);
  nn_real *one = run_for_y(t, 1, false, &count);
  double error = 0, norm = 0;
  for (size_t i = 0; i < count; i++) {
    error += pow((double)one[i] - (double)want[i], 2);
    norm += pow((double)want[i], 2);
  }
  comparison result = {sqrt(error / (norm > 0 ? norm : 1)), true};
  for (int threads = 2; threads <= 3; threads++) {
    nn_real *more = run_for_y(t, threads, false, &count);
    if (!same_bits(one, more, count)) result.same_bits = false;
    free(more);
  }
  free(want);
  free(one);
  return result;
}

static void check_conv(const nn_op *op, const conv_size *s,
                       random_stream *random) {
  trial t = trial_make();
  comparison c = compare_kernels(&t, build_conv(&t, op, s, random));
  tap_ok(c.residual <= BY_PRECISION(2e-6, 1e-14) && c.same_bits,
         "%s [%d,%d,%d,%d] to %d, %dx%d stride %d pad %d: %.1e%s", op->name,
         s->x.n, s->x.h, s->x.w, s->x.c, s->channels, s->kernel_h, s->kernel_w,
         s->stride, s->pad, c.residual,
         c.same_bits ? "" : ", other bits with more threads");
  trial_free(&t);
}

static void check_convolutions(void) {
  const nn_op *const ops[] = {&nn_op_conv, &nn_op_conv_data_grad,
                              &nn_op_conv_weight_grad};
  for (int k = 0; k < 3; k++) {
    random_stream random = random_stream_make(11, RANDOM_TEST, 1, 0);
    for (int i = 0; i < NETWORK_LAYERS; i++)
      check_conv(ops[k], &network_layers[i], &random);
    for (int i = 0; i < RANDOM_LAYERS; i++) {
      conv_size s = random_layer(&random);
      check_conv(ops[k], &s, &random);
    }
  }
}

/* Every pattern of sum_to, and of dot_to, at random shapes. */
static void check_reductions(bool products) {
  random_stream random = random_stream_make(11, RANDOM_TEST, 2, 0);
  double worst = 0;
  bool same = true;
  int cases = 0;
  for (int pattern = 0; pattern < 16; pattern++)
    for (int i = 0; i < 4; i++, cases++) {
      nn_shape x = NN_SHAPE(between(&random, 1, 4), between(&random, 1, 90),
                            between(&random, 1, 40), between(&random, 1, 140));
      nn_shape y = NN_SHAPE(pattern & 1 ? 1 : x.n, pattern & 2 ? 1 : x.h,
                            pattern & 4 ? 1 : x.w, pattern & 8 ? 1 : x.c);
      trial t = trial_make();
      nn_id input = trial_uniform(&t, x, &random, -0.5, 1);
      nn_id other = trial_uniform(&t, x, &random, 0.5, 1);
      comparison c =
          compare_kernels(&t, products ? nn_dot_to(t.g, input, other, y)
                                       : nn_sum_to(t.g, input, y));
      if (!(c.residual <= worst || isnan(worst))) worst = c.residual;
      same = same && c.same_bits;
      trial_free(&t);
    }
  tap_ok(worst <= BY_PRECISION(1e-6, 1e-12) && same,
         "%s: %d shapes, residual %.1e%s", products ? "dot_to" : "sum_to",
         cases, worst, same ? "" : ", other bits with more threads");
}

/* Products that fill one block of rows, several, and none; both transposes. */
static void check_matmul(void) {
  random_stream random = random_stream_make(11, RANDOM_TEST, 3, 0);
  double worst = 0;
  bool same = true;
  int cases = 0;
  for (int i = 0; i < 40; i++, cases++) {
    int n = between(&random, 1, 3), rows = between(&random, 1, 300),
        depth = between(&random, 1, 200), columns = between(&random, 1, 140);
    bool ta = i & 1, tb = i & 2;
    trial t = trial_make();
    nn_id a = trial_uniform(
        &t, ta ? NN_SHAPE(n, 1, depth, rows) : NN_SHAPE(n, rows, 1, depth),
        &random, -1, 1);
    nn_id b = trial_uniform(&t,
                            tb ? NN_SHAPE(n, columns, 1, depth)
                               : NN_SHAPE(n, 1, depth, columns),
                            &random, -1, 1);
    comparison c = compare_kernels(&t, nn_matmul(t.g, a, b, ta, tb));
    if (!(c.residual <= worst || isnan(worst))) worst = c.residual;
    same = same && c.same_bits;
    trial_free(&t);
  }
  tap_ok(worst <= BY_PRECISION(1e-6, 1e-14) && same,
         "matmul: %d shapes, residual %.1e%s", cases, worst,
         same ? "" : ", other bits with more threads");
}

/* Any factor and any size, few channels and many; a small image of one pixel or
 * row. */
static void check_upsampling(const nn_op *op) {
  random_stream random = random_stream_make(11, RANDOM_TEST, 5, 0);
  double worst = 0;
  bool same = true;
  int cases = 0;
  for (int i = 0; i < 40; i++, cases++) {
    int factor = between(&random, 1, 9);
    nn_shape s = {between(&random, 1, 3), between(&random, 1, 6),
                  between(&random, 1, 6), between(&random, 1, 150)};
    nn_shape large = NN_SHAPE(s.n, s.h * factor, s.w * factor, s.c);
    if (i % 4 > 1) large.h = between(&random, 1, 30);
    bool adjoint = op == &nn_op_upsample_bilinear_adjoint;
    trial t = trial_make();
    nn_id x = trial_uniform(&t, adjoint ? large : s, &random, -1, 1);
    nn_id y = nn_emit(t.g, (nn_node){.op = op,
                                     .in = {x},
                                     .shape = adjoint ? s : large,
                                     .flag = i % 2 == 0});
    comparison c = compare_kernels(&t, y);
    if (!(c.residual <= worst || isnan(worst))) worst = c.residual;
    same = same && c.same_bits;
    trial_free(&t);
  }
  tap_ok(worst <= BY_PRECISION(1e-6, 1e-14) && same,
         "%s: %d shapes, residual %.1e%s", op->name, cases, worst,
         same ? "" : ", other bits with more threads");
}

static nn_id build_stencil(trial *t, const nn_op *op, nn_shape s,
                           random_stream *random) {
  nn_shape other =
      NN_SHAPE(s.n, between(random, 1, 30), between(random, 1, 30), s.c);
  nn_node node = {.op = op, .shape = other};
  if (op == &nn_op_sobel_adjoint) s.c *= 2;
  node.in[0] = trial_uniform(t, s, random, -1, 1);
  return nn_emit(t->g, node);
}

/* Of kernels without a twin, that go by rows or samples: the bits with more
 * threads. */
static void check_rows(void) {
  static const nn_op *const ops[] = {
      &nn_op_upsample_bicubic, &nn_op_upsample_bicubic_adjoint, &nn_op_sobel,
      &nn_op_sobel_adjoint, &nn_op_global_max};
  random_stream random = random_stream_make(11, RANDOM_TEST, 6, 0);
  for (size_t k = 0; k < sizeof ops / sizeof ops[0]; k++) {
    bool same = true;
    for (int i = 0; i < 10; i++) {
      nn_shape s = {between(&random, 1, 3), between(&random, 1, 20),
                    between(&random, 1, 20), between(&random, 1, 40)};
      trial t = trial_make();
      nn_id y = build_stencil(&t, ops[k], s, &random);
      same = same && compare_kernels(&t, y).same_bits;
      trial_free(&t);
    }
    tap_ok(same, "%s: the same bits with more threads", ops[k]->name);
  }
}

/* Shares of a pass over a weight, as of the discriminator's stages. */
static void check_spectral(void) {
  random_stream random = random_stream_make(11, RANDOM_TEST, 4, 0);
  static const nn_shape weights[] = {
      {3, 3, 3, 20}, {3, 3, 64, 130}, {1, 1, 70, 33}, {1, 1, 2, 1}};
  for (size_t i = 0; i < sizeof weights / sizeof weights[0]; i++) {
    nn_shape s = weights[i];
    trial t = trial_make();
    nn_id w = trial_uniform(&t, s, &random, -1, 1);
    nn_id u = trial_uniform(&t, NN_SHAPE(1, 1, 1, s.c), &random, -1, 1);
    nn_id row = nn_power_iteration(t.g, w, u);
    u = nn_singular_u(t.g, w, row);
    nn_id v = nn_singular_v(t.g, w, row);
    nn_id error = nn_sub(t.g, row, nn_singular_row(t.g, w, v, u));
    nn_id outer =
        nn_emit(t.g, (nn_node){.op = &nn_op_add_outer, .in = {w, v, u}});
    nn_id values =
        nn_reshape(t.g, outer, NN_SHAPE(1, 1, 1, (int)nn_shape_count(s)));
    trial_keep(&t, "error", error);
    comparison c = compare_kernels(&t, nn_concat(t.g, row, values));
    size_t count;
    double *errors = trial_value(&t, "error", &count);
    double largest = 0;
    for (size_t k = 0; k < count; k++) largest = fmax(largest, fabs(errors[k]));
    tap_ok(largest <= BY_PRECISION(1e-5, 1e-13) && c.same_bits,
           "power iteration of [%d,%d,%d,%d]: sigma to %.1e%s", s.n, s.h, s.w,
           s.c, largest, c.same_bits ? "" : ", other bits with more threads");
    free(errors);
    trial_free(&t);
  }
}

/* An operation with a twin that is not compared above. */
static void check_twins(void) {
  for (const nn_op *const *op = nn_ops; *op != NULL; op++)
    if ((*op)->reference != NULL)
      tap_ok(*op == &nn_op_conv || *op == &nn_op_conv_data_grad ||
                 *op == &nn_op_conv_weight_grad || *op == &nn_op_sum_to ||
                 *op == &nn_op_dot_to || *op == &nn_op_matmul ||
                 *op == &nn_op_upsample_bilinear ||
                 *op == &nn_op_upsample_bilinear_adjoint,
             "%s: tuned kernel has a comparison", (*op)->name);
}

/* ---- a whole network ---- */

typedef struct network {
  nn_norm norm;
  double dropout;
  int batch, size, ngf;
  bool training, with_gradients, keep_all;
} network;

/* Inputs: image, and what to come near. */
static trial build_network(const network *n) {
  trial t = trial_make();
  random_stream random = random_stream_make(5, RANDOM_TEST, 0, 0);
  nn_id x = trial_uniform(&t, NN_SHAPE(n->batch, n->size, n->size, 4), &random,
                          -1, 1);
  nn_unet_options options = {.ngf = n->ngf,
                             .norm = n->norm,
                             .training = n->training,
                             .dropout = n->dropout,
                             .prefix = "G/",
                             .init_deviation = 0.05};
  nn_id y = nn_unet(t.g, x, &options);
  trial_keep(&t, "output", y);
  if (n->with_gradients) {
    nn_id real = trial_uniform(&t, nn_shape_of(t.g, y), &random, -1, 1);
    nn_id loss = nn_loss_l1(t.g, y, real);
    nn_report(t.g, "loss", loss);
    nn_minimise(t.g, loss, "G/");
  }
  for (nn_id id = 0; n->keep_all && id < nn_node_count(t.g); id++)
    if (nn_get(t.g, id).op->binding == NN_COMPUTED) nn_keep(t.g, "any", id);
  return t;
}

/* Runs from the state that seed 1 gives; a copy of the results. */
static nn_real *run_network(trial *t, int threads) {
  trial_plan(t, threads, false);
  nn_layout_initialise(nn_plan_layout(t->plan), 1, t->state);
  trial_run(t);
  size_t count = nn_plan_layout(t->plan)->result_size;
  nn_real *copy = test_array(count, sizeof *copy);
  memcpy(copy, t->results, count * sizeof *copy);
  return copy;
}

/* Compares entry by entry: orders and padding may differ. */
static bool same_entries(const nn_layout *a, const nn_real *x,
                         const nn_layout *b, const nn_real *y) {
  for (int i = 0; i < a->entry_count; i++) {
    const nn_entry *one = &a->entries[i];
    const nn_entry *other = nn_layout_find(b, one->name);
    if (other == NULL || other->count != one->count ||
        !same_bits(x + one->offset, y + other->offset, one->count)) {
      tap_note("%s differs", one->name);
      return false;
    }
  }
  return same_bits(x + a->state_size, y + b->state_size,
                   (size_t)a->report_count);
}

static size_t sum_of_values(const nn_graph *g) {
  size_t sum = 0;
  for (nn_id id = 0; id < nn_node_count(g); id++)
    if (nn_get(g, id).op->binding == NN_COMPUTED && !nn_get(g, id).op->view)
      sum += nn_shape_count(nn_shape_of(g, id)) * sizeof(nn_real);
  return sum;
}

static void check_network(const char *what, network n) {
  trial t = build_network(&n), kept;
  n.keep_all = true;
  kept = build_network(&n);
  nn_real *one = run_network(&t, 1);
  size_t arena = nn_plan_arena_bytes(t.plan), all = sum_of_values(t.g);
  tap_ok(3 * arena < 2 * all, "%s: %zu KiB of arena for %zu KiB of values",
         what, arena / 1024, all / 1024);
  trial_run(&t);
  tap_ok(same_bits(one, t.results, nn_plan_layout(t.plan)->state_size),
         "%s: a second run gives the same bits", what);
  nn_real *safe = run_network(&kept, 1);
  const nn_layout *a = nn_plan_layout(t.plan), *b = nn_plan_layout(kept.plan);
  bool finite = true; /* of entries: padding stays as it was */
  for (int i = 0; i < a->entry_count; i++)
    for (size_t k = 0; k < a->entries[i].count; k++)
      if (!isfinite(one[a->entries[i].offset + k])) finite = false;
  tap_ok(finite && same_entries(a, one, b, safe),
         "%s: the same bits where every value keeps a place of its own", what);
  for (int threads = 2; threads <= 3; threads++) {
    nn_real *more = run_network(&t, threads);
    a = nn_plan_layout(t.plan);
    tap_ok(same_entries(a, one, a, more), "%s: the same bits with %d threads",
           what, threads);
    free(more);
  }
  free(one);
  free(safe);
  trial_free(&t);
  trial_free(&kept);
}

/* ---- results announced early ---- */

typedef struct progress {
  nn_real *results;
  size_t last;
  int announcements;
  bool rises;
  nn_real *snapshot; /* values as they were when announced */
} progress;

static void on_completed(void *context, size_t done) {
  progress *p = context;
  p->rises = p->rises && done >= p->last;
  p->announcements += done > p->last;
  for (; p->last < done; p->last++) {
    p->snapshot[p->last] = p->results[p->last];
    p->results[p->last] = (nn_real)NAN; /* it is the caller's from now on */
  }
}

/* Runs a planned trial and checks the announcements; their number. */
static int check_progress(trial *t, const char *what) {
  const nn_layout *layout = nn_plan_layout(t->plan);
  size_t count = layout->result_size;
  progress p = {.results = t->results, .rises = true};
  p.snapshot = test_array(count, sizeof *p.snapshot);
  for (size_t i = 0; i < count; i++) t->results[i] = (nn_real)NAN;
  nn_run_options run = {.state = t->state,
                        .results = t->results,
                        .inputs = (const nn_real *const *)t->values,
                        .completed = on_completed,
                        .context = &p};
  nn_run(t->plan, &run);
  for (size_t i = 0; i < count; i++) t->results[i] = (nn_real)NAN;
  run.completed = NULL;
  nn_run(t->plan, &run);
  bool final = p.last >= layout->state_size + (size_t)layout->report_count &&
               p.last <= count && same_bits(p.snapshot, t->results, p.last);
  if (what != NULL || !final || !p.rises)
    tap_ok(final && p.rises, "%s: %d announcements, each final and not read",
           what != NULL ? what : "a random graph", p.announcements);
  free(p.snapshot);
  return p.announcements;
}

static void check_announcements(void) {
  network n = {NN_BATCH_NORM, 0.5, 2, 32, 4, true, true, false};
  trial t = build_network(&n);
  trial_plan(&t, 1, false);
  nn_layout_initialise(nn_plan_layout(t.plan), 1, t.state);
  int calls = check_progress(&t, "U-Net");
  tap_ok(calls >= 10, "U-Net: gradients are announced in many parts");
  trial_free(&t);

  /* two parameters with one and the same gradient */
  t = trial_make();
  nn_shape s = NN_SHAPE(1, 1, 1, 20);
  nn_id a = nn_parameter(t.g, "a", s, 1, NN_INIT_CONSTANT, 1, 0);
  nn_id b = nn_parameter(t.g, "b", s, 1, NN_INIT_CONSTANT, 2, 0);
  nn_id c = nn_parameter(t.g, "c", s, 1, NN_INIT_CONSTANT, 2, 0);
  nn_id sum = nn_add(t.g, nn_add(t.g, a, b), c);
  nn_id loss = nn_sum(t.g, nn_square(t.g, nn_tanh(t.g, sum)));
  nn_report(t.g, "loss", loss);
  nn_minimise(t.g, loss, "");
  trial_plan(&t, 1, false);
  nn_layout_initialise(nn_plan_layout(t.plan), 1, t.state);
  check_progress(&t, "one gradient for three parameters");
  trial_free(&t);

  /* gradients that are views */
  t = trial_make();
  random_stream random = random_stream_make(5, RANDOM_TEST, 1, 0);
  nn_id x = trial_uniform(&t, NN_SHAPE(1, 4, 5, 1), &random, -1, 1);
  loss = NN_NONE;
  for (int i = 0; i < 3; i++) {
    char name[16];
    snprintf(name, sizeof name, "p%d", i);
    nn_id p = nn_parameter(t.g, name, s, 1, NN_INIT_NORMAL, 0, 1);
    nn_id image = nn_reshape(t.g, p, NN_SHAPE(1, 4, 5, 1));
    loss = nn_accumulate(t.g, loss,
                         nn_sum(t.g, nn_tanh(t.g, nn_mul(t.g, image, x))));
  }
  nn_report(t.g, "loss", loss);
  nn_minimise(t.g, loss, "");
  trial_plan(&t, 1, false);
  nn_layout_initialise(nn_plan_layout(t.plan), 1, t.state);
  check_progress(&t, "gradients that are views");
  trial_free(&t);
}

/* A value may be kept, reported and be a buffer's new value at once. */
static void check_shared_results(void) {
  trial t = trial_make();
  nn_id buffer = nn_buffer(t.g, "count", NN_SCALAR, 0, NN_INIT_CONSTANT, 3, 0);
  nn_id twin = nn_buffer(t.g, "twin", NN_SCALAR, 0, NN_INIT_CONSTANT, 5, 0);
  nn_id next = nn_affine(t.g, buffer, 1, 1);
  nn_set_buffer(t.g, buffer, next);
  nn_set_buffer(t.g, twin, next);
  nn_report(t.g, "next", next);
  nn_report(t.g, "before", buffer);
  nn_keep(t.g, "next", next);
  nn_keep(t.g, "view", nn_reshape(t.g, next, NN_SCALAR));
  nn_keep(t.g, "before", buffer);
  trial_plan(&t, 1, false);
  const nn_layout *layout = nn_plan_layout(t.plan);
  nn_layout_initialise(layout, 1, t.state);
  trial_run(&t);
  size_t first = nn_layout_find(layout, "count")->offset;
  size_t second = nn_layout_find(layout, "twin")->offset;
  tap_ok(t.results[first] == 4 && t.results[second] == 4 &&
             trial_report(&t, "next") == 4 && trial_report(&t, "before") == 3 &&
             *nn_plan_value(t.plan, "next") == 4 &&
             *nn_plan_value(t.plan, "view") == 4 &&
             *nn_plan_value(t.plan, "before") == 3,
         "a value that is kept, reported and set twice");
  check_progress(&t, "shared results");
  trial_free(&t);
}

/* ---- random graphs: places against places of one's own ---- */

enum { RANDOM_NODES = 24 };

static nn_id random_node(trial *t, random_stream *random, const nn_id *pool,
                         int count) {
  nn_graph *g = t->g;
  nn_id x = pool[between(random, 0, count - 1)];
  nn_id y = pool[between(random, 0, count - 1)];
  nn_shape s = nn_shape_of(g, x);
  switch (between(random, 0, 15)) {
  case 0: return nn_axpby(g, 0.5, x, 0.25, y);
  case 1: return nn_mul(g, nn_tanh(g, x), y);
  case 2: return nn_affine(g, x, -0.5, 0.1);
  case 3: return nn_leaky_relu(g, x, 0.2);
  case 4: return nn_tanh(g, x);
  case 5: return nn_sigmoid(g, x);
  case 6: return nn_div(g, x, nn_affine(g, nn_square(g, y), 1, 1));
  case 7: return nn_clamp_min(g, x, 0);
  case 8:
    return nn_reshape(g, nn_reshape(g, x, NN_SHAPE(1, 1, s.n, s.h * s.w * s.c)),
                      s);
  case 9: {
    nn_id slice = nn_slice(g, x, s.c / 2, s.c - s.c / 2);
    return s.c < 2 ? x : nn_concat(g, slice, nn_slice(g, y, 0, s.c / 2));
  }
  case 10: return nn_mul(g, x, nn_sum_to(g, y, NN_SHAPE(s.n, 1, 1, s.c)));
  case 11: return nn_normalise(g, x, true, 0.1, NULL);
  case 12: return nn_normalise(g, nn_add(g, x, y), false, 0.1, NULL);
  case 13: return nn_add(g, x, nn_stop_gradient(g, y));
  case 14: return nn_abs(g, nn_sub(g, x, y));
  default: return nn_mul(g, x, nn_dropout_mask(g, s, 0.3, count));
  }
}

static trial build_random(int number, bool keep_all) {
  trial t = trial_make();
  random_stream random =
      random_stream_make(23, RANDOM_TEST, (uint64_t)number, 0);
  nn_shape s = NN_SHAPE(2, between(&random, 1, 4), between(&random, 1, 4),
                        between(&random, 1, 6));
  nn_id pool[RANDOM_NODES + 4];
  int count = 0;
  pool[count++] = trial_uniform(&t, s, &random, -1, 1);
  for (int i = 0; i < 3; i++) {
    char name[16];
    snprintf(name, sizeof name, "p%d", i);
    pool[count++] = nn_parameter(t.g, name, s, 4, NN_INIT_NORMAL, 0, 0.7);
  }
  for (int i = 0; i < RANDOM_NODES; i++, count++)
    pool[count] = random_node(&t, &random, pool, count);
  nn_id loss = nn_mean(t.g, nn_square(t.g, pool[count - 1]));
  for (int i = 0; i < 3; i++)
    loss = nn_add(
        t.g, loss,
        nn_mean(t.g, nn_tanh(t.g, pool[between(&random, 0, count - 1)])));
  /* a penalty on the gradient by the input */
  nn_id gradient;
  nn_grad(t.g, loss, pool, 1, &gradient);
  loss = nn_add(t.g, loss, nn_mean(t.g, nn_square(t.g, gradient)));
  nn_report(t.g, "loss", loss);
  nn_minimise(t.g, loss, "p");
  for (nn_id id = 0; keep_all && id < nn_node_count(t.g); id++)
    if (nn_get(t.g, id).op->binding == NN_COMPUTED) nn_keep(t.g, "any", id);
  return t;
}

static void check_random_graphs(void) {
  enum { GRAPHS = 300 };
  int good = 0, smaller = 0;
  for (int i = 0; i < GRAPHS; i++) {
    trial t = build_random(i, false), kept = build_random(i, true);
    nn_real *one = run_network(&t, 1), *safe = run_network(&kept, 1);
    if (isfinite(trial_report(&t, "loss")) &&
        same_entries(nn_plan_layout(t.plan), one, nn_plan_layout(kept.plan),
                     safe))
      good++;
    else
      tap_note("random graph %d differs", i);
    if (nn_plan_arena_bytes(t.plan) < nn_plan_arena_bytes(kept.plan)) smaller++;
    check_progress(&t, NULL);
    free(one);
    free(safe);
    trial_free(&t);
    trial_free(&kept);
  }
  tap_ok(good == GRAPHS && smaller == GRAPHS,
         "%d of %d random graphs: the same bits in less memory", good, GRAPHS);
}

/* ---- layouts ---- */

static void check_layout(void) {
  network n = {NN_BATCH_NORM, 0.5, 2, 32, 4, true, true, false};
  trial t = build_network(&n);
  trial_plan(&t, 1, false);
  const nn_layout *layout = nn_plan_layout(t.plan);
  bool ordered = true;
  size_t end = 0;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    ordered = ordered && e->offset >= end &&
              e->trainable == (e->offset < layout->parameter_size) &&
              e->count == nn_shape_count(e->shape);
    end = e->offset + e->count;
  }
  tap_ok(ordered && end <= layout->state_size &&
             layout->state_size + (size_t)layout->report_count <=
                 layout->result_size,
         "layout: entries in order, parameters before buffers");

  /* the public form of every entry, there and back */
  nn_layout_initialise(layout, 3, t.state);
  nn_real *copy = test_array(layout->state_size, sizeof *copy);
  nn_real *public = test_array(layout->state_size, sizeof *public);
  bool good = true;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    uint64_t shape[4] = {1, 1, 1, 1}, count = 1;
    int rank = nn_entry_public_shape(e, shape);
    for (int k = 0; k < rank; k++) count *= shape[k];
    nn_entry_export(e, t.state, public);
    nn_entry_import(e, public, copy);
    good = good && count == e->count && rank == e->rank;
    if (rank != 4) continue;
    /* [b,a,y,x] outside is [y,x,a,b] inside */
    for (uint64_t b = 0; b < shape[0]; b++)
      for (uint64_t a = 0; a < shape[1]; a++)
        for (uint64_t k = 0; k < shape[2] * shape[3]; k++)
          if (public[(b * shape[1] + a) * shape[2] * shape[3] + k] !=
              t.state[e->offset + (k * shape[1] + a) * shape[0] + b])
            good = false;
  }
  tap_ok(good && same_bits(copy, t.state, layout->state_size),
         "layout: export and import of %d entries", layout->entry_count);
  free(copy);
  free(public);
  trial_free(&t);
}

/* A plan for inference on the state of training. */
static void check_adopted_layout(void) {
  network n = {NN_BATCH_NORM, 0.5, 2, 32, 4, true, true, false};
  trial train = build_network(&n);
  n.training = n.with_gradients = false;
  trial infer = build_network(&n);
  trial_plan(&train, 1, false);
  const nn_layout *layout = nn_plan_layout(train.plan);
  nn_layout_initialise(layout, 3, train.state);
  trial_plan(&infer, 1, false); /* with a layout of its own */
  nn_layout_initialise(nn_plan_layout(infer.plan), 3, infer.state);
  trial_run(&infer);
  size_t count;
  double *want = trial_value(&infer, "output", &count);
  nn_plan_destroy(&infer.plan);
  nn_plan_options options = {.threads = 2, .layout = layout};
  if (nn_plan_create(infer.g, &options, &infer.plan) != STATUS_OK)
    test_failed("%s", status_message());
  const nn_layout *adopted = nn_plan_layout(infer.plan);
  nn_real *results = test_array(adopted->result_size, sizeof *results);
  nn_run_options run = {.state = train.state,
                        .results = results,
                        .inputs = (const nn_real *const *)infer.values};
  nn_run(infer.plan, &run);
  double *got = trial_value(&infer, "output", &count);
  tap_ok(tap_largest_difference(got, want, count) == 0 &&
             adopted->state_size == layout->state_size &&
             adopted->report_count == 0,
         "an inference plan runs on the training state");
  free(got);
  free(want);
  free(results);
  trial_free(&train);
  trial_free(&infer);
}

static void check_initialisation(void) {
  network small = {NN_BATCH_NORM, 0, 1, 32, 4, true, true, false};
  network other = {NN_BATCH_NORM, 0.5, 2, 64, 4, false, false, false};
  trial a = build_network(&small), b = build_network(&other);
  trial_plan(&a, 1, false);
  trial_plan(&b, 1, false);
  const nn_layout *la = nn_plan_layout(a.plan), *lb = nn_plan_layout(b.plan);
  nn_layout_initialise(la, 42, a.state);
  nn_layout_initialise(lb, 42, b.state);
  bool same = true;
  int compared = 0;
  double sum = 0, square = 0, count = 0;
  for (int i = 0; i < la->entry_count; i++) {
    const nn_entry *one = &la->entries[i], *two = nn_layout_find(lb, one->name);
    if (one->rank == 4)
      for (size_t k = 0; k < one->count; k++, count++) {
        sum += (double)a.state[one->offset + k];
        square += pow((double)a.state[one->offset + k], 2);
      }
    if (two == NULL || two->count != one->count) continue;
    compared++;
    same = same &&
           same_bits(a.state + one->offset, b.state + two->offset, one->count);
  }
  tap_ok(same && compared > 20, "%d entries start alike in two networks",
         compared);
  double deviation = sqrt(square / count);
  tap_ok(fabs(deviation - 0.05) < 0.05 * 4 / sqrt(2 * count) &&
             fabs(sum / count) < 0.05 * 4 / sqrt(count),
         "weights start with mean %.1e and deviation %.5f", sum / count,
         deviation);
  const nn_entry *e = nn_layout_find(la, "G/model.model.0.weight");
  nn_real first = a.state[e->offset];
  nn_layout_initialise(la, 43, a.state);
  tap_ok(a.state[e->offset] != first, "another seed gives other weights");
  trial_free(&a);
  trial_free(&b);
}

/* ---- dropout ---- */

/* Masks of `batch` samples from `first` on, of two layers. */
static double *dropout_masks(int batch, uint64_t first, uint64_t seed, double p,
                             int threads, size_t *count) {
  trial t = trial_make();
  nn_shape s = NN_SHAPE(batch, 16, 16, 32);
  nn_id a = nn_dropout_mask(t.g, s, p, 4), b = nn_dropout_mask(t.g, s, p, 5);
  trial_keep(&t, "masks", nn_concat(t.g, a, b));
  trial_plan(&t, threads, false);
  t.seed = seed;
  t.first_sample = first;
  trial_run(&t);
  double *masks = trial_value(&t, "masks", count);
  trial_free(&t);
  return masks;
}

static double agreement(const double *a, const double *b, size_t count) {
  size_t equal = 0;
  for (size_t i = 0; i < count; i++) equal += a[i] == b[i];
  return (double)equal / (double)count;
}

/* Numbers of the sample's stream, one after the other: a last block is not
 * whole. */
static void check_dropout_stream(void) {
  trial t = trial_make();
  nn_shape s = NN_SHAPE(2, 3, 5, 139);
  trial_keep(&t, "mask", nn_dropout_mask(t.g, s, 0.5, 4));
  trial_plan(&t, 2, false);
  t.seed = 9;
  t.first_sample = 10;
  trial_run(&t);
  size_t count, size;
  double *mask = trial_value(&t, "mask", &count);
  bool good = true;
  size = count / 2;
  for (size_t n = 0; n < 2; n++) {
    random_stream stream = random_stream_make(9, RANDOM_DROPOUT, 10 + n, 4);
    for (size_t i = 0; i < size; i++)
      if ((mask[n * size + i] != 0) != (random_u32(&stream) >= 0x7FFFFFFFu))
        good = false;
  }
  tap_ok(good, "dropout: a sample's mask is its stream's numbers in order");
  free(mask);
  trial_free(&t);
}

static void check_dropout(void) {
  size_t count, half;
  double p = 0.3;
  double *four = dropout_masks(4, 10, 9, p, 3, &count);
  double *first = dropout_masks(2, 10, 9, p, 1, &half);
  double *second = dropout_masks(2, 12, 9, p, 2, &half);
  double *reseeded = dropout_masks(4, 10, 8, p, 1, &count);
  tap_ok(agreement(four, first, half) == 1 &&
             agreement(four + half, second, half) == 1,
         "dropout: a sample's mask depends on its position, not on its batch");
  size_t kept = 0;
  bool two_values = true;
  nn_real keep = (nn_real)(1 / (1 - p));
  for (size_t i = 0; i < count; i++) {
    kept += four[i] != 0;
    if (four[i] != 0 && four[i] != (double)keep) two_values = false;
  }
  double share = (double)kept / (double)count;
  tap_ok(two_values &&
             fabs(share - (1 - p)) < 4 * sqrt(p * (1 - p) / (double)count),
         "dropout: keeps %.4f at p = %.1f", share, p);
  /* independent masks agree where both keep or both drop */
  double chance = p * p + (1 - p) * (1 - p);
  double layers = 0;
  for (size_t pixel = 0; pixel < count / 64; pixel++)
    layers += agreement(four + pixel * 64, four + pixel * 64 + 32, 32) /
              ((double)count / 64);
  tap_ok(fabs(agreement(four, reseeded, count) - chance) < 0.01 &&
             fabs(agreement(four, four + half, half) - chance) < 0.01 &&
             fabs(layers - chance) < 0.01,
         "dropout: seeds, samples and layers are independent");
  free(four);
  free(first);
  free(second);
  free(reseeded);
}

/* ---- models ---- */

static void check_refusals(void) {
  nn_model_options good = small_unet();
  good.ngf = 4;
  good.lambda_l1 = 100;
  enum { BAD = 7 };
  nn_model_options bad[BAD];
  for (int i = 0; i < BAD; i++) bad[i] = good;
  bad[0].style_layers = 0;
  bad[1].size = 100;
  bad[2].size = 0;
  bad[3].ngf = 0;
  bad[4].dropout = NAN;
  bad[5].gan = NN_GAN_WGANGP; /* without a width */
  bad[6].style_code = true;
  int refused = 0;
  const nn_plan_options plan = {.threads = 1};
  for (int i = 0; i < BAD; i++) {
    nn_system *s;
    if (nn_system_create(&bad[i], &plan, &s) == STATUS_USAGE &&
        strstr(status_message(), "--") != NULL)
      refused++;
    nn_system_destroy(&s);
  }
  tap_ok(refused == BAD, "models: %d of %d wrong options are refused by name",
         refused, BAD);
}

/* NaN must not be lost on the way to the loss: divergence has to show. */
static void check_nan(void) {
  trial t = trial_make();
  nn_shape s = NN_SHAPE(1, 2, 2, 3);
  random_stream random = random_stream_make(5, RANDOM_TEST, 4, 0);
  nn_id x = trial_uniform(&t, s, &random, 1, 2);
  trial_input(&t, x)[5] = (nn_real)NAN;
  nn_graph *g = t.g;
  nn_report(g, "leaky", nn_sum(g, nn_leaky_relu(g, x, 0.2)));
  nn_report(g, "relu", nn_sum(g, nn_leaky_relu(g, x, 0)));
  nn_report(g, "clamp", nn_sum(g, nn_clamp_min(g, x, 0)));
  nn_report(g, "sigmoid", nn_sum(g, nn_sigmoid(g, x)));
  nn_report(g, "tanh", nn_sum(g, nn_tanh(g, x)));
  nn_report(g, "elu", nn_sum(g, nn_elu(g, x)));
  nn_report(g, "bounded", nn_sum(g, nn_clamp(g, x, 0, 1)));
  nn_report(g, "maximum", nn_sum(g, nn_global_max(g, x)));
  nn_report(g, "softplus", nn_sum(g, nn_softplus(g, x)));
  nn_report(g, "abs", nn_sum(g, nn_abs(g, x)));
  nn_report(g, "norm", nn_sum(g, nn_normalise(g, x, false, 1e-5, NULL)));
  nn_report(g, "pool", nn_sum(g, nn_max_pool2(g, x)));
  trial_plan(&t, 1, false);
  trial_run(&t);
  const nn_layout *layout = nn_plan_layout(t.plan);
  for (int i = 0; i < layout->report_count; i++)
    tap_ok(isnan(t.results[layout->state_size + (size_t)i]),
           "a NaN goes through %s", layout->reports[i]);
  trial_free(&t);
}

/* exp and tanh are polynomials in float. */
static void check_curves(void) {
  enum { POINTS = 4001 };
  trial t = trial_make();
  random_stream random = random_stream_make(5, RANDOM_TEST, 0, 0);
  nn_id x = trial_uniform(&t, NN_SHAPE(1, 1, POINTS, 1), &random, -1, 1);
  nn_real *in = trial_input(&t, x);
  for (int i = 0; i < POINTS; i++) in[i] *= i % 4 == 0 ? 100 : i % 4 * 0.5F;
  trial_keep(&t, "tanh", nn_tanh(t.g, x));
  trial_keep(&t, "sigmoid", nn_sigmoid(t.g, x));
  trial_keep(&t, "elu", nn_elu(t.g, x));
  trial_plan(&t, 1, false);
  trial_run(&t);
  double worst[3] = {0};
  size_t count;
  double *a = trial_value(&t, "tanh", &count);
  double *b = trial_value(&t, "sigmoid", &count);
  double *c = trial_value(&t, "elu", &count);
  for (size_t i = 0; i < count; i++) {
    double want = tanh((double)in[i]);
    double of_tanh = fabs(a[i] - want) / fmax(fabs(want), 1e-6);
    worst[0] = fmax(worst[0], of_tanh);
    worst[1] = fmax(worst[1], fabs(b[i] - 1 / (1 + exp(-(double)in[i]))));
    want = in[i] > 0 ? (double)in[i] : expm1((double)in[i]);
    worst[2] = fmax(worst[2], fabs(c[i] - want) / fmax(fabs(want), 1e-6));
  }
  double limit = BY_PRECISION(5e-7, 1e-14);
  tap_ok(worst[0] <= limit, "tanh, relative error %.2g", worst[0]);
  tap_ok(worst[1] <= limit, "sigmoid, error %.2g", worst[1]);
  tap_ok(worst[2] <= limit, "elu, relative error %.2g", worst[2]);
  free(a);
  free(b);
  free(c);
  trial_free(&t);
}

int main(void) {
  check_twins();
  check_curves();
  check_convolutions();
  check_reductions(false);
  check_reductions(true);
  check_matmul();
  check_upsampling(&nn_op_upsample_bilinear);
  check_upsampling(&nn_op_upsample_bilinear_adjoint);
  check_rows();
  check_spectral();
  check_network("instance norm, dropout",
                (network){NN_INSTANCE_NORM, 0.5, 2, 64, 8, true, true, false});
  check_network("batch norm, batch of 3",
                (network){NN_BATCH_NORM, 0, 3, 32, 12, true, true, false});
  check_random_graphs();
  check_shared_results();
  check_announcements();
  check_layout();
  check_adopted_layout();
  check_initialisation();
  check_dropout_stream();
  check_dropout();
  check_refusals();
  check_nan();
  return tap_done();
}
