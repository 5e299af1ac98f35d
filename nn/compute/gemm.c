/* Matrix products by OpenBLAS, one thread a call: the threads are ours. */
#include <cblas.h>
#include <string.h>

#include "nn/operation.h"

#ifdef NN_DOUBLE
#define GEMM cblas_dgemm
#define GEMV cblas_dgemv
#else
#define GEMM cblas_sgemm
#define GEMV cblas_sgemv
#endif

/* From here on OpenBLAS has no other kernels for beta 0 than for 1, but clears
 * C first (sgemm_direct_performant.c). */
#define LARGE (28.0 * 512 * 512)

/* In half the time that OpenBLAS takes. */
static void clear(size_t rows, size_t columns, nn_real *c, size_t stride) {
  if (stride == columns) {
    columns *= rows;
    rows = 1;
  }
  for (size_t i = 0; i < rows; i++)
    memset(c + i * stride, 0, columns * sizeof *c);
}

void nn_gemm(bool transpose_a, bool transpose_b, int m, int n, int k,
             const nn_real *a, int lda, const nn_real *b, int ldb, nn_real beta,
             nn_real *c, int ldc) {
  if (m == 1 && !transpose_a) {
    /* one row: a matrix-vector product reads B once and packs nothing */
    if (beta == 0) clear(1, (size_t)n, c, (size_t)n); /* 0 x NaN is NaN */
    GEMV(CblasRowMajor, transpose_b ? CblasNoTrans : CblasTrans,
         transpose_b ? n : k, transpose_b ? k : n, 1, b, ldb, a, 1, beta, c, 1);
    return;
  }
  if (beta == 0 && (double)m * n * k >= LARGE) {
    clear((size_t)m, (size_t)n, c, (size_t)ldc);
    beta = 1;
  }
  GEMM(CblasRowMajor, transpose_a ? CblasTrans : CblasNoTrans,
       transpose_b ? CblasTrans : CblasNoTrans, m, n, k, 1, a, lda, b, ldb,
       beta, c, ldc);
}

__attribute__((constructor)) static void one_thread(void) {
  openblas_set_num_threads(1);
}
