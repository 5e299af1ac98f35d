/* What `train --show-plan` prints. */
#include "dist/foretell/show_plan.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "data/data.h"
#include "dist/foretell/budget.h"

/* --size, or by the data set's. */
static status find_size(train_options *o) {
  if (o->data[0] == '\0' && o->network.size > 0) return train_options_fit(o, 0);
  if (o->data[0] == '\0')
    return status_error(STATUS_USAGE,
                        "option --show-plan wants --size or --data");
  data_set *set;
  TRY(data_set_open(o->data, &set));
  int size = data_set_describe(set)->size;
  data_set_close(&set);
  return train_options_fit(o, size);
}

/* Bytes of `m` by what they are for, those that there are any of. */
static void print_memory(const run_memory *all, const cluster *c) {
  const rank_memory *m = &all->most;
  const struct {
    const char *what;
    double bytes;
  } parts[] = {
      {"the program, MPI and libraries", m->program},
      {"values of the passes (arena)", m->arena},
      {"parameters and buffers, its part of the node's", m->state},
      {"Adam's moments of its pieces", m->moments},
      {"gradients: sums in the making, messages", m->gradients},
      {"samples", m->samples},
      {"VGG16's weights", m->features},
      {"copies for checkpoints (rank 0)", m->saving},
      {"validation and pictures", m->scoring},
  };
  printf("\nmemory of rank %d of %d%s, MiB\n", all->rank, c->ranks,
         c->ranks > 1 ? ", which needs most" : "");
  for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++)
    if (parts[i].bytes > 0)
      printf("%10.1f  %s\n", parts[i].bytes / MEBIBYTE, parts[i].what);
  printf("%10.1f  in all; a node's ranks together %.1f\n",
         rank_memory_sum(m) / MEBIBYTE, all->node / MEBIBYTE);
}

static bool has_gradients(const nn_system *s) {
  return nn_plan_layout(s->phases[0].plan)->gradients > 0;
}

static void print(const train_options *o, const cluster *c, const nn_system *s,
                  int threads, const budget *found) {
  char size[TRAIN_SIZE_TEXT];
  printf("%s, %s, micro-batches of %lld%s, %d thread%s; OpenBLAS core %s\n",
         train_model_name(o->model), train_size_text(o, size),
         (long long)o->micro_batch, found->automatic ? " (auto)" : "", threads,
         threads == 1 ? "" : "s", nn_blas_core());
  for (int k = 0; k < s->phase_count; k++) {
    printf("\nphase %c\n", s->phases[k].network);
    nn_plan_print(s->phases[k].plan, stdout);
  }
  print_memory(&found->memory, c);
  if (!has_gradients(s))
    puts("gradients have no memory beside the arena: one rank and one "
         "micro-batch a step");
}

static status plan_and_print(const cluster *c, const train_options *o,
                             const budget *found) {
  int threads = cluster_threads(c, o->threads);
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, NN_FOR_TRAINING, true);
  nn_plan_options how = train_plan_options(o, threads, c->rank, c->ranks);
  how.no_arena = true;
  nn_system *s;
  TRY(nn_system_create(&model, &how, &s));
  print(o, c, s, threads, found);
  nn_system_destroy(&s);
  return STATUS_OK;
}

/* Collective. */
static status settle(const cluster *c, train_options *o, budget *found) {
  cluster sharing;
  bool streamed = c->ranks > 1 && o->shard == SHARD_STREAM;
  status result = cluster_divide(c, (int)o->node_ranks, &sharing);
  if (result == STATUS_OK)
    result = budget_settle(&sharing, cluster_threads(c, o->threads), streamed,
                           o, found);
  cluster_free(&sharing);
  return result;
}

status show_plan(const cluster *c, train_options *o, const bool *given) {
  train_options_preset(o, given);
  TRY(cluster_agree(c, c->rank == 0 ? find_size(o) : STATUS_OK));
  budget found;
  TRY(settle(c, o, &found));
  status own = STATUS_OK;
  if (c->rank == 0) own = plan_and_print(c, o, &found);
  return cluster_agree(c, own);
}
