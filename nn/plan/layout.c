/* Where parameters and buffers lie in the state vector, and their public form.
 */
#include "nn/plan/layout.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "nn/compute/normal.h"

typedef struct order_item {
  const nn_entry *entry;
  int group;     /* parameters: the graph that trains them; then buffers */
  int completed; /* its gradient */
  int index;
} order_item;

/* groups from here on */
enum { FIXED = 1000, BUFFERS = 1001 };

/* Parameters by the graph that trains them, in the order in which their
 * gradients are completed, then buffers; ties keep the order of declaration. */
static int compare_order(const void *a, const void *b) {
  const order_item *x = a, *y = b;
  if (x->group != y->group) return x->group < y->group ? -1 : 1;
  if (x->completed != y->completed) return x->completed < y->completed ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

/* The item of a name, or a new one behind the others. */
static order_item *item_of(order_item *items, int *count,
                           const nn_entry *entry) {
  for (int i = 0; i < *count; i++)
    if (strcmp(items[i].entry->name, entry->name) == 0) {
      INVARIANT(nn_shape_equal(items[i].entry->shape, entry->shape) &&
                    items[i].entry->trainable == entry->trainable,
                "graphs differ in %s", entry->name);
      return &items[i];
    }
  order_item *item = &items[*count];
  *item = (order_item){.entry = entry,
                       .group = entry->trainable ? 0
                                : entry->fixed   ? FIXED
                                                 : BUFFERS,
                       .completed = entry->trainable ? -1 : 0,
                       .index = *count};
  (*count)++;
  return item;
}

/* A graph sets the buffers from some place on: those that an earlier one sets
 * as well lie last. */
static int order_entries(const nn_graph *const *graphs,
                         const int *const *completed, int graph_count,
                         order_item *items) {
  int count = 0;
  for (int k = 0; k < graph_count; k++)
    for (int i = 0; i < graphs[k]->state_count; i++) {
      const nn_state_entry *state = &graphs[k]->states[i];
      order_item *item = item_of(items, &count, &state->entry);
      if (state->result == NN_NONE) continue;
      if (state->entry.trainable) {
        INVARIANT(item->completed == -1, "two graphs train %s",
                  state->entry.name);
        item->group = k;
        item->completed = completed[k][i];
      } else if (item->group == BUFFERS) {
        item->group = BUFFERS + graph_count - k;
      }
    }
  qsort(items, (size_t)count, sizeof *items, compare_order);
  return count;
}

static status copy_reports(const nn_graph *const *graphs, int count,
                           nn_layout *layout) {
  layout->report_count = 0;
  for (int k = 0; k < count; k++)
    layout->report_count += graphs[k]->reports.count;
  TRY(MEMORY_NEW((size_t)layout->report_count, "layout", &layout->reports));
  int at = 0;
  for (int k = 0; k < count; k++)
    for (int i = 0; i < graphs[k]->reports.count; i++, at++)
      snprintf(layout->reports[at], sizeof layout->reports[at], "%.31s",
               graphs[k]->reports.items[i].name);
  return STATUS_OK;
}

/* Results are everything but fixed buffers. */
static void describe_whole(nn_layout *layout) {
  size_t begin = layout->parameter_size;
  for (int i = 0; i < layout->entry_count; i++)
    if (layout->entries[i].fixed)
      begin = layout->entries[i].offset + nn_aligned(layout->entries[i].count);
  layout->report_offset = layout->state_size;
  layout->vector_size =
      layout->state_size + nn_aligned((size_t)layout->report_count);
  layout->parameters = (nn_span){0, layout->parameter_size};
  layout->rest = (nn_span){begin, layout->vector_size};
  layout->gradients = layout->parameter_size;
  layout->result_size = layout->parameter_size + layout->vector_size - begin;
}

status nn_layout_make(const nn_graph *const *graphs,
                      const int *const *completed, int graph_count,
                      nn_layout *out) {
  memset(out, 0, sizeof *out);
  size_t most = 0;
  for (int k = 0; k < graph_count; k++) most += (size_t)graphs[k]->state_count;
  order_item *items;
  TRY(MEMORY_NEW(most, "layout", &items));
  int count = order_entries(graphs, completed, graph_count, items);
  status result = MEMORY_NEW((size_t)count, "layout", &out->entries);
  if (result == STATUS_OK) {
    for (int i = 0; i < count; i++) {
      nn_entry *entry = &out->entries[i];
      *entry = *items[i].entry;
      entry->offset = out->state_size;
      out->state_size += nn_aligned(entry->count);
      if (entry->trainable) out->parameter_size = out->state_size;
    }
    out->entry_count = count;
    result = copy_reports(graphs, graph_count, out);
    describe_whole(out);
  }
  memory_free(items);
  if (result != STATUS_OK) nn_layout_free(out);
  return result;
}

/* Which part of the vector the graph's results are: the parameters it trains,
 * and everything from the first buffer it sets to its last report. */
static void describe_part(const nn_graph *graph, const nn_layout *from,
                          nn_layout *layout) {
  layout->report_offset = from->state_size;
  for (int i = 0; i < from->report_count && layout->report_count > 0; i++)
    if (strcmp(from->reports[i], layout->reports[0]) == 0)
      layout->report_offset = from->state_size + (size_t)i;
  nn_span parameters = {SIZE_MAX, 0};
  nn_span rest = {layout->report_offset, 0};
  rest.end = layout->report_offset + (size_t)layout->report_count;
  size_t trained = 0;
  for (int i = 0; i < graph->state_count; i++) {
    if (graph->states[i].result == NN_NONE) continue;
    const nn_entry *entry = nn_layout_find(from, graph->states[i].entry.name);
    INVARIANT(entry != NULL, "the layout lacks %s",
              graph->states[i].entry.name);
    size_t begin = entry->offset, end = begin + nn_aligned(entry->count);
    if (!entry->trainable) {
      if (begin < rest.begin) rest.begin = begin;
      continue;
    }
    trained += end - begin;
    if (begin < parameters.begin) parameters.begin = begin;
    if (end > parameters.end) parameters.end = end;
  }
  if (trained == 0) parameters = (nn_span){0, 0};
  INVARIANT(parameters.end - parameters.begin == trained,
            "a graph's parameters lie apart");
  layout->parameters = parameters;
  layout->rest = rest;
  layout->gradients = trained;
  layout->result_size = trained + nn_aligned(rest.end - rest.begin);
}

status nn_layout_adopt(const nn_graph *graph, const nn_layout *from,
                       nn_layout *out) {
  *out = *from;
  out->entries = NULL;
  out->reports = NULL;
  status result;
  TRY_OR(failed,
         MEMORY_NEW((size_t)from->entry_count, "layout", &out->entries));
  memcpy(out->entries, from->entries,
         (size_t)from->entry_count * sizeof *out->entries);
  TRY_OR(failed, copy_reports(&graph, 1, out));
  describe_part(graph, from, out);
  return STATUS_OK;
failed:
  nn_layout_free(out);
  return result;
}

size_t nn_layout_result(const nn_layout *layout, size_t offset) {
  const nn_span *r = &layout->rest;
  size_t learned = offset - layout->parameters.begin; /* or beyond all */
  if (learned < layout->gradients) return learned;
  INVARIANT(offset >= r->begin && offset < r->end, "no result at %zu", offset);
  return layout->gradients + offset - r->begin;
}

size_t nn_layout_target(const nn_layout *layout, size_t result) {
  if (result < layout->gradients) return layout->parameters.begin + result;
  return layout->rest.begin + result - layout->gradients;
}

void nn_layout_hand_over(nn_layout *layout) {
  layout->gradients = 0;
  layout->result_size = nn_aligned(layout->rest.end - layout->rest.begin);
}

void nn_layout_free(nn_layout *layout) {
  memory_free(layout->entries);
  memory_free(layout->reports);
  memset(layout, 0, sizeof *layout);
}

const nn_entry *nn_layout_find(const nn_layout *layout, const char *name) {
  for (int i = 0; i < layout->entry_count; i++)
    if (strcmp(layout->entries[i].name, name) == 0) return &layout->entries[i];
  return NULL;
}

size_t nn_layout_parameters(const nn_layout *layout, const char *prefix) {
  size_t sum = 0;
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *entry = &layout->entries[i];
    if (entry->trainable && strncmp(entry->name, prefix, strlen(prefix)) == 0)
      sum += entry->count;
  }
  return sum;
}

