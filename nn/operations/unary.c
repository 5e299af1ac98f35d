/* Elementwise operations of one value, and the gradient operations of those
 * that have one of their own. */
#include <math.h>

#include "nn/operation.h"

static void same_shape(const nn_graph *graph, nn_node *node) {
  node->shape = nn_shape_of(graph, node->in[0]);
  if (node->op->arity > 1)
    INVARIANT(nn_shape_equal(node->shape, nn_shape_of(graph, node->in[1])),
              "%s: shapes differ", node->op->name);
}

/* NAME_pixels, whose loop body computes y[i] from x[i] (and g[i]). */
#define UNARY(name, setup, expression)                                         \
  NN_CLONES static void name##_run(const nn_node *node, size_t count,          \
                                   const nn_real *x, const nn_real *g,         \
                                   nn_real *y) {                               \
    (void)node, (void)g;                                                       \
    setup;                                                                     \
    for (size_t i = 0; i < count; i++) y[i] = (expression);                    \
  }                                                                            \
  static void name##_pixels(const nn_call *call, size_t first, size_t count) { \
    (void)first;                                                               \
    name##_run(call->node, count *(size_t)call->shape.c, call->in[0],          \
               call->in[1], call->out);                                        \
  }

static nn_id emit1(nn_graph *g, const nn_op *op, nn_id x, double alpha,
                   double beta) {
  return nn_emit(g,
                 (nn_node){.op = op, .in = {x}, .alpha = alpha, .beta = beta});
}

static nn_id emit2(nn_graph *g, const nn_op *op, nn_id x, nn_id gy,
                   double alpha) {
  return nn_emit(g, (nn_node){.op = op, .in = {x, gy}, .alpha = alpha});
}

/* ---- scale x + shift ---- */

UNARY(affine, const nn_real scale = (nn_real)node->alpha;
      const nn_real shift = (nn_real)node->beta, scale *x[i] + shift)

static void affine_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_affine(g, gy, nn_get(g, y).alpha, 0);
}

const nn_op nn_op_affine = {.name = "affine",
                            .arity = 1,
                            .shape = same_shape,
                            .pixels = affine_pixels,
                            .gradient = affine_gradient,
                            .inplace = 1};

nn_id nn_affine(nn_graph *g, nn_id x, double scale, double shift) {
  if (scale == 1 && shift == 0) return x;
  return emit1(g, &nn_op_affine, x, scale, shift);
}

/* ---- leaky relu; derivative at 0 is the slope (relu: 0) ---- */

UNARY(leaky_relu, const nn_real slope = (nn_real)node->alpha,
      x[i] > 0 ? x[i] : slope * x[i])
/* the sign of the result is that of x (relu: positive where x is) */
UNARY(leaky_relu_grad, const nn_real slope = (nn_real)node->alpha,
      x[i] > 0 ? g[i] : slope * g[i])

static void leaky_relu_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = emit2(g, &nn_op_leaky_relu_grad, y, gy, nn_get(g, y).alpha);
}

static void leaky_relu_grad_gradient(nn_graph *g, nn_id y, nn_id gy,
                                     nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[1] = emit2(g, &nn_op_leaky_relu_grad, node.in[0], gy, node.alpha);
}

const nn_op nn_op_leaky_relu = {.name = "leaky_relu",
                                .arity = 1,
                                .shape = same_shape,
                                .pixels = leaky_relu_pixels,
                                .gradient = leaky_relu_gradient,
                                .inplace = 1};
const nn_op nn_op_leaky_relu_grad = {.name = "leaky_relu_grad",
                                     .arity = 2,
                                     .shape = same_shape,
                                     .pixels = leaky_relu_grad_pixels,
                                     .gradient = leaky_relu_grad_gradient,
                                     .inplace = 3};

nn_id nn_leaky_relu(nn_graph *g, nn_id x, double slope) {
  return emit1(g, &nn_op_leaky_relu, x, slope, 0);
}

/* ---- exp ---- */

#ifdef NN_DOUBLE
static inline nn_real exponential(nn_real x) { return exp(x); }
#else
/* exp by 2^n p(r), |r| <= ln2/2, a Taylor polynomial of degree 7: relative
 * error below 2e-7, and it vectorises (expf does not without -ffast-math). */
