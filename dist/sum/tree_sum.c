/* Adding up several places in one pass. */
#include "dist/sum/tree_sum.h"

#include <string.h>

#include "base/memory.h"
#include "dist/sum/bfloat16.h"

enum {
  BLOCK = 1024,      /* values of a block: a stack of them fits the L2 cache */
  DEPTH = 32,        /* of the stack: a tree of 2^31 leaves */
  PARALLEL = 1 << 15 /* values from which threads pay */
};

/* ---- what is added when ---- */

static int compile(tree_sum *s, const tree_range *leaves, int count, int next,
                   tree_range node) {
  INVARIANT(next < count && leaves[next].begin == node.begin &&
                leaves[next].end <= node.end,
            "no sums of the micro-batches from %d", node.begin);
  if (leaves[next].end == node.end) return next + 1;
  int middle = tree_split(node);
  next = compile(s, leaves, count, next, (tree_range){node.begin, middle});
  next = compile(s, leaves, count, next, (tree_range){middle, node.end});
  s->additions[next - 1]++;
  return next;
}

status tree_sum_create(tree_range node, const tree_range *leaves, int count,
                       tree_sum *out) {
  out->leaves = count;
  TRY(MEMORY_NEW((size_t)count, "sums", &out->additions));
  int used = compile(out, leaves, count, 0, node);
  INVARIANT(used == count, "%d of %d sums are used", used, count);
  return STATUS_OK;
}

void tree_sum_destroy(tree_sum *sum) {
  memory_free(sum->additions);
  *sum = (tree_sum){0};
}

/* ---- one block ---- */

/* `to` may be a or b: then no iteration depends on another one either. */
static void add(nn_real *to, const nn_real *a, const nn_real *b, size_t count) {
#pragma omp simd
  for (size_t i = 0; i < count; i++) to[i] = a[i] + b[i];
}

/* x - x is not 0 for NaN and infinities. */
static bool all_finite(const nn_real *values, size_t count) {
  int bad = 0;
  for (size_t i = 0; i < count; i++) bad |= values[i] - values[i] != 0;
  return bad == 0;
}

/* The last addition of a block, and whether its results are finite. */
static bool add_finite(nn_real *to, const nn_real *a, const nn_real *b,
                       size_t count) {
  int bad = 0;
#pragma omp simd reduction(| : bad)
  for (size_t i = 0; i < count; i++) {
    nn_real sum = a[i] + b[i];
    to[i] = sum;
    bad |= sum - sum != 0;
  }
  return bad == 0;
}

static void widen(const uint16_t *from, size_t count, nn_real *to) {
  for (size_t i = 0; i < count; i++) to[i] = (nn_real)bfloat16_to(from[i]);
}

static void narrow(const nn_real *from, size_t count, uint16_t *to) {
  for (size_t i = 0; i < count; i++) to[i] = bfloat16_from((float)from[i]);
}

/* Values [at, at + count) of the sum; in `out`, or else in place or in the
 * lowest of the scratch blocks. */
static const nn_real *sum_block(const tree_sum *s, const tree_source *sources,
                                size_t at, size_t count, nn_real *out,
                                bool *finite) {
  static _Thread_local _Alignas(64) nn_real scratch[DEPTH][BLOCK];
  const nn_real *stack[DEPTH] = {NULL};
  int top = 0;
  for (int i = 0; i < s->leaves; i++) {
    INVARIANT(top < DEPTH, "the tree is too deep");
    if (sources[i].values == NULL)
      widen(sources[i].rounded + at, count, scratch[top]);
    stack[top] =
        sources[i].values == NULL ? scratch[top] : sources[i].values + at;
    top++;
    for (int k = 0; k < s->additions[i]; k++, top--) {
      INVARIANT(top >= 2, "more additions than leaves");
      bool last = out != NULL && i + 1 == s->leaves && k + 1 == s->additions[i];
      nn_real *to = last ? out + at : scratch[top - 2];
      if (last)
        *finite = add_finite(to, stack[top - 2], stack[top - 1], count);
      else
        add(to, stack[top - 2], stack[top - 1], count);
      stack[top - 2] = to;
    }
  }
  INVARIANT(top == 1, "a sum of %d leaves in %d parts", s->leaves, top);
  return stack[0];
}

bool tree_sum_run(const tree_sum *sum, const tree_source *sources, size_t count,
                  nn_real *out, uint16_t *rounded, int threads) {
  int bad = 0;
  INVARIANT(out != NULL || rounded != NULL, "a sum without a place");
  if (rounded != NULL) out = NULL;
#pragma omp parallel for num_threads(threads) reduction(|                      \
                                                        : bad)                 \
    schedule(static) if (threads > 1 && count >= PARALLEL)
  for (size_t at = 0; at < count; at += BLOCK) {
    size_t size = count - at < BLOCK ? count - at : BLOCK;
    bool finite = true;
    const nn_real *values = sum_block(sum, sources, at, size, out, &finite);
    if (rounded != NULL)
      narrow(values, size, rounded + at);
    else if (values != out + at)
      memcpy(out + at, values, size * sizeof *out);
    if (rounded != NULL || sum->leaves == 1) finite = all_finite(values, size);
    bad |= !finite;
  }
  return bad == 0;
}

size_t tree_sum_first_bad(const nn_real *values, size_t count, int threads) {
  int bad = 0;
#pragma omp parallel for num_threads(threads) reduction(|                      \
                                                        : bad)                 \
    schedule(static) if (threads > 1 && count >= PARALLEL)
  for (size_t at = 0; at < count; at += BLOCK)
    bad |= !all_finite(values + at, count - at < BLOCK ? count - at : BLOCK);
  size_t i = bad ? 0 : count;
  while (i < count && values[i] - values[i] == 0) i++;
  return i;
}

void tree_sum_add(nn_real *to, const nn_real *from, size_t count, int threads) {
#pragma omp parallel for num_threads(threads)                                  \
    schedule(static) if (threads > 1 && count >= PARALLEL)
  for (size_t at = 0; at < count; at += BLOCK)
    add(to + at, to + at, from + at, count - at < BLOCK ? count - at : BLOCK);
}
