/* Systems as graphs. */
#ifndef HARMONIA_NN_MODEL_H
#define HARMONIA_NN_MODEL_H

#include "nn/operation.h"

/* STATUS_USAGE, naming the option. */
status nn_model_check(const nn_model_options *options);
/* Phases of the options' purpose: "DG" or "G". */
const char *nn_model_phases(const nn_model_options *options);
/* The graphs of all phases, in their order. That of phase D is forked from the
 * next one behind the generator's forward pass. Graphs made before a failure
 * are in out[] too. */
status nn_model_build(const nn_model_options *options,
                      nn_graph *out[NN_MAX_PHASES]);

#endif
