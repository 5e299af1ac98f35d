/* Systems as graphs. */
#ifndef HARMONIA_NN_MODEL_H
#define HARMONIA_NN_MODEL_H

#include "nn/internal.h"

/* STATUS_USAGE, naming the option. */
status nn_model_check(const nn_model_options *options);
/* Phases of the options' purpose: "DG" or "G". */
const char *nn_model_phases(const nn_model_options *options);
/* The graph of one phase. */
status nn_model_build(const nn_model_options *options, char phase,
                      nn_graph **out);

#endif
