/* Spectral norm. A weight [kh,kw,Ci,Co] is a matrix of K = kh kw Ci rows of Co
 * values, the transpose of W; v has K values, u has Co. All work on it is bound
 * by reading it, so it is read once: a power iteration knows sigma as well, and
 * the gradient's outer products are added where they belong. */
#include <math.h>
#include <string.h>

#include "nn/operations/dot.h"
#include "nn/operation.h"

enum { ROWS = 64 }; /* of a chunk */

typedef struct matrix_job {
  const nn_call *call;
  const nn_real *w;
  size_t rows, columns, vectors; /* vectors: pairs of v and u */
  nn_real *parts;                /* of a power iteration: a row a chunk */
} matrix_job;

static size_t rows_of(nn_shape w) { return nn_shape_count(w) / (size_t)w.c; }

static size_t chunks_of(size_t rows) { return (rows + ROWS - 1) / ROWS; }

static matrix_job job_of(const nn_call *call) {
  nn_shape w = call->in_shape[0];
  return (matrix_job){.call = call,
                      .w = call->in[0],
                      .rows = rows_of(w),
                      .columns = (size_t)w.c,
                      .vectors = (size_t)call->in_shape[1].n};
}

static nn_id as_matrix(nn_graph *g, nn_id w) {
  nn_shape s = nn_shape_of(g, w);
  return nn_reshape(g, w, NN_SHAPE(1, 1, (int)rows_of(s), s.c));
}

/* As a 1x1 convolution's weights the matrix takes v to Wv forward, and u to W'u
 * by its data gradient. */
static nn_id w_times(nn_graph *g, nn_id w, nn_id v) {
  return nn_conv(g, v, as_matrix(g, w), 1, 0);
}

static nn_id w_transposed_times(nn_graph *g, nn_id w, nn_id u) {
  return nn_conv_data_grad(g, u, as_matrix(g, w), 1, 0, 1, 1);
}

/* ---- power iteration: (w, u) to one row of v, the new u and sigma ---- */

/* t = W'u of some rows, sum = their part of W t. Four rows at once: their
 * products are summed where they are still in the first cache. */
NN_CLONES static void iterate_rows(size_t rows, size_t columns,
                                   const nn_real *w, const nn_real *u,
                                   nn_real *t, nn_real *restrict sum) {
  size_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    const nn_real *w0 = w + r * columns, *w1 = w0 + columns, *w2 = w1 + columns,
                  *w3 = w2 + columns;
    nn_real t0 = nn_dot(columns, w0, u), t1 = nn_dot(columns, w1, u),
            t2 = nn_dot(columns, w2, u), t3 = nn_dot(columns, w3, u);
    for (size_t c = 0; c < columns; c++)
      sum[c] += t0 * w0[c] + t1 * w1[c] + t2 * w2[c] + t3 * w3[c];
    t[r] = t0, t[r + 1] = t1, t[r + 2] = t2, t[r + 3] = t3;
  }
  for (; r < rows; r++) {
    t[r] = nn_dot(columns, w + r * columns, u);
    for (size_t c = 0; c < columns; c++) sum[c] += t[r] * w[r * columns + c];
  }
}

static void iterate_chunks(void *context, size_t begin, size_t end) {
  const matrix_job *job = context;
  for (size_t chunk = begin; chunk < end; chunk++) {
    size_t first = chunk * ROWS, rows = job->rows - first;
    nn_real *sum = job->parts + chunk * job->columns;
    memset(sum, 0, job->columns * sizeof *sum);
    iterate_rows(rows < ROWS ? rows : ROWS, job->columns,
                 job->w + first * job->columns, job->call->in[1],
                 job->call->out + first, sum);
  }
}

/* x / max(|x|, 1e-12); that norm. */
static double make_unit(size_t count, nn_real *x) {
  double square = 0;
  for (size_t i = 0; i < count; i++) square += (double)x[i] * (double)x[i];
  double norm = fmax(sqrt(square), 1e-12);
  for (size_t i = 0; i < count; i++) x[i] = (nn_real)((double)x[i] / norm);
  return norm;
}

NN_CLONES static void add_part(size_t columns, const nn_real *restrict part,
                               double *restrict sum) {
  for (size_t c = 0; c < columns; c++) sum[c] += (double)part[c];
}

/* The scratch memory: the chunks' parts of W t, and their sum. */
static void power_iteration_kernel(const nn_call *call) {
  matrix_job job = job_of(call);
  size_t chunks = chunks_of(job.rows);
  double *sum = call->scratch;
  job.parts = (nn_real *)(void *)(sum + job.columns);
  nn_parallel(call->threads, chunks, 1, iterate_chunks, &job);
  nn_real *v = call->out, *u = v + job.rows;
  double norm = make_unit(job.rows, v);
  memset(sum, 0, job.columns * sizeof *sum);
  for (size_t chunk = 0; chunk < chunks; chunk++)
    add_part(job.columns, job.parts + chunk * job.columns, sum);
  for (size_t c = 0; c < job.columns; c++) u[c] = (nn_real)(sum[c] / norm);
  u[job.columns] = (nn_real)make_unit(job.columns, u);
}

static size_t power_iteration_scratch(const nn_node *node, const nn_shape *in,
                                      int threads) {
  (void)node, (void)threads;
  size_t parts = chunks_of(rows_of(in[0])) * sizeof(nn_real);
  return (size_t)in[0].c * (parts + sizeof(double));
}

