/* bench: how fast training steps are, and how far from what the machine allows.
 * One core's sgemm and memory bandwidth are measured between the steps. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/options.h"
#include "dist/state/train_options.h"
#include "tests/bench/bench.h"

#define CLOCKS(X)                                                              \
  X(WALL_CLOCK, "wall")                                                        \
  X(CPU_CLOCK, "cpu")
CHOICE(clock_choice, CLOCKS);

typedef struct bench_options {
  option_list models, sizes, batches, threads;
  int64_t repeat, ngf, nodes;
  bool all, sizes_given, batches_given;
  const char *csv, *serve;
  clock_choice clock;
} bench_options;

#define ROW(name, field) OPTION_ROW(bench_options, name, field)

static const option options[] = {
    {ROW("model", models), .argument = "NAME",
     .help = "a system of harmonia train; again for more [all]"},
    {ROW("size", sizes), .argument = "P",
     .help = "pixels a side; again for more [256; 128 for unet3plus]"},
    {ROW("batch", batches), .argument = "B",
     .help = "images a step; again for more [1; 2 for systems that need it]"},
    {ROW("threads", threads), .argument = "T",
     .help = "threads; again for more [1]"},
    {ROW("all", all), .preset = "no",
     .help = "sizes 64, 128 and 256, batches 1 and 4, 1 and 2 threads, where "
             "not given"},
    {ROW("repeat", repeat), .preset = "7", .min = 1, .max = BENCH_REPEATS,
     .argument = "N",
     .help = "steps a case; fewer (at least 3) where they would take over a "
             "minute"},
    {ROW("clock", clock), .preset = "wall", .choices = CHOICES(CLOCKS),
     .help =
         "cpu counts CPU seconds, for one thread on a machine with other work"},
    {ROW("ngf", ngf), .max = 4096, .argument = "C",
     .help = "channels of the generator's first level; 0: the system's own"},
    {ROW("nodes", nodes), .preset = "12", .max = 1000, .argument = "N",
     .help = "lines of the list of nodes far above their limit"},
    {ROW("csv", csv), .argument = "FILE", .help = "writes every number there"},
    {ROW("serve", serve), .argument = "WORK",
     .help =
         "forward, gradients or step: does it once a line of standard input"},
};

static const option_table table = {
    .command = "bench",
    .synopsis = "[OPTIONS]",
    .description =
        "Times whole training steps of the systems (all phases forward and "
        "backward, Adam) and of every node in them. Limits: direct "
        "multiply-adds at sgemm's rate, or bytes at the memory's, both "
        "measured in the same run.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(bench_options),
};

/* What the user gave, or the defaults. */
static void fill(option_list *list, const char *const *defaults) {
  if (list->count > 0) return;
  for (int i = 0; defaults[i] != NULL; i++)
    list->values[list->count++] = defaults[i];
}
#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

static status number(const char *name, const char *text, int most, int *out) {
  char *end;
  long value = strtol(text, &end, 10);
  if (*end != '\0' || value < 1 || value > most)
    return status_error(STATUS_USAGE, "option --%s: '%s' is no number up to %d",
                        name, text, most);
  *out = (int)value;
  return STATUS_OK;
}

/* Sets size, batch and threads from text. A batch or size that is not the
 * user's is one that suits the system. */
static status specify(const bench_options *o, int size, int batch, int threads,
                      bench_case *what) {
  TRY(number("size", o->sizes.values[size], 4096, &what->size));
  TRY(number("batch", o->batches.values[batch], 1024, &what->batch));
  TRY(number("threads", o->threads.values[threads], 256, &what->threads));
  train_options system;
  TRY(bench_case_options(what, &system));
  int least = nn_model_least_batch(&system.network);
  if (!o->batches_given && what->batch < least) what->batch = least;
  if (!o->sizes_given && strcmp(what->model, "unet3plus") == 0)
    what->size = 128;
  what->ngf = system.network.ngf;
  return STATUS_OK;
}

static status run_model(const bench_options *o, const bench_output *output,
                        const char *model) {
  for (int i = 0; i < o->sizes.count; i++)
    for (int k = 0; k < o->batches.count; k++)
      for (int t = 0; t < o->threads.count; t++) {
        bench_case what = {.model = model, .ngf = (int)o->ngf};
        TRY(specify(o, i, k, t, &what));
        TRY(bench_case_run(&what, (int)o->repeat, output));
      }
  return STATUS_OK;
}

static status run_cases(bench_options *o, const bench_output *output) {
  o->sizes_given = o->sizes.count > 0 || o->all;
  o->batches_given = o->batches.count > 0;
  fill(&o->models, CHOICES(TRAIN_MODELS));
  fill(&o->sizes, o->all ? LIST("64", "128", "256") : LIST("256"));
  fill(&o->batches, o->all ? LIST("1", "4") : LIST("1"));
  fill(&o->threads, o->all ? LIST("1", "2") : LIST("1"));
  for (int m = 0; m < o->models.count; m++)
    TRY(run_model(o, output, o->models.values[m]));
  return STATUS_OK;
}

static status serve(bench_options *o) {
  o->sizes_given = true;
  o->batches_given = o->batches.count > 0;
  fill(&o->models, LIST("unet"));
  fill(&o->sizes, LIST("256"));
  fill(&o->batches, LIST("1"));
  fill(&o->threads, LIST("1"));
  bench_case what = {.model = o->models.values[0], .ngf = (int)o->ngf};
  TRY(specify(o, 0, 0, 0, &what));
  return bench_serve(&what, o->serve);
}

static status measure(bench_options *o) {
  bench_output output = {.nodes = (int)o->nodes};
  if (o->csv[0] != '\0') {
    output.csv = fopen(o->csv, "w");
    if (output.csv == NULL)
      return status_error(STATUS_IO, "%s: cannot be written", o->csv);
    fputs("kind,model,ngf,size,batch,threads,operation,shape,kernel,count,"
          "seconds,share,gflops,gbytes_per_s,times_limit,peak_mib,arena_mib,"
          "sgemm_gflops,memory_gbytes_per_s,core\n",
          output.csv);
  }
  if (o->clock == CPU_CLOCK) bench_clock = bench_cpu_clock;
  char advice[256];
  if (nn_blas_advice(advice, sizeof advice)) log_warning("%s", advice);
  status result = run_cases(o, &output);
  if (output.csv != NULL && fclose(output.csv) != 0 && result == STATUS_OK)
    result = status_error(STATUS_IO, "%s: cannot be written", o->csv);
  return result;
}

int main(int argc, char **argv) {
  nn_blas_fit(argv);
  bench_options o;
  int positional = 0;
  bool help = false;
  options_defaults(&table, &o);
  status result = options_parse(&table, &o, argc - 1, argv + 1, NULL,
                                &positional, NULL, &help);
  if (result == STATUS_OK && help) {
    options_print_help(&table, stdout);
    return 0;
  }
  if (result == STATUS_OK)
    result = o.serve[0] != '\0' ? serve(&o) : measure(&o);
  if (result != STATUS_OK) log_error("%s", status_message());
  return status_exit_code(result);
}
