/* The limits of the machine: sgemm of a core and the memory's bandwidth. */
#include <cblas.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "tests/bench/bench.h"

enum {
  SIDE = 1024, /* of the matrices */
  STREAM = 1 << 24,
  MATRIX = SIDE * SIDE
};

static int compare(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

double (*bench_clock)(void) = clock_seconds;

double bench_cpu_clock(void) {
  struct timespec now;
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

double bench_median(double *values, int count) {
  if (count == 0) return 0;
  qsort(values, (size_t)count, sizeof *values, compare);
  return count % 2 == 1 ? values[count / 2]
                        : (values[count / 2 - 1] + values[count / 2]) / 2;
}

static status multiply(void *context, size_t thread) {
  const bench_machine *m = context;
  float *c = m->memory + (2 + thread) * MATRIX;
  cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1,
              m->memory, SIDE, m->memory + MATRIX, SIDE, 0, c, SIDE);
  return STATUS_OK;
}

NN_CLONES static void triad(size_t count, const float *restrict b,
                            const float *restrict c, float *restrict a) {
  for (size_t i = 0; i < count; i++) a[i] = b[i] + 0.5f * c[i];
}

static status stream(void *context, size_t thread) {
  const bench_machine *m = context;
  size_t share = STREAM / (size_t)m->threads, first = thread * share;
  float *a = m->memory, *b = a + STREAM, *c = b + STREAM;
  triad(share, b + first, c + first, a + first);
  return STATUS_OK;
}

static double time_of(bench_machine *m, status (*work)(void *, size_t)) {
  double start = bench_clock();
  status result = threads_for((size_t)m->threads, m->threads, work, m);
  INVARIANT(result == STATUS_OK, "%s", status_message());
  return bench_clock() - start;
}

status bench_machine_sample(bench_machine *m) {
  INVARIANT(m->samples < BENCH_REPEATS, "%d samples", m->samples);
  size_t matrices = (2 + (size_t)m->threads) * MATRIX;
  size_t streams = (size_t)3 * STREAM;
  TRY(MEMORY_NEW(matrices > streams ? matrices : streams, "measuring",
                 &m->memory));
  double products = 2.0 * SIDE * SIDE * SIDE * m->threads;
  double bytes = 3.0 * sizeof(float) * STREAM;
  time_of(m, multiply); /* OpenBLAS gets its buffers */
  m->gemm[m->samples] = time_of(m, multiply) / products;
  m->stream[m->samples] = time_of(m, stream) / bytes;
  m->samples++;
  memory_free(m->memory);
  m->memory = NULL;
  return STATUS_OK;
}

bench_limits bench_machine_limits(bench_machine *m) {
  INVARIANT(m->samples > 0, "nothing was measured");
  return (bench_limits){.gemm = 1 / bench_median(m->gemm, m->samples),
                        .stream = 1 / bench_median(m->stream, m->samples),
                        .gemm_best = 1 / m->gemm[0]};
}
