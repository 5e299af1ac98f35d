/* What a plan does, for people. */
#include "base/memory.h"
#include "nn/conv/conv.h"
#include "nn/plan/plan.h"

typedef struct row { /* convolutions of one kind and size */
  const char *name;
  nn_conv_case c;
  const nn_conv_solver *solver;
  int count;
  double products;
} row;

static row row_of(const nn_plan *plan, nn_id id) {
  const nn_node *node = &plan->graph->nodes[id];
  nn_shape in[NN_MAX_INPUTS];
  for (int i = 0; i < node->op->arity; i++)
    in[i] = plan->graph->nodes[node->in[i]].shape;
  nn_conv_case c = nn_conv_case_of(node, in);
  return (row){.name = node->op->name,
               .c = c,
               .solver = nn_conv_choose(&c),
               .products = node->op->multiply_adds(node, in)};
}

static void print_row(const row *r, double total, FILE *file) {
  char x[32], y[32], w[32], why[64];
  snprintf(x, sizeof x, "%dx%dx%d", r->c.in_h, r->c.in_w, r->c.in_c);
  snprintf(w, sizeof w, "%dx%d/%d", r->c.kernel_h, r->c.kernel_w, r->c.stride);
  snprintf(y, sizeof y, "%dx%dx%d", r->c.out_h, r->c.out_w, r->c.out_c);
  r->solver->why(r->solver, &r->c, why, sizeof why);
  fprintf(file, "%-16s %-14s %-6s %-14s %3d %5.1f%%  %-13s %s\n", r->name, x, w,
          y, r->count, 100 * r->products / total, r->solver->name, why);
}

void nn_plan_print(const nn_plan *plan, FILE *file) {
  row *rows;
  int count = 0, convolutions = 0, runs = 0;
  double total = nn_plan_multiply_adds(plan);
  if (MEMORY_NEW((size_t)plan->step_count + 1, "plan", &rows) != STATUS_OK)
    return;
  fprintf(file, "%-16s %-14s %-6s %-14s %3s %6s  %-13s %s\n", "partial", "x",
          "w", "y", "n", "share", "kernel", "why");
  for (int i = 0; i < plan->step_count; i++) {
    nn_id id = plan->steps[i].id;
    runs += plan->steps[i].sweep > 0;
    if (id == NN_NONE || !nn_is_conv(&plan->graph->nodes[id])) continue;
    row new = row_of(plan, id);
    int k = 0;
    while (k < count && !nn_conv_case_equal(&rows[k].c, &new.c)) k++;
    if (k == count) rows[count++] = (row){new.name, new.c, new.solver, 0, 0};
    rows[k].count++;
    rows[k].products += new.products;
    convolutions++;
  }
  for (int k = 0; k < count; k++) print_row(&rows[k], total, file);
  fprintf(file,
          "%d nodes in %d steps, %d of them convolutions; %.3f G "
          "multiply-adds; arena %.1f MiB\n",
          plan->step_count, runs, convolutions, total * 1e-9,
          (double)nn_plan_arena_bytes(plan) / 1048576.0);
  memory_free(rows);
}