static void power_iteration_shape(const nn_graph *graph, nn_node *node) {
  nn_shape w = nn_shape_of(graph, node->in[0]);
  INVARIANT(
      nn_shape_equal(nn_shape_of(graph, node->in[1]), NN_SHAPE(1, 1, 1, w.c)),
      "power iteration: u of another size");
  node->shape = NN_SHAPE(1, 1, 1, (int)rows_of(w) + w.c + 1);
}

const nn_op nn_op_power_iteration = {.name = "power_iteration",
                                     .arity = 2,
                                     .shape = power_iteration_shape,
                                     .kernel = power_iteration_kernel,
                                     .scratch = power_iteration_scratch};

nn_id nn_power_iteration(nn_graph *g, nn_id w, nn_id u) {
  return nn_emit(g, (nn_node){.op = &nn_op_power_iteration, .in = {w, u}});
}

nn_id nn_singular_row(nn_graph *g, nn_id w, nn_id v, nn_id u) {
  nn_id sigma = nn_dot_to(g, u, w_times(g, w, v), NN_SCALAR);
  return nn_concat(g, nn_concat(g, v, u), sigma);
}

nn_id nn_singular_v(nn_graph *g, nn_id w, nn_id row) {
  return nn_slice(g, row, 0, (int)rows_of(nn_shape_of(g, w)));
}

nn_id nn_singular_u(nn_graph *g, nn_id w, nn_id row) {
  nn_shape s = nn_shape_of(g, w);
  return nn_slice(g, row, (int)rows_of(s), s.c);
}

/* ---- sigma: (w, rows), a column of the rows, with a gradient for w ---- */

static void sigma_kernel(const nn_call *call) {
  size_t stride = (size_t)call->in_shape[1].c;
  for (size_t n = 0; n < (size_t)call->shape.n; n++)
    call->out[n] = call->in[1][(n + 1) * stride - 1];
}

static void sigma_shape(const nn_graph *graph, nn_node *node) {
  nn_shape w = nn_shape_of(graph, node->in[0]);
  nn_shape rows = nn_shape_of(graph, node->in[1]);
  INVARIANT(rows.c == (int)rows_of(w) + w.c + 1,
            "sigma: rows of another weight");
  node->shape = NN_SHAPE(rows.n, 1, 1, 1);
}

static nn_id add_outer(nn_graph *g, nn_id a, nn_id v, nn_id u) {
  return nn_emit(g, (nn_node){.op = &nn_op_add_outer, .in = {a, v, u}});
}

static void sigma_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id w = node.in[0], rows = node.in[1];
  nn_id u = nn_mul(g, nn_singular_u(g, w, rows), gy);
  gx[0] = add_outer(g, nn_fill(g, nn_shape_of(g, w), 0),
                    nn_singular_v(g, w, rows), u);
}

const nn_op nn_op_spectral_sigma = {.name = "spectral_sigma",
                                    .arity = 2,
                                    .shape = sigma_shape,
                                    .kernel = sigma_kernel,
                                    .gradient = sigma_gradient};

nn_id nn_spectral_sigma(nn_graph *g, nn_id w, nn_id rows) {
  return nn_emit(g, (nn_node){.op = &nn_op_spectral_sigma, .in = {w, rows}});
}

/* ---- a plus the sum of the outer products v u' ---- */

NN_CLONES static void outer_rows(size_t rows, size_t columns, size_t vectors,
                                 size_t depth, const nn_real *a,
                                 const nn_real *v, const nn_real *u,
                                 nn_real *y) {
  for (size_t r = 0; r < rows; r++, a += columns, y += columns) {
    for (size_t c = 0; c < columns; c++) y[c] = a[c] + v[r] * u[c];
    for (size_t i = 1; i < vectors; i++)
      for (size_t c = 0; c < columns; c++)
        y[c] += v[i * depth + r] * u[i * columns + c];
  }
}

static void outer_chunks(void *context, size_t begin, size_t end) {
  const matrix_job *job = context;
  size_t first = begin * ROWS, last = end * ROWS;
  if (last > job->rows) last = job->rows;
  outer_rows(last - first, job->columns, job->vectors, job->rows,
             job->w + first * job->columns, job->call->in[1] + first,
             job->call->in[2], job->call->out + first * job->columns);
}

static void add_outer_kernel(const nn_call *call) {
  matrix_job job = job_of(call);
  nn_parallel(call->threads, chunks_of(job.rows), 1, outer_chunks, &job);
}

static void add_outer_shape(const nn_graph *graph, nn_node *node) {
  nn_shape a = nn_shape_of(graph, node->in[0]);
  nn_shape v = nn_shape_of(graph, node->in[1]);
  INVARIANT(nn_shape_equal(v, NN_SHAPE(v.n, 1, 1, (int)rows_of(a))) &&
                nn_shape_equal(nn_shape_of(graph, node->in[2]),
                               NN_SHAPE(v.n, 1, 1, a.c)),
            "add_outer: v or u of another size");
  node->shape = a;
}

static void add_outer_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  gx[0] = gy;
  gx[1] = w_transposed_times(g, gy, node.in[2]);
  gx[2] = w_times(g, gy, node.in[1]);
}

const nn_op nn_op_add_outer = {.name = "add_outer",
                               .arity = 3,
                               .shape = add_outer_shape,
                               .kernel = add_outer_kernel,
                               .gradient = add_outer_gradient,
                               .inplace = 1};

nn_id nn_outer_onto(nn_graph *g, nn_id a, nn_id b) {
  nn_node node = nn_get(g, b);
  if (node.op != &nn_op_add_outer) return NN_NONE;
  nn_node zeros = nn_get(g, node.in[0]);
  if (zeros.op != &nn_op_fill || zeros.alpha != 0) return NN_NONE;
  return add_outer(g, a, node.in[1], node.in[2]);
}
