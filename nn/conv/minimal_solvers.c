/* Minimal filtering as solvers: a row for each filter and partial. */
#include <stdio.h>

#include "nn/conv/conv_minimal.h"

bool nn_minimal_fits(const nn_minimal_filter *f, const nn_conv_case *c) {
  return c->kernel_h == c->kernel_w && c->kernel_h <= c->stride * f->taps &&
         c->kernel_h > c->stride * (f->taps - 1);
}

/* What im2col adds up to one result: the longer the sum, the larger its error
 * and the less a filter's own roundings count. */
static size_t direct_sum(const nn_conv_case *c) {
  size_t taps = (size_t)c->kernel_h * (size_t)c->kernel_w;
  switch (c->partial) {
  case NN_PARTIAL_Y: return taps * (size_t)c->in_c;
  case NN_PARTIAL_X: return (nn_conv_gathers(c) ? 1 : taps) * (size_t)c->out_c;
  case NN_PARTIAL_W: break;
  }
  return nn_conv_pixels(c);
}

/* An image's gradient is one product and a gather: less than any panels. */
static bool applies(const nn_conv_solver *self, const nn_conv_case *c) {
  if (c->partial == NN_PARTIAL_X && c->in_c <= NN_IMAGE_CHANNELS) return false;
  return nn_minimal_fits(self->filter, c) &&
         direct_sum(c) >= self->filter->direct_sum;
}

/* As nn_conv_direct_cost: TRANSFORM for a value through a transform and a
 * product's panels, WEIGHT for a weight of products of few tiles, what the
 * table says where weights go by blocks. */
static double cost(const nn_conv_solver *self, const nn_conv_case *c) {
  enum { TRANSFORM = 12, WEIGHT = 25 };
  static const double block_weight[NN_PARTIALS] = {WEIGHT, 36, 32};
  nn_minimal_size s = nn_minimal_size_of(c, self->filter);
  double weight = s.blocks ? block_weight[c->partial] : WEIGHT;
  return (s.tiles + weight) * s.weights + TRANSFORM * s.tiles * s.values;
}

/* Of a tile of outputs, a pair of channels. */
static void why(const nn_conv_solver *self, const nn_conv_case *c, char *text,
                size_t size) {
  const nn_minimal_filter *f = self->filter;
  double channels = (double)c->in_c * c->out_c;
  snprintf(text, size, "%.0f multiplications instead of %d",
           nn_minimal_size_of(c, f).weights / channels,
           f->tile * f->tile * c->kernel_h * c->kernel_w);
}

void nn_minimal_why_not(const nn_conv_solver *self, const nn_conv_case *c,
                        char *text, size_t size) {
  (void)self;
  const char *reason = "no minimal filter for this kernel and stride";
  for (const nn_conv_solver *const *s = nn_conv_solvers[c->partial]; *s != NULL;
       s++)
    if ((*s)->filter != NULL && nn_minimal_fits((*s)->filter, c))
      reason = "too few pixels or channels for minimal filtering";
  snprintf(text, size, "%s", reason);
}

static size_t scratch(const nn_conv_solver *self, const nn_conv_case *c,
                      int threads) {
  return nn_conv_minimal_scratch(c, self->filter, threads);
}

static void run(const nn_conv_solver *self, const nn_conv_case *c,
                const nn_call *call, const nn_conv_map *map) {
  if (c->partial == NN_PARTIAL_W)
    nn_weight_grad_minimal(c, call, map, self->filter);
  else
    nn_conv_minimal(c, call, map, self->filter);
}

#define SOLVER(partial, id, words)                                             \
  const nn_conv_solver nn_##partial##_##id = {.name = words,                   \
                                              .why = why,                      \
                                              .applies = applies,              \
                                              .cost = cost,                    \
                                              .scratch = scratch,              \
                                              .run = run,                      \
                                              .filter = &nn_minimal_##id};
#define SOLVERS(id, words)                                                     \
  SOLVER(forward, id, words)                                                   \
  SOLVER(data_grad, id, words)                                                 \
  SOLVER(weight_grad, id, words)

SOLVERS(f22, "F(2x2,2x2)")
SOLVERS(f42, "F(4x4,2x2)")
SOLVERS(f23, "F(2x2,3x3)")
SOLVERS(f43, "F(4x4,3x3)")
