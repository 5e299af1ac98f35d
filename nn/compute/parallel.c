/* Loops over fixed chunks: results do not depend on the number of threads. */
#include <omp.h>

#include "nn/operation.h"

static inline size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

void nn_parallel_ranked(int threads, size_t count, size_t grain,
                        void (*body)(void *context, size_t begin, size_t end,
                                     int thread),
                        void *context) {
  size_t chunks = (count + grain - 1) / grain;
  if (threads <= 1 || chunks <= 1) {
    for (size_t i = 0; i < chunks; i++)
      body(context, i * grain, smaller(count, (i + 1) * grain), 0);
    return;
  }
#pragma omp parallel for num_threads(threads) schedule(static, 1)
  for (size_t i = 0; i < chunks; i++)
    body(context, i * grain, smaller(count, (i + 1) * grain),
         omp_get_thread_num());
}

typedef struct unranked {
  void (*body)(void *context, size_t begin, size_t end);
  void *context;
} unranked;

static void call_unranked(void *context, size_t begin, size_t end, int thread) {
  (void)thread;
  const unranked *inner = context;
  inner->body(inner->context, begin, end);
}

void nn_parallel(int threads, size_t count, size_t grain,
                 void (*body)(void *context, size_t begin, size_t end),
                 void *context) {
  unranked inner = {body, context};
  nn_parallel_ranked(threads, count, grain, call_unranked, &inner);
}
