/* A training run, from options to the last checkpoint. */
#ifndef HARMONIA_TRAINER_H
#define HARMONIA_TRAINER_H

#include "dist/ranks/cluster.h"
#include "dist/state/train_options.h"

/* Collective; every rank brings the options it parsed. `given` tells which the
 * user set. The failure is the same on every rank. */
status trainer_run(const cluster *c, train_options *options, const bool *given);

#endif
