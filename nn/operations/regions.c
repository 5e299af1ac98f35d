/* What a mask tells apart. No gradient goes through: masks are given.
 *
 *   mask_regions(m)   [N,H,W,1] to [N,H,W,4]: the object m, the background
 *                     1 - m, the border's inner side m box(1 - m) and its outer
 *                     side (1 - m) box(m), where box is the sum of the 3x3
 *                     pixels about one over 9; what is beyond the image is
 *                     neither object nor background
 *   mask_halve(m)     the means of 2x2 pixels, [N,H/2,W/2,1] */
#include "nn/operation.h"

/* ---- mask_regions ---- */

/* Adds a row to sums of three neighbours. */
NN_CLONES static void add_neighbours(size_t width, const nn_real *restrict row,
                                     nn_real *restrict sums) {
  sums[0] += row[0] + (width > 1 ? row[1] : 0);
  for (size_t x = 1; x + 1 < width; x++)
    sums[x] += row[x - 1] + row[x] + row[x + 1];
  if (width > 1) sums[width - 1] += row[width - 2] + row[width - 1];
}

NN_CLONES static void write_regions(size_t width, size_t rows,
                                    const nn_real *restrict mask,
                                    const nn_real *restrict sums,
                                    nn_real *restrict out) {
  for (size_t x = 0; x < width; x++) {
    size_t columns = 3 - (size_t)(x == 0) - (size_t)(x + 1 == width);
    nn_real m = mask[x], inside = sums[x] / 9;
    nn_real outside = (nn_real)(rows * columns) / 9 - inside;
    out[NN_REGIONS * x] = m;
    out[NN_REGIONS * x + 1] = 1 - m;
    out[NN_REGIONS * x + 2] = m * outside;
    out[NN_REGIONS * x + 3] = (1 - m) * inside;
  }
}

static void region_rows(void *context, size_t begin, size_t end) {
  const nn_call *call = context;
  size_t width = (size_t)call->shape.w, height = (size_t)call->shape.h;
  for (size_t i = begin; i < end; i++) {
    const nn_real *mask = call->in[0] + i * width;
    nn_real *sums = (nn_real *)call->scratch + i * width;
    size_t y = i % height, rows = 1;
    for (size_t x = 0; x < width; x++) sums[x] = 0;
    add_neighbours(width, mask, sums);
    if (y > 0) add_neighbours(width, mask - width, sums), rows++;
    if (y + 1 < height) add_neighbours(width, mask + width, sums), rows++;
    write_regions(width, rows, mask, sums, call->out + NN_REGIONS * i * width);
  }
}

static void mask_regions_kernel(const nn_call *call) {
  nn_call own = *call;
  nn_parallel(call->threads, (size_t)call->shape.n * (size_t)call->shape.h, 16,
              region_rows, &own);
}

static size_t mask_regions_scratch(const nn_node *node,
                                   const nn_shape *in_shape, int threads) {
  (void)node, (void)threads;
  return nn_shape_count(in_shape[0]) * sizeof(nn_real);
}

static void mask_regions_shape(const nn_graph *graph, nn_node *node) {
  nn_shape mask = nn_shape_of(graph, node->in[0]);
  INVARIANT(mask.c == 1, "regions of a mask of %d channels", mask.c);
  node->shape = NN_SHAPE(mask.n, mask.h, mask.w, NN_REGIONS);
}

const nn_op nn_op_mask_regions = {.name = "mask_regions",
                                  .arity = 1,
                                  .shape = mask_regions_shape,
                                  .scratch = mask_regions_scratch,
                                  .kernel = mask_regions_kernel};

nn_id nn_mask_regions(nn_graph *g, nn_id mask) {
  return nn_emit(g, (nn_node){.op = &nn_op_mask_regions, .in = {mask}});
}

/* ---- mask_halve ---- */

NN_CLONES static void halve_row(size_t width, const nn_real *restrict above,
                                const nn_real *restrict below,
                                nn_real *restrict out) {
  for (size_t x = 0; x < width; x++)
    out[x] =
        (above[2 * x] + above[2 * x + 1] + below[2 * x] + below[2 * x + 1]) / 4;
}

static void mask_halve_kernel(const nn_call *call) {
  size_t width = (size_t)call->shape.w, whole = (size_t)call->in_shape[0].w;
  size_t rows = (size_t)call->shape.n * (size_t)call->shape.h;
  for (size_t i = 0; i < rows; i++)
    halve_row(width, call->in[0] + 2 * i * whole,
              call->in[0] + (2 * i + 1) * whole, call->out + i * width);
}

static void mask_halve_shape(const nn_graph *graph, nn_node *node) {
  nn_shape mask = nn_shape_of(graph, node->in[0]);
  INVARIANT(mask.c == 1 && mask.h % 2 == 0 && mask.w % 2 == 0,
            "halves of a mask %d x %d x %d", mask.h, mask.w, mask.c);
  node->shape = NN_SHAPE(mask.n, mask.h / 2, mask.w / 2, 1);
}

const nn_op nn_op_mask_halve = {.name = "mask_halve",
                                .arity = 1,
                                .shape = mask_halve_shape,
                                .kernel = mask_halve_kernel};

nn_id nn_mask_halve(nn_graph *g, nn_id mask) {
  return nn_emit(g, (nn_node){.op = &nn_op_mask_halve, .in = {mask}});
}
