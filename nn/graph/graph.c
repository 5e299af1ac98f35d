/* Nodes, and what a graph knows of its inputs, state and results. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "nn/operation.h"

size_t nn_shape_count(nn_shape s) {
  return (size_t)s.n * (size_t)s.h * (size_t)s.w * (size_t)s.c;
}

bool nn_shape_equal(nn_shape a, nn_shape b) {
  return a.n == b.n && a.h == b.h && a.w == b.w && a.c == b.c;
}

status nn_graph_create(nn_graph **out) { return MEMORY_NEW(1, "graph", out); }

void nn_graph_destroy(nn_graph **graph) {
  if (*graph == NULL) return;
  free((*graph)->nodes);
  free((*graph)->states);
  free((*graph)->inputs.items);
  free((*graph)->reports.items);
  free((*graph)->kept.items);
  memory_free(*graph);
  *graph = NULL;
}

nn_shape nn_shape_of(const nn_graph *graph, nn_id id) {
  INVARIANT(id >= 0 && id < graph->count, "node %d of %d", id, graph->count);
  return graph->nodes[id].shape;
}

int nn_node_count(const nn_graph *graph) { return graph->count; }

/* Graphs are a few thousand small nodes: growing one cannot reasonably fail,
 * and builders stay readable without a status each. */
static void *grow(void *items, int count, int *capacity, size_t size) {
  if (count < *capacity) return items;
  *capacity = *capacity > 0 ? 2 * *capacity : 64;
  items = realloc(items, (size_t)*capacity * size);
  INVARIANT(items != NULL, "no memory for a graph");
  return items;
}

nn_id nn_emit(nn_graph *graph, nn_node node) {
  for (int i = 0; i < node.op->arity; i++)
    INVARIANT(node.in[i] >= 0 && node.in[i] < graph->count,
              "%s: input %d is node %d", node.op->name, i, node.in[i]);
  for (int i = node.op->arity; i < NN_MAX_INPUTS; i++) node.in[i] = NN_NONE;
  if (node.op->shape != NULL) node.op->shape(graph, &node);
  INVARIANT(node.shape.n > 0 && node.shape.h > 0 && node.shape.w > 0 &&
                node.shape.c > 0,
            "%s: empty result [%d,%d,%d,%d]", node.op->name, node.shape.n,
            node.shape.h, node.shape.w, node.shape.c);
  graph->nodes =
      grow(graph->nodes, graph->count, &graph->capacity, sizeof *graph->nodes);
  node.original = graph->count;
  graph->nodes[graph->count] = node;
  return graph->count++;
}

static void list_add(nn_list *list, const char *name, nn_id id) {
  list->items =
      grow(list->items, list->count, &list->capacity, sizeof *list->items);
  nn_named *item = &list->items[list->count++];
  snprintf(item->name, sizeof item->name, "%s", name);
  item->id = id;
}

status nn_graph_fork(const nn_graph *from, nn_graph **out) {
  TRY(nn_graph_create(out));
  nn_graph *graph = *out;
  for (nn_id id = 0; id < from->count; id++) {
    nn_emit(graph, from->nodes[id]);
    graph->nodes[id].original = from->nodes[id].original;
  }
  for (int i = 0; i < from->inputs.count; i++)
    list_add(&graph->inputs, from->inputs.items[i].name,
             from->inputs.items[i].id);
  for (int i = 0; i < from->state_count; i++) {
    graph->states = grow(graph->states, graph->state_count,
                         &graph->state_capacity, sizeof *graph->states);
    graph->states[i] = from->states[i];
    graph->states[i].result = NN_NONE;
    graph->state_count++;
  }
  graph->forked = from->count;
  return STATUS_OK;
}

/* ---- values from outside ---- */

const nn_op nn_op_input = {.name = "input", .binding = NN_BOUND_INPUT};
const nn_op nn_op_state = {.name = "state", .binding = NN_BOUND_STATE};

nn_id nn_input(nn_graph *graph, const char *name, nn_shape shape) {
  nn_id id = nn_emit(graph, (nn_node){.op = &nn_op_input,
                                      .shape = shape,
                                      .index = graph->inputs.count});
  list_add(&graph->inputs, name, id);
  return id;
}

int nn_input_index(const nn_graph *graph, const char *name) {
  for (int i = 0; i < graph->inputs.count; i++)
    if (strcmp(graph->inputs.items[i].name, name) == 0) return i;
  return -1;
}

