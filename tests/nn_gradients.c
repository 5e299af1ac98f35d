/* The gate of the engine: every operation's gradients, first and second order,
 * against finite differences.
 *
 * For y = op(x...) and random r, v: f = sum(y r), s = sum over inputs of
 * sum(v df/dx), both built by nn_grad. Differences of f along directions in x
 * and r check the first order, those of s the second. In the double build a
 * fourth-order difference is good to 1e-10, and the limit is 1e-8; the float
 * build repeats it loosely. The operation table is walked: an operation that no
 * case's graph contains fails. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "tests/graph_util.h"
#include "tests/tap.h"

enum { MAX_VARIABLES = 8, DIRECTIONS = 2, ELEMENTS = 4 };

/* ---- cases ---- */

/* Sizes of one instance; what each means is the builder's business. */
typedef struct sizes {
  nn_shape a, b;
  int k, stride, pad, other;
} sizes;

typedef struct building {
  trial t;
  random_stream random;
  nn_id variables[MAX_VARIABLES];
  int count;
} building;

/* What values a variable has: kinks and poles are kept away. */
typedef enum range {
  ANY,        /* [-1, 1) */
  SIGNED,     /* 0.3 to 1, either sign */
  POSITIVE,   /* [0.5, 1.5) */
  DISTINCT,   /* no two closer than 0.2 */
  PROBABILITY /* [0.1, 0.9) */
} range;

static nn_id variable(building *b, nn_shape shape, range kind) {
  nn_id id = trial_uniform(&b->t, shape, &b->random, -1, 1);
  size_t count = nn_shape_count(shape);
  nn_real *x = trial_input(&b->t, id);
  for (size_t i = 0; i < count; i++) {
    nn_real u = x[i];
    if (kind == SIGNED)
      x[i] = (u < 0 ? -1 : 1) * (nn_real)(0.3 + 0.7 * fabs(u));
    if (kind == POSITIVE) x[i] = 1 + u / 2;
    if (kind == PROBABILITY) x[i] = (nn_real)(0.5 + 0.4 * u);
    if (kind == DISTINCT) x[i] = (nn_real)(0.2 * (double)i);
  }
  for (size_t i = count; kind == DISTINCT && i > 1; i--) { /* shuffle */
    size_t k = random_below(&b->random, (uint32_t)i);
    nn_real swap = x[i - 1];
    x[i - 1] = x[k];
    x[k] = swap;
  }
  if (b->count == MAX_VARIABLES) test_failed("too many variables");
  b->variables[b->count++] = id;
  return id;
}

static nn_id emit1(building *b, const nn_op *op, nn_id x, double alpha) {
  return nn_emit(b->t.g, (nn_node){.op = op, .in = {x}, .alpha = alpha});
}

static nn_id emit2(building *b, const nn_op *op, nn_id x, nn_id y,
                   double alpha) {
  return nn_emit(b->t.g, (nn_node){.op = op, .in = {x, y}, .alpha = alpha});
}

typedef nn_id builder(building *b, const sizes *s);

static nn_id make_fill(building *b, const sizes *s) {
  return nn_mul(b->t.g, variable(b, s->a, ANY), nn_fill(b->t.g, s->b, 1.5));
}
static nn_id make_axpby(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_axpby(b->t.g, 0.7, x, -1.3, variable(b, s->b, ANY));
}
static nn_id make_add_same(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_mul(b->t.g, nn_add(b->t.g, x, x), x);
}
static nn_id make_mul(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_mul(b->t.g, x, variable(b, s->b, ANY));
}
static nn_id make_square(building *b, const sizes *s) {
  return nn_square(b->t.g, variable(b, s->a, ANY));
}
static nn_id make_div(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_div(b->t.g, x, variable(b, s->b, POSITIVE));
}
static nn_id make_affine(building *b, const sizes *s) {
  return nn_affine(b->t.g, variable(b, s->a, ANY), -2.5, 0.75);
}
static nn_id make_leaky(building *b, const sizes *s) {
  return nn_leaky_relu(b->t.g, variable(b, s->a, SIGNED), 0.2);
}
static nn_id make_relu(building *b, const sizes *s) {
  return nn_leaky_relu(b->t.g, variable(b, s->a, SIGNED), 0);
}
static nn_id make_leaky_grad(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, SIGNED);
  return emit2(b, &nn_op_leaky_relu_grad, x, variable(b, s->a, ANY), 0.2);
}
static nn_id make_tanh(building *b, const sizes *s) {
  return nn_tanh(b->t.g, variable(b, s->a, ANY));
}
static nn_id make_tanh_grad(building *b, const sizes *s) {
  nn_id y = variable(b, s->a, PROBABILITY);
  return emit2(b, &nn_op_tanh_grad, y, variable(b, s->a, ANY), 0);
}
static nn_id make_sigmoid(building *b, const sizes *s) {
  return nn_sigmoid(b->t.g, variable(b, s->a, ANY));
}
static nn_id make_sigmoid_grad(building *b, const sizes *s) {
  nn_id y = variable(b, s->a, PROBABILITY);
  return emit2(b, &nn_op_sigmoid_grad, y, variable(b, s->a, ANY), 0);
}
static nn_id make_softplus(building *b, const sizes *s) {
  return nn_softplus(b->t.g, variable(b, s->a, ANY));
}
static nn_id make_sqrt(building *b, const sizes *s) {
  return nn_sqrt(b->t.g, variable(b, s->a, POSITIVE));
}
static nn_id make_abs(building *b, const sizes *s) {
  return nn_abs(b->t.g, variable(b, s->a, SIGNED));
}
static nn_id make_sign(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, SIGNED);
  return nn_mul(b->t.g, emit1(b, &nn_op_sign, x, 0), variable(b, s->a, ANY));
}
static nn_id make_clamp(building *b, const sizes *s) {
  return nn_clamp_min(b->t.g, variable(b, s->a, SIGNED), 0.1);
}
static nn_id make_clamp_grad(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, SIGNED);
  return emit2(b, &nn_op_clamp_min_grad, x, variable(b, s->a, ANY), 0.1);
}
static nn_id make_bounded(building *b, const sizes *s) {
  return nn_clamp(b->t.g, variable(b, s->a, SIGNED), -0.1, 2);
}
static nn_id make_bounded_grad(building *b, const sizes *s) {
  nn_node node = {.op = &nn_op_clamp_grad, .alpha = -2, .beta = 0.1};
  node.in[0] = variable(b, s->a, SIGNED);
  node.in[1] = variable(b, s->a, ANY);
  return nn_emit(b->t.g, node);
}
static nn_id make_elu(building *b, const sizes *s) {
  return nn_elu(b->t.g, variable(b, s->a, SIGNED));
}
static nn_id make_elu_grad(building *b, const sizes *s) {
  nn_id y = variable(b, s->a, SIGNED);
  return emit2(b, &nn_op_elu_grad, y, variable(b, s->a, ANY), 0);
}
static nn_id make_table(building *b, const sizes *s) {
  static const double values[] = {0.5, -2, 1.25, 3};
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_mul(b->t.g, x, nn_table(b->t.g, values, s->a.c));
}
static nn_id make_dot_to(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_dot_to(b->t.g, x, variable(b, s->a, ANY), s->b);
}
static nn_id make_sum_to(building *b, const sizes *s) {
  return nn_sum_to(b->t.g, nn_square(b->t.g, variable(b, s->a, ANY)), s->b);
}
static nn_id make_broadcast(building *b, const sizes *s) {
  return nn_broadcast_to(b->t.g, nn_square(b->t.g, variable(b, s->b, ANY)),
                         s->a);
}
static nn_id make_reshape(building *b, const sizes *s) {
  nn_graph *g = b->t.g;
  nn_id x = nn_reshape(g, nn_square(g, variable(b, s->a, ANY)), s->b);
  nn_id y = nn_mul(g, x, variable(b, s->b, ANY));
  return nn_reshape(g, y, s->a);
}
static nn_id make_concat(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_square(b->t.g, nn_concat(b->t.g, x, variable(b, s->b, ANY)));
}
static nn_id make_slice(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_slice(b->t.g, x, s->other, s->k);
}
static nn_id make_pad(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_emit(b->t.g, (nn_node){.op = &nn_op_pad_channels,
                                   .in = {x},
                                   .shape = s->b,
                                   .begin = s->other});
}

