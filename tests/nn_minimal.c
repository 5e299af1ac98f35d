/* Minimal filtering: each filter, whether it would be chosen or not, against
 * the definition in double and against the rounding errors of im2col; and what
 * is chosen for the networks' layers. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/conv_minimal.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

typedef struct layer {
  int batch, height, width, in, out, kernel, stride, pad;
} layer;

typedef struct partial {
  const nn_op *op;
  nn_minimal_kernel *minimal;
  nn_conv_kernel *gemm;
  size_t (*gemm_scratch)(const nn_node *node, const nn_shape *in, int threads);
} partial;

/* by nn_conv_partial */
static const partial partials[] = {
    {&nn_op_conv, nn_conv_minimal, nn_conv_gemm, nn_conv_gemm_scratch},
    {&nn_op_conv_data_grad, nn_conv_data_grad_minimal, nn_conv_data_grad_gemm,
     nn_conv_data_grad_gemm_scratch},
    {&nn_op_conv_weight_grad, nn_conv_weight_grad_minimal,
     nn_conv_weight_grad_gemm, nn_conv_weight_grad_gemm_scratch},
};

/* ---- one layer: x, w, y, one of which is computed ---- */

typedef struct problem {
  nn_conv_case c;
  bool masked;
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
  p.c = (nn_conv_case){x.n, x.h, x.w, x.c,       y.h,   y.w,
                       y.c, w.n, w.h, l->stride, l->pad};
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
  p->masked = true;
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
static double *exact(const problem *p, nn_conv_partial which) {
  const nn_conv_case *c = &p->c;
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

/* The result by a filter, or by im2col where it is NULL. Whatever the kernel
 * does not write is NaN. */
static nn_real *compute(const problem *p, nn_conv_partial which,
                        const nn_minimal_filter *f, int threads) {
  const partial *kernels = &partials[which];
  nn_shape shape = p->shape[result_of[which]];
  nn_node node = {.op = kernels->op,
                  .shape = shape,
                  .stride = p->c.stride,
                  .pad = p->c.pad,
                  .masked = p->masked};
  nn_call call = {.node = &node, .shape = shape, .threads = threads};
  for (int k = 0, i = 0; k < 3; k++) {
    int from = which == NN_PARTIAL_X ? 2 - k : k; /* gy comes before w */
    if (from == result_of[which]) continue;
    call.in[i] = p->values[from];
    call.in_shape[i++] = p->shape[from];
  }
  size_t count = nn_shape_count(shape);
  size_t bytes = f != NULL
                     ? nn_conv_minimal_scratch(&p->c, which, f, threads)
                     : kernels->gemm_scratch(&node, call.in_shape, threads);
  size_t of_map = nn_conv_map_scratch(&node, &p->c);
  bytes += of_map;
  nn_real *scratch = test_array(bytes / sizeof *scratch, sizeof *scratch);
  call.scratch = scratch;
  call.out = test_array(count, sizeof *call.out);
  for (size_t i = 0; i < bytes / sizeof *scratch; i++)
    scratch[i] = (nn_real)NAN;
  for (size_t i = 0; i < count; i++) call.out[i] = (nn_real)NAN;
  nn_conv_map map = nn_conv_map_of(&call, &p->c, which);
  call.scratch = (char *)scratch + of_map;
  if (f != NULL)
    kernels->minimal(&call, &map, f);
  else
    kernels->gemm(&call, &map);
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

static const char *name_of(const nn_minimal_filter *f) {
  return f != NULL ? f->name : "im2col";
}

/* Prescott's products, sums in several parts, round less than the others'. */
static double times_im2col(void) {
  return strcmp(nn_blas_core(), "Prescott") == 0 ? 5 : 4;
}

static bool same_with_threads(const problem *p, nn_conv_partial which,
                              const nn_minimal_filter *f, const nn_real *got) {
  size_t size = nn_shape_count(p->shape[result_of[which]]) * sizeof *got;
  bool same = true;
  for (int threads = 1; threads <= 3; threads++) {
    nn_real *again = compute(p, which, f, threads);
    if (memcmp(got, again, size) != 0) same = false;
    free(again);
  }
  return same;
}

/* A filter, or im2col where it is NULL: an error of at most `limit` in float,
 * and the same bits again and with more threads. */
static void check_kernel(const problem *p, const char *sizes,
                         nn_conv_partial which, const nn_minimal_filter *f,
                         const double *want, double limit) {
  size_t count = nn_shape_count(p->shape[result_of[which]]);
  nn_real *got = compute(p, which, f, 1);
  double error = residual(got, want, count);
  bool same = same_with_threads(p, which, f, got);
  if (sizeof(nn_real) != sizeof(float)) limit = 4e-15;
  tap_ok(error <= limit && same, "%s of %s%s by %s: %.1e%s",
         partials[which].op->name, sizes, p->masked ? ", masked" : "",
         name_of(f), error,
         same ? "" : "; other bits again or with more threads");
  free(got);
}

/* All filters that fit. One that is chosen may have four times im2col's error.
 */
static void check_partial(const problem *p, const char *sizes,
                          nn_conv_partial which) {
  size_t count = nn_shape_count(p->shape[result_of[which]]);
  const nn_minimal_filter *chosen = nn_minimal_choice(&p->c, which);
  double *want = exact(p, which);
  nn_real *direct = compute(p, which, NULL, 1);
  double im2col = residual(direct, want, count);
  if (p->masked) check_kernel(p, sizes, which, NULL, want, 2e-6);
  for (int k = 0; nn_minimal_filters[k] != NULL; k++) {
    const nn_minimal_filter *f = nn_minimal_filters[k];
    bool strict = f == chosen && !p->masked;
    if (nn_minimal_fits(f, &p->c))
      check_kernel(p, sizes, which, f, want,
                   strict ? times_im2col() * im2col : 2e-6);
  }
  free(want);
  free(direct);
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

/* ---- the choice ---- */

static void check_choice(const layer *l, const char *y, const char *x,
                         const char *w) {
  problem p = problem_make(l);
  const char *const want[] = {y, x, w};
  for (nn_conv_partial which = NN_PARTIAL_Y; which <= NN_PARTIAL_W; which++) {
    const char *got = name_of(nn_minimal_choice(&p.c, which));
    tap_ok(strcmp(got, want[which]) == 0,
           "%s of [%d,%d,%d,%d] to %d, %dx%d stride %d: %s",
           partials[which].op->name, l->batch, l->height, l->width, l->in,
           l->out, l->kernel, l->kernel, l->stride, got);
  }
  problem_free(&p);
}

static void check_choices(void) {
  const char *none = "im2col", *f22 = "F(2x2,2x2)", *f42 = "F(4x4,2x2)",
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
  check_choices();
  return tap_done();
}
