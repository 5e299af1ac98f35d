/* Where parameters and buffers lie in the state vector, and their public form.
 */
#include "nn/layout.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/random.h"

enum { ALIGN = 16 }; /* values; entries begin on cache lines */

static size_t aligned(size_t count) {
  return (count + ALIGN - 1) / ALIGN * ALIGN;
}

typedef struct order_item {
  int index, completed;
} order_item;

/* Parameters in the order in which their gradients are completed, then
 * buffers; ties keep the order of declaration. */
static int compare_order(const void *a, const void *b) {
  const order_item *x = a, *y = b;
  if (x->completed != y->completed) return x->completed < y->completed ? -1 : 1;
  return (x->index > y->index) - (x->index < y->index);
}

static status copy_reports(const nn_graph *graph, nn_layout *layout) {
  layout->report_count = graph->reports.count;
  TRY(MEMORY_NEW((size_t)layout->report_count, "layout", &layout->reports));
  for (int i = 0; i < layout->report_count; i++)
    snprintf(layout->reports[i], sizeof layout->reports[i], "%.31s",
             graph->reports.items[i].name);
  layout->result_size =
      layout->state_size + aligned((size_t)layout->report_count);
  return STATUS_OK;
}

status nn_layout_make(const nn_graph *graph, const int *completed,
                      nn_layout *out) {
  memset(out, 0, sizeof *out);
  order_item *order;
  TRY(MEMORY_NEW((size_t)graph->state_count, "layout", &order));
  for (int i = 0; i < graph->state_count; i++) {
    bool trainable = graph->states[i].entry.trainable;
    order[i] = (order_item){i, trainable ? completed[i] : INT32_MAX};
  }
  qsort(order, (size_t)graph->state_count, sizeof *order, compare_order);
  status result =
      MEMORY_NEW((size_t)graph->state_count, "layout", &out->entries);
  if (result == STATUS_OK) {
    for (int i = 0; i < graph->state_count; i++) {
      nn_entry *entry = &out->entries[i];
      *entry = graph->states[order[i].index].entry;
      entry->offset = out->state_size;
      out->state_size += aligned(entry->count);
      if (entry->trainable) out->parameter_size = out->state_size;
    }
    out->entry_count = graph->state_count;
    result = copy_reports(graph, out);
  }
  memory_free(order);
  if (result != STATUS_OK) nn_layout_free(out);
  return result;
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
  TRY_OR(failed, copy_reports(graph, out));
  return STATUS_OK;
failed:
  nn_layout_free(out);
  return result;
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

int nn_entry_public_shape(const nn_entry *entry, uint64_t shape[4]) {
  nn_shape s = entry->shape;
  if (entry->rank == 4) { /* [kh,kw,a,b] is [b,a,kh,kw] outside */
    shape[0] = (uint64_t)s.c;
    shape[1] = (uint64_t)s.w;
    shape[2] = (uint64_t)s.n;
    shape[3] = (uint64_t)s.h;
  } else if (entry->rank == 1) {
    shape[0] = entry->count;
  }
  return entry->rank;
}

/* Walks [b][a][kernel] outside against [kernel][a][b] inside; the inner loop
 * runs over small blocks of b so that both sides stay in the cache. */
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
  if (entry->rank == 4)
    transpose(entry, state + entry->offset, out, true);
  else
    memcpy(out, state + entry->offset, entry->count * sizeof *out);
}

void nn_entry_import(const nn_entry *entry, const nn_real *in, nn_real *state) {
  if (entry->rank == 4)
    transpose(entry, in, state + entry->offset, false);
  else
    memcpy(state + entry->offset, in, entry->count * sizeof *in);
}

void nn_layout_initialise(const nn_layout *layout, uint64_t seed,
                          nn_real *state) {
  memset(state, 0, layout->state_size * sizeof *state);
  for (int i = 0; i < layout->entry_count; i++) {
    const nn_entry *entry = &layout->entries[i];
    nn_real *values = state + entry->offset;
    random_stream stream =
        random_stream_make(seed, RANDOM_WEIGHTS, random_hash(entry->name), 0);
    for (size_t k = 0; k < entry->count; k++)
      values[k] =
          (nn_real)(entry->init == NN_INIT_NORMAL
                        ? entry->init_a + entry->init_b * random_normal(&stream)
                        : entry->init_a);
  }
}
