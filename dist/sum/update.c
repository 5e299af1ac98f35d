/* The end of a step: sums, Adam, the new state. */
#include "dist/sum/update.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/sum/update_internal.h"

status update_create(const update_options *options, update **out) {
  update *u;
  status result = MEMORY_NEW(1, "update", &u);
  *out = u;
  result = cluster_agree(options->cluster, result);
  if (result == STATUS_OK && u != NULL) {
    u->options = *options;
    result = update_allocate(u);
  }
  if (result != STATUS_OK) update_destroy(out);
  return result;
}

void update_destroy(update **pointer) {
  update *u = *pointer;
  if (u == NULL) return;
  for (int k = 0; k < u->options.phase_count; k++) {
    memory_free(u->phases[k].buffers);
    memory_free(u->phases[k].exchanged.leaves);
  }
  exchange_destroy(&u->exchange);
  node_memory_destroy(&u->memory);
  routes_destroy(&u->routes);
  memory_free(u);
  *pointer = NULL;
}

nn_real *update_state(update *u) { return u->state; }

/* ---- this rank's micro-batches ---- */

static bool is_last(const update *u, const phase *p) {
  return u->own_begin + p->next + 1 == u->own_end;
}

void update_begin(update *u, int phase_index, const nn_adam_options *adam) {
  INVARIANT(u->running == NULL, "two phases at once");
  phase *p = u->running = &u->phases[phase_index];
  u->adam = *adam;
  u->bad = NULL;
  p->stack.count = 0;
  p->next = 0;
  exchange_begin(u->exchange, &p->exchanged);
}

nn_real *update_target(update *u) {
  return u->running->buffers[u->running->stack.count];
}

/* The last micro-batch is not merged with those before: whoever sums a piece
 * adds them in one pass. */
void update_advance(void *context, size_t done) {
  update *u = context;
  const phase *p = u->running;
  if (!u->options.overlap) return;
  double start = clock_seconds(), summed = exchange_summing(u->exchange);
  if (is_last(u, p))
    exchange_close(u->exchange, pieces_closed(&p->exchanged.cut, done));
  exchange_advance(u->exchange);
  u->spent.waiting += clock_seconds() - start + summed;
  u->spent.waiting -= exchange_summing(u->exchange);
}

void update_add(update *u) {
  phase *p = u->running;
  if (is_last(u, p)) {
    exchange_close(u->exchange, p->exchanged.cut.buckets);
    p->next++;
    return;
  }
  double start = clock_seconds();
  tree_push(&p->stack, u->own_begin + p->next++);
  while (tree_merge(&p->stack))
    tree_sum_add(p->buffers[p->stack.count - 1], p->buffers[p->stack.count],
                 p->exchanged.cut.count, u->options.threads);
  u->spent.summing += clock_seconds() - start;
}

/* Biases and norms do not decay. */
static nn_adam_options adam_of(const update *u, const nn_entry *entry) {
  nn_adam_options adam = u->adam;
  if (entry->rank < 2) adam.weight_decay = 0;
  return adam;
}

/* ---- gradients that are handed over ---- */

void update_parameter(void *context, const nn_entry *entry,
                      const nn_real *gradient) {
  update *u = context;
  const phase *p = u->running;
  if (u->bad != NULL) return;
  double start = clock_seconds();
  size_t bad = tree_sum_first_bad(gradient, entry->count, u->options.threads);
  if (bad < entry->count) {
    u->bad = entry;
    u->bad_value = gradient[bad];
    return;
  }
  size_t moment = entry->offset - p->exchanged.layout->parameters.begin;
  nn_adam_options adam = adam_of(u, entry);
  nn_adam(&adam, entry->count, 1, gradient, u->state + entry->offset,
          p->moments[0] + moment, p->moments[1] + moment, u->options.threads);
  u->spent.updating += clock_seconds() - start;
}

/* ---- sums that are no numbers ---- */

static const char *name_at(const nn_layout *layout, size_t offset) {
  if (offset >= layout->report_offset &&
      offset < layout->report_offset + (size_t)layout->report_count)
    return layout->reports[offset - layout->report_offset];
  const char *name = "padding";
  for (int i = 0; i < layout->entry_count; i++)
    if (layout->entries[i].offset <= offset) name = layout->entries[i].name;
  return name;
}

static status not_finite(const update *u, const char *what, const char *name,
                         nn_real value) {
  return status_error(STATUS_NUMERIC, "step %llu: %s of %s is %g",
                      (unsigned long long)u->adam.step, what, name,
                      (double)value);
}

static status check_sums(const update *u, const phase *p) {
  if (u->bad != NULL)
    return not_finite(u, "gradient", u->bad->name, u->bad_value);
  int bucket = exchange_first_bad(u->exchange);
  if (bucket < 0) return STATUS_OK;
  piece own = pieces_of(&p->exchanged.cut, bucket, u->options.cluster->rank);
  const nn_layout *layout = p->exchanged.layout;
  const nn_real *sum = p->exchanged.own;
  size_t i = own.begin;
  while (i + 1 < own.end && isfinite(sum[i])) i++;
  size_t at = nn_layout_target(layout, i);
  return not_finite(u,
                    at < layout->parameter_size ? "gradient"
                    : at < layout->state_size   ? "new value"
                                                : "loss",
                    name_at(layout, at), sum[i]);
}

/* ---- the new state ---- */