/* a: x; b.c: channels of y; b.h, b.w: kernel (k x k where zero) */
static nn_shape weights_of(const sizes *s) {
  return NN_SHAPE(s->b.h > 0 ? s->b.h : s->k, s->b.w > 0 ? s->b.w : s->k,
                  s->a.c, s->b.c);
}
static nn_shape output_of(const sizes *s) {
  nn_shape w = weights_of(s);
  return NN_SHAPE(s->a.n, (s->a.h + 2 * s->pad - w.n) / s->stride + 1,
                  (s->a.w + 2 * s->pad - w.h) / s->stride + 1, s->b.c);
}
static nn_id make_conv(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_conv(b->t.g, x, variable(b, weights_of(s), ANY), s->stride, s->pad);
}
static nn_id make_conv_data_grad(building *b, const sizes *s) {
  nn_id y = variable(b, output_of(s), ANY);
  return nn_conv_transpose(b->t.g, y, variable(b, weights_of(s), ANY),
                           s->stride, s->pad, s->a.h, s->a.w);
}
static nn_id make_conv_weight_grad(building *b, const sizes *s) {
  nn_shape w = weights_of(s);
  nn_id x = variable(b, s->a, ANY);
  return nn_conv_weight_grad(b->t.g, x, variable(b, output_of(s), ANY), w.n,
                             w.h, s->stride, s->pad);
}

static nn_id make_moments(building *b, const sizes *s) {
  return nn_emit(b->t.g, (nn_node){.op = &nn_op_moments,
                                   .in = {variable(b, s->a, ANY)},
                                   .flag = s->other != 0});
}
static nn_id make_normalise(building *b, const sizes *s) {
  /* eps is large where a group has next to no variance of its own */
  double eps = s->a.h * s->a.w < 4 ? 0.1 : 1e-3;
  return nn_normalise(b->t.g, variable(b, s->a, ANY), s->other != 0, eps, NULL);
}
static nn_id make_normalise_grad(building *b, const sizes *s) {
  nn_id y = variable(b, s->a, ANY);
  nn_shape m = NN_SHAPE(s->other ? s->a.n : 1, 1, 1, 2 * s->a.c);
  nn_id moments = variable(b, m, POSITIVE);
  return nn_emit(b->t.g, (nn_node){.op = &nn_op_normalise_grad,
                                   .in = {y, moments, variable(b, s->a, ANY)},
                                   .alpha = 1e-3});
}

static nn_id make_partial(building *b, const sizes *s) {
  nn_shape map = NN_SHAPE(s->a.n, s->a.h, s->a.w, 1);
  nn_node node = {.op = &nn_op_partial};
  node.in[0] = variable(b, s->a, ANY);
  node.in[1] = variable(b, map, ANY);
  node.in[2] = variable(b, NN_SHAPE(1, 1, 1, s->a.c), ANY);
  node.in[3] = variable(b, map, ANY);
  return nn_emit(b->t.g, node);
}

/* a: the weight, k: pairs of v and u */
static nn_shape left_of(const sizes *s) {
  return NN_SHAPE(s->k, 1, 1, s->a.n * s->a.h * s->a.w);
}
static nn_shape right_of(const sizes *s) {
  return NN_SHAPE(s->k, 1, 1, s->a.c);
}
static nn_id make_sigma(building *b, const sizes *s) {
  nn_graph *g = b->t.g;
  nn_id w = variable(b, s->a, ANY), rows = NN_NONE;
  for (int i = 0; i < s->k; i++) {
    nn_shape v = NN_SHAPE(1, 1, 1, left_of(s).c), u = NN_SHAPE(1, 1, 1, s->a.c);
    nn_id row =
        nn_singular_row(g, w, trial_uniform(&b->t, v, &b->random, -1, 1),
                        trial_uniform(&b->t, u, &b->random, -1, 1));
    rows = i == 0 ? row : nn_concat_samples(g, rows, row);
  }
  nn_id sigma = nn_spectral_sigma(g, w, rows);
  return nn_mul(g, sigma, sigma);
}
static nn_id make_add_outer(building *b, const sizes *s) {
  nn_node node = {.op = &nn_op_add_outer};
  node.in[0] = variable(b, s->a, ANY);
  node.in[1] = variable(b, left_of(s), ANY);
  node.in[2] = variable(b, right_of(s), ANY);
  return nn_emit(b->t.g, node);
}
/* Without a gradient: of a weight that is no variable. */
static nn_id make_power_iteration(building *b, const sizes *s) {
  nn_id w = trial_uniform(&b->t, s->a, &b->random, -1, 1);
  nn_id u = trial_uniform(&b->t, NN_SHAPE(1, 1, 1, s->a.c), &b->random, 0, 1);
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  u = nn_singular_u(b->t.g, w, nn_power_iteration(b->t.g, w, u));
  return nn_mul(b->t.g, x, u);
}

/* Regions times a variable: nothing goes to the mask. */
static nn_id make_regions(building *b, const sizes *s) {
  nn_id mask = trial_uniform(&b->t, s->a, &b->random, 0, 1);
  nn_id x = variable(b, NN_SHAPE(s->a.n, s->a.h, s->a.w, NN_REGIONS), ANY);
  return nn_mul(b->t.g, x, nn_mask_regions(b->t.g, mask));
}
static nn_id make_halved(building *b, const sizes *s) {
  nn_id mask = trial_uniform(&b->t, s->a, &b->random, 0, 1);
  nn_id x = variable(b, NN_SHAPE(s->a.n, s->a.h / 2, s->a.w / 2, 1), ANY);
  return nn_mul(b->t.g, x, nn_mask_halve(b->t.g, mask));
}

