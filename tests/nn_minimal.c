/* Convolution solvers: each one that applies or, of minimal filtering, could be
 * used, against the definition in double and against the rounding errors of
 * matrix products over all taps; the code of the filters' transforms against
 * their matrices; and what is chosen for the networks' layers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/conv/conv_minimal.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

typedef struct layer {
  int batch, height, width, in, out, kernel, stride, pad;
} layer;

static const nn_op *const op_of[NN_PARTIALS] = {
    &nn_op_conv, &nn_op_conv_data_grad, &nn_op_conv_weight_grad};

/* ---- one layer: x, w, y, one of which is computed ---- */

typedef struct problem {
  nn_conv_case c;    /* its partial is that which is tested */
  nn_shape shape[3]; /* of x, w, y */
  nn_real *values[3];
} problem;

enum { X, W, Y };

/* Activations behind a relu, He's weights, gradients with many small values and
 * some large, zero where a relu was shut. */
static problem problem_make(const layer *l) {
  nn_shape x = NN_SHAPE(l->batch, l->height, l->width, l->in);
  nn_shape w = NN_SHAPE(l->kernel, l->kernel, l->in, l->out);
  nn_shape y =
      NN_SHAPE(l->batch, (l->height + 2 * l->pad - l->kernel) / l->stride + 1,
               (l->width + 2 * l->pad - l->kernel) / l->stride + 1, l->out);
  problem p = {.shape = {x, w, y}};
  const nn_node node = {
      .op = &nn_op_conv, .shape = y, .stride = l->stride, .pad = l->pad};
  p.c = nn_conv_case_of(&node, p.shape);
  random_stream random = random_stream_make(21, RANDOM_TEST, 0, 0);
  double deviation = sqrt(2.0 / (l->kernel * l->kernel * l->in));
  for (int k = 0; k < 3; k++) {
    size_t count = nn_shape_count(p.shape[k]);
    p.values[k] = test_array(count, sizeof(nn_real));
    for (size_t i = 0; i < count; i++) {
      double v = random_normal(&random);
      if (k == X) v = v > 0 ? v : 0;
      if (k == W) v *= deviation;
      if (k == Y)
        v *= random_below(&random, 2) ? exp(random_normal(&random)) : 0;
      p.values[k][i] = (nn_real)v;
    }
  }
  return p;
}

/* Zeroes x and y but for a rectangle of each image; the first has none. */
static void problem_mask(problem *p) {
  p->c.masked = true;
  for (int k = X; k <= Y; k += Y - X) {
    nn_shape s = p->shape[k];
    size_t channels = (size_t)s.c;
    for (int i = 0; i < s.n * s.h * s.w; i++) {
      int image = i / s.w / s.h, row = i / s.w % s.h, column = i % s.w;
      bool inside = (image > 0 || s.n == 1) && row >= s.h / 4 &&
                    row < s.h - s.h / 3 && column >= s.w / 3 && column % 7 != 5;
      if (!inside)
        memset(p->values[k] + (size_t)i * channels, 0,
               channels * sizeof *p->values[k]);
    }
  }
}

static void problem_free(problem *p) {
  for (int k = 0; k < 3; k++) free(p->values[k]);
}

static const int result_of[] = {Y, X, W}; /* by nn_conv_partial */

/* The definition, summed in double. */
static double *exact(const problem *p) {
  const nn_conv_case *c = &p->c;
  nn_conv_partial which = c->partial;
  double *sum =
      test_array(nn_shape_count(p->shape[result_of[which]]), sizeof *sum);
  size_t out = (size_t)c->out_c;
  for (int n = 0; n < c->batch; n++)
    for (int oy = 0; oy < c->out_h; oy++)
      for (int ox = 0; ox < c->out_w; ox++)
        for (int tap = 0; tap < c->kernel_h * c->kernel_w; tap++) {
          int iy = oy * c->stride + tap / c->kernel_w - c->pad;
          int ix = ox * c->stride + tap % c->kernel_w - c->pad;
          if (iy < 0 || iy >= c->in_h || ix < 0 || ix >= c->in_w) continue;
          size_t y = (size_t)((n * c->out_h + oy) * c->out_w + ox) * out;
          size_t x =
              (size_t)((n * c->in_h + iy) * c->in_w + ix) * (size_t)c->in_c;
          size_t w = (size_t)tap * (size_t)c->in_c * out;
          for (size_t i = 0; i < (size_t)c->in_c; i++, w += out)
            for (size_t o = 0; o < out; o++) {
              double xv = (double)p->values[X][x + i];
              double wv = (double)p->values[W][w + o];
              double yv = (double)p->values[Y][y + o];
              switch (which) {
              case NN_PARTIAL_Y: sum[y + o] += xv * wv; break;
              case NN_PARTIAL_X: sum[x + i] += yv * wv; break;
              case NN_PARTIAL_W: sum[w + o] += xv * yv; break;
              }
            }
        }
  return sum;
}

