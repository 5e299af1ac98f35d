/* Where a step's time goes: by operation, by convolution, and the nodes that
 * are furthest from what the machine allows. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "nn/conv/conv.h"
#include "tests/bench/bench.h"

/* Nodes that compute the same: operation and shapes. */
typedef struct group {
  const char *name;
  char kernel[160]; /* or the nodes of a sweep */
  nn_shape in, other, out;
  nn_conv_case conv;
  bool is_conv;
  int count;
  double seconds, products, bytes, limit;
} group;

typedef struct breakdown {
  const bench_case *what;
  const bench_output *output;
  bench_limits limits;
  group *groups;
  int count;
  double total; /* seconds */
} breakdown;

/* The least time the machine needs: the products by sgemm, or each value read
 * and written once. */
static double limit_of(const breakdown *b, double products, double bytes) {
  double multiplied = 2 * products / b->limits.gemm;
  double moved = bytes / b->limits.stream;
  return multiplied > moved ? multiplied : moved;
}

/* Bytes of what a step reads and writes, less what stays in the cache. */
static double bytes_of(const nn_graph *g, const nn_step *step) {
  const nn_node *node = &g->nodes[step->id];
  size_t values =
      step->out.kind == NN_IN_BLOCK ? 0 : nn_shape_count(node->shape);
  for (int i = 0; i < node->op->arity; i++) {
    bool again = i > 0 && node->in[i] == node->in[0];
    if (!again && step->in[i].kind != NN_IN_BLOCK)
      values += nn_shape_count(g->nodes[node->in[i]].shape);
  }
  return (double)values * sizeof(nn_real);
}

static void describe_sweep(const nn_graph *g, const nn_step *steps, group *d) {
  int count = steps->sweep;
  *d = (group){.name = "sweep", .out = g->nodes[steps[count - 1].id].shape};
  for (int k = 0; k < count; k++) {
    size_t used = strlen(d->kernel);
    snprintf(d->kernel + used, sizeof d->kernel - used, "%s%s",
             k > 0 ? " " : "", g->nodes[steps[k].id].op->name);
    d->bytes += bytes_of(g, &steps[k]);
  }
}

static void describe_node(const nn_graph *g, const nn_step *step, group *d) {
  const nn_node *node = &g->nodes[step->id];
  nn_shape in[NN_MAX_INPUTS] = {{0}};
  *d = (group){.name = node->op->name, .out = node->shape};
  d->bytes = bytes_of(g, step);
  for (int i = 0; i < node->op->arity; i++) in[i] = g->nodes[node->in[i]].shape;
  d->in = in[0];
  d->other = in[1];
  if (node->op->multiply_adds == NULL) return;
  d->products = node->op->multiply_adds(node, in);
  d->is_conv = nn_is_conv(node);
  if (!d->is_conv) return;
  d->conv = nn_conv_case_of(node, in);
  snprintf(d->kernel, sizeof d->kernel, "%s", nn_conv_choose(&d->conv)->name);
}

static group *find(breakdown *b, const group *d) {
  for (int i = 0; i < b->count; i++) {
    group *g = &b->groups[i];
    if (g->name == d->name && strcmp(g->kernel, d->kernel) == 0 &&
        nn_shape_equal(g->in, d->in) && nn_shape_equal(g->out, d->out) &&
        nn_shape_equal(g->other, d->other) &&
        nn_conv_case_equal(&g->conv, &d->conv))
      return g;
  }
  group *g = &b->groups[b->count++];
  *g = *d;
  g->products = g->bytes = 0;
  return g;
}

static void add(breakdown *b, const group *d, double seconds) {
  group *g = find(b, d);
  g->count++;
  g->seconds += seconds;
  g->products += d->products;
  g->bytes += d->bytes;
  g->limit += limit_of(b, d->products, d->bytes);
  b->total += seconds;
}