static nn_id make_pool(building *b, const sizes *s) {
  return nn_max_pool2(b->t.g, variable(b, s->a, DISTINCT));
}
static nn_shape pooled(const sizes *s) {
  return NN_SHAPE(s->a.n, s->a.h / 2, s->a.w / 2, s->a.c);
}
static nn_id make_pool_grad(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, DISTINCT);
  return emit2(b, &nn_op_max_pool2_grad, x, variable(b, pooled(s), ANY), 0);
}
static nn_id make_pool_gather(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, DISTINCT);
  return emit2(b, &nn_op_max_pool2_gather, x, variable(b, s->a, ANY), 0);
}
static nn_id make_global_max(building *b, const sizes *s) {
  return nn_square(b->t.g, nn_global_max(b->t.g, variable(b, s->a, DISTINCT)));
}
/* Numbers of pixels, one for each sample and channel. */
static nn_id pixel_numbers(building *b, const sizes *s) {
  nn_shape shape = NN_SHAPE(s->a.n, 1, 1, s->a.c);
  nn_id index = trial_uniform(&b->t, shape, &b->random, 0, 1);
  for (size_t i = 0; i < nn_shape_count(shape); i++)
    trial_input(&b->t, index)[i] =
        (nn_real)random_below(&b->random, (uint32_t)(s->a.h * s->a.w));
  return index;
}
static nn_id make_pixel_pick(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return emit2(b, &nn_op_pixel_pick, x, pixel_numbers(b, s), 0);
}
static nn_id make_pixel_place(building *b, const sizes *s) {
  nn_node node = {.op = &nn_op_pixel_place, .shape = s->a};
  nn_id x = variable(b, NN_SHAPE(s->a.n, 1, 1, s->a.c), ANY);
  node.in[0] = nn_square(b->t.g, x);
  node.in[1] = pixel_numbers(b, s);
  return nn_emit(b->t.g, node);
}
/* a: the image, b: theta */
static nn_id make_affine_colour(building *b, const sizes *s) {
  nn_id theta = variable(b, s->b, ANY);
  return nn_affine_colour(b->t.g, theta, variable(b, s->a, ANY));
}
static nn_id make_affine_colour_image(building *b, const sizes *s) {
  nn_id theta = variable(b, s->b, ANY);
  return emit2(b, &nn_op_affine_colour_image, theta, variable(b, s->a, ANY), 0);
}
static nn_id make_affine_colour_theta(building *b, const sizes *s) {
  nn_node node = {.op = &nn_op_affine_colour_theta, .flag = s->b.h == 1};
  node.in[0] = variable(b, s->a, ANY);
  node.in[1] = variable(b, s->a, ANY);
  return nn_emit(b->t.g, node);
}
/* b: theta. Colours are kept away from the curve's knots, at their distance
 * from the knot below: 0.4 to 0.6 of a part. */
static nn_id toned(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  nn_real *values = trial_input(&b->t, x);
  for (size_t i = 0; i < nn_shape_count(s->a); i++) {
    double part = (double)random_below(&b->random, 10) - 1;
    values[i] = (nn_real)((part + 0.5 + 0.1 * (double)values[i]) / 8);
  }
  return x;
}
static nn_id make_tone_curve(building *b, const sizes *s) {
  nn_id theta = variable(b, s->b, ANY);
  return nn_tone_curve(b->t.g, theta, toned(b, s));
}
static nn_id make_tone_curve_theta(building *b, const sizes *s) {
  nn_id gy = variable(b, s->a, ANY);
  return emit2(b, &nn_op_tone_curve_theta, gy, toned(b, s), 0);
}
static nn_id make_tone_curve_image(building *b, const sizes *s) {
  nn_node node = {.op = &nn_op_tone_curve_image};
  node.in[0] = variable(b, s->b, ANY);
  node.in[1] = toned(b, s);
  node.in[2] = variable(b, s->a, ANY);
  return nn_emit(b->t.g, node);
}
static nn_id make_tone_curve_place(building *b, const sizes *s) {
  nn_node node = {.op = &nn_op_tone_curve_place};
  node.in[0] = toned(b, s);
  node.in[1] = variable(b, s->a, ANY);
  return nn_emit(b->t.g, node);
}
static nn_id make_sobel(building *b, const sizes *s) {
  return nn_sobel(b->t.g, nn_square(b->t.g, variable(b, s->a, ANY)));
}
static nn_id make_sobel_adjoint(building *b, const sizes *s) {
  nn_shape both = s->a;
  both.c *= 2;
  nn_id x = nn_square(b->t.g, variable(b, both, ANY));
  return nn_emit(b->t.g, (nn_node){.op = &nn_op_sobel_adjoint, .in = {x}});
}
static nn_id make_bicubic(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_upsample_bicubic(b->t.g, x, s->b.h, s->b.w);
}
static nn_id make_bicubic_adjoint(building *b, const sizes *s) {
  nn_shape large = NN_SHAPE(s->a.n, s->b.h, s->b.w, s->a.c);
  nn_id x = nn_square(b->t.g, variable(b, large, ANY));
  return nn_emit(b->t.g, (nn_node){.op = &nn_op_upsample_bicubic_adjoint,
                                   .in = {x},
                                   .shape = s->a});
}
static nn_id make_resize(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_resize_bilinear(b->t.g, x, s->b.h, s->b.w, s->other != 0);
}
static nn_id make_upsample(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_upsample_bilinear(b->t.g, x, s->k, s->other != 0);
}
static nn_id make_upsample_adjoint(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_emit(b->t.g, (nn_node){.op = &nn_op_upsample_bilinear_adjoint,
                                   .in = {x},
                                   .shape = NN_SHAPE(s->a.n, s->a.h / s->k,
                                                     s->a.w / s->k, s->a.c),
                                   .flag = s->other != 0});
}
static nn_id make_dropout(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_mul(b->t.g, x, nn_dropout_mask(b->t.g, s->a, 0.5, 3));
}
static nn_id make_uniform(building *b, const sizes *s) {
  nn_id x = nn_square(b->t.g, variable(b, s->a, ANY));
  return nn_mul(b->t.g, x, nn_uniform(b->t.g, s->a.n));
}

static nn_id make_sin(building *b, const sizes *s) {
  return nn_sin(b->t.g, variable(b, s->a, ANY));
}
static nn_id make_cos(building *b, const sizes *s) {
  return nn_cos(b->t.g, variable(b, s->a, ANY));
}
static nn_id make_matmul(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  return nn_matmul(b->t.g, x, variable(b, s->b, ANY), s->k & 1, s->k & 2);
}
static nn_id make_gram(building *b, const sizes *s) {
  nn_id x = nn_tanh(b->t.g, variable(b, s->a, ANY));
  return nn_matmul(b->t.g, x, x, true, false);
}
/* Colours away from the edges of the hue's six parts and from grey: each
 * channel within 0.1 of one of three levels 0.5 apart. */
static nn_id make_hsv(building *b, const sizes *s) {
  static const int order[6][3] = {{0, 1, 2}, {0, 2, 1}, {1, 0, 2},
                                  {1, 2, 0}, {2, 0, 1}, {2, 1, 0}};
  nn_id rgb = variable(b, s->a, ANY);
  nn_real *x = trial_input(&b->t, rgb);
  for (size_t i = 0; i < nn_shape_count(s->a); i++)
    x[i] = (nn_real)(0.5 * order[i / 3 % 6][i % 3] - 0.5 + 0.1 * (double)x[i]);
  return nn_hsv_maps(b->t.g, rgb);
}

/* Frozen values are for checks of their own; here both arms must agree: the
 * gradient of x stop(x) is stop(x), not 2x, so x enters as an input of its
 * own. */
