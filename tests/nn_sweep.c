/* Sweeps: graphs of random pixelwise operations, with others among them, give
 * the same bits whether nodes run together or apart, whether values have memory
 * for a block, share it or have their own, on any number of threads. */
#include <stdlib.h>
#include <string.h>

#include "nn/plan/plan.h"
#include "tests/graph_util.h"
#include "tests/tap.h"

enum { GRAPHS = 150, OPERATIONS = 40, KINDS = 5 };

/* Values of a graph in the making, by kind of shape. */
typedef struct pool {
  trial *t;
  random_stream *random;
  nn_shape shape[KINDS]; /* whole, doubled channels, map, of a sample, row */
  nn_id of[KINDS][2 * OPERATIONS + 1];
  int count[KINDS];
} pool;
enum { WHOLE, DOUBLED, MAP, SAMPLE, ROW };

static int below(pool *p, int limit) {
  return (int)random_below(p->random, (uint32_t)limit);
}

/* Rather a late one: so chains come about. */
static nn_id any(pool *p, int kind) {
  int count = p->count[kind], back = below(p, count < 4 ? count : 4);
  return p->of[kind][below(p, 3) > 0 ? count - 1 - back : below(p, count)];
}

static void put(pool *p, nn_id id) {
  int kind = 0;
  while (!nn_shape_equal(p->shape[kind], nn_shape_of(p->t->g, id))) kind++;
  p->of[kind][p->count[kind]++] = id;
}

static nn_id unary(nn_graph *g, int which, nn_id x) {
  switch (which) {
  case 0: return nn_leaky_relu(g, x, 0.2);
  case 1: return nn_affine(g, x, 0.7, 0.1);
  case 2: return nn_tanh(g, x);
  case 3: return nn_sigmoid(g, x);
  case 4: return nn_clamp_min(g, x, -0.5);
  default: return nn_sin(g, x);
  }
}

static nn_id binary(nn_graph *g, int which, nn_id a, nn_id b) {
  switch (which) {
  case 0: return nn_axpby(g, 0.6, a, -0.5, b);
  case 1: return nn_mul(g, a, b);
  default: return nn_add(g, a, nn_square(g, b));
  }
}

/* An operation on values of the pool; some read a view of another value. */
static nn_id operation(pool *p) {
  nn_graph *g = p->t->g;
  nn_shape s = p->shape[WHOLE];
  nn_id x = any(p, WHOLE), moments;
  switch (below(p, 12)) {
  case 0:
  case 1: return unary(g, below(p, 6), x);
  case 2: return unary(g, below(p, 6), any(p, below(p, KINDS)));
  case 3: return binary(g, below(p, 3), x, any(p, WHOLE));
  case 4: return binary(g, below(p, 3), x, any(p, MAP + below(p, 3)));
  case 5: return binary(g, below(p, 3), any(p, MAP + below(p, 3)), x);
  case 6: return nn_concat(g, x, any(p, WHOLE));
  case 7: return nn_slice(g, any(p, DOUBLED), below(p, s.c), s.c);
  case 8: return nn_slice(g, x, below(p, s.c), 1);
  case 9:
    x = nn_normalise(g, x, true, 1e-5, &moments);
    put(p, nn_slice(g, moments, 0, s.c));
    return x;
  case 10: /* a row of all values, and back */
    x = nn_reshape(g, x, NN_SHAPE(1, 1, 1, (int)nn_shape_count(s)));
    return nn_reshape(g, nn_affine(g, x, -0.9, 0.2), s);
  default: /* the pixels of all samples, one after the other */
    x = nn_reshape(g, x, NN_SHAPE(1, s.n * s.h, s.w, s.c));
    return nn_reshape(g, nn_mul(g, x, any(p, ROW)), s);
  }
}

static void find_shapes(pool *p) {
  static const int channels[] = {1, 2, 4, 7, 16, 33, 33, 64, 64, 1500};
  nn_shape s = {1 + below(p, 3), 1 + below(p, 40), 1 + below(p, 40),
                channels[below(p, 10)]};
  if (s.c == 1500) s.h = s.w = 1 + below(p, 3); /* a pixel a block */
  p->shape[WHOLE] = s;
  p->shape[DOUBLED] = NN_SHAPE(s.n, s.h, s.w, 2 * s.c);
  p->shape[MAP] = NN_SHAPE(s.n, s.h, s.w, 1);
  p->shape[SAMPLE] = NN_SHAPE(s.n, 1, 1, s.c);
  p->shape[ROW] = NN_SHAPE(1, 1, 1, s.c);
}

/* The same graph for the same seed, but for the values that are kept. */
static trial build(uint32_t seed, bool keep_all) {
  trial t = trial_make();
  random_stream random = random_stream_make(seed, RANDOM_TEST, 12, 0);
  pool p = {.t = &t, .random = &random};
  find_shapes(&p);
  for (int kind = 0; kind < KINDS; kind++) {
    nn_id x = trial_uniform(&t, p.shape[kind], &random, -1, 1);
    p.of[kind][p.count[kind]++] = x;
  }
  for (int i = 0; i < OPERATIONS; i++) {
    nn_id y = operation(&p);
    put(&p, y);
    char name[32];
    snprintf(name, sizeof name, "%d", i);
    bool some = below(&p, 5) == 0;
    if (keep_all || some || i + 1 == OPERATIONS) nn_keep(t.g, name, y);
  }
  return t;
}

