/* What one copy of the weights on a node is worth: mpirun -n 2 node_sum
 * [VALUES] [ROUNDS]. Sums gradients of VALUES floats (54.8 million: U-Net at
 * --ngf 64) by the program's own update and compares the sum with the memory's
 * bandwidth, and the whole update with MPI_Allreduce and Adam on each rank.
 * Exit status 1 where a ratio is above its limit. */
#include <math.h>
#include <mpi.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/ranks/cluster.h"
#include "dist/sum/update.h"

enum { MOST_ROUNDS = 101 };
#define SUM_LIMIT 1.3
#define UPDATE_LIMIT 0.5

typedef struct bench {
  cluster cluster;
  size_t count;
  int rounds;
  nn_layout layout;
  nn_real *a, *b; /* of this rank: count values each */
  nn_real *state, *moments[2];
  update *update;
} bench;

static int compare(const void *x, const void *y) {
  double a = *(const double *)x, b = *(const double *)y;
  return (a > b) - (a < b);
}

/* Of what the slowest rank needed in each round. */
static double median(const bench *t, double *seconds) {
  MPI_Allreduce(MPI_IN_PLACE, seconds, t->rounds, MPI_DOUBLE, MPI_MAX,
                t->cluster.world);
  qsort(seconds, (size_t)t->rounds, sizeof *seconds, compare);
  return seconds[t->rounds / 2];
}

static status allocate(bench *t) {
  TRY(MEMORY_NEW(t->count, "gradients", &t->a));
  TRY(MEMORY_NEW(t->count, "gradients", &t->b));
  TRY(MEMORY_NEW(t->count, "parameters", &t->state));
  for (int k = 0; k < 2; k++)
    TRY(MEMORY_NEW(t->count, "moments", &t->moments[k]));
  return STATUS_OK;
}

static status create_update(bench *t) {
  update_options options = {.cluster = &t->cluster,
                            .layout = &t->layout,
                            .phases = {&t->layout},
                            .phase_count = 1,
                            .micro_batches = t->cluster.ranks,
                            .overlap = true,
                            .threads = 1};
  return update_create(&options, &t->update);
}

static void fill(const bench *t, nn_real *values) {
  for (size_t i = 0; i < t->count; i++)
    values[i] = (nn_real)((double)(i % 1000) * 1e-3 + t->cluster.rank);
}

static double begin(const bench *t) {
  MPI_Barrier(t->cluster.world);
  return clock_seconds();
}

/* Each rank reads its share of two arrays of its own and writes it to one of
 * them: the least that a sum of two ranks' gradients must move, without a
 * neighbour's memory in it. */
static double measure_memory(const bench *t) {
  size_t share = t->count / (size_t)t->cluster.ranks;
  nn_real *restrict to = t->a;
  const nn_real *restrict from = t->b;
  double start = begin(t);
  for (size_t i = 0; i < share; i++) to[i] += from[i];
  return clock_seconds() - start;
}

static double measure_allreduce(const bench *t, const nn_adam_options *adam) {
  fill(t, t->a);
  double start = begin(t);
  MPI_Allreduce(MPI_IN_PLACE, t->a, (int)t->count, MPI_FLOAT, MPI_SUM,
                t->cluster.world);
  nn_adam(adam, t->count, 1.0 / t->cluster.ranks, t->a, t->state, t->moments[0],
          t->moments[1], 1);
  return clock_seconds() - start;
}

static status measure_update(const bench *t, const nn_adam_options *adam,
                             double *sum, double *whole) {
  bool stop = false;
  update_begin(t->update, 0, adam);
  fill(t, update_target(t->update));
  update_add(t->update);
  double before = update_spent(t->update).summing, start = begin(t);
  status result = update_finish(t->update, STATUS_OK, &stop);
  *whole = clock_seconds() - start;
  *sum = update_spent(t->update).summing - before;
  return result;
}

/* The parameters by the update from those by MPI_Allreduce. */
static double largest_difference(const bench *t) {
  double largest = 0;
  for (size_t i = 0; i < t->count; i++) {
    double difference =
        fabs((double)update_state(t->update)[i] - (double)t->state[i]);
    if (difference > largest) largest = difference;
  }
  return largest;
}

/* Turn by turn, so that what else the machine does meets all of them. */
static status run(bench *t, bool *good) {
  static double memory[MOST_ROUNDS], reduced[MOST_ROUNDS], sum[MOST_ROUNDS],
      whole[MOST_ROUNDS];
  nn_adam_options adam = {
      .lr = 1e-4, .beta1 = 0.5, .beta2 = 0.999, .eps = 1e-8};
  TRY(cluster_agree(&t->cluster, allocate(t)));
  TRY(create_update(t));
  fill(t, t->b);
  for (int k = 0; k < t->rounds; k++) {
    adam.step = (uint64_t)k + 1;
    memory[k] = measure_memory(t);
    TRY(measure_update(t, &adam, &sum[k], &whole[k]));
    reduced[k] = measure_allreduce(t, &adam);
  }
  double largest = largest_difference(t);
  double least = median(t, memory), slow = median(t, reduced);
  double summed = median(t, sum), updated = median(t, whole);
  double bytes = 3.0 * (double)t->count * sizeof(nn_real);
  *good = summed <= SUM_LIMIT * least && updated <= UPDATE_LIMIT * slow &&
          largest == 0;
  if (t->cluster.rank != 0) return STATUS_OK;
  printf("%d ranks on %d node%s, %.1f MB of gradients each; medians of %d, in "
         "ms, of the slowest rank\n",
         t->cluster.ranks, t->cluster.nodes, t->cluster.nodes == 1 ? "" : "s",
         (double)t->count * sizeof(nn_real) * 1e-6, t->rounds);
  printf("memory       %8.2f  a[i] += b[i] over each rank's share of arrays of "
         "its own, all ranks at once: %.1f GB/s\n",
         1e3 * least, bytes / least * 1e-9);
  printf("sum          %8.2f  %.2f of the memory's time (limit %.1f)\n",
         1e3 * summed, summed / least, SUM_LIMIT);
  printf("allreduce    %8.2f  MPI_Allreduce and the whole of Adam on each "
         "rank\n",
         1e3 * slow);
  printf("update       %8.2f  %.2f of that (limit %.1f); largest difference of "
         "the parameters: %g\n",
         1e3 * updated, updated / slow, UPDATE_LIMIT, largest);
  return STATUS_OK;
}

int main(int argc, char **argv) {
  bench t = {.count = 54800000, .rounds = 9};
  status result = cluster_start(&argc, &argv, &t.cluster);
  if (result == STATUS_OK && argc > 1) t.count = strtoull(argv[1], NULL, 10);
  if (result == STATUS_OK && argc > 2) t.rounds = atoi(argv[2]);
  if (t.rounds < 1 || t.rounds > MOST_ROUNDS) t.rounds = 9;
  t.count = t.count / 16 * 16;
  t.layout = (nn_layout){.parameter_size = t.count,
                         .state_size = t.count,
                         .vector_size = t.count,
                         .parameters = {0, t.count},
                         .rest = {t.count, t.count},
                         .gradients = t.count,
                         .result_size = t.count,
                         .report_offset = t.count};
  bool good = false;
  if (result == STATUS_OK) result = run(&t, &good);
  if (result != STATUS_OK) fprintf(stderr, "%s\n", status_message());
  update_destroy(&t.update);
  memory_free(t.a);
  memory_free(t.b);
  memory_free(t.state);
  for (int k = 0; k < 2; k++) memory_free(t.moments[k]);
  cluster_stop(&t.cluster);
  return good ? 0 : 1;
}