static inline nn_real exponential(nn_real x) {
  x = x > 88.0f ? 88.0f : x < -87.0f ? -87.0f : x;
  float n = x * 1.44269504f + 12582912.0f; /* rounds to nearest */
  union {
    float f;
    int32_t i;
  } bits = {.f = n};
  int32_t exponent = bits.i - 0x4B400000;
  n -= 12582912.0f;
  float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float p = 1.98412698e-4f;
  p = p * r + 1.38888889e-3f;
  p = p * r + 8.33333333e-3f;
  p = p * r + 4.16666667e-2f;
  p = p * r + 1.66666667e-1f;
  p = p * r + 0.5f;
  p = p * r + 1.0f;
  p = p * r + 1.0f;
  bits.i = (int32_t)((uint32_t)(exponent + 127) << 23); /* NaN: anything */
  return p * bits.f;
}
#endif

/* exp(x) - 1 of x up to 0, with its digits near 0. */
#ifdef NN_DOUBLE
static inline nn_real exponential_less_one(nn_real x) { return expm1(x); }
#else
/* exp(x) is 2^n (1 + q), as above; where n is 0 nothing cancels. */
static inline nn_real exponential_less_one(nn_real x) {
  x = x < -87.0f ? -87.0f : x > 0.0f ? 0.0f : x;
  float n = x * 1.44269504f + 12582912.0f;
  union {
    float f;
    int32_t i;
  } bits = {.f = n};
  int32_t exponent = bits.i - 0x4B400000;
  n -= 12582912.0f;
  float r = x - n * 0.693359375f + n * 2.12194440e-4f;
  float q = 1.98412698e-4f;
  q = q * r + 1.38888889e-3f;
  q = q * r + 8.33333333e-3f;
  q = q * r + 4.16666667e-2f;
  q = q * r + 1.66666667e-1f;
  q = q * r + 0.5f;
  q = q * r + 1.0f;
  q = q * r;
  bits.i = (int32_t)((uint32_t)(exponent + 127) << 23);
  return bits.f * q + (bits.f - 1.0f);
}
#endif

/* ---- tanh ---- */

#ifdef NN_DOUBLE
static inline nn_real hyperbolic_tangent(nn_real x) { return tanh(x); }
#else
/* (1 - e)/(1 + e), e = exp(-2 |x|); near 0, where that cancels, the series.
 * Relative error below 4e-7. */
static inline nn_real hyperbolic_tangent(nn_real x) {
  float size = x < 0 ? -x : x, z = x * x;
  float e = exponential(-2 * size), far = (1 - e) / (1 + e);
  float p = 2.18694885e-2f;
  p = p * z - 5.39682540e-2f;
  p = p * z + 1.33333333e-1f;
  p = p * z - 3.33333333e-1f;
  float near = x + x * z * p;
  return size < 0.3f ? near : x < 0 ? -far : far;
}
#endif

UNARY(tanh, , hyperbolic_tangent(x[i]))
UNARY(tanh_grad, , g[i] * (1 - x[i] * x[i]))

static void tanh_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = emit2(g, &nn_op_tanh_grad, y, gy, 0);
}

/* z = gy (1 - y^2): dz/dy = -2 y gy, dz/dgy = 1 - y^2 */
static void tanh_grad_gradient(nn_graph *g, nn_id z, nn_id gz, nn_id gx[]) {
  nn_node node = nn_get(g, z);
  nn_id y = node.in[0], gy = node.in[1];
  gx[0] = nn_affine(g, nn_mul(g, nn_mul(g, y, gy), gz), -2, 0);
  gx[1] = emit2(g, &nn_op_tanh_grad, y, gz, 0);
}

const nn_op nn_op_tanh = {.name = "tanh",
                          .arity = 1,
                          .shape = same_shape,
                          .pixels = tanh_pixels,
                          .gradient = tanh_gradient,
                          .inplace = 1};
const nn_op nn_op_tanh_grad = {.name = "tanh_grad",
                               .arity = 2,
                               .shape = same_shape,
                               .pixels = tanh_grad_pixels,
                               .gradient = tanh_grad_gradient,
                               .inplace = 3};

nn_id nn_tanh(nn_graph *g, nn_id x) { return emit1(g, &nn_op_tanh, x, 0, 0); }

/* ---- sigmoid ---- */

UNARY(sigmoid, , 1 / (1 + exponential(-x[i])))
UNARY(sigmoid_grad, , g[i] * (x[i] * (1 - x[i])))

static void sigmoid_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = emit2(g, &nn_op_sigmoid_grad, y, gy, 0);
}