static nn_id make_stop(building *b, const sizes *s) {
  nn_id frozen = trial_uniform(&b->t, s->a, &b->random, -1, 1);
  nn_id x = variable(b, s->a, ANY);
  return nn_mul(b->t.g, nn_square(b->t.g, x), nn_stop_gradient(b->t.g, frozen));
}

/* A layer of the discriminator: partial convolution with normalised weights,
 * norm, leaky relu. u and v are given, frozen as within one evaluation. */
static nn_id layer(building *b, const sizes *s, nn_id x, nn_id mask,
                   nn_id *new_mask, int channels, bool last) {
  nn_graph *g = b->t.g;
  int in = nn_shape_of(g, x).c;
  nn_id w = variable(b, NN_SHAPE(3, 3, in, channels), ANY);
  nn_id u =
      trial_uniform(&b->t, NN_SHAPE(1, 1, 1, channels), &b->random, 0.2, 0.6);
  /* v along W'u keeps sigma away from zero */
  nn_id v = trial_uniform(&b->t, NN_SHAPE(1, 1, 1, 9 * in), &b->random, 0, 0);
  for (int i = 0; i < 9 * in; i++)
    for (int o = 0; o < channels; o++)
      trial_input(&b->t, v)[i] +=
          trial_input(&b->t, w)[i * channels + o] * trial_input(&b->t, u)[o];
  nn_id bias = variable(b, NN_SHAPE(1, 1, 1, channels), ANY);
  nn_partial_mask m = nn_partial_mask_of(g, mask, 3, 3, 2, 0);
  nn_id sigma = nn_spectral_sigma(g, w, nn_singular_row(g, w, v, u));
  m.ratio = nn_div(g, m.ratio, sigma);
  *new_mask = m.update;
  nn_id y = nn_partial_conv_masked(g, x, m, w, bias, 2, 0);
  if (last) return y;
  /* Random weights leave no distance to the leaky relu's kink: a shift moves
   * each channel to one side of it. tanh keeps the values moderate. */
  y = nn_normalise(g, y, s->other != 0, 1e-1, NULL);
  nn_id shift =
      trial_uniform(&b->t, NN_SHAPE(1, 1, 1, channels), &b->random, 0, 1);
  for (int c = 0; c < channels; c++)
    trial_input(&b->t, shift)[c] = c % 2 ? 6 : -6;
  nn_id leaky = nn_leaky_relu(g, nn_add(g, y, shift), 0.2);
  return nn_add(g, nn_tanh(g, y), nn_affine(g, leaky, 0.1, 0));
}

/* mean over samples of (|dD/dx| - 1)^2, by the weights: the second-order check
 * is of a gradient of this, the third derivative. */
static nn_id make_penalty(building *b, const sizes *s) {
  nn_graph *g = b->t.g;
  nn_id x = variable(b, s->a, ANY);
  nn_id mask = trial_uniform(&b->t, NN_SHAPE(s->a.n, s->a.h, s->a.w, 1),
                             &b->random, 0, 1);
  nn_real *m = trial_input(&b->t, mask);
  for (size_t i = 0; i < (size_t)(s->a.n * s->a.h * s->a.w); i++)
    m[i] = m[i] > 0.4 && (int)i % s->a.w < s->a.w - 4 ? 1 : 0;
  nn_id next = mask;
  nn_id y = layer(b, s, x, mask, &next, s->k, false);
  y = layer(b, s, y, next, &next, s->k + 1, true);
  nn_id h;
  nn_grad(g, nn_sum(g, nn_tanh(g, y)), &x, 1, &h);
  h = nn_affine(g, h, 1, 1e-16);
  nn_id square = nn_sum_to(g, nn_square(g, h), NN_SHAPE(s->a.n, 1, 1, 1));
  nn_id norm = nn_sqrt(g, square);
  return nn_affine(g, nn_mean(g, nn_square(g, nn_affine(g, norm, 1, -1))), 10,
                   0);
}

static nn_id make_batch_norm(building *b, const sizes *s) {
  nn_shape c = NN_SHAPE(1, 1, 1, s->a.c);
  nn_id x = variable(b, s->a, ANY);
  nn_id weight = variable(b, c, POSITIVE), bias = variable(b, c, ANY);
  nn_id mean = variable(b, c, ANY), var = variable(b, c, POSITIVE);
  return nn_batch_norm_apply(b->t.g, x, 1, weight, bias, mean, var,
                             s->other != 0, 1e-2)
      .y;
}

static nn_id make_fnmse(building *b, const sizes *s) {
  static const double scale[3] = {2, 0.5, 1};
  nn_id x = variable(b, s->a, ANY), y = variable(b, s->a, ANY);
  nn_id mask = variable(b, NN_SHAPE(s->a.n, s->a.h, s->a.w, 1), POSITIVE);
  return nn_loss_fnmse(b->t.g, x, y, mask, s->other, scale);
}
static nn_id make_relative(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY), y = variable(b, s->a, ANY);
  nn_id composite = variable(b, s->a, ANY);
  nn_id mask = variable(b, NN_SHAPE(s->a.n, s->a.h, s->a.w, 1), POSITIVE);
  return nn_loss_relative(b->t.g, x, y, composite, mask, 0.1);
}
/* On slopes, for sqrt bends sharply where there is none. */
static nn_id make_sobel_loss(building *b, const sizes *s) {
  nn_id x = variable(b, s->a, ANY);
  nn_id slope = trial_uniform(&b->t, s->a, &b->random, 0, 1);
  for (size_t i = 0; i < nn_shape_count(s->a); i++) {
    size_t pixel = i / (size_t)s->a.c;
    trial_input(&b->t, slope)[i] = (nn_real)(8 * pixel);
  }
  return nn_loss_sobel(b->t.g, nn_add(b->t.g, slope, x));
}

static nn_id make_triplet(building *b, const sizes *s) {
  nn_id a = variable(b, s->a, ANY), p = variable(b, s->a, ANY);
  return nn_loss_triplet(b->t.g, a, p, variable(b, s->a, SIGNED), 9);
}

#define A(...) .a = {__VA_ARGS__}
#define B(...) .b = {__VA_ARGS__}
#define END                                                                    \
  { .k = 0 }

/* One builder at several sizes, ended by an empty one. */
typedef struct family {
  const nn_op *op; /* that must occur; NULL: a composition */
  const char *name;
  builder *build;
  const sizes *all;
  bool composed; /* bends more: smaller steps, and more rounding */
} family;

static const sizes elementwise[] = {{A(2, 3, 5, 4), B(2, 3, 5, 4)},
                                    {A(1, 1, 1, 1), B(1, 1, 1, 1)},
                                    {A(1, 7, 3, 130), B(1, 7, 3, 130)},
                                    END};
