/* harmonia: picks the command and turns its status into an exit status. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/ranks/cluster.h"
#include "dist/ranks/launcher.h"
#include "dist/cmd/command.h"
#include "dist/run/signals.h"
#include "base/version.h"
#include "checkpoint/checkpoint.h"
#include "nn/nn.h"

static const command *const commands[] = {
    &command_compose, &command_synth, &command_pack,   &command_train,
    &command_eval,    &command_apply, &command_score,  &command_report,
    &command_info,    &command_plan,  &command_import, &command_export,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *file) {
  fprintf(file, "Usage: harmonia COMMAND [ARGUMENTS]\n\n"
                "Trains image-harmonization networks over MPI, evaluates and "
                "applies them.\n\nCommands:\n");
  for (int i = 0; i < COMMANDS; i++)
    fprintf(file, "  %-9s %s\n", commands[i]->table->command,
            commands[i]->summary);
  fprintf(file,
          "\n'harmonia COMMAND --help' describes a command.\n\nEnvironment:\n"
          "  HARMONIA_BLAS_CORE=keep    OpenBLAS's own choice of kernels, or "
          "OPENBLAS_CORETYPE's,\n"
          "                             even where they do not suit the CPU\n"
          "  HARMONIA_LAUNCHER=ignore   a run of its own for each process that "
          "a launcher of\n"
          "                             another MPI started\n");
}

typedef struct invocation {
  void *configuration;
  bool given[128], help;
  const char *positional[64];
  int positional_count;
} invocation;

static status parse(const command *chosen, int argc, char **argv,
                    invocation *out) {
  const option_table *table = chosen->table;
  INVARIANT(options_count(table) <=
                (int)(sizeof out->given / sizeof out->given[0]),
            "too many options");
  out->configuration = memory_new(1, table->size, "options");
  if (out->configuration == NULL) return STATUS_MEMORY;
  options_defaults(table, out->configuration);
  return options_parse(table, out->configuration, argc, argv, out->positional,
                       &out->positional_count, out->given, &out->help);
}

static void tell_of_blas(void) {
  char advice[256];
  const char *fault = nn_blas_fault();
  if (nn_blas_advice(advice, sizeof advice)) log_warning("%s", advice);
  if (fault != NULL) log_warning("%s", fault);
}

static status run(const command *chosen, const cluster *c, int argc,
                  char **argv) {
  invocation call = {0};
  status result = parse(chosen, argc, argv, &call);
  /* mpirun can give every rank arguments of its own */
  if (chosen->run_collective != NULL)
    result = cluster_agree_or_stop(c, result, &call.help);
  bool goes_on = result == STATUS_OK && !call.help;
  if (goes_on && chosen->multiplies && c->rank == 0) tell_of_blas();
  if (result == STATUS_OK && call.help) {
    if (c->rank == 0) options_print_help(chosen->table, stdout);
  } else if (result == STATUS_OK && chosen->run_collective != NULL) {
    result = chosen->run_collective(c, call.configuration, call.given,
                                    call.positional, call.positional_count);
  } else if (result == STATUS_OK && chosen->run != NULL) {
    result = chosen->run(call.configuration, call.given, call.positional,
                         call.positional_count);
  }
  memory_free(call.configuration);
  return result;
}

/* Whether everything that was printed has gone out; who reads no more (head)
 * has seen enough, and wants no message. */
static status finish_output(bool *unread) {
  errno = 0;
  if (fflush(stdout) == 0 && !ferror(stdout)) return STATUS_OK;
  *unread = errno == EPIPE;
  if (!*unread) log_error("standard output cannot be written");
  return STATUS_IO;
}

/* Ranks agree before they leave, so the message of rank 0 is everybody's. */
static int run_command(const command *chosen, int argc, char **argv) {
  cluster c;
  cluster_alone(&c);
  bool together = chosen->run_collective != NULL &&
                  (!chosen->often_alone || launcher_started_several());
  bool unread = false;
  status result = STATUS_OK;
  if (chosen->saves_when_asked) signals_watch();
  if (together) result = cluster_start(&argc, &argv, &c);
  if (result == STATUS_OK) result = run(chosen, &c, argc - 2, argv + 2);
  if (result != STATUS_OK && c.rank == 0) log_error("%s", status_message());
  if (result == STATUS_OK && c.rank == 0) result = finish_output(&unread);
  cluster_stop(&c);
  if (unread) signals_end_by_pipe();
  return status_exit_code(result);
}

/* The exit status of what only prints. */
static int end_of_text(void) {
  bool unread = false;
  status result = finish_output(&unread);
  if (unread) signals_end_by_pipe();
  return status_exit_code(result);
}

/* The first line is the version alone. */
static void print_version(void) {
  char mpi[128], hdf5[32], blas[32];
  cluster_mpi_version(mpi, sizeof mpi);
  ckpt_hdf5_version(hdf5, sizeof hdf5);
  nn_blas_version(blas, sizeof blas);
  printf("harmonia " HARMONIA_VERSION "\n"
         "MPI       %s\nHDF5      %s\nOpenBLAS  %s, kernels for %s\n"
         "CPU       %s\n",
         mpi, hdf5, blas, nn_blas_core(), nn_cpu_instructions());
}

static const command *find_command(const char *word) {
  for (int i = 0; i < COMMANDS; i++)
    if (strcmp(word, commands[i]->table->command) == 0) return commands[i];
  return NULL;
}

int main(int argc, char **argv) {
  const char *word = argc > 1 ? argv[1] : "";
  const command *chosen = find_command(word);
  /* first: a program that starts itself anew inherits which are ignored */
  signals_outlive_readers();
  bool version = strcmp(word, "--version") == 0;
  if (version || (chosen != NULL && chosen->multiplies)) nn_blas_fit(argv);
  if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0 ||
      strcmp(word, "help") == 0 || argc < 2) {
    print_help(argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : end_of_text();
  }
  if (version) {
    print_version();
    return end_of_text();
  }
  if (chosen != NULL) return run_command(chosen, argc, argv);
  log_error("no command '%s' (see harmonia --help)", word);
  return 2;
}
