/* Tone curves: each channel's own, linear between K + 1 knots at even distances
 * from 0 to 1. theta holds the K slopes of each channel, of each pixel, of each
 * sample, or one set for all:
 *
 *   tone_curve(theta, x)            y_c = sum over k of
 *                                   theta_ck clamp(x_c - k/K, 0, 1/K)
 *   tone_curve_theta(gy, x)         its gradient by theta
 *   tone_curve_image(theta, x, gy)  its gradient by x: gy times the slope there
 *   tone_curve_place(x, g)          g at the slope of x, zeros elsewhere: the
 *                                   derivative of that by theta
 *
 * Slopes of 1 give back x; where none is negative a curve is monotone. Outside
 * [0,1] it goes on level. */
#include "nn/operations/colour.h"

enum { COLOURS = NN_COLOURS, K = NN_TONE_SLOPES, THETA = NN_TONES };

/* ---- kernels, of `count` pixels; thetas `step` values apart ---- */

/* The slope that holds at x, or K. */
static inline int segment(nn_real x) {
  return x >= 0 && x < 1 ? (int)(x * K) : K;
}

NN_CLONES static void curve_run(size_t count, size_t step, const nn_real *theta,
                                const nn_real *restrict x,
                                nn_real *restrict y) {
  for (size_t p = 0; p < count; p++, theta += step)
    for (size_t c = 0; c < COLOURS; c++)
      y[p * COLOURS + c] = nn_tone(theta + c * K, x[p * COLOURS + c]);
}

static void slope_run(size_t count, size_t step, const nn_real *theta,
                      const nn_real *x, const nn_real *gy, nn_real *gx) {
  for (size_t p = 0; p < count; p++, theta += step)
    for (size_t c = 0; c < COLOURS; c++) {
      int k = segment(x[p * COLOURS + c]);
      gx[p * COLOURS + c] =
          k < K ? theta[c * K + (size_t)k] * gy[p * COLOURS + c] : 0;
    }
}

NN_CLONES static void theta_run(size_t count, const nn_real *restrict gy,
                                const nn_real *restrict x,
                                nn_real *restrict theta) {
  for (size_t i = 0; i < count * COLOURS; i++)
    for (int k = 0; k < K; k++)
      theta[i * K + (size_t)k] = gy[i] * nn_tone_rise(x[i], k);
}

static void place_run(size_t count, const nn_real *x, const nn_real *g,
                      nn_real *theta) {
  for (size_t i = 0; i < count * COLOURS; i++) {
    int own = segment(x[i]);
    for (int k = 0; k < K; k++) theta[i * K + (size_t)k] = k == own ? g[i] : 0;
  }
}

/* ---- calls: those pixels at once that share a theta, or all ---- */

static void run_by_theta(const nn_call *call, size_t first, size_t count,
                         bool slopes) {
  nn_theta_run part;
  for (size_t done = 0; done < count; done += part.count) {
    part = nn_theta_run_at(call, first, count, done);
    size_t at = done * COLOURS;
    if (slopes)
      slope_run(part.count, part.step, part.theta, call->in[1] + at,
                call->in[2] + at, call->out + at);
    else
      curve_run(part.count, part.step, part.theta, call->in[1] + at,
                call->out + at);
  }
}

static void tone_curve_pixels(const nn_call *call, size_t first, size_t count) {
  run_by_theta(call, first, count, false);
}

static void tone_curve_image_pixels(const nn_call *call, size_t first,
                                    size_t count) {
  run_by_theta(call, first, count, true);
}

static void tone_curve_theta_pixels(const nn_call *call, size_t first,
                                    size_t count) {
  (void)first;
  theta_run(count, call->in[0], call->in[1], call->out);
}

static void tone_curve_place_pixels(const nn_call *call, size_t first,
                                    size_t count) {
  (void)first;
  place_run(count, call->in[0], call->in[1], call->out);
}

/* ---- shapes ---- */

static void image_shape(const nn_graph *graph, nn_node *node) {
  nn_theta_image_shape(graph, node, THETA);
}

static void theta_shape(const nn_graph *graph, nn_node *node) {
  nn_theta_pixel_shape(graph, node, THETA);
}

/* ---- gradients ---- */

static nn_id emit(nn_graph *g, const nn_op *op, nn_id a, nn_id b) {
  return nn_emit(g, (nn_node){.op = op, .in = {a, b}});
}

static nn_id slope(nn_graph *g, nn_id theta, nn_id x, nn_id gy) {
  return nn_emit(
      g, (nn_node){.op = &nn_op_tone_curve_image, .in = {theta, x, gy}});
}

static nn_id reduced(nn_graph *g, nn_id each, nn_id theta) {
  return nn_reduce_like(g, each, nn_shape_of(g, theta));
}

static void tone_curve_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id theta = node.in[0], x = node.in[1];
  gx[0] = reduced(g, emit(g, &nn_op_tone_curve_theta, gy, x), theta);
  gx[1] = slope(g, theta, x, gy);
}

static void tone_curve_theta_gradient(nn_graph *g, nn_id y, nn_id u,
                                      nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id gy = node.in[0], x = node.in[1];
  gx[0] = emit(g, &nn_op_tone_curve, u, x);
  gx[1] = slope(g, u, x, gy);
}

static void tone_curve_image_gradient(nn_graph *g, nn_id y, nn_id u,
                                      nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id theta = node.in[0], x = node.in[1], gy = node.in[2];
  nn_id each = emit(g, &nn_op_tone_curve_place, x, nn_mul(g, gy, u));
  gx[0] = reduced(g, each, theta);
  gx[2] = slope(g, theta, x, u);
}

static void tone_curve_place_gradient(nn_graph *g, nn_id y, nn_id u,
                                      nn_id gx[]) {
  nn_id x = nn_get(g, y).in[0];
  gx[1] = slope(g, u, x, nn_fill(g, nn_shape_of(g, x), 1));
}

const nn_op nn_op_tone_curve = {.name = "tone_curve",
                                .arity = 2,
                                .shape = image_shape,
                                .pixels = tone_curve_pixels,
                                .gradient = tone_curve_gradient};
const nn_op nn_op_tone_curve_theta = {.name = "tone_curve_theta",
                                      .arity = 2,
                                      .shape = theta_shape,
                                      .pixels = tone_curve_theta_pixels,
                                      .gradient = tone_curve_theta_gradient};
const nn_op nn_op_tone_curve_image = {.name = "tone_curve_image",
                                      .arity = 3,
                                      .shape = image_shape,
                                      .pixels = tone_curve_image_pixels,
                                      .gradient = tone_curve_image_gradient};
const nn_op nn_op_tone_curve_place = {.name = "tone_curve_place",
                                      .arity = 2,
                                      .shape = theta_shape,
                                      .pixels = tone_curve_place_pixels,
                                      .gradient = tone_curve_place_gradient};

nn_id nn_tone_curve(nn_graph *g, nn_id theta, nn_id x) {
  return emit(g, &nn_op_tone_curve, theta, x);
}