/* Reports of an earlier phase lie among those of this one's: they stay. */
static bool is_foreign(const nn_layout *layout, size_t at) {
  return at >= layout->state_size && at < layout->report_offset;
}

/* Adam on results [begin, end) of a piece whose moments begin at `moment`. */
static void learn(update *u, phase *p, const nn_adam_options *adam, piece part,
                  size_t moment) {
  nn_adam(adam, part.end - part.begin, u->scale, p->exchanged.own + part.begin,
          u->state + nn_layout_target(p->exchanged.layout, part.begin),
          p->moments[0] + moment, p->moments[1] + moment, u->options.threads);
}

/* With weight decay entry by entry: only some of them decay. */
static void learn_piece(update *u, phase *p, piece own, size_t moment) {
  const nn_layout *layout = u->options.layout;
  if (!(u->adam.weight_decay > 0)) {
    learn(u, p, &u->adam, own, moment);
    return;
  }
  size_t first = nn_layout_target(p->exchanged.layout, 0);
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    size_t begin = own.begin + first, end = own.end + first;
    if (begin < e->offset) begin = e->offset;
    if (end > e->offset + e->count) end = e->offset + e->count;
    if (!e->trainable || begin >= end) continue;
    nn_adam_options adam = adam_of(u, e);
    piece part = {begin - first, end - first};
    learn(u, p, &adam, part, moment + part.begin - own.begin);
  }
}

static void update_piece(update *u, phase *p, int bucket, size_t moment) {
  const pieces *cut = &p->exchanged.cut;
  const nn_layout *layout = p->exchanged.layout;
  piece own = pieces_of(cut, bucket, u->options.cluster->rank);
  const nn_real *sum = p->exchanged.own;
  if (bucket < cut->learned_buckets) {
    learn_piece(u, p, own, moment);
    return;
  }
  double scale = 1.0 / u->options.micro_batches;
  for (size_t i = own.begin; i < own.end; i++) {
    size_t at = nn_layout_target(layout, i);
    if (!is_foreign(layout, at))
      u->state[at] = (nn_real)(scale * (double)sum[i]);
  }
}

/* As torch.nn.utils.clip_grad_norm_ has it. */
static void set_scale(update *u, const phase *p) {
  double most = u->options.clip_norm, factor = 1;
  if (most > 0) factor = most / (update_norm(u, p) + 1e-6);
  u->scale = (factor < 1 ? factor : 1) / u->options.micro_batches;
}

static void update_pieces(update *u, phase *p) {
  const pieces *cut = &p->exchanged.cut;
  size_t moment = 0; /* where the piece's are */
  exchange_begin_values(u->exchange, u->state);
  for (int b = 0; b < cut->buckets; b++) {
    double start = clock_seconds();
    piece own = pieces_of(cut, b, u->options.cluster->rank);
    update_piece(u, p, b, moment);
    moment += own.end - own.begin;
    u->spent.updating += clock_seconds() - start;
    exchange_give_values(u->exchange, b);
  }
  exchange_finish_values(u->exchange);
}

status update_finish(update *u, status own, bool *stop) {
  phase *p = u->running;
  double start = clock_seconds();
  double busy = exchange_summing(u->exchange) + u->spent.updating;
  exchange_close(u->exchange, p->exchanged.cut.buckets);
  int tries = 0;
  while (!exchange_advance(u->exchange)) node_memory_pause(&tries);
  if (own == STATUS_OK) own = check_sums(u, p);
  u->running = NULL;
  status result = cluster_agree_or_stop(u->options.cluster, own, stop);
  if (result == STATUS_OK) {
    set_scale(u, p);
    update_pieces(u, p);
  }
  busy -= exchange_summing(u->exchange) + u->spent.updating;
  u->spent.waiting += clock_seconds() - start + busy;
  return result;
}

/* ---- the averaged state ---- */

nn_real *update_averaged(update *u) {
  int tries = 0;
  if (u->averaged == NULL) return NULL;
  while (node_memory_lowest(u->memory, NODE_AVERAGED) < u->averages)
    node_memory_pause(&tries);
  return u->averaged;
}

/* Values [begin, end) of it. Counters are whole numbers. */
static void average_part(update *u, double decay, size_t begin, size_t end) {
  const nn_layout *layout = u->options.layout;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *e = &layout->entries[i];
    size_t from = begin > e->offset ? begin : e->offset;
    size_t to = end < e->offset + e->count ? end : e->offset + e->count;
    bool counts = e->rank == 0 && !e->trainable;
    if (from < to)
      nn_average(counts ? 0 : decay, to - from, u->state + from,
                 u->averaged + from, u->options.threads);
  }
}

void update_average(update *u, uint64_t step) {
  const cluster *c = u->options.cluster;
  if (u->averaged == NULL) return;
  double start = clock_seconds(), t = (double)step;
  double decay = fmin(u->options.average, (1 + t) / (10 + t));
  size_t size = u->options.layout->state_size, rank = (size_t)c->node_rank;
  size_t ranks = (size_t)c->node_ranks;
  average_part(u, decay, size * rank / ranks, size * (rank + 1) / ranks);
  node_memory_raise(u->memory, NODE_AVERAGED, ++u->averages);
  u->spent.updating += clock_seconds() - start;
}

update_times update_spent(const update *u) {
  update_times spent = u->spent;
  spent.summing += exchange_summing(u->exchange);
  return spent;
}
