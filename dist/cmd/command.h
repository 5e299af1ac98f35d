/* A command of the program: `harmonia NAME ...`. Each is declared in one file,
 * cmd_NAME.c, and listed in main.c. */
#ifndef HARMONIA_COMMAND_H
#define HARMONIA_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
#include "base/status.h"
#include "dist/ranks/cluster.h"

typedef struct command {
  const char *summary; /* one line for `harmonia --help` */
  const option_table *table;
  bool multiplies; /* runs networks: OpenBLAS's kernels matter */
  /* One of the two is set; `given[i]` tells whether the user set option i.
   * run_collective is called by every rank of an mpirun, with MPI started, and
   * must return the same status on all; run is for one process. */
  status (*run)(void *configuration, const bool *given, const char **positional,
                int positional_count);
  status (*run_collective)(const cluster *c, void *configuration,
                           const bool *given, const char **positional,
                           int positional_count);
  /* run_collective is called without MPI, which takes a while to start, in a
   * process that no launcher started as one of several. */
  bool often_alone;
  /* Signals ask it to save and end (signals.h), from its start. */
  bool saves_when_asked;
} command;

extern const command command_compose, command_synth, command_pack,
    command_train, command_eval, command_apply, command_score, command_report,
    command_info, command_plan, command_import, command_export;

#endif
