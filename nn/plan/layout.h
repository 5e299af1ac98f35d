/* Making layouts: for the planner. */
#ifndef HARMONIA_NN_LAYOUT_H
#define HARMONIA_NN_LAYOUT_H

#include "nn/operation.h"

/* One layout for all graphs; completed[k][i]: the step after which the gradient
 * of state entry i of graph k is whole. A parameter is trained by one graph. */
status nn_layout_make(const nn_graph *const *graphs,
                      const int *const *completed, int graph_count,
                      nn_layout *out);
/* The entries and offsets of `from`, with this graph's reports and
 * results. */
status nn_layout_adopt(const nn_graph *graph, const nn_layout *from,
                       nn_layout *out);
/* Gradients are no results any more. */
void nn_layout_hand_over(nn_layout *layout);
void nn_layout_free(nn_layout *layout);

#endif
