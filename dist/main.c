/* harmonia: picks the command and turns its status into an exit status. */
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/command.h"

static const command *const commands[] = {
    &command_compose,
};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void print_help(FILE *file) {
  fprintf(file, "Usage: harmonia COMMAND [ARGUMENTS]\n\n"
                "Trains image-harmonization networks over MPI, evaluates and "
                "applies them.\n\nCommands:\n");
  for (int i = 0; i < COMMANDS; i++)
    fprintf(file, "  %-9s %s\n", commands[i]->table->command,
            commands[i]->summary);
  fprintf(file, "\n'harmonia COMMAND --help' describes a command.\n");
}

static status run_command(const command *chosen, int argc, char **argv) {
  enum { MAX_OPTIONS = 128, MAX_POSITIONAL = 64 };
  bool given[MAX_OPTIONS] = {false}, help;
  const char *positional[MAX_POSITIONAL] = {NULL};
  int positional_count = 0;
  INVARIANT(chosen->table->count <= MAX_OPTIONS, "too many options");
  void *configuration;
  TRY(memory_allocate(chosen->configuration_size, "configuration",
                      &configuration));
  options_defaults(chosen->table, configuration);
  status result = options_parse(chosen->table, configuration, argc, argv,
                                positional, &positional_count, given, &help);
  if (result == STATUS_OK && help) {
    options_print_help(chosen->table, stdout);
  } else if (result == STATUS_OK) {
    result = chosen->run(configuration, given, positional, positional_count);
  }
  memory_free(configuration);
  return result;
}

int main(int argc, char **argv) {
  if (argc < 2 || strcmp(argv[1], "--help") == 0 ||
      strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0) {
    print_help(argc < 2 ? stderr : stdout);
    return argc < 2 ? 2 : 0;
  }
  for (int i = 0; i < COMMANDS; i++) {
    if (strcmp(argv[1], commands[i]->table->command) != 0) continue;
    status result = run_command(commands[i], argc - 2, argv + 2);
    if (result != STATUS_OK) log_error("%s", status_message());
    return status_exit_code(result);
  }
  log_error("no command '%s' (see harmonia --help)", argv[1]);
  return 2;
}
