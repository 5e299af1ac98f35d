/* 2x2 max pooling. On ties the first entry in row order wins; a NaN wins. */
#include <string.h>

#include "nn/internal.h"

/* Offset in x of the winner for channel c of the window at (n, h, w). */
static size_t winner(const nn_real *x, nn_shape s, int n, int h, int w, int c) {
  size_t best = 0;
  for (int k = 0; k < 4; k++) {
    size_t at =
        (((size_t)n * (size_t)s.h + (size_t)(2 * h + k / 2)) * (size_t)s.w +
         (size_t)(2 * w + k % 2)) *
            (size_t)s.c +
        (size_t)c;
    if (k == 0 || x[at] > x[best] || x[at] != x[at]) best = at;
  }
  return best;
}

/* Visits every window: moves values between the window and its winner. */
typedef enum pool_move { POOL_GATHER, POOL_SCATTER } pool_move;

typedef struct pool_job {
  const nn_real *x, *from;
  nn_real *to;
  nn_shape in, out;
  pool_move move;
} pool_job;

static void pool_rows(void *context, size_t begin, size_t end) {
  const pool_job *job = context;
  nn_shape out = job->out;
  for (size_t row = begin; row < end; row++) {
    int n = (int)(row / (size_t)out.h), h = (int)(row % (size_t)out.h);
    size_t at = row * (size_t)out.w * (size_t)out.c;
    for (int w = 0; w < out.w; w++)
      for (int c = 0; c < out.c; c++, at++) {
        size_t best = winner(job->x, job->in, n, h, w, c);
        if (job->move == POOL_GATHER)
          job->to[at] = job->from[best];
        else
          job->to[best] = job->from[at];
      }
  }
}

static void run_pool(const nn_call *call, pool_job job) {
  nn_parallel(call->threads, (size_t)job.out.n * (size_t)job.out.h, 8,
              pool_rows, &job);
}

static void pooled_shape(const nn_graph *graph, nn_node *node) {
  nn_shape x = nn_shape_of(graph, node->in[0]);
  node->shape = NN_SHAPE(x.n, x.h / 2, x.w / 2, x.c);
}

static void first_shape(const nn_graph *graph, nn_node *node) {
  node->shape = nn_shape_of(graph, node->in[0]);
}

static nn_id emit(nn_graph *g, const nn_op *op, nn_id a, nn_id b) {
  return nn_emit(g, (nn_node){.op = op, .in = {a, b}});
}

static void max_pool2_kernel(const nn_call *call) {
  run_pool(call, (pool_job){call->in[0], call->in[0], call->out,
                            call->in_shape[0], call->shape, POOL_GATHER});
}

static void max_pool2_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  gx[0] = emit(g, &nn_op_max_pool2_grad, nn_get(g, y).in[0], gy);
}

const nn_op nn_op_max_pool2 = {.name = "max_pool2",
                               .arity = 1,
                               .shape = pooled_shape,
                               .kernel = max_pool2_kernel,
                               .gradient = max_pool2_gradient};

nn_id nn_max_pool2(nn_graph *g, nn_id x) {
  return nn_emit(g, (nn_node){.op = &nn_op_max_pool2, .in = {x}});
}

/* (x, gy) -> gy at the winners, zeros elsewhere */
static void max_pool2_grad_kernel(const nn_call *call) {
  memset(call->out, 0, nn_shape_count(call->shape) * sizeof(nn_real));
  run_pool(call,
           (pool_job){call->in[0], call->in[1], call->out, call->in_shape[0],
                      call->in_shape[1], POOL_SCATTER});
}

static void max_pool2_grad_gradient(nn_graph *g, nn_id y, nn_id u, nn_id gx[]) {
  gx[1] = emit(g, &nn_op_max_pool2_gather, nn_get(g, y).in[0], u);
}

const nn_op nn_op_max_pool2_grad = {.name = "max_pool2_grad",
                                    .arity = 2,
                                    .shape = first_shape,
                                    .kernel = max_pool2_grad_kernel,
                                    .gradient = max_pool2_grad_gradient};

/* (x, u) -> u at the winners of x */
static void max_pool2_gather_kernel(const nn_call *call) {
  run_pool(call, (pool_job){call->in[0], call->in[1], call->out,
                            call->in_shape[0], call->shape, POOL_GATHER});
}

static void max_pool2_gather_gradient(nn_graph *g, nn_id y, nn_id v,
                                      nn_id gx[]) {
  gx[1] = emit(g, &nn_op_max_pool2_grad, nn_get(g, y).in[0], v);
}

const nn_op nn_op_max_pool2_gather = {.name = "max_pool2_gather",
                                      .arity = 2,
                                      .shape = pooled_shape,
                                      .kernel = max_pool2_gather_kernel,
                                      .gradient = max_pool2_gather_gradient};