/* The result by a solver. Whatever it does not write is NaN. */
static nn_real *compute(const problem *p, const nn_conv_solver *solver,
                        int threads) {
  nn_conv_partial which = p->c.partial;
  nn_shape shape = p->shape[result_of[which]];
  nn_call call = {.shape = shape, .threads = threads};
  for (int k = 0, i = 0; k < 3; k++) {
    int from = which == NN_PARTIAL_X ? 2 - k : k; /* gy comes before w */
    if (from == result_of[which]) continue;
    call.in[i] = p->values[from];
    call.in_shape[i++] = p->shape[from];
  }
  size_t count = nn_shape_count(shape), of_map = nn_conv_map_scratch(&p->c);
  size_t bytes = of_map + solver->scratch(solver, &p->c, threads);
  nn_real *scratch = test_array(bytes / sizeof *scratch, sizeof *scratch);
  call.scratch = scratch;
  call.out = test_array(count, sizeof *call.out);
  for (size_t i = 0; i < bytes / sizeof *scratch; i++)
    scratch[i] = (nn_real)NAN;
  for (size_t i = 0; i < count; i++) call.out[i] = (nn_real)NAN;
  nn_conv_map map = nn_conv_map_of(&call, &p->c);
  call.scratch = (char *)scratch + of_map;
  solver->run(solver, &p->c, &call, &map);
  free(scratch);
  return call.out;
}

static double residual(const nn_real *got, const double *want, size_t count) {
  double *values = test_array(count, sizeof *values);
  for (size_t i = 0; i < count; i++) values[i] = (double)got[i];
  double result = tap_residual(values, want, count);
  free(values);
  return result;
}

/* Prescott's products, sums in several parts, round less than the others'. */
static double times_direct(void) {
  return strcmp(nn_blas_core(), "Prescott") == 0 ? 5 : 4;
}

static bool same_with_threads(const problem *p, const nn_conv_solver *solver,
                              const nn_real *got) {
  size_t size = nn_shape_count(p->shape[result_of[p->c.partial]]) * sizeof *got;
  bool same = true;
  for (int threads = 1; threads <= 3; threads++) {
    nn_real *again = compute(p, solver, threads);
    if (memcmp(got, again, size) != 0) same = false;
    free(again);
  }
  return same;
}

/* An error of at most `limit` in float, and the same bits again and with more
 * threads. */
static void check_solver(const problem *p, const char *sizes,
                         const nn_conv_solver *solver, const double *want,
                         double limit) {
  size_t count = nn_shape_count(p->shape[result_of[p->c.partial]]);
  nn_real *got = compute(p, solver, 1);
  double error = residual(got, want, count);
  bool same = same_with_threads(p, solver, got);
  if (sizeof(nn_real) != sizeof(float)) limit = 4e-15;
  tap_ok(error <= limit && same, "%s of %s%s by %s: %.1e%s",
         op_of[p->c.partial]->name, sizes, p->c.masked ? ", masked" : "",
         solver->name, error,
         same ? "" : "; other bits again or with more threads");
  free(got);
}

/* The one that multiplies with every tap: there always is exactly one. */
static const nn_conv_solver *direct_of(const nn_conv_case *c) {
  const nn_conv_solver *direct = NULL;
  for (const nn_conv_solver *const *s = nn_conv_solvers[c->partial]; *s != NULL;
       s++) {
    if ((*s)->filter != NULL || !(*s)->applies(*s, c)) continue;
    if (direct != NULL) test_failed("two solvers multiply with every tap");
    direct = *s;
  }
  if (direct == NULL) test_failed("no solver multiplies with every tap");
  return direct;
}

/* All solvers that can compute it. A filter that is chosen may have four times
 * the error of the direct product. */
static void check_partial(problem *p, const char *sizes,
                          nn_conv_partial which) {
  p->c.partial = which;
  size_t count = nn_shape_count(p->shape[result_of[which]]);
  const nn_conv_solver *chosen = nn_conv_choose(&p->c);
  const nn_conv_solver *direct = direct_of(&p->c);
  double *want = exact(p);
  nn_real *got = compute(p, direct, 1);
  double error = residual(got, want, count);
  check_solver(p, sizes, direct, want, 2e-6);
  for (const nn_conv_solver *const *s = nn_conv_solvers[which]; *s != NULL;
       s++) {
    bool strict = *s == chosen && !p->c.masked;
    if ((*s)->filter != NULL && nn_minimal_fits((*s)->filter, &p->c))
      check_solver(p, sizes, *s, want, strict ? times_direct() * error : 2e-6);
  }
  free(want);
  free(got);
}

