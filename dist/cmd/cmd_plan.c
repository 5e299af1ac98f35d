/* harmonia plan: what a run would take on a cluster that is not here. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/publish.h"
#include "dist/cmd/command.h"
#include "dist/foretell/measure.h"
#include "dist/foretell/micro_batch.h"
#include "data/data.h"

typedef struct plan_configuration {
  train_options train; /* first: its table's offsets hold */
  const char *csv;
  int64_t nodes, ranks_per_node, samples, repeats;
  double bandwidth, latency, message;
} plan_configuration;

#define ROW(name, field) OPTION_ROW(plan_configuration, name, field)
static const option options[] = {
    {ROW("nodes", nodes), .preset = "16", .min = 1, .max = 1e6, .argument = "N",
     .help = "a line for 1, 2, 4, ... and N nodes"},
    {ROW("ranks-per-node", ranks_per_node), .preset = "0", .max = 4096,
     .argument = "R", .help = "ranks of each; 0: as many as this command has"},
    {ROW("bandwidth", bandwidth), .preset = "10", .min = 1e-6, .max = 1e6,
     .argument = "GBIT", .help = "of a node's link in each direction, Gbit/s"},
    {ROW("latency", latency), .preset = "20", .max = 1e9, .argument = "US",
     .help = "from node to node, microseconds"},
    {ROW("message", message), .preset = "5", .max = 1e9, .argument = "US",
     .help =
         "what a message costs the rank that sends or takes it, microseconds"},
    {ROW("samples", samples), .preset = "38545", .min = 1, .max = 1e12,
     .argument = "N",
     .help = "of an epoch, unless --data is given; HCOCO's training split"},
    {ROW("repeats", repeats), .preset = "5", .min = 1, .max = 1e6,
     .argument = "K", .help = "measurements; the median counts"},
    {ROW("csv", csv), .argument = "FILE", .help = "write the lines there too"},
};
#undef ROW

static const option_table table = {
    .command = "plan",
    .synopsis = "[OPTIONS] [OPTIONS OF TRAIN]",
    .description =
        "Foretells steps of a training run on a cluster. Computing is measured "
        "here, in all ranks at once: start as many ranks as a node will have. "
        "Sums and messages follow from a model (dist/foretell/forecast.h). A "
        "batch too "
        "small for the ranks is raised to a micro-batch for each.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(plan_configuration),
    .also = &train_option_table,
};

/* Size, and samples of an epoch, are the data set's where one is given. */
static status look_at_data(plan_configuration *o) {
  train_options *t = &o->train;
  if (t->network.size == 0 && t->data[0] == '\0') t->network.size = 256;
  if (t->data[0] == '\0') return train_options_fit(t, 0);
  data_set *set;
  TRY(data_set_open(t->data, &set));
  const data_set_info *info = data_set_describe(set);
  o->samples = (int64_t)info->split_count[DATA_TRAIN];
  int size = info->size;
  data_set_close(&set);
  return train_options_fit(t, size);
}

/* Of ranks with one micro-batch a step, and of those with several where a later
 * phase has more to compute for them. */
typedef struct measurements {
  measured one, several;
} measurements;

static status measure_both(const plan_configuration *o, const cluster *c,
                           measurements *m) {
  const train_options *t = &o->train;
  int threads = cluster_threads(c, t->threads), repeats = (int)o->repeats;
  TRY(measure_system(c, t, threads, repeats, true, &m->one));
  bool several = t->batch / t->micro_batch > o->ranks_per_node;
  if (!several || m->one.phase_count == 1) return STATUS_OK;
  return measure_system(c, t, threads, repeats, false, &m->several);
}

/* ---- a line of the table ---- */

typedef struct line {
  int nodes, ranks;
  int64_t batch;
  forecast_step step;
  double hidden; /* seconds of a step that --overlap saves */
  double images_per_second, efficiency, node_bytes;
} line;

