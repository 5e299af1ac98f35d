/* harmonia train */
#include "dist/cmd/command.h"
#include "dist/foretell/show_plan.h"
#include "dist/state/train_options.h"
#include "dist/run/trainer.h"

static status run(const cluster *c, void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional, (void)positional_count;
  const train_options *options = configuration;
  if (options->show_plan) return show_plan(c, configuration, given);
  return trainer_run(c, configuration, given);
}

const command command_train = {
    .summary = "train a network (under mpirun or srun, or alone)",
    .table = &train_option_table,
    .multiplies = true,
    .run_collective = run,
    .saves_when_asked = true,
};