static const sizes broadcasts[] = {{A(2, 3, 5, 4), B(2, 3, 5, 4)},
                                   {A(2, 3, 5, 4), B(1, 1, 1, 4)},
                                   {A(1, 1, 1, 4), B(2, 3, 5, 4)},
                                   {A(2, 3, 5, 4), B(1, 1, 1, 1)},
                                   {A(1, 1, 1, 1), B(2, 3, 5, 4)},
                                   {A(2, 3, 5, 4), B(2, 1, 1, 4)},
                                   {A(2, 3, 5, 4), B(2, 3, 5, 1)},
                                   {A(2, 3, 5, 4), B(2, 1, 5, 1)},
                                   {A(2, 3, 1, 4), B(1, 3, 5, 4)},
                                   {A(2, 1, 5, 1), B(1, 3, 1, 4)},
                                   {A(1, 5, 3, 1), B(1, 5, 3, 7)},
                                   {A(3, 1, 1, 1), B(1, 1, 1, 130)},
                                   {A(1, 1, 1, 1), B(1, 1, 1, 1)},
                                   {A(1, 1, 7, 1), B(1, 1, 1, 1)},
                                   END};
static const sizes tables[] = {{A(2, 3, 5, 4)}, {A(1, 1, 1, 1)}, END};
/* b is a reduction of a */
static const sizes reductions[] = {{A(2, 3, 5, 4), B(1, 1, 1, 1)},
                                   {A(2, 3, 5, 4), B(2, 1, 1, 4)},
                                   {A(2, 3, 5, 4), B(1, 1, 1, 4)},
                                   {A(2, 3, 5, 4), B(2, 1, 1, 1)},
                                   {A(2, 3, 5, 4), B(2, 3, 5, 1)},
                                   {A(2, 3, 5, 4), B(1, 3, 5, 4)},
                                   {A(2, 3, 5, 4), B(1, 3, 1, 4)},
                                   {A(2, 3, 5, 4), B(2, 1, 5, 1)},
                                   {A(2, 3, 5, 4), B(2, 3, 5, 4)},
                                   {A(1, 70, 3, 65), B(1, 1, 1, 65)},
                                   {A(2, 67, 2, 130), B(2, 1, 1, 1)},
                                   {A(1, 1, 1, 1), B(1, 1, 1, 1)},
                                   {A(1, 1, 100, 3), B(1, 1, 1, 3)},
                                   {A(40, 1, 1, 2), B(1, 1, 1, 2)},
                                   END};
static const sizes reshapes[] = {{A(2, 3, 5, 4), B(1, 1, 30, 4)},
                                 {A(2, 3, 5, 4), B(1, 1, 1, 120)},
                                 {A(3, 3, 4, 5), B(1, 1, 36, 5)},
                                 END};
static const sizes concats[] = {{A(2, 3, 5, 4), B(2, 3, 5, 1)},
                                {A(1, 1, 1, 1), B(1, 1, 1, 7)},
                                {A(1, 4, 3, 65), B(1, 4, 3, 130)},
                                END};
static const sizes slices[] = {{A(2, 3, 5, 7), .other = 0, .k = 3},
                               {A(2, 3, 5, 7), .other = 4, .k = 3},
                               {A(1, 1, 1, 5), .other = 2, .k = 1},
                               {A(1, 3, 2, 4), .other = 0, .k = 4},
                               END};
static const sizes pads[] = {{A(2, 3, 5, 3), B(2, 3, 5, 7), .other = 2},
                             {A(1, 1, 1, 1), B(1, 1, 1, 130), .other = 129},
                             {A(1, 3, 2, 4), B(1, 3, 2, 4), .other = 0},
                             END};
/* Convolutions: kernel 1 to 4, strides 1 to 3, paddings; one and many panels
 * (more than 2^18 / depth pixels, at least 256); few pixels (256) and residues;
 * groups of kernel rows (depth 256) and output channels (256). */
static const sizes convolutions[] = {
    {A(2, 5, 7, 3), B(0, 0, 0, 4), .k = 1, .stride = 1, .pad = 0},
    {A(1, 1, 1, 64), B(0, 0, 0, 1), .k = 1, .stride = 1, .pad = 0},
    {A(1, 1, 1, 1), B(0, 0, 0, 1), .k = 1, .stride = 1, .pad = 0},
    {A(2, 37, 33, 2), B(0, 0, 0, 3), .k = 1, .stride = 1, .pad = 0},
    {A(2, 5, 6, 3), B(0, 0, 0, 4), .k = 1, .stride = 2, .pad = 0},
    {A(1, 5, 6, 3), B(0, 0, 0, 2), .k = 1, .stride = 1, .pad = 1},
    {A(2, 7, 8, 3), B(0, 0, 0, 5), .k = 2, .stride = 2, .pad = 0},
    {A(1, 7, 5, 3), B(0, 0, 0, 2), .k = 2, .stride = 3, .pad = 1},
    {A(1, 9, 8, 1), B(0, 0, 0, 1), .k = 3, .stride = 1, .pad = 1},
    {A(2, 9, 6, 5), B(0, 0, 0, 7), .k = 3, .stride = 2, .pad = 0},
    {A(1, 10, 8, 3), B(0, 0, 0, 2), .k = 3, .stride = 2, .pad = 1},
    {A(2, 3, 3, 10), B(0, 0, 0, 7), .k = 3, .stride = 1, .pad = 0},
    {A(1, 11, 13, 2), B(0, 0, 0, 3), .k = 3, .stride = 3, .pad = 2},
    {A(2, 8, 6, 4), B(0, 0, 0, 5), .k = 4, .stride = 2, .pad = 1},
    {A(1, 9, 7, 4), B(0, 0, 0, 5), .k = 4, .stride = 2, .pad = 1},
    {A(2, 2, 2, 9), B(0, 0, 0, 11), .k = 4, .stride = 2, .pad = 1},
    {A(1, 1, 1, 6), B(0, 0, 0, 5), .k = 4, .stride = 1, .pad = 3},
    {A(1, 9, 7, 2), B(0, 3, 2, 3), .stride = 2, .pad = 1},
    {A(1, 6, 9, 2), B(0, 1, 4, 3), .stride = 1, .pad = 1},
    /* the path by residues, with gaps (stride above the kernel) and without */
    {A(1, 34, 38, 2), B(0, 0, 0, 3), .k = 4, .stride = 2, .pad = 1},
    {A(1, 35, 37, 3), B(0, 0, 0, 2), .k = 4, .stride = 2, .pad = 1},
    {A(2, 19, 21, 2), B(0, 0, 0, 3), .k = 3, .stride = 1, .pad = 1},
    {A(1, 53, 49, 2), B(0, 0, 0, 2), .k = 3, .stride = 3, .pad = 0},
    {A(2, 33, 35, 2), B(0, 0, 0, 2), .k = 3, .stride = 2, .pad = 0},
    {A(2, 36, 39, 2), B(0, 0, 0, 3), .k = 1, .stride = 3, .pad = 1},
    {A(1, 60, 61, 1), B(0, 0, 0, 2), .k = 2, .stride = 3, .pad = 2},
    {A(1, 40, 35, 2), B(0, 3, 2, 2), .stride = 2, .pad = 1},
    /* several panels: depth 16*70 leaves 256 rows */
    {A(1, 36, 36, 70), B(0, 0, 0, 2), .k = 4, .stride = 2, .pad = 1},
    {A(2, 17, 18, 130), B(0, 0, 0, 130), .k = 3, .stride = 1, .pad = 1},
    /* minimal filtering, as the last one: F(2x2,2x2), (2x2,3x3), (4x4,3x3) */
    {A(2, 41, 44, 20), B(0, 0, 0, 24), .k = 4, .stride = 2, .pad = 1},
    {A(2, 19, 18, 20), B(0, 0, 0, 24), .k = 3, .stride = 1, .pad = 1},
    {A(1, 29, 30, 40), B(0, 0, 0, 36), .k = 3, .stride = 1, .pad = 1},
    /* several panels of the weight gradient: depth 288 leaves 910 rows */
    {A(1, 40, 40, 32), B(0, 0, 0, 2), .k = 3, .stride = 1, .pad = 0},
    /* groups: 4*130 = one kernel row a group, two groups of channels */
    {A(1, 6, 6, 130), B(0, 0, 0, 300), .k = 4, .stride = 2, .pad = 1},
    {A(1, 2, 2, 30), B(0, 0, 0, 258), .k = 3, .stride = 1, .pad = 1},
    END};
