/* Dropout masks and the penalty's alpha from counter-based random numbers: a
 * sample's depend on (seed, its position in the run, layer), not on who
 * computes them. */
#include "nn/operation.h"
#include "nn/compute/philox.h"

/* Values of whole blocks of four numbers. */
NN_CLONES static void mask_blocks(size_t blocks,
                                  uint32_t word[4][NN_PHILOX_BLOCKS],
                                  uint32_t limit, nn_real keep, nn_real *out) {
  for (size_t i = 0; i < blocks; i++)
    for (size_t k = 0; k < 4; k++)
      out[4 * i + k] = word[k][i] < limit ? 0 : keep;
}

static void mask_sample(const random_stream *stream, size_t size,
                        uint32_t limit, nn_real keep, nn_real *out) {
  uint32_t word[4][NN_PHILOX_BLOCKS];
  size_t step = 4 * NN_PHILOX_BLOCKS;
  for (size_t at = 0; at < size; at += step) {
    size_t count = size - at < step ? size - at : step;
    nn_philox(stream, at / 4, word);
    mask_blocks(count / 4, word, limit, keep, out + at);
    for (size_t i = count / 4 * 4; i < count; i++)
      out[at + i] = word[i % 4][i / 4] < limit ? 0 : keep;
  }
}

static void mask_samples(void *context, size_t begin, size_t end) {
  const nn_call *call = context;
  double p = call->node->alpha;
  nn_real keep = (nn_real)(1 / (1 - p));
  uint32_t limit = (uint32_t)(p * 4294967295.0);
  size_t size = nn_shape_count(call->shape) / (size_t)call->shape.n;
  for (size_t n = begin; n < end; n++) {
    random_stream stream =
        random_stream_make(call->seed, RANDOM_DROPOUT, call->first_sample + n,
                           (uint32_t)call->node->index);
    mask_sample(&stream, size, limit, keep, call->out + n * size);
  }
}

static void dropout_mask_kernel(const nn_call *call) {
  nn_parallel(call->threads, (size_t)call->shape.n, 1, mask_samples,
              (void *)(uintptr_t)call);
}

const nn_op nn_op_dropout_mask = {.name = "dropout_mask",
                                  .kernel = dropout_mask_kernel};

nn_id nn_dropout_mask(nn_graph *g, nn_shape shape, double p, int layer) {
  INVARIANT(p >= 0 && p < 1, "dropout %g", p);
  return nn_emit(g, (nn_node){.op = &nn_op_dropout_mask,
                              .shape = shape,
                              .alpha = p,
                              .index = layer});
}

/* One number a sample. */
static void uniform_kernel(const nn_call *call) {
  for (int n = 0; n < call->shape.n; n++) {
    random_stream stream = random_stream_make(
        call->seed, RANDOM_PENALTY, call->first_sample + (uint64_t)n, 0);
    call->out[n] = (nn_real)random_uniform(&stream);
  }
}

const nn_op nn_op_uniform = {.name = "uniform", .kernel = uniform_kernel};

nn_id nn_uniform(nn_graph *g, int samples) {
  return nn_emit(
      g, (nn_node){.op = &nn_op_uniform, .shape = NN_SHAPE(samples, 1, 1, 1)});
}
