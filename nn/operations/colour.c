/* Affine maps of colours: twelve numbers theta, of each pixel, of each sample,
 * or one set for all, are a 3x3 matrix M row by row and a vector b.
 *
 *   affine_colour(theta, x)         M x + b
 *   affine_colour_theta(gy, x)      its gradient by theta: gy x', then gy
 *   affine_colour_image(theta, gy)  its gradient by x: M' gy
 *
 * All three are partials of one form, sum(y (M x + b)), which is linear in y,
 * in theta and, but for b, in x. The part without b, which derivatives by x
 * have, is the same rows without the flag. */
#include <string.h>

#include "nn/operations/colour.h"

enum { COLOURS = NN_COLOURS, MATRIX = NN_AFFINE_MATRIX, THETA = NN_AFFINE };

/* ---- kernels ---- */

/* Thetas `step` values apart: THETA, or 0 where all pixels have one. */
static inline __attribute__((always_inline)) void
transform(size_t count, size_t step, bool shifted, const nn_real *theta,
          const nn_real *x, nn_real *y) {
  for (size_t p = 0; p < count; p++, theta += step, x += COLOURS, y += COLOURS)
    nn_affine_pixel(shifted, theta, x, y);
}

static inline __attribute__((always_inline)) void
transform_back(size_t count, size_t step, const nn_real *theta,
               const nn_real *gy, nn_real *gx) {
  for (size_t p = 0; p < count;
       p++, theta += step, gy += COLOURS, gx += COLOURS)
    for (int i = 0; i < COLOURS; i++)
      gx[i] = theta[i] * gy[0] + theta[COLOURS + i] * gy[1] +
              theta[2 * COLOURS + i] * gy[2];
}

NN_CLONES static void transform_run(size_t count, size_t step, bool shifted,
                                    const nn_real *theta,
                                    const nn_real *restrict x,
                                    nn_real *restrict y) {
  if (step == 0)
    transform(count, 0, shifted, theta, x, y);
  else
    transform(count, THETA, shifted, theta, x, y);
}

NN_CLONES static void back_run(size_t count, size_t step, bool shifted,
                               const nn_real *theta, const nn_real *restrict gy,
                               nn_real *restrict gx) {
  (void)shifted;
  if (step == 0)
    transform_back(count, 0, theta, gy, gx);
  else
    transform_back(count, THETA, theta, gy, gx);
}

NN_CLONES static void theta_run(size_t count, bool shifted,
                                const nn_real *restrict gy,
                                const nn_real *restrict x,
                                nn_real *restrict theta) {
  for (size_t p = 0; p < count;
       p++, theta += THETA, x += COLOURS, gy += COLOURS)
    for (int i = 0; i < COLOURS; i++) {
      for (int j = 0; j < COLOURS; j++) theta[COLOURS * i + j] = gy[i] * x[j];
      theta[MATRIX + i] = shifted ? gy[i] : 0;
    }
}

typedef void run(size_t count, size_t step, bool shifted, const nn_real *theta,
                 const nn_real *x, nn_real *y);

/* theta in[0], x in[1]: those pixels at once that share a theta, or all. */
static void run_by_theta(const nn_call *call, size_t first, size_t count,
                         run *of) {
  nn_theta_run part;
  for (size_t done = 0; done < count; done += part.count) {
    part = nn_theta_run_at(call, first, count, done);
    of(part.count, part.step, call->node->flag, part.theta,
       call->in[1] + done * COLOURS, call->out + done * COLOURS);
  }
}

static void affine_colour_pixels(const nn_call *call, size_t first,
                                 size_t count) {
  run_by_theta(call, first, count, transform_run);
}

static void affine_colour_image_pixels(const nn_call *call, size_t first,
                                       size_t count) {
  run_by_theta(call, first, count, back_run);
}

static void affine_colour_theta_pixels(const nn_call *call, size_t first,
                                       size_t count) {
  (void)first;
  theta_run(count, call->node->flag, call->in[0], call->in[1], call->out);
}

/* ---- shapes ---- */