int nn_entry_public_shape(const nn_entry *entry, uint64_t shape[4]) {
  nn_shape s = entry->shape;
  if (entry->rank == 4) { /* [kh,kw,a,b] is [b,a,kh,kw] outside */
    shape[0] = (uint64_t)s.c;
    shape[1] = (uint64_t)s.w;
    shape[2] = (uint64_t)s.n;
    shape[3] = (uint64_t)s.h;
  } else if (entry->rank == 2) { /* [1,1,a,b] is [b,a] */
    shape[0] = (uint64_t)s.c;
    shape[1] = (uint64_t)s.w;
  } else if (entry->rank == 1) {
    shape[0] = entry->count;
  }
  return entry->rank;
}

/* Walks [b][a][kernel] outside against [kernel][a][b] inside. A vector over
 * channels is the same in both; that over one row of a weight is not. */
static void transpose(const nn_entry *entry, const nn_real *from, nn_real *to,
                      bool to_public) {
  size_t kernel = (size_t)entry->shape.n * (size_t)entry->shape.h;
  size_t a = (size_t)entry->shape.w, b = (size_t)entry->shape.c;
  for (size_t i = 0; i < a; i++)
    for (size_t j = 0; j < b; j++)
      for (size_t k = 0; k < kernel; k++) {
        size_t outside = (j * a + i) * kernel + k;
        size_t inside = (k * a + i) * b + j;
        if (to_public)
          to[outside] = from[inside];
        else
          to[inside] = from[outside];
      }
}

