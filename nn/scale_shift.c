/* x scale + shift by channel, in one pass: a batch norm behind its statistics.
 * As a product and a sum, with their bits, but large values are gone through
 * once, not twice. */
#include "nn/internal.h"

typedef struct scale_shift_job {
  const nn_call *call;
  size_t channels;
} scale_shift_job;

NN_CLONES static void scale_shift_run(size_t pixels, size_t channels,
                                      const nn_real *x, const nn_real *scale,
                                      const nn_real *shift, nn_real *y) {
  for (size_t p = 0; p < pixels; p++, x += channels, y += channels)
    for (size_t c = 0; c < channels; c++) y[c] = x[c] * scale[c] + shift[c];
}

static void scale_shift_pixels(void *context, size_t begin, size_t end) {
  const scale_shift_job *job = context;
  const nn_call *call = job->call;
  size_t at = begin * job->channels;
  scale_shift_run(end - begin, job->channels, call->in[0] + at, call->in[1],
                  call->in[2], call->out + at);
}

static void scale_shift_kernel(const nn_call *call) {
  scale_shift_job job = {call, (size_t)call->shape.c};
  nn_parallel(call->threads, nn_shape_count(call->shape) / job.channels,
              (size_t)(1 << 15) / job.channels + 1, scale_shift_pixels, &job);
}

static void scale_shift_shape(const nn_graph *graph, nn_node *node) {
  node->shape = nn_shape_of(graph, node->in[0]);
  nn_shape row = NN_SHAPE(1, 1, 1, node->shape.c);
  INVARIANT(nn_shape_equal(nn_shape_of(graph, node->in[1]), row) &&
                nn_shape_equal(nn_shape_of(graph, node->in[2]), row),
            "scale_shift: not one scale and shift a channel");
}

static void scale_shift_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_shape row = nn_shape_of(g, node.in[1]);
  gx[0] = nn_mul(g, gy, node.in[1]);
  gx[1] = nn_dot_to(g, gy, node.in[0], row);
  gx[2] = nn_reduce_like(g, gy, row);
}

const nn_op nn_op_scale_shift = {.name = "scale_shift",
                                 .arity = 3,
                                 .shape = scale_shift_shape,
                                 .kernel = scale_shift_kernel,
                                 .gradient = scale_shift_gradient,
                                 .inplace = 1};

nn_id nn_scale_shift(nn_graph *g, nn_id x, nn_id scale, nn_id shift) {
  return nn_emit(g,
                 (nn_node){.op = &nn_op_scale_shift, .in = {x, scale, shift}});
}
