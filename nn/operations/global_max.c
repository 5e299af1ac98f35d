/* The maximum of each channel over the pixels of a sample.
 *
 *   global_max(x)             [N,1,1,2C]: maxima, then the numbers of the
 *                             pixels that have them, the first of equals
 *   pixel_pick(u, index)      u there: [N,1,1,C]
 *   pixel_place(gy, index)    gy there, zeros elsewhere: its adjoint
 *
 * A number of a pixel is exact in float up to 4096 x 4096 pixels. A NaN wins,
 * so that it is not lost. */
#include "nn/operation.h"

static inline bool better(nn_real a, nn_real b) { return a > b || a != a; }

static void check_pixels(nn_shape x) {
  INVARIANT((size_t)x.h * (size_t)x.w <= (size_t)1 << 24,
            "global maximum of %d x %d pixels", x.h, x.w);
}

/* ---- global_max ---- */

NN_CLONES static void take_better(size_t channels, nn_real number,
                                  const nn_real *restrict x,
                                  nn_real *restrict most,
                                  nn_real *restrict where) {
  for (size_t c = 0; c < channels; c++) {
    bool wins = better(x[c], most[c]);
    where[c] = wins ? number : where[c];
    most[c] = wins ? x[c] : most[c];
  }
}

static void global_max_samples(void *context, size_t begin, size_t end) {
  const nn_call *call = context;
  nn_shape s = call->in_shape[0];
  size_t channels = (size_t)s.c, pixels = (size_t)s.h * (size_t)s.w;
  for (size_t n = begin; n < end; n++) {
    const nn_real *x = call->in[0] + n * pixels * channels;
    nn_real *most = call->out + n * 2 * channels, *where = most + channels;
    for (size_t c = 0; c < channels; c++) {
      most[c] = x[c];
      where[c] = 0;
    }
    for (size_t p = 1; p < pixels; p++)
      take_better(channels, (nn_real)p, x + p * channels, most, where);
  }
}

static void global_max_kernel(const nn_call *call) {
  nn_call own = *call;
  nn_parallel(call->threads, (size_t)call->shape.n, 1, global_max_samples,
              &own);
}

static void global_max_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  check_pixels(x);
  node->shape = NN_SHAPE(x.n, 1, 1, 2 * x.c);
}

static nn_id place(nn_graph *g, nn_id gy, nn_id index, nn_shape shape) {
  return nn_emit(
      g,
      (nn_node){.op = &nn_op_pixel_place, .in = {gy, index}, .shape = shape});
}

static nn_id pick(nn_graph *g, nn_id u, nn_id index) {
  return nn_emit(g, (nn_node){.op = &nn_op_pixel_pick, .in = {u, index}});
}

/* Numbers of pixels have no derivative. */
static void global_max_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_shape x = nn_shape_of(g, nn_get(g, y).in[0]);
  gx[0] = place(g, nn_slice(g, gy, 0, x.c), nn_slice(g, y, x.c, x.c), x);
}

const nn_op nn_op_global_max = {.name = "global_max",
                                .arity = 1,
                                .shape = global_max_shape,
                                .kernel = global_max_kernel,
                                .gradient = global_max_gradient};

nn_id nn_global_max(nn_graph *g, nn_id x) {
  nn_id both = nn_emit(g, (nn_node){.op = &nn_op_global_max, .in = {x}});
  return nn_slice(g, both, 0, nn_shape_of(g, x).c);
}

/* ---- pixel_pick ---- */

static void pixel_pick_kernel(const nn_call *call) {
  nn_shape s = call->in_shape[0];
  size_t channels = (size_t)s.c, pixels = (size_t)s.h * (size_t)s.w;
  for (size_t n = 0; n < (size_t)s.n; n++)
    for (size_t c = 0; c < channels; c++) {
      size_t at = (size_t)call->in[1][n * channels + c];
      call->out[n * channels + c] =
          call->in[0][(n * pixels + at) * channels + c];
    }
}

static void pixel_pick_shape(const nn_graph *graph, nn_node *node) {
  nn_shape u = nn_shape_of(graph, node->in[0]);
  node->shape = NN_SHAPE(u.n, 1, 1, u.c);
}

static void pixel_pick_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = place(g, gy, node.in[1], nn_shape_of(g, node.in[0]));
}

const nn_op nn_op_pixel_pick = {.name = "pixel_pick",
                                .arity = 2,
                                .shape = pixel_pick_shape,
                                .kernel = pixel_pick_kernel,
                                .gradient = pixel_pick_gradient};

/* ---- pixel_place ---- */

NN_CLONES static void place_pixel(size_t channels, nn_real number,
                                  const nn_real *restrict gy,
                                  const nn_real *restrict where,
                                  nn_real *restrict gx) {
  for (size_t c = 0; c < channels; c++) gx[c] = where[c] == number ? gy[c] : 0;
}

static void pixel_place_pixels(const nn_call *call, size_t first,
                               size_t count) {
  nn_shape s = call->shape;
  size_t channels = (size_t)s.c, pixels = (size_t)s.h * (size_t)s.w;
  /* of single pixels each has its own */
  size_t given = pixels == 1 ? first : 0;
  for (size_t i = 0; i < count; i++) {
    size_t sample = (first + i) / pixels;
    size_t own = (sample - given) * channels;
    place_pixel(channels, (nn_real)((first + i) % pixels), call->in[0] + own,
                call->in[1] + own, call->out + i * channels);
  }
}

static void pixel_place_gradient(nn_graph *g, nn_id y, nn_id u, nn_id gx[]) {
  gx[0] = pick(g, u, nn_get(g, y).in[1]);
}

const nn_op nn_op_pixel_place = {.name = "pixel_place",
                                 .arity = 2,
                                 .pixels = pixel_place_pixels,
                                 .gradient = pixel_place_gradient};