/* Of the node that needs most, where all have as many ranks. */
static status find_memory(const plan_configuration *o, int threads,
                          const line *l, memory_model *model, double *bytes) {
  train_options t = o->train;
  t.batch = l->batch;
  int *first_ranks;
  TRY(MEMORY_NEW((size_t)l->nodes + 1, "places of ranks", &first_ranks));
  for (int n = 0; n <= l->nodes; n++)
    first_ranks[n] = n * (int)o->ranks_per_node;
  memory_places where = {.first_ranks = first_ranks,
                         .nodes = l->nodes,
                         .threads = threads,
                         .streamed = t.shard == SHARD_STREAM && l->ranks > 1};
  run_memory found;
  status result = rank_memory_survey(model, &t, &where, &found);
  memory_free(first_ranks);
  *bytes = found.node;
  return result;
}

static line foretell(const plan_configuration *o, const measurements *both,
                     int nodes, double alone) {
  const train_options *t = &o->train;
  int64_t least = nodes * o->ranks_per_node * t->micro_batch;
  bool several = t->batch > least && both->several.phase_count > 0;
  const measured *m = several ? &both->several : &both->one;
  forecast_cluster machine = {
      .nodes = nodes,
      .ranks_per_node = (int)o->ranks_per_node,
      .bandwidth = o->bandwidth * 1e9 / 8,
      .latency = o->latency * 1e-6,
      .message = o->message * 1e-6,
      .memory = m->memory * (double)o->ranks_per_node,
      .overlap = t->overlap,
      .rounded = t->grad_dtype == GRAD_BFLOAT16,
  };
  line l = {.nodes = nodes, .ranks = nodes * (int)o->ranks_per_node};
  l.batch = t->batch > least ? t->batch : least;
  int micro_batches = (int)(l.batch / t->micro_batch);
  forecast_phase phases[NN_MAX_PHASES];
  for (int k = 0; k < m->phase_count; k++) phases[k] = m->phases[k].forecast;
  l.step = forecast(&machine, phases, m->phase_count, micro_batches);
  machine.overlap = false;
  l.hidden = forecast(&machine, phases, m->phase_count, micro_batches).step -
             l.step.step;
  l.images_per_second = (double)l.batch / l.step.step;
  l.efficiency = alone > 0 ? l.images_per_second / nodes / alone : 1;
  return l;
}

static void print_phases(const measured *m) {
  for (int k = 0; k < m->phase_count; k++)
    printf("%c %.1f ms, ", m->phases[k].network,
           1e3 * m->phases[k].forecast.seconds);
}

static void print_heading(const plan_configuration *o, const measurements *both,
                          const cluster *c) {
  const train_options *t = &o->train;
  char size[TRAIN_SIZE_TEXT];
  printf("%s, %s, micro-batches of %lld; measured in %d rank%s at once: ",
         train_model_name(t->model), train_size_text(t, size),
         (long long)t->micro_batch, c->ranks, c->ranks == 1 ? "" : "s");
  print_phases(&both->one);
  if (both->several.phase_count > 0) {
    printf("of several micro-batches ");
    print_phases(&both->several);
  }
  printf("memory %.1f GB/s a rank\n", both->one.memory * 1e-9);
  printf("%lld ranks a node, %g Gbit/s, %g us, %g us a message, gradients "
         "%s\n\n",
         (long long)o->ranks_per_node, o->bandwidth, o->latency, o->message,
         CHOICES(GRAD_DTYPES)[t->grad_dtype]);
  printf("%6s %7s %7s %9s %6s %6s %6s %6s %10s %6s %9s %8s\n", "nodes", "ranks",
         "batch", "step", "comp.", "sum", "wait", "update", "images/s", "eff.",
         "epoch", "node");
}

static void print_line(const plan_configuration *o, const line *l) {
  const forecast_step *s = &l->step;
  double epoch = (double)o->samples / l->images_per_second;
  printf("%6d %7d %7lld %7.0f ms %5.1f%% %5.1f%% %5.1f%% %5.1f%% %10.1f "
         "%5.1f%% %3d:%02d:%02d %5.1f GB\n",
         l->nodes, l->ranks, (long long)l->batch, 1e3 * s->step,
         100 * s->computing / s->step, 100 * s->summing / s->step,
         100 * s->waiting / s->step, 100 * s->updating / s->step,
         l->images_per_second, 100 * l->efficiency, (int)(epoch / 3600),
         (int)(epoch / 60) % 60, (int)epoch % 60, l->node_bytes * 1e-9);
}

