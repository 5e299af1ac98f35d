/* harmonia train --show-plan */
#ifndef HARMONIA_SHOW_PLAN_H
#define HARMONIA_SHOW_PLAN_H

#include "dist/ranks/cluster.h"
#include "dist/state/train_options.h"

/* Collective. Rank 0 prints to stdout what the planner makes of the options. */
status show_plan(const cluster *c, train_options *options, const bool *given);

#endif