/* z = gy y (1 - y): dz/dy = gy (1 - 2y), dz/dgy = y (1 - y) */
static void sigmoid_grad_gradient(nn_graph *g, nn_id z, nn_id gz, nn_id gx[]) {
  nn_node node = nn_get(g, z);
  nn_id y = node.in[0], gy = node.in[1];
  gx[0] = nn_mul(g, nn_mul(g, gy, gz), nn_affine(g, y, -2, 1));
  gx[1] = emit2(g, &nn_op_sigmoid_grad, y, gz, 0);
}

const nn_op nn_op_sigmoid = {.name = "sigmoid",
                             .arity = 1,
                             .shape = same_shape,
                             .pixels = sigmoid_pixels,
                             .gradient = sigmoid_gradient,
                             .inplace = 1};
const nn_op nn_op_sigmoid_grad = {.name = "sigmoid_grad",
                                  .arity = 2,
                                  .shape = same_shape,
                                  .pixels = sigmoid_grad_pixels,
                                  .gradient = sigmoid_grad_gradient,
                                  .inplace = 3};

nn_id nn_sigmoid(nn_graph *g, nn_id x) {
  return emit1(g, &nn_op_sigmoid, x, 0, 0);
}

/* ---- elu: x, or exp(x) - 1 where that is negative ---- */

UNARY(elu, , x[i] <= 0 ? exponential_less_one(x[i]) : x[i])
/* of the result: exp(x) is y + 1 */
UNARY(elu_grad, , x[i] > 0 ? g[i] : g[i] * (x[i] + 1))

static void elu_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = emit2(g, &nn_op_elu_grad, y, gy, 0);
}

/* z = gy (y + 1) where y is not positive, else gy */
static void elu_grad_gradient(nn_graph *g, nn_id z, nn_id gz, nn_id gx[]) {
  nn_node node = nn_get(g, z);
  nn_id y = node.in[0], gy = node.in[1];
  nn_id positive = nn_clamp_min(g, emit1(g, &nn_op_sign, y, 0, 0), 0);
  gx[0] = nn_mul(g, nn_mul(g, gy, gz), nn_affine(g, positive, -1, 1));
  gx[1] = emit2(g, &nn_op_elu_grad, y, gz, 0);
}

const nn_op nn_op_elu = {.name = "elu",
                         .arity = 1,
                         .shape = same_shape,
                         .pixels = elu_pixels,
                         .gradient = elu_gradient,
                         .inplace = 1};
const nn_op nn_op_elu_grad = {.name = "elu_grad",
                              .arity = 2,
                              .shape = same_shape,
                              .pixels = elu_grad_pixels,
                              .gradient = elu_grad_gradient,
                              .inplace = 3};

nn_id nn_elu(nn_graph *g, nn_id x) { return emit1(g, &nn_op_elu, x, 0, 0); }

/* ---- log(1 + exp(x)), without overflow ---- */

UNARY(softplus, ,
      (x[i] > 0 ? x[i] : 0) + (nn_real)log1p(exp(-fabs((double)x[i]))))

static void softplus_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_mul(g, gy, nn_sigmoid(g, nn_get(g, y).in[0]));
}

const nn_op nn_op_softplus = {.name = "softplus",
                              .arity = 1,
                              .shape = same_shape,
                              .pixels = softplus_pixels,
                              .gradient = softplus_gradient,
                              .inplace = 1};

nn_id nn_softplus(nn_graph *g, nn_id x) {
  return emit1(g, &nn_op_softplus, x, 0, 0);
}

/* ---- square root ---- */

UNARY(sqrt, , (nn_real)sqrt(x[i]))

static void sqrt_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_div(g, nn_affine(g, gy, 0.5, 0), y);
}

const nn_op nn_op_sqrt = {.name = "sqrt",
                          .arity = 1,
                          .shape = same_shape,
                          .pixels = sqrt_pixels,
                          .gradient = sqrt_gradient,
                          .inplace = 1};

nn_id nn_sqrt(nn_graph *g, nn_id x) { return emit1(g, &nn_op_sqrt, x, 0, 0); }

/* ---- absolute value and sign; both 0 at 0 ---- */

UNARY(abs, , x[i] < 0 ? -x[i] : x[i])
UNARY(sign, , (nn_real)((x[i] > 0) - (x[i] < 0)))

static void abs_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = nn_mul(g, gy, emit1(g, &nn_op_sign, nn_get(g, y).in[0], 0, 0));
}

const nn_op nn_op_abs = {.name = "abs",
                         .arity = 1,
                         .shape = same_shape,
                         .pixels = abs_pixels,
                         .gradient = abs_gradient,
                         .inplace = 1};
