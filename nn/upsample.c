/* Bilinear upsampling by a whole factor, and its adjoint. */
#include <string.h>

#include "nn/internal.h"

/* Where result coordinate i takes its two values from. */
typedef struct taps {
  int low, high;
  nn_real low_weight, high_weight;
} taps;

static taps taps_at(int i, int from, int to, bool align_corners) {
  double position;
  if (align_corners)
    position = to > 1 ? (double)i * (from - 1) / (to - 1) : 0;
  else
    position = (i + 0.5) * from / to - 0.5;
  if (position < 0) position = 0;
  taps t;
  t.low = (int)position;
  if (t.low > from - 1) t.low = from - 1;
  t.high = t.low + 1 < from ? t.low + 1 : t.low;
  t.high_weight = (nn_real)(position - t.low);
  t.low_weight = 1 - t.high_weight;
  return t;
}

typedef struct upsample_job {
  nn_shape small, large;
  bool align_corners, adjoint;
  const nn_real *from;
  nn_real *to;
} upsample_job;

/* One pixel of the large image from its four of the small one, */
NN_CLONES static void blend(size_t channels, const nn_real weight[4],
                            const nn_real *const from[4], nn_real *to) {
  const nn_real *a = from[0], *b = from[1], *c = from[2], *d = from[3];
  nn_real wa = weight[0], wb = weight[1], wc = weight[2], wd = weight[3];
  for (size_t i = 0; i < channels; i++)
    to[i] = wa * a[i] + wb * b[i] + wc * c[i] + wd * d[i];
}

/* and onto them: these may be the same pixel, at the last row or column. */
NN_CLONES static void spread(size_t channels, nn_real weight,
                             const nn_real *from, nn_real *to) {
  for (size_t i = 0; i < channels; i++) to[i] += weight * from[i];
}

static void upsample_sample(const upsample_job *job, int n) {
  nn_shape s = job->small, l = job->large;
  size_t channels = (size_t)s.c;
  for (int h = 0; h < l.h; h++) {
    taps y = taps_at(h, s.h, l.h, job->align_corners);
    for (int w = 0; w < l.w; w++) {
      taps x = taps_at(w, s.w, l.w, job->align_corners);
      size_t large =
          (((size_t)n * (size_t)l.h + (size_t)h) * (size_t)l.w + (size_t)w) *
          channels;
      size_t small[4];
      nn_real weight[4];
      for (int k = 0; k < 4; k++) {
        int row = k / 2 ? y.high : y.low, column = k % 2 ? x.high : x.low;
        weight[k] = (k / 2 ? y.high_weight : y.low_weight) *
                    (k % 2 ? x.high_weight : x.low_weight);
        small[k] = (((size_t)n * (size_t)s.h + (size_t)row) * (size_t)s.w +
                    (size_t)column) *
                   channels;
      }
      if (job->adjoint) {
        for (int k = 0; k < 4; k++)
          spread(channels, weight[k], job->from + large, job->to + small[k]);
      } else {
        const nn_real *from[4];
        for (int k = 0; k < 4; k++) from[k] = job->from + small[k];
        blend(channels, weight, from, job->to + large);
      }
    }
  }
}

static void upsample_samples(void *context, size_t begin, size_t end) {
  for (size_t n = begin; n < end; n++) upsample_sample(context, (int)n);
}

static void run_upsample(const nn_call *call, bool adjoint) {
  upsample_job job = {.small = adjoint ? call->shape : call->in_shape[0],
                      .large = adjoint ? call->in_shape[0] : call->shape,
                      .align_corners = call->node->flag,
                      .adjoint = adjoint,
                      .from = call->in[0],
                      .to = call->out};
  if (adjoint)
    memset(call->out, 0, nn_shape_count(call->shape) * sizeof(nn_real));
  nn_parallel(call->threads, (size_t)call->shape.n, 1, upsample_samples, &job);
}

static void upsample_kernel(const nn_call *call) { run_upsample(call, false); }
static void adjoint_kernel(const nn_call *call) { run_upsample(call, true); }

static void upsample_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  node->shape = NN_SHAPE(x.n, x.h * node->factor, x.w * node->factor, x.c);
}

static void adjoint_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  node->shape = NN_SHAPE(x.n, x.h / node->factor, x.w / node->factor, x.c);
}

static nn_id emit(nn_graph *g, const nn_op *op, nn_id x, int factor,
                  bool align_corners) {
  return nn_emit(
      g,
      (nn_node){.op = op, .in = {x}, .factor = factor, .flag = align_corners});
}

static void upsample_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = emit(g, &nn_op_upsample_bilinear_adjoint, gy, node.factor, node.flag);
}

static void adjoint_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = emit(g, &nn_op_upsample_bilinear, gy, node.factor, node.flag);
}

const nn_op nn_op_upsample_bilinear = {.name = "upsample_bilinear",
                                       .arity = 1,
                                       .shape = upsample_shape,
                                       .kernel = upsample_kernel,
                                       .gradient = upsample_gradient};
const nn_op nn_op_upsample_bilinear_adjoint = {.name =
                                                   "upsample_bilinear_adjoint",
                                               .arity = 1,
                                               .shape = adjoint_shape,
                                               .kernel = adjoint_kernel,
                                               .gradient = adjoint_gradient};

nn_id nn_upsample_bilinear(nn_graph *g, nn_id x, int factor,
                           bool align_corners) {
  return emit(g, &nn_op_upsample_bilinear, x, factor, align_corners);
}
