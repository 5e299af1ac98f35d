/* Making layouts: for the planner. */
#ifndef HARMONIA_NN_LAYOUT_H
#define HARMONIA_NN_LAYOUT_H

#include "nn/internal.h"

/* completed[i]: the step after which the gradient of state entry i is whole. */
status nn_layout_make(const nn_graph *graph, const int *completed,
                      nn_layout *out);
/* The entries and offsets of `from`, with this graph's reports. */
status nn_layout_adopt(const nn_graph *graph, const nn_layout *from,
                       nn_layout *out);
void nn_layout_free(nn_layout *layout);

#endif