static nn_id add_state(nn_graph *graph, const char *name, nn_shape shape,
                       int rank, bool trainable, nn_init init, double a,
                       double b) {
  graph->states = grow(graph->states, graph->state_count,
                       &graph->state_capacity, sizeof *graph->states);
  nn_state_entry *state = &graph->states[graph->state_count];
  *state = (nn_state_entry){.entry = {.shape = shape,
                                      .rank = rank,
                                      .trainable = trainable,
                                      .count = nn_shape_count(shape),
                                      .init = init,
                                      .init_a = a,
                                      .init_b = b},
                            .result = NN_NONE};
  int length =
      snprintf(state->entry.name, sizeof state->entry.name, "%s", name);
  INVARIANT(length < (int)sizeof state->entry.name, "long name %s", name);
  for (int i = 0; i < graph->state_count; i++)
    INVARIANT(strcmp(graph->states[i].entry.name, name) != 0,
              "two state entries %s", name);
  state->id = nn_emit(graph, (nn_node){.op = &nn_op_state,
                                       .shape = shape,
                                       .index = graph->state_count});
  return graph->states[graph->state_count++].id;
}

nn_id nn_parameter(nn_graph *graph, const char *name, nn_shape shape, int rank,
                   nn_init init, double a, double b) {
  return add_state(graph, name, shape, rank, true, init, a, b);
}

nn_id nn_buffer(nn_graph *graph, const char *name, nn_shape shape, int rank,
                nn_init init, double a, double b) {
  return add_state(graph, name, shape, rank, false, init, a, b);
}

static nn_entry *entry_of(nn_graph *graph, nn_id state) {
  return &graph->states[nn_get(graph, state).index].entry;
}

nn_id nn_parameter_table(nn_graph *graph, const char *name, nn_shape shape,
                         int rank, const double *values) {
  nn_id id = add_state(graph, name, shape, rank, true, NN_INIT_VALUES, 0, 0);
  entry_of(graph, id)->init_values = values;
  return id;
}

nn_id nn_fixed_buffer(nn_graph *graph, const char *name, nn_shape shape,
                      int rank, nn_init init, double a, double b) {
  nn_id id = add_state(graph, name, shape, rank, false, init, a, b);
  entry_of(graph, id)->fixed = true;
  return id;
}

nn_id nn_find_state(const nn_graph *graph, const char *name) {
  for (int i = 0; i < graph->state_count; i++)
    if (strcmp(graph->states[i].entry.name, name) == 0)
      return graph->states[i].id;
  return NN_NONE;
}

nn_id nn_buffer_value(const nn_graph *graph, nn_id buffer) {
  nn_node node = nn_get(graph, buffer);
  INVARIANT(node.op->binding == NN_BOUND_STATE, "node %d is no buffer", buffer);
  nn_id value = graph->states[node.index].result;
  return value != NN_NONE ? value : buffer;
}

/* ---- results ---- */

void nn_set_buffer(nn_graph *graph, nn_id buffer, nn_id value) {
  nn_node node = nn_get(graph, buffer);
  INVARIANT(node.op->binding == NN_BOUND_STATE &&
                !graph->states[node.index].entry.trainable,
            "node %d is no buffer", buffer);
  INVARIANT(nn_shape_equal(node.shape, nn_shape_of(graph, value)),
            "new value of another shape");
  graph->states[node.index].result = value;
}

void nn_report(nn_graph *graph, const char *name, nn_id scalar) {
  INVARIANT(nn_shape_count(nn_shape_of(graph, scalar)) == 1, "%s: no scalar",
            name);
  list_add(&graph->reports, name, scalar);
}

void nn_keep(nn_graph *graph, const char *name, nn_id value) {
  list_add(&graph->kept, name, value);
}

/* Whether a name begins with one of the prefixes. */
static bool begins_with(const char *name, const char *const *prefixes,
                        int count) {
  for (int i = 0; i < count; i++)
    if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0) return true;
  return false;
}

/* To the gradient of earlier losses. */
static void add_result(nn_graph *graph, nn_id parameter, nn_id gradient) {
  int index = nn_get(graph, parameter).index;
  nn_id sum = nn_accumulate(graph, graph->states[index].result, gradient);
  graph->states[index].result = sum;
}

void nn_minimise_all(nn_graph *graph, nn_id loss, const char *const *prefixes,
                     int prefix_count) {
  int count = 0;
  nn_id *wrt = calloc((size_t)graph->state_count * 2, sizeof *wrt);
  INVARIANT(wrt != NULL, "no memory for a graph");
  nn_id *gradient = wrt + graph->state_count;
  for (int i = 0; i < graph->state_count; i++) {
    const nn_entry *entry = &graph->states[i].entry;
    if (entry->trainable && begins_with(entry->name, prefixes, prefix_count))
      wrt[count++] = graph->states[i].id;
  }
  nn_grad(graph, loss, wrt, count, gradient);
  for (int i = 0; i < count; i++) add_result(graph, wrt[i], gradient[i]);
  free(wrt);
}

void nn_minimise(nn_graph *graph, nn_id loss, const char *prefix) {
  nn_minimise_all(graph, loss, &prefix, 1);
}
