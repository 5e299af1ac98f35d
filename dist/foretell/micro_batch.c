/* The micro-batch that is found with --micro-batch auto. */
#include "dist/foretell/micro_batch.h"

#include <math.h>

/* Of more samples at once kernels gain little: MOST is where a step of 256
 * pixels gains nothing and one of 64 an eighth by twice as many (`make bench`).
 * A run's bits depend on MOST_UNASKED. */
enum { MOST_UNASKED = 4, MOST = 16 };

static double rounded_up(double bytes) {
  return ceil(bytes / GIBIBYTE * 100) / 100;
}

/* Some networks' batch norm wants more than one. */
static int64_t least_of(const train_options *o) {
  nn_model_options model = train_model_options(o, 1, NN_FOR_TRAINING, true);
  return nn_model_least_batch(&model);
}

static bool gives_work(const train_options *o, int64_t m, int ranks) {
  return o->batch % m == 0 && o->batch / m >= ranks;
}

status micro_batch_check(const train_options *o) {
  if (o->micro_batch == 0 || o->batch % o->micro_batch == 0) return STATUS_OK;
  return status_error(STATUS_USAGE,
                      "option --micro-batch: %lld does not divide --batch %lld",
                      (long long)o->micro_batch, (long long)o->batch);
}

static status check_ranks(const train_options *o, int ranks) {
  if (o->batch / o->micro_batch >= ranks) return STATUS_OK;
  return status_error(STATUS_USAGE,
                      "option --batch: %lld in micro-batches of %lld is less "
                      "than one for each of the %d ranks",
                      (long long)o->batch, (long long)o->micro_batch, ranks);
}

static bool keeps_to(const train_options *o, const run_memory *m) {
  return o->memory == 0 || rank_memory_sum(&m->most) <= o->memory * GIBIBYTE;
}

/* least: the smallest need there is, or of the given micro-batch. */
static status refuse(const train_options *o, int64_t micro_batch, bool found,
                     const run_memory *least) {
  double needed = rounded_up(rank_memory_sum(&least->most));
  return status_error(STATUS_USAGE,
                      "option --memory: a rank may use %.10g GiB, but "
                      "micro-batches of %lld%s need %.2f GiB on rank %d; "
                      "expected --memory %.2f or more%s",
                      o->memory, (long long)micro_batch,
                      found ? ", which need least," : "", needed, least->rank,
                      needed, found ? "" : ", or a smaller --micro-batch");
}

/* Larger ones do not always need more: they leave fewer sums to be made, and
 * one that is the whole step leaves none. */
static status find_fitting(train_options *o, const memory_places *where,
                           memory_model *model, run_memory *out) {
  int ranks = where->first_ranks[where->nodes];
  train_options tried = *o;
  run_memory least = {0};
  int64_t least_at = 0, fewest = least_of(o);
  for (int64_t m = MOST; m >= fewest; m--) {
    if (!gives_work(o, m, ranks)) continue;
    tried.micro_batch = m;
    TRY(rank_memory_survey(model, &tried, where, out));
    if (keeps_to(o, out)) {
      o->micro_batch = m;
      return STATUS_OK;
    }
    if (least_at != 0 &&
        rank_memory_sum(&out->most) >= rank_memory_sum(&least.most))
      continue;
    least = *out;
    least_at = m;
  }
  if (least_at != 0) return refuse(o, least_at, true, &least);
  tried.micro_batch = fewest;
  TRY(micro_batch_check(&tried));
  return check_ranks(&tried, ranks);
}

static int64_t find_unasked(const train_options *o, int ranks) {
  int64_t least = least_of(o);
  for (int64_t m = MOST_UNASKED; m > least; m--)
    if (gives_work(o, m, ranks)) return m;
  return least;
}

status micro_batch_settle(train_options *o, const memory_places *where,
                          run_memory *out) {
  int ranks = where->first_ranks[where->nodes];
  memory_model model = {0};
  if (o->micro_batch == 0 && o->memory > 0)
    return find_fitting(o, where, &model, out);
  if (o->micro_batch == 0) o->micro_batch = find_unasked(o, ranks);
  TRY(micro_batch_check(o));
  TRY(check_ranks(o, ranks));
  TRY(rank_memory_survey(&model, o, where, out));
  return keeps_to(o, out) ? STATUS_OK : refuse(o, o->micro_batch, false, out);
}
