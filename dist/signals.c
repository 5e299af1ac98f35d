#include "dist/signals.h"

#include <signal.h>
#include <stddef.h>

static volatile sig_atomic_t asked;

static void note(int number) {
  if (asked && number != SIGUSR1) {
    signal(number, SIG_DFL);
    raise(number);
  }
  asked = 1;
}

void signals_watch(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigemptyset(&action.sa_mask);
  sigaction(SIGTERM, &action, NULL);
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGUSR1, &action, NULL);
}

bool signals_stop_asked(void) { return asked != 0; }