static const sizes norms[] = {{A(2, 5, 7, 3), .other = 1},
                              {A(2, 5, 7, 3), .other = 0},
                              {A(1, 2, 2, 8), .other = 1},
                              {A(2, 1, 2, 2), .other = 1},
                              {A(3, 1, 1, 5), .other = 0},
                              {A(2, 3, 5, 1), .other = 1},
                              {A(1, 3, 3, 130), .other = 0},
                              {A(2, 17, 33, 2), .other = 1},
                              {A(2, 17, 33, 2), .other = 0},
                              {A(1, 1, 9, 65), .other = 1},
                              END};
static const sizes matrices[] = {{A(3, 3, 2, 5), .k = 1},
                                 {A(1, 1, 4, 70), .k = 2},
                                 {A(3, 3, 15, 3), .k = 3},
                                 {A(1, 1, 1, 1), .k = 4},
                                 END};
static const sizes masks[] = {
    {A(2, 4, 6, 1)}, {A(1, 2, 2, 1)}, {A(1, 8, 2, 1)}, END};
static const sizes pools[] = {
    {A(2, 4, 6, 3)}, {A(1, 5, 7, 4)}, {A(1, 2, 2, 1)}, {A(1, 3, 2, 65)}, END};
static const sizes upsamples[] = {{A(2, 3, 5, 3), .k = 2, .other = 0},
                                  {A(2, 3, 5, 3), .k = 2, .other = 1},
                                  {A(1, 1, 1, 2), .k = 2, .other = 0},
                                  {A(1, 1, 1, 2), .k = 2, .other = 1},
                                  {A(1, 2, 1, 3), .k = 4, .other = 0},
                                  {A(1, 2, 3, 1), .k = 8, .other = 1},
                                  END};
static const sizes shrinks[] = {
    {A(2, 6, 10, 3), .k = 2, .other = 0}, {A(2, 6, 10, 3), .k = 2, .other = 1},
    {A(1, 2, 2, 2), .k = 2, .other = 1},  {A(1, 8, 4, 3), .k = 4, .other = 0},
    {A(1, 8, 16, 1), .k = 8, .other = 1}, END};
static const sizes penalties[] = {{A(2, 11, 13, 3), .k = 4, .other = 1},
                                  {A(2, 12, 11, 2), .k = 3, .other = 0},
                                  END};
static const sizes batch_norms[] = {{A(2, 3, 5, 3), .other = 1},
                                    {A(1, 2, 2, 4), .other = 1},
                                    {A(2, 3, 5, 3), .other = 0},
                                    END};
/* bit 0 of k: a is transposed, bit 1: b is */
static const sizes products[] = {{A(2, 3, 2, 4), B(2, 2, 2, 5), .k = 0},
                                 {A(2, 3, 2, 4), B(2, 2, 3, 5), .k = 1},
                                 {A(2, 3, 2, 4), B(2, 5, 1, 4), .k = 2},
                                 {A(2, 3, 2, 4), B(2, 1, 5, 6), .k = 3},
                                 {A(1, 1, 1, 7), B(1, 7, 1, 1), .k = 0},
                                 {A(1, 9, 1, 1), B(1, 3, 3, 3), .k = 1},
                                 {A(1, 15, 9, 2), B(1, 1, 2, 3), .k = 0},
                                 {A(1, 3, 1, 130), B(1, 1, 3, 2), .k = 1},
                                 END};
static const sizes hues[] = {{A(2, 3, 4, 3)}, {A(1, 1, 6, 3)}, END};
/* b: theta, of pixels, of samples, of all */
static const sizes thetas[] = {
    {A(2, 3, 5, 3), B(2, 3, 5, 12)}, {A(2, 3, 5, 3), B(2, 1, 1, 12)},
    {A(2, 3, 5, 3), B(1, 1, 1, 12)}, {A(1, 1, 1, 3), B(1, 1, 1, 12)},
    {A(3, 1, 1, 3), B(1, 1, 1, 12)}, END};
static const sizes tones[] = {{A(2, 3, 5, 3), B(2, 3, 5, 24)},
                              {A(2, 3, 5, 3), B(2, 1, 1, 24)},
                              {A(2, 3, 5, 3), B(1, 1, 1, 24)},
                              {A(3, 1, 1, 3), B(3, 1, 1, 24)},
                              END};
static const sizes images[] = {{A(2, 3, 5, 3), .other = 4},
                               {A(1, 1, 1, 3), .other = 4},
                               {A(2, 6, 5, 3), .other = 100},
                               END};
static const sizes maps[] = {
    {A(2, 4, 6, 3)}, {A(1, 1, 1, 2)}, {A(1, 2, 7, 12)}, {A(1, 5, 1, 1)}, END};
/* b: height and width afterwards */
static const sizes resizes[] = {{A(2, 3, 5, 3), B(0, 7, 11, 0)},
                                {A(1, 1, 1, 2), B(0, 3, 2, 0)},
                                {A(1, 9, 4, 13), B(0, 4, 9, 0)},
                                {A(1, 6, 5, 1), B(0, 1, 5, 0), .other = 1},
                                END};
static const sizes styles[] = {{A(5, 1, 1, 16)}, {A(1, 1, 1, 16)}, END};

