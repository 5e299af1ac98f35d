/* A command of the program: `harmonia NAME ...`. Each is declared in one file,
 * cmd_NAME.c, and listed in main.c. */
#ifndef HARMONIA_COMMAND_H
#define HARMONIA_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/options.h"
#include "base/status.h"

typedef struct command {
  const char *summary; /* one line for `harmonia --help` */
  const option_table *table;
  size_t configuration_size; /* of the struct the table's offsets point into */
  /* Collective commands run under mpirun with MPI initialised, and every rank
   * calls `run`; the others run on one process. */
  bool collective;
  /* `given[i]` tells whether the user set option i. */
  status (*run)(void *configuration, const bool *given, const char **positional,
                int positional_count);
} command;

extern const command command_compose, command_synth, command_pack,
    command_train, command_eval, command_apply, command_report, command_info;

#endif