static void collect(breakdown *b, const bench_stepper *s, bench_times *times) {
  for (int k = 0; k < s->system->phase_count; k++) {
    const nn_plan *plan = s->system->phases[k].plan;
    for (int i = 0; i < plan->step_count; i += plan->steps[i].sweep) {
      const nn_step *step = &plan->steps[i];
      double seconds = bench_median(
          times->seconds[k] + (size_t)i * BENCH_REPEATS, times->count);
      group d = {.name = "copy to results"};
      if (step->id == NN_NONE)
        d.bytes = 2.0 * sizeof(nn_real) * (double)step->copied;
      else if (step->sweep > 1)
        describe_sweep(plan->graph, step, &d);
      else
        describe_node(plan->graph, step, &d);
      add(b, &d, seconds);
    }
  }
  /* Adam reads gradient, parameter and moments, writes all but the first */
  group adam = {.name = "adam"};
  adam.bytes = 7.0 * sizeof(nn_real) * (double)s->system->layout.parameter_size;
  add(b, &adam, bench_median(times->adam, times->count));
}

/* ---- tables ---- */

static void label(const group *g, char text[80]) {
  if (g->is_conv)
    snprintf(text, 80, "%dx%dx%d %dx%d/%d %dx%dx%d", g->conv.in_h, g->conv.in_w,
             g->conv.in_c, g->conv.kernel_h, g->conv.kernel_w, g->conv.stride,
             g->conv.out_h, g->conv.out_w, g->conv.out_c);
  else if (g->count > 0 && g->out.n > 0)
    snprintf(text, 80, "%dx%dx%dx%d", g->out.n, g->out.h, g->out.w, g->out.c);
  else
    text[0] = '\0';
}

static void print_rate(const group *g) {
  if (g->products > 0)
    printf(" %7.1f GFLOP/s", 2e-9 * g->products / g->seconds);
  else
    printf(" %7.1f GB/s   ", 1e-9 * g->bytes / g->seconds);
}

static void print_line(const breakdown *b, const group *g) {
  char text[80];
  label(g, text);
  printf("  %-22s %-32s %4d %9.3f %5.1f%%", g->name, text, g->count,
         1e3 * g->seconds, 100 * g->seconds / b->total);
  print_rate(g);
  if (g->limit > 0) printf(" %6.2f", g->seconds / g->limit);
  printf("  %s\n", g->kernel);
}

static void write_csv(const breakdown *b, const char *kind, const group *g) {
  FILE *csv = b->output->csv;
  if (csv == NULL) return;
  char text[80];
  label(g, text);
  fprintf(
      csv,
      "%s,%s,%d,%d,%d,%d,%s,%s,\"%s\",%d,%.6f,%.5f,%.3f,%.3f,%.3f,,,%.1f,%.1f,"
      "%s\n",
      kind, b->what->model, b->what->ngf, b->what->size, b->what->batch,
      b->what->threads, g->name, text, g->kernel, g->count, g->seconds,
      g->seconds / b->total, 2e-9 * g->products / g->seconds,
      1e-9 * g->bytes / g->seconds, g->limit > 0 ? g->seconds / g->limit : 0,
      1e-9 * b->limits.gemm, 1e-9 * b->limits.stream, nn_blas_core());
}

static int by_seconds(const void *a, const void *b) {
  double x = ((const group *)a)->seconds, y = ((const group *)b)->seconds;
  return (x < y) - (x > y);
}

static int by_excess(const void *a, const void *b) {
  const group *g = a, *h = b;
  double x = g->seconds - g->limit, y = h->seconds - h->limit;
  return (x < y) - (x > y);
}