static const family families[] = {
    {&nn_op_fill, "fill", make_fill, broadcasts, false},
    {&nn_op_table, "table", make_table, tables, false},
    {&nn_op_axpby, "axpby", make_axpby, broadcasts, false},
    {&nn_op_axpby, "(x + x) x", make_add_same, elementwise, false},
    {&nn_op_mul, "mul", make_mul, broadcasts, false},
    {&nn_op_mul, "x x", make_square, elementwise, false},
    {&nn_op_div, "div", make_div, broadcasts, false},
    {&nn_op_affine, "affine", make_affine, elementwise, false},
    {&nn_op_leaky_relu, "leaky_relu", make_leaky, elementwise, false},
    {&nn_op_leaky_relu, "relu", make_relu, elementwise, false},
    {&nn_op_leaky_relu_grad, "leaky_relu_grad", make_leaky_grad, elementwise,
     false},
    {&nn_op_tanh, "tanh", make_tanh, elementwise, false},
    {&nn_op_tanh_grad, "tanh_grad", make_tanh_grad, elementwise, false},
    {&nn_op_sigmoid, "sigmoid", make_sigmoid, elementwise, false},
    {&nn_op_sigmoid_grad, "sigmoid_grad", make_sigmoid_grad, elementwise,
     false},
    {&nn_op_elu, "elu", make_elu, elementwise, false},
    {&nn_op_elu_grad, "elu_grad", make_elu_grad, elementwise, false},
    {&nn_op_softplus, "softplus", make_softplus, elementwise, false},
    {&nn_op_sqrt, "sqrt", make_sqrt, elementwise, false},
    {&nn_op_abs, "abs", make_abs, elementwise, false},
    {&nn_op_sign, "sign", make_sign, elementwise, false},
    {&nn_op_clamp_min, "clamp_min", make_clamp, elementwise, false},
    {&nn_op_clamp_min_grad, "clamp_min_grad", make_clamp_grad, elementwise,
     false},
    {&nn_op_clamp, "clamp", make_bounded, elementwise, false},
    {&nn_op_clamp_grad, "clamp_grad", make_bounded_grad, elementwise, false},
    {&nn_op_stop_gradient, "stop_gradient", make_stop, elementwise, false},
    {&nn_op_sum_to, "sum_to", make_sum_to, reductions, false},
    {&nn_op_dot_to, "dot_to", make_dot_to, reductions, false},
    {&nn_op_broadcast_to, "broadcast_to", make_broadcast, reductions, false},
    {&nn_op_reshape, "reshape", make_reshape, reshapes, false},
    {&nn_op_concat, "concat", make_concat, concats, false},
    {&nn_op_slice, "slice", make_slice, slices, false},
    {&nn_op_pad_channels, "pad_channels", make_pad, pads, false},
    {&nn_op_conv, "conv", make_conv, convolutions, false},
    {&nn_op_conv_data_grad, "conv_data_grad", make_conv_data_grad, convolutions,
     false},
    {&nn_op_conv_weight_grad, "conv_weight_grad", make_conv_weight_grad,
     convolutions, false},
    {&nn_op_moments, "moments", make_moments, norms, false},
    {&nn_op_normalise, "normalise", make_normalise, norms, false},
    {&nn_op_normalise_grad, "normalise_grad", make_normalise_grad, norms,
     false},
    {&nn_op_partial, "partial", make_partial, elementwise, false},
    {&nn_op_power_iteration, "power_iteration", make_power_iteration, matrices,
     false},
    {&nn_op_spectral_sigma, "spectral_sigma", make_sigma, matrices, false},
    {&nn_op_add_outer, "add_outer", make_add_outer, matrices, false},
    {&nn_op_mask_regions, "mask_regions", make_regions, masks, false},
    {&nn_op_mask_halve, "mask_halve", make_halved, masks, false},
    {&nn_op_max_pool2, "max_pool2", make_pool, pools, false},
    {&nn_op_max_pool2_grad, "max_pool2_grad", make_pool_grad, pools, false},
    {&nn_op_max_pool2_gather, "max_pool2_gather", make_pool_gather, pools,
     false},
    {&nn_op_upsample_bilinear, "upsample_bilinear", make_upsample, upsamples,
     false},
    {&nn_op_upsample_bilinear_adjoint, "upsample_bilinear_adjoint",
     make_upsample_adjoint, shrinks, false},
    {&nn_op_upsample_bilinear, "resize_bilinear", make_resize, resizes, false},
    {&nn_op_upsample_bicubic, "upsample_bicubic", make_bicubic, resizes, false},
    {&nn_op_upsample_bicubic_adjoint, "upsample_bicubic_adjoint",
     make_bicubic_adjoint, resizes, false},
    {&nn_op_global_max, "global_max", make_global_max, pools, false},
    {&nn_op_pixel_pick, "pixel_pick", make_pixel_pick, pools, false},
    {&nn_op_pixel_place, "pixel_place", make_pixel_place, pools, false},
    {&nn_op_affine_colour, "affine_colour", make_affine_colour, thetas, false},
    {&nn_op_affine_colour_image, "affine_colour_image",
     make_affine_colour_image, thetas, false},
    {&nn_op_affine_colour_theta, "affine_colour_theta",
     make_affine_colour_theta, thetas, false},
    {&nn_op_tone_curve, "tone_curve", make_tone_curve, tones, false},
    {&nn_op_tone_curve_theta, "tone_curve_theta", make_tone_curve_theta, tones,
     false},
    {&nn_op_tone_curve_image, "tone_curve_image", make_tone_curve_image, tones,
     false},
    {&nn_op_tone_curve_place, "tone_curve_place", make_tone_curve_place, tones,
     false},
    {&nn_op_sobel, "sobel", make_sobel, maps, false},
    {&nn_op_sobel_adjoint, "sobel_adjoint", make_sobel_adjoint, maps, false},
    {NULL, "foreground-normalised error", make_fnmse, images, true},
    {NULL, "error over the composite's", make_relative, images, true},
    {NULL, "Sobel's loss", make_sobel_loss, maps, true},
    {&nn_op_dropout_mask, "dropout_mask", make_dropout, elementwise, false},
    {&nn_op_sin, "sin", make_sin, elementwise, false},
    {&nn_op_cos, "cos", make_cos, elementwise, false},
    {&nn_op_matmul, "matmul", make_matmul, products, false},
    {&nn_op_matmul, "Gram matrix", make_gram, reshapes, true},
    {NULL, "hue and saturation", make_hsv, hues, true},
    {&nn_op_uniform, "uniform", make_uniform, elementwise, false},
    {NULL, "gradient penalty", make_penalty, penalties, true},
    {NULL, "batch norm", make_batch_norm, batch_norms, true},
    {NULL, "triplet loss", make_triplet, styles, true},
};
enum { FAMILIES = sizeof families / sizeof families[0] };

/* ---- checking one instance ---- */

/* Builds y, r, f and s; the upstream r becomes the last variable. With
 * `gradients`, those of f and s are kept as "f0", "f1", ..., "s0", ... */
static void build_instance(building *b, const family *f, const sizes *s,
                           bool gradients) {
  memset(b, 0, sizeof *b);
  b->t = trial_make();
  b->random = random_stream_make(1, RANDOM_TEST, random_hash(f->name),
                                 (uint32_t)(s - f->all));
  nn_graph *g = b->t.g;
  nn_id y = f->build(b, s);
  int inputs = b->count;
  nn_id r = variable(b, nn_shape_of(g, y), ANY);
  nn_id value = nn_sum(g, nn_mul(g, y, r));
  nn_id first[MAX_VARIABLES], second[MAX_VARIABLES], total = NN_NONE;
  nn_grad(g, value, b->variables, b->count, first);
  for (int i = 0; i < inputs; i++) {
    nn_id v = trial_uniform(&b->t, nn_shape_of(g, first[i]), &b->random, -1, 1);
    nn_id part = nn_sum(g, nn_mul(g, first[i], v));
    total = total == NN_NONE ? part : nn_add(g, total, part);
  }
  nn_report(g, "f", nn_affine(g, value, 1, 0));
  nn_report(g, "s", total);
  if (!gradients) return;
  nn_grad(g, total, b->variables, b->count, second);
  for (int i = 0; i < b->count; i++) {
    char name[16];
    snprintf(name, sizeof name, "f%d", i);
    trial_keep(&b->t, name, first[i]);
    snprintf(name, sizeof name, "s%d", i);
    trial_keep(&b->t, name, second[i]);
  }
}

