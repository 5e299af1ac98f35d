/* Matrix products, one a sample: [N,H,W,C] is N matrices of H W rows and C
 * columns. Closed under differentiation: y = op(A) op(B) has
 * dA = dy op(B)' and dB = op(A)' dy, transposed where A or B is. */
#include "nn/operation.h"

enum { TRANSPOSE_A = 1, TRANSPOSE_B = 2 }; /* of node->factor */
/* Rows of a result that one call computes: enough to repay the packing of B,
 * few enough to share a sample between threads. */
enum { ROWS = 128 };

typedef struct product {
  bool transpose_a, transpose_b;
  int rows, columns, depth;
  int inner_b; /* the depth as B has it */
} product;

static product product_of(const nn_node *node, nn_shape a, nn_shape b) {
  product p = {.transpose_a = (node->factor & TRANSPOSE_A) != 0,
               .transpose_b = (node->factor & TRANSPOSE_B) != 0};
  p.rows = p.transpose_a ? a.c : a.h * a.w;
  p.depth = p.transpose_a ? a.h * a.w : a.c;
  p.columns = p.transpose_b ? b.h * b.w : b.c;
  p.inner_b = p.transpose_b ? b.c : b.h * b.w;
  return p;
}

static void matmul_shape(const nn_graph *graph, nn_node *node) {
  nn_shape a = nn_shape_of(graph, node->in[0]);
  nn_shape b = nn_shape_of(graph, node->in[1]);
  product p = product_of(node, a, b);
  INVARIANT(a.n == b.n && p.depth == p.inner_b,
            "matmul: %d of %d x %d by %d of %d x %d", a.n, p.rows, p.depth, b.n,
            p.inner_b, p.columns);
  node->shape = NN_SHAPE(a.n, 1, p.rows, p.columns);
}

typedef struct matmul_job {
  const nn_call *call;
  product p;
  size_t blocks; /* of rows, a sample */
} matmul_job;

static void matmul_blocks(void *context, size_t begin, size_t end) {
  const matmul_job *job = context;
  const product *p = &job->p;
  size_t rows = (size_t)p->rows, columns = (size_t)p->columns,
         depth = (size_t)p->depth;
  for (size_t i = begin; i < end; i++) {
    size_t n = i / job->blocks, row = i % job->blocks * ROWS;
    int count = (int)(rows - row < ROWS ? rows - row : ROWS);
    const nn_real *a = job->call->in[0] + n * rows * depth;
    const nn_real *b = job->call->in[1] + n * depth * columns;
    nn_gemm(p->transpose_a, p->transpose_b, count, p->columns, p->depth,
            a + (p->transpose_a ? row : row * depth),
            p->transpose_a ? p->rows : p->depth, b,
            p->transpose_b ? p->depth : p->columns, 0,
            job->call->out + (n * rows + row) * columns, p->columns);
  }
}

static void matmul_kernel(const nn_call *call) {
  matmul_job job = {.call = call};
  job.p = product_of(call->node, call->in_shape[0], call->in_shape[1]);
  job.blocks = ((size_t)job.p.rows + ROWS - 1) / ROWS;
  nn_parallel(call->threads, (size_t)call->shape.n * job.blocks, 1,
              matmul_blocks, &job);
}

static void matmul_reference(const nn_call *call) {
  product p = product_of(call->node, call->in_shape[0], call->in_shape[1]);
  size_t at = 0;
  for (int n = 0; n < call->shape.n; n++) {
    const nn_real *a = call->in[0] + (size_t)n * (size_t)(p.rows * p.depth);
    const nn_real *b = call->in[1] + (size_t)n * (size_t)(p.depth * p.columns);
    for (int i = 0; i < p.rows; i++)
      for (int j = 0; j < p.columns; j++, at++) {
        double sum = 0;
        for (int k = 0; k < p.depth; k++)
          sum += (double)a[p.transpose_a ? k * p.rows + i : i * p.depth + k] *
                 (double)b[p.transpose_b ? j * p.depth + k : k * p.columns + j];
        call->out[at] = (nn_real)sum;
      }
  }
}

static double matmul_multiply_adds(const nn_node *node, const nn_shape *in) {
  product p = product_of(node, in[0], in[1]);
  return (double)in[0].n * p.rows * p.columns * p.depth;
}

/* As the operand of shape [N,H,W,C] that the gradient belongs to. */
static nn_id like(nn_graph *g, nn_id gradient, nn_id operand) {
  nn_shape shape = nn_shape_of(g, operand);
  if (nn_shape_equal(shape, nn_shape_of(g, gradient))) return gradient;
  return nn_reshape(g, gradient, shape);
}

static void matmul_gradient(nn_graph *g, nn_id y, nn_id gy, nn_id gx[]) {
  nn_node node = nn_get(g, y);
  nn_id a = node.in[0], b = node.in[1];
  bool ta = node.factor & TRANSPOSE_A, tb = node.factor & TRANSPOSE_B;
  nn_id ga =
      ta ? nn_matmul(g, b, gy, tb, true) : nn_matmul(g, gy, b, false, !tb);
  nn_id gb =
      tb ? nn_matmul(g, gy, a, true, ta) : nn_matmul(g, a, gy, !ta, false);
  gx[0] = like(g, ga, a);
  gx[1] = like(g, gb, b);
}

const nn_op nn_op_matmul = {.name = "matmul",
                            .arity = 2,
                            .shape = matmul_shape,
                            .kernel = matmul_kernel,
                            .reference = matmul_reference,
                            .gradient = matmul_gradient,
                            .multiply_adds = matmul_multiply_adds};

nn_id nn_matmul(nn_graph *g, nn_id a, nn_id b, bool transpose_a,
                bool transpose_b) {
  int factor =
      (transpose_a ? TRANSPOSE_A : 0) | (transpose_b ? TRANSPOSE_B : 0);
  return nn_emit(
      g, (nn_node){.op = &nn_op_matmul, .in = {a, b}, .factor = factor});
}
