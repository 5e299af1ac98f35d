/* Elementwise operations of two values, with broadcasting. */
#include "nn/operation.h"

typedef enum binary_kind { BINARY_AXPBY, BINARY_MUL, BINARY_DIV } binary_kind;

/* Steps of a value along n, h, w, c: zero where it is broadcast. */
typedef struct steps {
  size_t n, h, w, c;
} steps;

static steps steps_of(nn_shape s) {
  steps result;
  result.c = s.c > 1 ? 1 : 0;
  result.w = s.w > 1 ? (size_t)s.c : 0;
  result.h = s.h > 1 ? (size_t)s.c * (size_t)s.w : 0;
  result.n = s.n > 1 ? (size_t)s.c * (size_t)s.w * (size_t)s.h : 0;
  return result;
}

/* One run of `count` results; a and b advance or stand still. */
#define RUN(expression)                                                        \
  do {                                                                         \
    if (step_a && step_b)                                                      \
      for (size_t i = 0; i < count; i++) {                                     \
        nn_real x = a[i], z = b[i];                                            \
        y[i] = (expression);                                                   \
      }                                                                        \
    else if (step_a) {                                                         \
      nn_real z = b[0];                                                        \
      for (size_t i = 0; i < count; i++) {                                     \
        nn_real x = a[i];                                                      \
        y[i] = (expression);                                                   \
      }                                                                        \
    } else if (step_b) {                                                       \
      nn_real x = a[0];                                                        \
      for (size_t i = 0; i < count; i++) {                                     \
        nn_real z = b[i];                                                      \
        y[i] = (expression);                                                   \
      }                                                                        \
    } else {                                                                   \
      nn_real x = a[0], z = b[0], value = (expression);                        \
      for (size_t i = 0; i < count; i++) y[i] = value;                         \
    }                                                                          \
  } while (0)

NN_CLONES static void run(binary_kind kind, nn_real alpha, nn_real beta,
                          size_t count, const nn_real *a, bool step_a,
                          const nn_real *b, bool step_b, nn_real *y) {
  switch (kind) {
  case BINARY_AXPBY: RUN(alpha * x + beta * z); break;
  case BINARY_MUL: RUN(x * z); break;
  case BINARY_DIV: RUN(x / z); break;
  }
}

/* ---- few channels: a run of each pixel's would be too short ---- */

enum { FEW_CHANNELS = 4, BLOCK = 64 /* pixels */ };

/* Each pixel's value as often as there are channels: a constant where this is
 * inlined. */
static inline __attribute__((always_inline)) void
repeat(size_t count, size_t channels, const nn_real *x, nn_real *room) {
  for (size_t i = 0; i < count; i++)
    for (size_t c = 0; c < channels; c++) room[i * channels + c] = x[i];
}

NN_CLONES static void repeat_by_channels(size_t count, size_t channels,
                                         const nn_real *restrict x,
                                         nn_real *restrict room) {
  switch (channels) {
  case 2: repeat(count, 2, x, room); break;
  case 3: repeat(count, 3, x, room); break;
  case 4: repeat(count, 4, x, room); break;
  default: repeat(count, channels, x, room); break;
  }
}

/* Values of `count` pixels as they lie, or repeated. */
static const nn_real *spread(const nn_call *call, int input, size_t begin,
                             size_t count, nn_real *room) {
  const nn_real *x = call->in[input];
  size_t channels = (size_t)call->shape.c;
  if (nn_shape_equal(call->in_shape[input], call->shape))
    return x + begin * channels;
  repeat_by_channels(count, channels, x + begin, room);
  return room;
}

static void few_channels(const nn_call *call, binary_kind kind, size_t pixels) {
  size_t channels = (size_t)call->shape.c;
  nn_real room[2][BLOCK * FEW_CHANNELS] = {{0}};
  for (size_t at = 0; at < pixels; at += BLOCK) {
    size_t count = pixels - at < BLOCK ? pixels - at : BLOCK;
    run(kind, (nn_real)call->node->alpha, (nn_real)call->node->beta,
        count * channels, spread(call, 0, at, count, room[0]), true,
        spread(call, 1, at, count, room[1]), true, call->out + at * channels);
  }
}

/* ---- a run of channels a pixel ---- */

/* An input's values for the pixel that is computed. */
typedef struct operand {
  const nn_real *at;
  steps step;
  bool along; /* it has the result's pixels */
} operand;

static operand operand_make(const nn_call *call, int i, size_t n, size_t h,
                            size_t w) {
  operand o = {call->in[i], steps_of(call->in_shape[i]),
               nn_same_pixels(call->in_shape[i], call->shape)};
  if (!o.along) o.at += n * o.step.n + h * o.step.h + w * o.step.w;
  return o;
}

/* From the last pixel of a row of an image to the first of the next one. */
static void end_row(operand *o, nn_shape s, bool image_ends) {
  if (o->along) return;
  o->at += o->step.h;
  o->at -= (size_t)s.w * o->step.w;
  if (!image_ends) return;
  o->at += o->step.n;
  o->at -= (size_t)s.h * o->step.h;
}