void nn_entry_export(const nn_entry *entry, const nn_real *state,
                     nn_real *out) {
  transpose(entry, state + entry->offset, out, true);
}

void nn_entry_import(const nn_entry *entry, const nn_real *in, nn_real *state) {
  transpose(entry, in, state + entry->offset, false);
}

/* A random vector of length 1. */
static void fill_unit(const random_stream *stream, size_t count,
                      nn_real *values) {
  double sum = 0;
  nn_fill_normal(stream, 0, count, 0, 1, values);
  for (size_t k = 0; k < count; k++)
    sum += (double)values[k] * (double)values[k];
  for (size_t k = 0; k < count; k++)
    values[k] = (nn_real)((double)values[k] / sqrt(sum));
}

/* Of a kernel [k,k,1,1], of deviation `sigma`. */
static void fill_gaussian(nn_shape s, double sigma, nn_real *values) {
  double sum = 0;
  for (int pass = 0; pass < 2; pass++)
    for (int i = 0; i < s.n * s.h; i++) {
      int row = i / s.h, column = i % s.h;
      double y = row - (s.n - 1) / 2.0, x = column - (s.h - 1) / 2.0;
      double value = exp(-(x * x + y * y) / (2 * sigma * sigma));
      if (pass == 0)
        sum += value;
      else
        values[i] = (nn_real)(value / sum);
    }
}

static void fill(const nn_entry *entry, const random_stream *stream,
                 nn_real *values) {
  switch (entry->init) {
  case NN_INIT_UNIT: fill_unit(stream, entry->count, values); return;
  case NN_INIT_NORMAL:
    nn_fill_normal(stream, 0, entry->count, entry->init_a, entry->init_b,
                   values);
    return;
  case NN_INIT_CONSTANT:
    for (size_t k = 0; k < entry->count; k++)
      values[k] = (nn_real)entry->init_a;
    return;
  case NN_INIT_VALUES:
    for (size_t k = 0; k < entry->count; k++)
      values[k] = (nn_real)entry->init_values[k];
    return;
  case NN_INIT_GAUSSIAN: fill_gaussian(entry->shape, entry->init_a, values);
  }
}

void nn_layout_initialise(const nn_layout *layout, uint64_t seed,
                          nn_real *state) {
  memset(state, 0, layout->state_size * sizeof *state);
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *entry = &layout->entries[i];
    random_stream stream =
        random_stream_make(seed, RANDOM_WEIGHTS, random_hash(entry->name), 0);
    fill(entry, &stream, state + entry->offset);
  }
}