typedef struct values {
  double f, s;
} values;

static values run_values(trial *t) {
  trial_run(t);
  return (values){trial_report(t, "f"), trial_report(t, "s")};
}

/* Derivatives of f and s along `direction` at variable x, whose values are put
 * back: (8 (f(h) - f(-h)) - (f(2h) - f(-2h))) / 12h. */
static values differentiate(building *b, nn_id x, const double *direction,
                            double h) {
  static const double weight[4] = {8, -8, -1, 1}, at[4] = {1, -1, 2, -2};
  size_t count = nn_shape_count(nn_shape_of(b->t.g, x));
  nn_real *value = trial_input(&b->t, x);
  nn_real *before = malloc(count * sizeof *before);
  if (before == NULL) test_failed("no memory");
  memcpy(before, value, count * sizeof *before);
  values sum = {0, 0};
  for (int i = 0; i < 4; i++) {
    for (size_t k = 0; k < count; k++)
      value[k] = (nn_real)((double)before[k] + at[i] * h * direction[k]);
    values v = run_values(&b->t);
    sum.f += weight[i] * v.f / (12 * h);
    sum.s += weight[i] * v.s / (12 * h);
  }
  memcpy(value, before, count * sizeof *before);
  free(before);
  return sum;
}

typedef struct verdict {
  double first, second; /* largest errors, as parts of the scale */
} verdict;

/* |numeric - g.d| against the size of the sum's terms and of the value. */
static double error_of(double numeric, const double *gradient,
                       const double *direction, size_t count, double value) {
  double exact = 0, square = 0;
  for (size_t k = 0; k < count; k++) {
    exact += gradient[k] * direction[k];
    square += pow(gradient[k] * direction[k], 2);
  }
  return fabs(numeric - exact) / (sqrt(square) + 1e-2 * (fabs(value) + 1));
}

/* The larger one; a NaN stays. */
static double larger(double a, double b) { return b <= a || isnan(a) ? a : b; }

/* Directions: all entries at random, then single entries. */
static void fill_direction(random_stream *random, int which, size_t count,
                           double *direction) {
  memset(direction, 0, count * sizeof *direction);
  if (which >= DIRECTIONS)
    direction[random_below(random, (uint32_t)count)] = 1;
  else
    for (size_t k = 0; k < count; k++)
      direction[k] = 2 * random_uniform(random) - 1;
}

static verdict check_variable(building *with, building *without, int i,
                              values value, double step) {
  verdict worst = {0, 0};
  char name[16];
  size_t count;
  snprintf(name, sizeof name, "f%d", i);
  double *first = trial_value(&with->t, name, &count);
  snprintf(name, sizeof name, "s%d", i);
  double *second = trial_value(&with->t, name, &count);
  double *direction = malloc(count * sizeof *direction);
  if (direction == NULL) test_failed("no memory");
  int directions = DIRECTIONS + (count > 1 ? ELEMENTS : 0);
  for (int d = 0; d < directions; d++) {
    fill_direction(&without->random, d, count, direction);
    values numeric =
        differentiate(without, without->variables[i], direction, step);
    worst.first = larger(worst.first,
                         error_of(numeric.f, first, direction, count, value.f));
    worst.second = larger(
        worst.second, error_of(numeric.s, second, direction, count, value.s));
  }
  free(direction);
  free(first);
  free(second);
  return worst;
}

static void check_instance(const family *f, const sizes *s) {
  building with, without;
  build_instance(&with, f, s, true);
  build_instance(&without, f, s, false);
  trial_plan(&with.t, 1, false);
  trial_plan(&without.t, 1, false);
  values value = run_values(&with.t), again = run_values(&without.t);
  verdict worst = {0, 0};
  double step =
      f->composed ? BY_PRECISION(5e-3, 2.5e-4) : BY_PRECISION(2e-2, 1e-3);
  for (int i = 0; i < with.count; i++) {
    verdict one = check_variable(&with, &without, i, value, step);
    worst.first = larger(worst.first, one.first);
    worst.second = larger(worst.second, one.second);
  }
  double limit = BY_PRECISION(f->composed ? 2e-2 : 5e-3, 1e-8);
  char what[128];
  snprintf(what, sizeof what, "%s [%d,%d,%d,%d] [%d,%d,%d,%d] %d/%d/%d/%d",
           f->name, s->a.n, s->a.h, s->a.w, s->a.c, s->b.n, s->b.h, s->b.w,
           s->b.c, s->k, s->stride, s->pad, s->other);
  bool same = value.f == again.f && value.s == again.s;
  tap_ok(worst.first <= limit && worst.second <= limit && same,
         "%s: gradient %.1e, second order %.1e", what, worst.first,
         worst.second);
  if (!same) tap_note("f or s depends on what else is computed");
  trial_free(&with.t);
  trial_free(&without.t);
}

/* ---- the table ---- */

static bool contains(const family *f, const nn_op *op) {
  building b;
  build_instance(&b, f, &f->all[0], false);
  bool found = false;
  for (nn_id id = 0; id < nn_node_count(b.t.g); id++)
    if (nn_get(b.t.g, id).op == op) found = true;
  trial_free(&b.t);
  return found;
}

static void check_table(void) {
  for (const nn_op *const *op = nn_ops; *op != NULL; op++) {
    if ((*op)->binding != NN_COMPUTED) continue;
    bool covered = false;
    for (int i = 0; i < FAMILIES && !covered; i++)
      covered = families[i].op == *op && contains(&families[i], *op);
    tap_ok(covered, "operation %s has a case", (*op)->name);
  }
}

/* ---- what must not be differentiated ---- */

static void check_stopped(void) {
  trial t = trial_make();
  random_stream random = random_stream_make(3, RANDOM_TEST, 0, 0);
  nn_id x = trial_uniform(&t, NN_SHAPE(2, 3, 2, 5), &random, -1, 1);
  nn_id fixed = nn_stop_gradient(t.g, x), gradient[2];
  nn_id loss = nn_sum(t.g, nn_mul(t.g, x, fixed));
  nn_grad(t.g, loss, (nn_id[]){x, fixed}, 2, gradient);
  trial_keep(&t, "gx", gradient[0]);
  trial_keep(&t, "gf", gradient[1]);
  nn_id none;
  nn_grad(t.g, nn_sum(t.g, fixed), &x, 1, &none);
  trial_keep(&t, "none", none);
  trial_plan(&t, 1, false);
  trial_run(&t);
  size_t count;
  double *gx = trial_value(&t, "gx", &count);
  double *gf = trial_value(&t, "gf", &count);
  double *zero = trial_value(&t, "none", &count);
  bool good = true;
  const nn_real *value = trial_input(&t, x);
  for (size_t i = 0; i < count; i++)
    if (gx[i] != (double)value[i] || gf[i] != (double)value[i] || zero[i] != 0)
      good = false;
  tap_ok(good, "stop_gradient: the value passes, the gradient does not");
  free(gx);
  free(gf);
  free(zero);
  trial_free(&t);
}

int main(void) {
  check_table();
  check_stopped();
  for (int i = 0; i < FAMILIES; i++)
    for (const sizes *s = families[i].all; s->a.n > 0; s++)
      check_instance(&families[i], s);
  return tap_done();
}