/* Whether every value that both keep is the same. */
static bool same_values(const trial *a, const trial *all) {
  for (int i = 0; i < a->g->kept.count; i++) {
    const nn_named *kept = &a->g->kept.items[i];
    size_t size = nn_shape_count(nn_shape_of(a->g, kept->id)) * sizeof(nn_real);
    if (memcmp(nn_plan_value(a->plan, kept->name),
               nn_plan_value(all->plan, kept->name), size) != 0)
      return false;
  }
  return true;
}

typedef struct counts {
  int together, passing;
} counts;

static void count_steps(const nn_plan *plan, counts *seen) {
  for (int i = 0; i < plan->step_count; i++) {
    seen->together += plan->steps[i].sweep > 1;
    seen->passing += plan->steps[i].out.kind == NN_IN_BLOCK;
  }
}

static void check_random_graphs(void) {
  counts seen = {0};
  for (uint32_t seed = 0; seed < GRAPHS; seed++) {
    trial apart = build(seed, true), t = build(seed, false);
    trial_plan(&apart, 1, true);
    trial_run(&apart);
    bool same = true;
    for (int threads = 1; threads <= 3; threads++) {
      trial_plan(&t, threads, false);
      trial_run(&t);
      same = same && same_values(&t, &apart);
    }
    count_steps(t.plan, &seen);
    nn_shape s = nn_shape_of(t.g, t.g->kept.items[0].id);
    tap_ok(same, "graph %u of [%d,%d,%d,%d] and others", seed, s.n, s.h, s.w,
           s.c);
    trial_free(&apart);
    trial_free(&t);
  }
  tap_ok(seen.together > GRAPHS && seen.passing > GRAPHS,
         "among them %d sweeps of several nodes, %d values of a block",
         seen.together, seen.passing);
}

/* ---- cases that random graphs hardly meet ---- */

static void compare(trial *t, const char *what) {
  trial_plan(t, 1, true);
  trial_run(t);
  size_t count;
  double *apart = trial_value(t, "y", &count);
  trial_plan(t, 1, false);
  trial_run(t);
  double *together = trial_value(t, "y", &count);
  tap_ok(memcmp(apart, together, count * sizeof *apart) == 0, "%s", what);
  free(apart);
  free(together);
  trial_free(t);
}

/* x is read for the last time before y is computed, which is larger. */
static void check_lifetimes(void) {
  trial t = trial_make();
  random_stream random = random_stream_make(2, RANDOM_TEST, 12, 1);
  nn_shape s = {2, 32, 32, 64};
  nn_id x = nn_tanh(t.g, trial_uniform(&t, s, &random, -1, 1)), moments;
  nn_normalise(t.g, x, true, 1e-5, &moments);
  nn_keep(t.g, "moments", moments); /* ends x's sweep */
  x = nn_sin(t.g, x);
  nn_id y = nn_concat(t.g, x, x);
  nn_keep(t.g, "y", nn_max_pool2(t.g, y));
  compare(&t, "a value that dies in a sweep keeps its place until the end");
}

/* A row of what the sweep computes pixel by pixel, for all its pixels. */
static void check_view(void) {
  trial t = trial_make();
  random_stream random = random_stream_make(3, RANDOM_TEST, 12, 1);
  enum { PIXELS = 4, CHANNELS = 8192 };
  nn_id x = trial_uniform(&t, NN_SHAPE(PIXELS, 1, 1, CHANNELS / PIXELS),
                          &random, -1, 1);
  nn_id all =
      trial_uniform(&t, NN_SHAPE(PIXELS, 1, 1, CHANNELS), &random, -1, 1);
  nn_id row = nn_reshape(t.g, nn_tanh(t.g, x), NN_SHAPE(1, 1, 1, CHANNELS));
  nn_keep(t.g, "y", nn_mul(t.g, all, row));
  compare(&t, "a view of all pixels is no part of a sweep");
}

/* Moments that a sweep could compute, prepared before its first pixel. */
static void check_prepared(void) {
  trial t = trial_make();
  random_stream random = random_stream_make(4, RANDOM_TEST, 12, 1);
  nn_id x = trial_uniform(&t, NN_SHAPE(3, 1, 1, 5), &random, -1, 1);
  nn_id moments = nn_affine(
      t.g, trial_uniform(&t, NN_SHAPE(3, 1, 1, 10), &random, -1, 1), 0.1, 1);
  nn_id y = nn_emit(t.g, (nn_node){.op = &nn_op_normalise,
                                   .in = {nn_tanh(t.g, x), moments},
                                   .alpha = 1e-5});
  nn_keep(t.g, "y", y);
  compare(&t, "what an operation prepares is not computed in its sweep");
}

/* What only a sweep reads takes no memory worth mention. */
static void check_memory(void) {
  trial t = trial_make();
  random_stream random = random_stream_make(1, RANDOM_TEST, 12, 1);
  nn_shape s = {2, 64, 64, 16};
  nn_id x = trial_uniform(&t, s, &random, -1, 1), y = x;
  for (int i = 0; i < 3; i++)
    y = nn_slice(t.g, nn_concat(t.g, nn_tanh(t.g, y), x), 4, s.c);
  nn_keep(t.g, "y", y);
  size_t whole = nn_shape_count(s) * sizeof(nn_real);
  trial_plan(&t, 1, true);
  size_t apart = nn_plan_arena_bytes(t.plan);
  trial_plan(&t, 1, false);
  size_t together = nn_plan_arena_bytes(t.plan);
  tap_ok(together < whole * 3 / 2 && apart >= whole * 3,
         "of %zu bytes one value: %zu together, %zu apart", whole, together,
         apart);
  trial_free(&t);
}

int main(void) {
  check_random_graphs();
  check_lifetimes();
  check_view();
  check_prepared();
  check_memory();
  return tap_done();
}