/* Channels and pixels of the networks' layers, as far as plain loops go; then
 * odd sizes, images below a tile, all paddings, several panels. */
static const layer layers[] = {
    {1, 48, 48, 16, 16, 3, 1, 1},   {4, 32, 32, 16, 32, 3, 1, 1},
    {2, 32, 32, 32, 32, 3, 1, 1},   {1, 48, 48, 64, 64, 3, 1, 1},
    {4, 32, 32, 64, 16, 3, 1, 1},   {4, 16, 16, 64, 128, 3, 1, 1},
    {1, 32, 32, 128, 32, 3, 1, 1},  {1, 16, 16, 256, 64, 3, 1, 1},
    {1, 16, 16, 64, 256, 3, 1, 1},  {4, 8, 8, 512, 64, 3, 1, 1},
    {4, 8, 8, 64, 512, 3, 1, 1},    {1, 40, 40, 80, 80, 3, 1, 1},
    {1, 24, 24, 320, 48, 3, 1, 1},  {4, 32, 32, 16, 32, 4, 2, 1},
    {1, 64, 64, 3, 64, 4, 2, 1},    {1, 32, 32, 128, 64, 4, 2, 1},
    {1, 1, 1, 1, 1, 3, 1, 1},       {3, 5, 2, 3, 7, 3, 1, 1},
    {2, 7, 9, 17, 19, 3, 1, 1},     {1, 33, 31, 65, 5, 3, 1, 1},
    {5, 3, 41, 2, 130, 3, 1, 1},    {2, 6, 11, 4, 3, 3, 1, 0},
    {2, 9, 4, 3, 5, 3, 1, 2},       {1, 3, 3, 5, 2, 3, 1, 0},
    {7, 41, 40, 3, 1, 3, 1, 1},     {2, 21, 37, 130, 67, 3, 1, 1},
    {1, 4, 4, 3, 2, 4, 2, 1},       {3, 41, 44, 24, 33, 4, 2, 1},
    {2, 66, 70, 17, 19, 4, 2, 1},   {2, 9, 13, 3, 4, 4, 2, 0},
    {1, 8, 7, 70, 3, 4, 2, 2},      {2, 6, 5, 3, 4, 4, 2, 3},
    {2, 9, 8, 3, 4, 2, 1, 0},       {2, 13, 17, 3, 4, 6, 2, 2},
    {1, 22, 20, 5, 6, 9, 3, 4},     {1, 32, 32, 64, 256, 4, 2, 1},
    {1, 16, 16, 130, 256, 4, 2, 1}, {2, 64, 64, 64, 130, 4, 2, 1},
    {4, 4, 4, 64, 128, 3, 1, 1},    {1, 63, 63, 16, 24, 3, 2, 0},
    {3, 31, 33, 40, 70, 3, 2, 0},   {6, 7, 7, 96, 64, 3, 2, 0},
    {2, 3, 3, 16, 64, 3, 1, 0},     {1, 64, 64, 3, 16, 3, 2, 0},
};

static double multiply_adds(const problem *p) {
  const nn_conv_case *c = &p->c;
  return (double)nn_conv_pixels(c) * c->kernel_h * c->kernel_w * c->in_c *
         c->out_c;
}

static void check_filters(void) {
  for (size_t i = 0; i < sizeof layers / sizeof layers[0]; i++) {
    const layer *l = &layers[i];
    problem p = problem_make(l);
    char sizes[96];
    snprintf(sizes, sizeof sizes, "[%d,%d,%d,%d] to %d, %dx%d pad %d", l->batch,
             l->height, l->width, l->in, l->out, l->kernel, l->kernel, l->pad);
    bool large = multiply_adds(&p) > 2e7; /* the definition takes its time */
    for (int masked = 0; masked < (large ? 1 : 2); masked++) {
      if (masked) problem_mask(&p);
      check_partial(&p, sizes, NN_PARTIAL_Y);
      check_partial(&p, sizes, NN_PARTIAL_X);
      check_partial(&p, sizes, NN_PARTIAL_W);
    }
    problem_free(&p);
  }
}

/* ---- the code of the transforms against their matrices ---- */

enum { PLACES = NN_MINIMAL_PLACES };

/* Matrix M of a transform T(d) = L d L', L [to][from] at `l`, or its transpose:
 * what a unit at each place of d becomes, at each place of the result. */
