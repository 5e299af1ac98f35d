/* Whose fault a crash or an endless loop is: HDF5's own where it was at work
 * and had called nothing of ours. */
#include <dlfcn.h>
#include <execinfo.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "tests/fuzz/fuzz.h"

enum { FRAMES_MAX = 64, STACK_BYTES = 1 << 17 };

/* AddressSanitizer's: the first is there where the program has it; it calls the
 * second before it ends the program. */
void __asan_init(void) __attribute__((weak));
void __asan_on_error(void);

static volatile bool *blamed;

/* The frame of HDF5 that is nearest to the fault must not have called a
 * function of the program. Those of a sanitizer within the program have names
 * that the dynamic linker knows, ours have none. */
static bool is_in_hdf5(void) {
  void *frames[FRAMES_MAX];
  Dl_info program, place;
  bool ours = false;
  int count = backtrace(frames, FRAMES_MAX);
  if (dladdr(&blamed, &program) == 0) return false;
  for (int i = 0; i < count; i++) {
    if (dladdr(frames[i], &place) == 0) continue;
    if (strstr(place.dli_fname, "libhdf5") != NULL) return !ours;
    ours = place.dli_fbase == program.dli_fbase && place.dli_sname == NULL;
  }
  return false;
}

void __asan_on_error(void) {
  if (blamed != NULL) *blamed = is_in_hdf5();
}

static void on_crash(int number) {
  signal(number, SIG_DFL);
  *blamed = is_in_hdf5();
  raise(number);
}

static void on_time(int number) {
  (void)number;
  *blamed = is_in_hdf5();
  _exit(FUZZ_HUNG);
}

static void handle(int number, void (*handler)(int)) {
  struct sigaction action = {.sa_handler = handler,
                             .sa_flags = SA_ONSTACK | SA_NODEFER};
  sigaction(number, &action, NULL);
}

void fuzz_watch(volatile bool *in_hdf5) {
  static char stack[STACK_BYTES]; /* the other one may have overflown */
  static const int crashes[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
  blamed = in_hdf5;
  is_in_hdf5(); /* the first time allocates memory */
  handle(SIGPROF, on_time);
  if (__asan_init != NULL) return;
  sigaltstack(&(stack_t){.ss_sp = stack, .ss_size = sizeof stack}, NULL);
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; i++)
    handle(crashes[i], on_crash);
}

void fuzz_watch_next(void) {
  struct itimerval time = {.it_value.tv_sec = __asan_init != NULL ? 20 : 5};
  setitimer(ITIMER_PROF, &time, NULL);
}