static void pixel_by_pixel(const nn_call *call, binary_kind kind, size_t first,
                           size_t count) {
  nn_shape s = call->shape;
  size_t channels = (size_t)s.c, w = first % (size_t)s.w;
  size_t row = first / (size_t)s.w, h = row % (size_t)s.h;
  operand a = operand_make(call, 0, row / (size_t)s.h, h, w);
  operand b = operand_make(call, 1, row / (size_t)s.h, h, w);
  size_t a_step = a.along ? (size_t)call->in_shape[0].c : a.step.w;
  size_t b_step = b.along ? (size_t)call->in_shape[1].c : b.step.w;
  for (size_t i = 0; i < count; i++) {
    run(kind, (nn_real)call->node->alpha, (nn_real)call->node->beta, channels,
        a.at, a.step.c != 0, b.at, b.step.c != 0, call->out + i * channels);
    a.at += a_step;
    b.at += b_step;
    if (++w < (size_t)s.w) continue;
    w = 0;
    h = h + 1 < (size_t)s.h ? h + 1 : 0;
    end_row(&a, s, h == 0);
    end_row(&b, s, h == 0);
  }
}

static void binary_pixels(const nn_call *call, binary_kind kind, size_t first,
                          size_t count) {
  bool whole[2], simple = true, few = call->shape.c <= FEW_CHANNELS;
  for (int i = 0; i < 2; i++) {
    nn_shape in = call->in_shape[i];
    whole[i] = nn_shape_equal(in, call->shape);
    if (!whole[i] && nn_shape_count(in) != 1) simple = false;
    if (!nn_same_pixels(in, call->shape)) few = false;
  }
  if (simple)
    run(kind, (nn_real)call->node->alpha, (nn_real)call->node->beta,
        count * (size_t)call->shape.c, call->in[0], whole[0], call->in[1],
        whole[1], call->out);
  else if (few)
    few_channels(call, kind, count);
  else
    pixel_by_pixel(call, kind, first, count);
}

static int extent(int a, int b, const char *name) {
  INVARIANT(a == b || a == 1 || b == 1, "%s: extents %d and %d", name, a, b);
  return a > b ? a : b;
}

static void broadcast_shape(const nn_graph *graph, nn_node *node) {
  nn_shape a = nn_shape_of(graph, node->in[0]);
  nn_shape b = nn_shape_of(graph, node->in[1]);
  const char *name = node->op->name;
  node->shape = NN_SHAPE(extent(a.n, b.n, name), extent(a.h, b.h, name),
                         extent(a.w, b.w, name), extent(a.c, b.c, name));
}

/* gx = value reduced to the shape of input i of y. */
static nn_id to_input(nn_graph *g, nn_id y, int i, nn_id value) {
  return nn_reduce_like(g, value, nn_shape_of(g, nn_get(g, y).in[i]));
}

/* gy times the other factor, reduced to the shape of this one. */
static nn_id product_to(nn_graph *g, nn_id gy, nn_id other, nn_shape shape) {
  nn_shape s = nn_shape_of(g, gy);
  if (nn_shape_equal(s, nn_shape_of(g, other)) && !nn_shape_equal(s, shape))
    return nn_dot_to(g, gy, other, shape);
  return nn_reduce_like(g, nn_mul(g, gy, other), shape);
}

/* ---- alpha a + beta b ---- */

static void axpby_pixels(const nn_call *call, size_t first, size_t count) {
  binary_pixels(call, BINARY_AXPBY, first, count);
}

static void axpby_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = nn_affine(g, to_input(g, y, 0, gy), node.alpha, 0);
  gx[1] = nn_affine(g, to_input(g, y, 1, gy), node.beta, 0);
}

const nn_op nn_op_axpby = {.name = "axpby",
                           .arity = 2,
                           .shape = broadcast_shape,
                           .pixels = axpby_pixels,
                           .gradient = axpby_gradient,
                           .inplace = 3};

nn_id nn_axpby(nn_graph *g, double alpha, nn_id a, double beta, nn_id b) {
  return nn_emit(
      g, (nn_node){
             .op = &nn_op_axpby, .in = {a, b}, .alpha = alpha, .beta = beta});
}

nn_id nn_add(nn_graph *g, nn_id a, nn_id b) { return nn_axpby(g, 1, a, 1, b); }
nn_id nn_sub(nn_graph *g, nn_id a, nn_id b) { return nn_axpby(g, 1, a, -1, b); }

/* ---- product and quotient ---- */

static void mul_pixels(const nn_call *call, size_t first, size_t count) {
  binary_pixels(call, BINARY_MUL, first, count);
}

static void mul_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = product_to(g, gy, node.in[1], nn_shape_of(g, node.in[0]));
  gx[1] = product_to(g, gy, node.in[0], nn_shape_of(g, node.in[1]));
}

const nn_op nn_op_mul = {.name = "mul",
                         .arity = 2,
                         .shape = broadcast_shape,
                         .pixels = mul_pixels,
                         .gradient = mul_gradient,
                         .inplace = 3};

nn_id nn_mul(nn_graph *g, nn_id a, nn_id b) {
  return nn_emit(g, (nn_node){.op = &nn_op_mul, .in = {a, b}});
}

static void div_pixels(const nn_call *call, size_t first, size_t count) {
  binary_pixels(call, BINARY_DIV, first, count);
}

static void div_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id quotient = nn_div(g, gy, node.in[1]);
  gx[0] = to_input(g, y, 0, quotient);
  gx[1] = to_input(g, y, 1, nn_affine(g, nn_mul(g, quotient, y), -1, 0));
}

const nn_op nn_op_div = {.name = "div",
                         .arity = 2,
                         .shape = broadcast_shape,
                         .pixels = div_pixels,
                         .gradient = div_gradient,
                         .inplace = 3};

nn_id nn_div(nn_graph *g, nn_id a, nn_id b) {
  return nn_emit(g, (nn_node){.op = &nn_op_div, .in = {a, b}});
}