const nn_op nn_op_sign = {.name = "sign",
                          .arity = 1,
                          .shape = same_shape,
                          .pixels = sign_pixels,
                          .inplace = 1};

nn_id nn_abs(nn_graph *g, nn_id x) { return emit1(g, &nn_op_abs, x, 0, 0); }

/* ---- max(x, low); the gradient passes at equality, a NaN stays ---- */

UNARY(clamp_min, const nn_real low = (nn_real)node->alpha,
      x[i] < low ? low : x[i])
UNARY(clamp_min_grad, const nn_real low = (nn_real)node->alpha,
      x[i] < low ? 0 : g[i])

static void clamp_min_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = emit2(g, &nn_op_clamp_min_grad, node.in[0], gy, node.alpha);
}

static void clamp_min_grad_gradient(nn_graph *g, nn_id y, nn_id gy,
                                    nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[1] = emit2(g, &nn_op_clamp_min_grad, node.in[0], gy, node.alpha);
}

const nn_op nn_op_clamp_min = {.name = "clamp_min",
                               .arity = 1,
                               .shape = same_shape,
                               .pixels = clamp_min_pixels,
                               .gradient = clamp_min_gradient,
                               .inplace = 1};
const nn_op nn_op_clamp_min_grad = {.name = "clamp_min_grad",
                                    .arity = 2,
                                    .shape = same_shape,
                                    .pixels = clamp_min_grad_pixels,
                                    .gradient = clamp_min_grad_gradient,
                                    .inplace = 3};

nn_id nn_clamp_min(nn_graph *g, nn_id x, double low) {
  return emit1(g, &nn_op_clamp_min, x, low, 0);
}

/* ---- between two bounds; the gradient passes there, too; a NaN stays ---- */

UNARY(clamp, const nn_real low = (nn_real)node->alpha;
      const nn_real high = (nn_real)node->beta,
      x[i]<low ? low : x[i]> high ? high : x[i])
UNARY(clamp_grad, const nn_real low = (nn_real)node->alpha;
      const nn_real high = (nn_real)node->beta,
      x[i]<low || x[i]> high ? 0 : g[i])

static nn_id clamp_grad(nn_graph *g, nn_id x, nn_id gy, nn_node like) {
  return nn_emit(g, (nn_node){.op = &nn_op_clamp_grad,
                              .in = {x, gy},
                              .alpha = like.alpha,
                              .beta = like.beta});
}

static void clamp_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = clamp_grad(g, node.in[0], gy, node);
}

static void clamp_grad_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[1] = clamp_grad(g, node.in[0], gy, node);
}

const nn_op nn_op_clamp = {.name = "clamp",
                           .arity = 1,
                           .shape = same_shape,
                           .pixels = clamp_pixels,
                           .gradient = clamp_gradient,
                           .inplace = 1};
const nn_op nn_op_clamp_grad = {.name = "clamp_grad",
                                .arity = 2,
                                .shape = same_shape,
                                .pixels = clamp_grad_pixels,
                                .gradient = clamp_grad_gradient,
                                .inplace = 3};

nn_id nn_clamp(nn_graph *g, nn_id x, double low, double high) {
  return emit1(g, &nn_op_clamp, x, low, high);
}

/* ---- the value itself, without a gradient ---- */

const nn_op nn_op_stop_gradient = {
    .name = "stop_gradient", .arity = 1, .shape = same_shape, .view = true};

nn_id nn_stop_gradient(nn_graph *g, nn_id x) {
  return emit1(g, &nn_op_stop_gradient, x, 0, 0);
}

/* ---- constants ---- */

static void fill_kernel(const nn_call *call) {
  size_t count = nn_shape_count(call->shape);
  for (size_t i = 0; i < count; i++) call->out[i] = (nn_real)call->node->alpha;
}

const nn_op nn_op_fill = {.name = "fill", .kernel = fill_kernel};

nn_id nn_fill(nn_graph *g, nn_shape shape, double value) {
  return nn_emit(g,
                 (nn_node){.op = &nn_op_fill, .shape = shape, .alpha = value});
}

static void table_kernel(const nn_call *call) {
  for (int i = 0; i < call->shape.c; i++)
    call->out[i] = (nn_real)call->node->table[i];
}

const nn_op nn_op_table = {.name = "table", .kernel = table_kernel};

nn_id nn_table(nn_graph *g, const double *values, int count) {
  return nn_emit(g, (nn_node){.op = &nn_op_table,
                              .shape = NN_SHAPE(1, 1, 1, count),
                              .table = values});
}
