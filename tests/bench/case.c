/* A case in a forked process: its peak of memory is its own. The machine is
 * measured between the steps, in the parent, so that both see the same moment;
 * the parent holds no threads when it forks. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/memory.h"
#include "tests/bench/bench.h"

enum { SECONDS_A_CASE = 60, FEWEST_REPEATS = 3 };

typedef struct command {
  bool run; /* a step; else the end, with what was measured */
  bench_limits limits;
} command;

static bool put(int file, const void *from, size_t size) {
  return write(file, from, size) == (ssize_t)size;
}

static bool get(int file, void *to, size_t size) {
  return read(file, to, size) == (ssize_t)size;
}

/* ---- the child ---- */

static status start_times(const bench_stepper *s, bench_times *t) {
  for (int k = 0; k < s->system->phase_count; k++) {
    size_t steps = (size_t)s->system->phases[k].plan->step_count;
    TRY(MEMORY_NEW(steps * BENCH_REPEATS, "times", &t->seconds[k]));
  }
  return STATUS_OK;
}

static void repeat(bench_stepper *s, bench_times *t) {
  for (int k = 0; k < s->system->phase_count; k++)
    nn_plan_profile(s->system->phases[k].plan, bench_clock);
  double start = bench_clock();
  bench_stepper_run(s);
  t->step[t->count] = bench_clock() - start;
  t->adam[t->count] = s->adam_seconds;
  for (int k = 0; k < s->system->phase_count; k++) {
    const nn_plan *plan = s->system->phases[k].plan;
    INVARIANT(t->seconds[k] != NULL, "no times for phase %d", k);
    for (int i = 0; i < plan->step_count; i++)
      t->seconds[k][(size_t)i * BENCH_REPEATS + (size_t)t->count] =
          plan->seconds[i];
  }
  t->count++;
}

static status obey(const bench_case *what, int from, int to,
                   const bench_output *output) {
  bench_stepper *s;
  TRY(bench_stepper_create(what, BENCH_STEP, &s));
  double start = clock_seconds(), seconds;
  bench_stepper_run(s); /* touches all memory */
  seconds = clock_seconds() - start;
  bench_times times = {0};
  status result = start_times(s, &times);
  command c = {.run = true};
  while (result == STATUS_OK && put(to, &seconds, sizeof seconds) &&
         get(from, &c, sizeof c) && c.run) {
    repeat(s, &times);
    seconds = times.step[times.count - 1];
  }
  if (result == STATUS_OK && !c.run)
    bench_breakdown(what, s, &times, c.limits, output);
  for (int k = 0; k < NN_MAX_PHASES; k++) memory_free(times.seconds[k]);
  bench_stepper_destroy(&s);
  return result;
}

/* ---- the parent ---- */

static status conduct(const bench_case *what, int repeats, int from, int to) {
  double seconds;
  if (!get(from, &seconds, sizeof seconds))
    return status_error(STATUS_MEMORY, "%s at %d pixels did not run",
                        what->model, what->size);
  int affordable = (int)(SECONDS_A_CASE / (seconds + 0.1));
  if (affordable < FEWEST_REPEATS) affordable = FEWEST_REPEATS;
  if (repeats > affordable) repeats = affordable;
  bench_machine machine = {.threads = what->threads};
  command c = {.run = true};
  for (int i = 0; i < repeats; i++) {
    TRY(bench_machine_sample(&machine));
    if (!put(to, &c, sizeof c) || !get(from, &seconds, sizeof seconds))
      return status_error(STATUS_IO, "%s at %d pixels stopped", what->model,
                          what->size);
  }
  c = (command){.limits = bench_machine_limits(&machine)};
  put(to, &c, sizeof c);
  return STATUS_OK;
}

status bench_case_run(const bench_case *what, int repeats,
                      const bench_output *output) {
  int commands[2], answers[2];
  if (pipe(commands) != 0) return status_error(STATUS_IO, "no pipe");
  if (pipe(answers) != 0) return status_error(STATUS_IO, "no pipe");
  fflush(NULL);
  pid_t child = fork();
  if (child < 0) return status_error(STATUS_IO, "no process");
  if (child == 0) {
    close(commands[1]);
    close(answers[0]);
    status result = obey(what, commands[0], answers[1], output);
    if (result != STATUS_OK) log_error("%s", status_message());
    fflush(NULL);
    _exit(result == STATUS_OK ? 0 : 1);
  }
  close(commands[0]);
  close(answers[1]);
  status result = conduct(what, repeats, answers[0], commands[1]);
  close(commands[1]);
  close(answers[0]);
  int how = 0;
  waitpid(child, &how, 0);
  if (result == STATUS_OK && how != 0)
    result = status_error(STATUS_IO, "%s at %d pixels failed", what->model,
                          what->size);
  return result;
}
