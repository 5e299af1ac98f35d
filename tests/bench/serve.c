/* The work of a case on command: the other side of torch_compare.py. */
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "tests/bench/bench.h"

status bench_serve(const bench_case *what, const char *work) {
  int kind = choice_index(CHOICES(BENCH_WORKS), work);
  if (kind < 0)
    return status_error(STATUS_USAGE,
                        "option --serve: '%s' is not forward, gradients or "
                        "step",
                        work);
  bench_stepper *s;
  TRY(bench_stepper_create(what, (bench_work)kind, &s));
  const nn_layout *layout = &s->system->layout;
  printf("ready G %zu D %zu E %zu multiply-adds %.0f core %s\n",
         nn_layout_parameters(layout, "G/"), nn_layout_parameters(layout, "D/"),
         nn_layout_parameters(layout, "E/"), bench_stepper_multiply_adds(s),
         nn_blas_core());
  fflush(stdout);
  char line[64];
  while (fgets(line, sizeof line, stdin) != NULL) {
    double start = clock_seconds(), cpu = bench_cpu_clock();
    bench_stepper_run(s);
    printf("%.6f %.6f %zu\n", clock_seconds() - start, bench_cpu_clock() - cpu,
           memory_peak_resident());
    fflush(stdout);
  }
  bench_stepper_destroy(&s);
  return STATUS_OK;
}