nn_theta_run nn_theta_run_at(const nn_call *call, size_t first, size_t count,
                             size_t done) {
  nn_shape theta = call->in_shape[0], s = call->shape;
  size_t channels = (size_t)theta.c, left = count - done;
  if (nn_same_pixels(theta, s))
    return (nn_theta_run){call->in[0] + done * channels, channels, left};
  size_t image = (size_t)s.h * (size_t)s.w, sample = (first + done) / image;
  size_t own = (sample + 1) * image - first - done;
  return (nn_theta_run){call->in[0] + (theta.n > 1 ? sample * channels : 0), 0,
                        own < left ? own : left};
}

void nn_theta_image_shape(const nn_graph *graph, nn_node *node, int channels) {
  nn_shape theta = nn_shape_of(graph, node->in[0]);
  nn_shape x = nn_shape_of(graph, node->in[1]);
  INVARIANT(
      x.c == COLOURS && theta.c == channels &&
          (nn_same_pixels(theta, x) ||
           (theta.h == 1 && theta.w == 1 && (theta.n == 1 || theta.n == x.n))),
      "%s: [%d,%d,%d,%d] of [%d,%d,%d,%d]", node->op->name, theta.n, theta.h,
      theta.w, theta.c, x.n, x.h, x.w, x.c);
  node->shape = x;
}

void nn_theta_pixel_shape(const nn_graph *graph, nn_node *node, int channels) {
  nn_shape s = nn_shape_of(graph, node->in[0]);
  INVARIANT(s.c == COLOURS &&
                nn_shape_equal(s, nn_shape_of(graph, node->in[1])),
            "%s: shapes differ", node->op->name);
  node->shape = NN_SHAPE(s.n, s.h, s.w, channels);
}

static void image_shape(const nn_graph *graph, nn_node *node) {
  nn_theta_image_shape(graph, node, THETA);
}

static void theta_shape(const nn_graph *graph, nn_node *node) {
  nn_theta_pixel_shape(graph, node, THETA);
}

/* ---- gradients: the other partials ---- */

static nn_id emit(nn_graph *g, const nn_op *op, nn_id a, nn_id b,
                  bool shifted) {
  return nn_emit(g, (nn_node){.op = op, .in = {a, b}, .flag = shifted});
}

/* Of each pixel, summed up for the theta that they share. */
static nn_id theta_gradient(nn_graph *g, nn_id gy, nn_id x, bool shifted,
                            nn_id theta) {
  nn_id each = emit(g, &nn_op_affine_colour_theta, gy, x, shifted);
  return nn_reduce_like(g, each, nn_shape_of(g, theta));
}

static void affine_colour_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id theta = node.in[0], x = node.in[1];
  gx[0] = theta_gradient(g, gy, x, node.flag, theta);
  gx[1] = emit(g, &nn_op_affine_colour_image, theta, gy, false);
}

static void affine_colour_image_gradient(nn_graph *g, nn_id y, nn_id u,
                                         nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id theta = node.in[0], gy = node.in[1];
  gx[0] = theta_gradient(g, gy, u, false, theta);
  gx[1] = emit(g, &nn_op_affine_colour, theta, u, false);
}

static void affine_colour_theta_gradient(nn_graph *g, nn_id y, nn_id u,
                                         nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id gy = node.in[0], x = node.in[1];
  gx[0] = emit(g, &nn_op_affine_colour, u, x, node.flag);
  gx[1] = emit(g, &nn_op_affine_colour_image, u, gy, false);
}

const nn_op nn_op_affine_colour = {.name = "affine_colour",
                                   .arity = 2,
                                   .shape = image_shape,
                                   .pixels = affine_colour_pixels,
                                   .gradient = affine_colour_gradient};
const nn_op nn_op_affine_colour_image = {.name = "affine_colour_image",
                                         .arity = 2,
                                         .shape = image_shape,
                                         .pixels = affine_colour_image_pixels,
                                         .gradient =
                                             affine_colour_image_gradient};
const nn_op nn_op_affine_colour_theta = {.name = "affine_colour_theta",
                                         .arity = 2,
                                         .shape = theta_shape,
                                         .pixels = affine_colour_theta_pixels,
                                         .gradient =
                                             affine_colour_theta_gradient};

nn_id nn_affine_colour(nn_graph *g, nn_id theta, nn_id x) {
  return emit(g, &nn_op_affine_colour, theta, x, true);
}
