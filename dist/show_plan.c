#include "dist/show_plan.h"

#include <stdio.h>

#include "base/log.h"
#include "data/data.h"
#include "dist/trainer_internal.h"

/* --size, or the data set's. */
static status find_size(train_options *o) {
  if (o->size > 0) return STATUS_OK;
  if (o->data[0] == '\0')
    return status_error(STATUS_USAGE,
                        "option --show-plan wants --size or --data");
  data_set *set;
  TRY(data_set_open(o->data, &set));
  o->size = data_set_describe(set)->size;
  data_set_close(&set);
  return STATUS_OK;
}

static double mebibytes(size_t values) {
  return (double)values * sizeof(nn_real) / 1048576.0;
}

/* Gradients of all phases. */
static size_t gradients_of(const nn_system *s) {
  size_t sum = 0;
  for (int k = 0; k < s->phase_count; k++)
    sum += nn_plan_layout(s->phases[k].plan)->gradients;
  return sum;
}

static void print(const train_options *o, const nn_system *s, int threads) {
  printf("%s, %lld x %lld pixels, micro-batches of %lld, %d thread%s; OpenBLAS "
         "core %s\n",
         o->model, (long long)o->size, (long long)o->size,
         (long long)o->micro_batch, threads, threads == 1 ? "" : "s",
         nn_blas_core());
  for (int k = 0; k < s->phase_count; k++) {
    printf("\nphase %c\n", s->phases[k].network);
    nn_plan_print(s->phases[k].plan, stdout);
  }
  printf("\nstate %.1f MiB; each of Adam's two moments %.1f MiB over all "
         "ranks\n",
         mebibytes(s->layout.vector_size), mebibytes(s->layout.parameter_size));
  if (gradients_of(s) > 0)
    printf("gradients %.1f MiB for each sum of micro-batches in the making\n",
           mebibytes(gradients_of(s)));
  else
    puts("gradients have no memory beside the arena: one rank and one "
         "micro-batch a step");
}

static status plan_and_print(const cluster *c, train_options *o,
                             const bool *given) {
  train_options_preset(o, given);
  TRY(find_size(o));
  train_options_set_micro_batch(o, c->ranks);
  int threads = cluster_threads(c, o->threads);
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, NN_FOR_TRAINING, true);
  nn_plan_options how = train_plan_options(o, threads, c->rank, c->ranks);
  how.no_arena = true;
  nn_system *s;
  TRY(nn_system_create(&model, &how, &s));
  print(o, s, threads);
  nn_system_destroy(&s);
  char advice[256];
  if (nn_blas_advice(advice, sizeof advice)) log_warning("%s", advice);
  return STATUS_OK;
}

status show_plan(const cluster *c, train_options *options, const bool *given) {
  status own = STATUS_OK;
  if (c->rank == 0) own = plan_and_print(c, options, given);
  return cluster_agree(c, own);
}
