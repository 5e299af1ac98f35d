/* Requests to save and end, and readers that went away. Handlers run on any
 * thread, also two at a time, and call only what is safe in them. */
#include "dist/run/signals.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Those that people and schedulers send before they kill. Grid Engine and LSF
 * send SIGUSR2, a limit of processor time SIGXCPU. */
static const int requests[] = {SIGTERM, SIGINT,  SIGHUP,
                               SIGUSR1, SIGUSR2, SIGXCPU};
enum { REQUESTS = sizeof requests / sizeof requests[0] };

/* timeout, mpirun and Slurm send a signal twice: one request. */
static const long long same_request_ns = 2000000000;

static atomic_bool asked;
static atomic_llong first_ns; /* of SIGTERM and SIGINT; 0: none came */

static void end_at_once(int number) {
  const char *text =
      number == SIGINT ? "harmonia: SIGINT again: ended at once, not saved\n"
                       : "harmonia: SIGTERM again: ended at once, not saved\n";
  if (write(STDERR_FILENO, text, strlen(text)) < 0) {
    /* nobody reads */
  }
  signal(number, SIG_DFL);
  raise(number); /* comes when the handler returns */
}

static void note(int number) {
  int error = errno;
  atomic_store(&asked, true);
  if (number == SIGTERM || number == SIGINT) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    long long ns = now.tv_sec * 1000000000LL + now.tv_nsec, first = 0;
    if (!atomic_compare_exchange_strong(&first_ns, &first, ns) &&
        ns - first > same_request_ns)
      end_at_once(number);
  }
  errno = error;
}

/* Before the libraries are set up: UCX, in Open MPI 5, takes SIGHUP for itself
 * as it is loaded, also where it was ignored. */
static bool was_ignored[REQUESTS];

static void look_at_signals(int argc, char **argv, char **environment) {
  (void)argc, (void)argv, (void)environment;
  struct sigaction had;
  for (int i = 0; i < REQUESTS; i++)
    was_ignored[i] =
        sigaction(requests[i], NULL, &had) == 0 && had.sa_handler == SIG_IGN;
}

__attribute__((section(".preinit_array"),
               used)) static void (*const first_of_all)(int, char **, char **) =
    look_at_signals;

void signals_watch(void) {
  struct sigaction action = {.sa_handler = note, .sa_flags = SA_RESTART};
  sigset_t these;
  sigemptyset(&action.sa_mask);
  sigemptyset(&these);
  for (int i = 0; i < REQUESTS; i++) {
    sigaddset(&these, requests[i]);
    if (!was_ignored[i]) sigaction(requests[i], &action, NULL);
  }
  sigprocmask(SIG_UNBLOCK, &these, NULL); /* a parent may have blocked some */
}

bool signals_stop_asked(void) { return atomic_load(&asked); }

void signals_outlive_readers(void) {
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);          /* a file size limit is a failed write */
  for (int i = 0; i < REQUESTS; i++) /* also when it starts itself anew */
    if (was_ignored[i]) signal(requests[i], SIG_IGN);
  /* a descriptor that is free would become a file's, and messages go there */
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDONLY) != fd) _exit(1);
}

void signals_end_by_pipe(void) {
  signal(SIGPIPE, SIG_DFL);
  raise(SIGPIPE);
}