static status print_operations(const breakdown *b) {
  group *all;
  int count = 0;
  TRY(MEMORY_NEW((size_t)b->count, "groups", &all));
  for (int i = 0; i < b->count; i++) {
    int k = 0;
    while (k < count && all[k].name != b->groups[i].name) k++;
    if (k == count) all[count++] = (group){.name = b->groups[i].name};
    all[k].count += b->groups[i].count;
    all[k].seconds += b->groups[i].seconds;
    all[k].products += b->groups[i].products;
    all[k].bytes += b->groups[i].bytes;
    all[k].limit += b->groups[i].limit;
  }
  qsort(all, (size_t)count, sizeof *all, by_seconds);
  printf("  %-22s %-32s %4s %9s %6s %15s %6s\n", "operation", "", "n", "ms",
         "share", "rate", "limits");
  for (int i = 0; i < count; i++) {
    print_line(b, &all[i]);
    write_csv(b, "operation", &all[i]);
  }
  memory_free(all);
  return STATUS_OK;
}

static void print_convolutions(const breakdown *b) {
  puts("  convolutions by time");
  for (int i = 0; i < b->count; i++)
    if (b->groups[i].is_conv) {
      print_line(b, &b->groups[i]);
      write_csv(b, "convolution", &b->groups[i]);
    }
}

static void print_furthest(breakdown *b) {
  qsort(b->groups, (size_t)b->count, sizeof *b->groups, by_excess);
  puts("  nodes with most time above their limit");
  for (int i = 0; i < b->count && i < b->output->nodes; i++)
    print_line(b, &b->groups[i]);
}

static void print_step(const breakdown *b, const bench_stepper *s,
                       bench_times *t) {
  double step = bench_median(t->step, t->count);
  double direct = 2 * bench_stepper_multiply_adds(s) / b->limits.gemm;
  double peak = (double)memory_peak_resident() / 1048576, arena = 0;
  for (int k = 0; k < s->system->phase_count; k++)
    arena = fmax(arena, (double)nn_plan_arena_bytes(s->system->phases[k].plan) /
                            1048576);
  printf(
      "%s %dx%d, batch %d, %d thread%s: step %.1f ms (nodes %.1f ms), %.2f of "
      "its %.1f G direct multiply-adds at sgemm's rate; "
      "peak %.0f MiB, arena %.0f MiB\n"
      "  %s, medians of %d; OpenBLAS core %s, sgemm %.1f GFLOP/s (best %.1f), "
      "memory %.1f GB/s\n",
      b->what->model, b->what->size, b->what->size, b->what->batch,
      b->what->threads, b->what->threads == 1 ? "" : "s", 1e3 * step,
      1e3 * b->total, step / direct, 1e-9 * bench_stepper_multiply_adds(s),
      peak, arena,
      bench_clock == bench_cpu_clock ? "CPU seconds" : "wall clock", t->count,
      nn_blas_core(), 1e-9 * b->limits.gemm, 1e-9 * b->limits.gemm_best,
      1e-9 * b->limits.stream);
  if (b->output->csv == NULL) return;
  fprintf(b->output->csv,
          "step,%s,%d,%d,%d,%d,all,,,%d,%.6f,1,%.3f,,%.3f,%.1f,%.1f,%.1f,%.1f,"
          "%s\n",
          b->what->model, b->what->ngf, b->what->size, b->what->batch,
          b->what->threads, t->count, step,
          2e-9 * bench_stepper_multiply_adds(s) / step, step / direct, peak,
          arena, 1e-9 * b->limits.gemm, 1e-9 * b->limits.stream,
          nn_blas_core());
}

void bench_breakdown(const bench_case *what, const bench_stepper *s,
                     bench_times *times, bench_limits limits,
                     const bench_output *output) {
  breakdown b = {.what = what, .output = output, .limits = limits};
  size_t most = 1;
  for (int k = 0; k < s->system->phase_count; k++)
    most += (size_t)s->system->phases[k].plan->step_count;
  if (MEMORY_NEW(most, "groups", &b.groups) != STATUS_OK) return;
  collect(&b, s, times);
  print_step(&b, s, times);
  qsort(b.groups, (size_t)b.count, sizeof *b.groups, by_seconds);
  if (print_operations(&b) == STATUS_OK) {
    print_convolutions(&b);
    print_furthest(&b);
  }
  putchar('\n');
  memory_free(b.groups);
}