static void write_line(FILE *csv, const plan_configuration *o, const line *l) {
  const forecast_step *s = &l->step;
  fprintf(csv,
          "%d,%d,%lld,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g,%.6g\n",
          l->nodes, l->ranks, (long long)l->batch, s->step, s->computing,
          s->summing, s->waiting, s->updating, l->hidden, s->sent,
          l->images_per_second, l->efficiency,
          (double)o->samples / l->images_per_second, l->node_bytes);
}

static status print_lines(const plan_configuration *o, const measurements *m,
                          const cluster *c, FILE *csv) {
  fprintf(csv, "nodes,ranks,batch,step_s,computing_s,summing_s,waiting_s,"
               "updating_s,hidden_s,sent_bytes,images_per_s,efficiency,epoch_s,"
               "node_bytes\n");
  print_heading(o, m, c);
  double alone = 0;
  int threads = cluster_threads(c, o->train.threads);
  memory_model model = {0};
  for (int nodes = 1;;
       nodes = 2 * nodes < o->nodes ? 2 * nodes : (int)o->nodes) {
    line l = foretell(o, m, nodes, alone);
    TRY(find_memory(o, threads, &l, &model, &l.node_bytes));
    if (nodes == 1) alone = l.images_per_second;
    print_line(o, &l);
    write_line(csv, o, &l);
    if (nodes == o->nodes) return STATUS_OK;
  }
}

static status print_table(const plan_configuration *o, const measurements *m,
                          const cluster *c) {
  char *text = NULL;
  size_t length = 0;
  FILE *csv = open_memstream(&text, &length);
  status result = csv != NULL ? print_lines(o, m, c, csv)
                              : status_error(STATUS_MEMORY, "no memory");
  fflush(stdout); /* --csv may be /dev/stdout */
  if (csv != NULL && fclose(csv) != 0 && result == STATUS_OK)
    result = status_error(STATUS_MEMORY, "no memory for the table");
  if (result == STATUS_OK && o->csv[0] != '\0')
    result = publish_bytes(o->csv, text, length);
  free(text);
  return result;
}

/* Collective, and agreed upon. One node decides, with a micro-batch for each of
 * its ranks at least, as its line of the table has it. */
static status settle_micro_batch(plan_configuration *o, const cluster *c) {
  train_options *t = &o->train, node;
  TRY(micro_batch_check(t));
  node = *t;
  int64_t least = o->ranks_per_node * (t->micro_batch > 0 ? t->micro_batch : 1);
  if (node.batch < least) node.batch = least;
  memory_places where = {.first_ranks = (int[]){0, (int)o->ranks_per_node},
                         .nodes = 1,
                         .threads = cluster_threads(c, t->threads),
                         .streamed =
                             t->shard == SHARD_STREAM && o->ranks_per_node > 1};
  run_memory ignored;
  status own = STATUS_OK;
  if (c->rank == 0) own = micro_batch_settle(&node, &where, &ignored);
  TRY(cluster_agree(c, own));
  t->micro_batch = node.micro_batch;
  MPI_Bcast(&t->micro_batch, 1, MPI_INT64_T, 0, c->world);
  return STATUS_OK;
}

static status run(const cluster *c, void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional, (void)positional_count;
  plan_configuration *o = configuration;
  train_options *t = &o->train;
  train_options_preset(t, given + table.count);
  status own = STATUS_OK;
  if (c->rank == 0 && o->csv[0] != '\0') own = publish_check(o->csv);
  TRY(cluster_agree(c, own == STATUS_OK ? look_at_data(o) : own));
  if (o->ranks_per_node == 0) o->ranks_per_node = c->ranks;
  TRY(settle_micro_batch(o, c));
  measurements m = {0};
  status result = measure_both(o, c, &m);
  if (result == STATUS_OK)
    result = cluster_agree(c, c->rank == 0 ? print_table(o, &m, c) : STATUS_OK);
  measured_free(&m.one);
  measured_free(&m.several);
  return result;
}

const command command_plan = {
    .summary = "foretell the steps of a run on a cluster",
    .table = &table,
    .multiplies = true,
    .run_collective = run,
};
