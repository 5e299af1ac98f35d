/* 2x2 max pooling. On ties the first entry in row order wins; a NaN wins. */
#include <string.h>

#include "nn/operation.h"

/* The pixels of a window, in row order. */
enum { WINDOW = 4 };

static inline bool better(nn_real a, nn_real b) { return a > b || a != a; }

/* A window's values of `from` where x wins, */
NN_CLONES static void gather_window(size_t channels,
                                    const nn_real *const x[WINDOW],
                                    const nn_real *const from[WINDOW],
                                    nn_real *to) {
  const nn_real *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  const nn_real *u0 = from[0], *u1 = from[1], *u2 = from[2], *u3 = from[3];
  _Pragma("GCC ivdep") for (size_t c = 0; c < channels; c++) {
    nn_real best = x0[c], value = u0[c];
    value = better(x1[c], best) ? u1[c] : value;
    best = better(x1[c], best) ? x1[c] : best;
    value = better(x2[c], best) ? u2[c] : value;
    best = better(x2[c], best) ? x2[c] : best;
    to[c] = better(x3[c], best) ? u3[c] : value;
  }
}

/* and back: `from` where x wins, zeros elsewhere. */
NN_CLONES static void scatter_window(size_t channels,
                                     const nn_real *const x[WINDOW],
                                     const nn_real *from,
                                     nn_real *const to[WINDOW]) {
  const nn_real *x0 = x[0], *x1 = x[1], *x2 = x[2], *x3 = x[3];
  nn_real *y0 = to[0], *y1 = to[1], *y2 = to[2], *y3 = to[3];
  _Pragma("GCC ivdep") for (size_t c = 0; c < channels; c++) {
    nn_real first = better(x1[c], x0[c]) ? x1[c] : x0[c];
    nn_real best = better(x2[c], first) ? x2[c] : first;
    nn_real value = from[c];
    y3[c] = better(x3[c], best) ? value : 0;
    value = better(x3[c], best) ? 0 : value;
    y2[c] = better(x2[c], first) ? value : 0;
    value = better(x2[c], first) ? 0 : value;
    y1[c] = better(x1[c], x0[c]) ? value : 0;
    y0[c] = better(x1[c], x0[c]) ? 0 : value;
  }
}

typedef enum pool_move { POOL_GATHER, POOL_SCATTER } pool_move;

typedef struct pool_job {
  const nn_real *x, *from;
  nn_real *to;
  nn_shape in, out;
  pool_move move;
} pool_job;

static void pool_rows(void *context, size_t begin, size_t end) {
  const pool_job *job = context;
  size_t channels = (size_t)job->in.c, row = (size_t)job->in.w * channels;
  const size_t place[WINDOW] = {0, channels, row, row + channels};
  for (size_t i = begin; i < end; i++) {
    size_t n = i / (size_t)job->out.h, h = i % (size_t)job->out.h;
    for (size_t w = 0; w < (size_t)job->out.w; w++) {
      size_t large = (n * (size_t)job->in.h + 2 * h) * row + 2 * w * channels;
      size_t small = (i * (size_t)job->out.w + w) * channels;
      bool gathers = job->move == POOL_GATHER;
      const nn_real *x[WINDOW], *from[WINDOW];
      nn_real *to[WINDOW];
      for (int k = 0; k < WINDOW; k++) {
        x[k] = job->x + large + place[k];
        if (gathers)
          from[k] = job->from + large + place[k];
        else
          to[k] = job->to + large + place[k];
      }
      if (gathers)
        gather_window(channels, x, from, job->to + small);
      else
        scatter_window(channels, x, job->from + small, to);
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
  if (call->shape.h % 2 + call->shape.w % 2 > 0) /* outside any window */
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