static double largest_difference(nn_minimal_transform *transform,
                                 const double *l, int from, int to,
                                 bool transposed) {
  double largest = 0;
  for (int unit = 0; unit < from * from; unit++) {
    nn_real in[PLACES] = {0}, out[PLACES] = {0};
    const nn_real *inputs[PLACES];
    nn_real *outputs[PLACES];
    for (int i = 0; i < from * from; i++) inputs[i] = &in[i];
    for (int i = 0; i < to * to; i++) outputs[i] = &out[i];
    in[unit] = 1;
    transform(1, inputs, outputs);
    for (int i = 0; i < to * to; i++) {
      int row = i / to, column = i % to, y = unit / from, x = unit % from;
      double want = transposed ? l[y * to + row] * l[x * to + column]
                               : l[row * from + y] * l[column * from + x];
      largest = fmax(largest, fabs((double)out[i] - want));
    }
  }
  return largest;
}

static void check_transform(const char *name, const char *matrix,
                            nn_minimal_transform *transform,
                            nn_minimal_transform *adjoint, const double *l,
                            int from, int to) {
  double limit = sizeof(nn_real) == sizeof(float) ? 3e-6 : 5e-15;
  double there = largest_difference(transform, l, from, to, false);
  double back = largest_difference(adjoint, l, to, from, true);
  tap_ok(there <= limit && back <= limit,
         "%s: the transforms by %s and its transpose (%.0e, %.0e)", name,
         matrix, there, back);
}

static void check_transforms(void) {
  for (const nn_conv_solver *const *s = nn_conv_solvers[NN_PARTIAL_Y];
       *s != NULL; s++) {
    const nn_minimal_filter *f = (*s)->filter;
    if (f == NULL) continue;
    check_transform((*s)->name, "B'", f->input, f->input_adjoint, f->b, f->side,
                    f->side);
    check_transform((*s)->name, "G", f->weights, f->weights_adjoint, f->g,
                    f->taps, f->side);
    check_transform((*s)->name, "A'", f->output, f->output_adjoint, f->a,
                    f->side, f->tile);
  }
}

/* ---- the choice ---- */

static void check_choice(const layer *l, const char *y, const char *x,
                         const char *w) {
  problem p = problem_make(l);
  const char *const want[] = {y, x, w};
  for (nn_conv_partial which = NN_PARTIAL_Y; which <= NN_PARTIAL_W; which++) {
    p.c.partial = which;
    const nn_conv_solver *chosen = nn_conv_choose(&p.c);
    const char *got = chosen->filter != NULL ? chosen->name : "direct";
    tap_ok(strcmp(got, want[which]) == 0,
           "%s of [%d,%d,%d,%d] to %d, %dx%d stride %d: %s", op_of[which]->name,
           l->batch, l->height, l->width, l->in, l->out, l->kernel, l->kernel,
           l->stride, chosen->name);
  }
  problem_free(&p);
}

static void check_choices(void) {
  const char *none = "direct", *f22 = "F(2x2,2x2)", *f42 = "F(4x4,2x2)",
             *f23 = "F(2x2,3x3)", *f43 = "F(4x4,3x3)";
  check_choice(&(layer){4, 64, 64, 64, 64, 3, 1, 1}, f43, f43, f43);
  check_choice(&(layer){4, 16, 16, 256, 256, 3, 1, 1}, f43, f43, f43);
  check_choice(&(layer){4, 8, 8, 512, 512, 3, 1, 1}, f23, f23, f23);
  check_choice(&(layer){4, 4, 4, 512, 512, 3, 1, 1}, none, none, f23);
  check_choice(&(layer){4, 64, 64, 3, 64, 3, 1, 1}, none, none, none);
  check_choice(&(layer){4, 64, 64, 64, 16, 3, 1, 1}, f43, f23, f43);
  check_choice(&(layer){4, 64, 64, 80, 3, 3, 1, 1}, f43, none, f43);
  check_choice(&(layer){4, 32, 32, 64, 64, 3, 2, 1}, f42, f42, f42);
  check_choice(&(layer){4, 64, 64, 64, 128, 4, 2, 1}, f42, f42, f42);
  check_choice(&(layer){4, 128, 128, 4, 64, 4, 2, 1}, none, none, f42);
  check_choice(&(layer){4, 8, 8, 512, 512, 4, 2, 1}, none, none, f22);
  check_choice(&(layer){4, 16, 16, 512, 1024, 4, 2, 1}, f22, f22, f22);
  check_choice(&(layer){1, 32, 32, 256, 1024, 4, 2, 1}, f22, f22, f22);
  check_choice(&(layer){4, 32, 32, 256, 1024, 4, 2, 1}, f42, f42, f42);
  check_choice(&(layer){1, 15, 15, 512, 512, 3, 2, 0}, none, none, none);
}

int main(void) {
  check_filters();
  check_transforms();
  check_choices();
  return tap_done();
}
