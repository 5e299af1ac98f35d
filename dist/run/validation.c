/* Scoring the network of the moment, on all ranks that can. */
#include "dist/run/validation.h"

#include <mpi.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/score/evaluate_table.h"
#include "dist/run/run_table.h"

struct validation {
  const cluster *cluster;
  cluster readers; /* the ranks that score */
  data_set *set;   /* NULL: this one does not */
  method network;
  protocol how; /* DoveNet's, as eval's defaults */
  run_table table;
  best_score best;
};

static status choose_split(const data_set_info *info, const train_options *o,
                           data_split *split) {
  bool there = info->split_count[DATA_VALIDATION] > 0;
  bool test = o->validate_split == VALIDATE_TEST ||
              (o->validate_split == VALIDATE_AUTO && !there);
  *split = test ? DATA_TEST : DATA_VALIDATION;
  if (info->split_count[*split] == 0)
    return status_error(STATUS_MISFIT,
                        "%s: the %s split is empty: --validate-every needs one "
                        "to validate on",
                        o->data, data_split_name(*split));
  return STATUS_OK;
}

/* Scores compare only over the same samples. */
static void keep_best(validation *v, best_score best) {
  snprintf(v->best.over, sizeof v->best.over, "%s %zu",
           data_split_name(v->how.split), evaluate_count(v->set, &v->how));
  if (strcmp(best.over, v->best.over) == 0) v->best = best;
}

static void introduce(const validation *v, const train_options *o) {
  bool leak = v->how.split == DATA_TEST;
  log_info("validation every %lld steps on %zu %s samples%s",
           (long long)o->validate_every, evaluate_count(v->set, &v->how),
           data_split_name(v->how.split),
           leak ? ": the best checkpoint is then chosen by the test split "
                  "(pack, compose and synth have --validation)"
                : "");
}

static status open_all(validation *v, const validation_options *how) {
  const train_options *o = how->train;
  v->how = (protocol){.limit = (size_t)o->validate_samples,
                      .full_res = o->full_res,
                      .threads = how->threads,
                      .quiet = true};
  TRY(choose_split(&how->data->info, o, &v->how.split));
  if (how->data->set == NULL) return STATUS_OK;
  TRY(data_set_open(how->data->path, &v->set));
  TRY(harmonizer_borrow(o, how->layout, how->state, how->threads,
                        &v->network.network));
  if (how->cluster->rank != 0) return STATUS_OK;
  keep_best(v, how->best);
  introduce(v, o);
  return run_table_open(how->folder, "validation.csv",
                        "step,mse,psnr,fmse,ssim,psnr255,images", how->step,
                        &v->table);
}

static void gather_readers(validation *v, bool reads) {
  v->readers = *v->cluster;
  MPI_Comm_split(v->cluster->world, reads ? 0 : 1, v->cluster->rank,
                 &v->readers.world);
  MPI_Comm_rank(v->readers.world, &v->readers.rank);
  MPI_Comm_size(v->readers.world, &v->readers.ranks);
}

status validation_create(const validation_options *options, validation **out) {
  const cluster *c = options->cluster;
  TRY(cluster_agree(c, MEMORY_NEW(1, "validation", out)));
  INVARIANT(*out != NULL, "ranks agreed on memory not there");
  (*out)->cluster = c;
  gather_readers(*out, options->data->set != NULL);
  status result = cluster_agree(c, open_all(*out, options));
  if (result != STATUS_OK) validation_destroy(out);
  return result;
}

void validation_destroy(validation **pointer) {
  validation *v = *pointer;
  if (v == NULL) return;
  MPI_Comm_free(&v->readers.world);
  run_table_close(&v->table);
  harmonizer_destroy(&v->network.network);
  data_set_close(&v->set);
  memory_free(v);
  *pointer = NULL;
}

best_score validation_best(const validation *v) { return v->best; }

static const char *number(const averages *a, metric which, char text[32]) {
  if (a->images[which] == 0) return "-";
  snprintf(text, 32, "%.2f", a->mean[which]);
  return text;
}

static void say_scores(const validation *v, uint64_t step, const averages *a) {
  char text[LACK_TEXT], mse[32], fmse[32], psnr[32];
  unsigned long long now = (unsigned long long)step;
  log_info("step %llu: validation mse %s, fmse %s, psnr %s; best: mse %.2f at "
           "step %llu",
           now, number(a, METRIC_MSE, mse), number(a, METRIC_FMSE, fmse),
           number(a, METRIC_PSNR, psnr), v->best.mse,
           (unsigned long long)v->best.step);
  for (int why = 0; why < LACKS; why++)
    if (evaluate_lack(v->set, &v->how, a, (lack)why, text))
      log_info("step %llu: validation: %s", now, text);
}

static status note(validation *v, uint64_t step, const averages *a,
                   bool *improved) {
  /* Means over fewer images do not compare. */
  *improved = a->images[METRIC_MSE] == a->count &&
              (v->best.step == 0 || !(a->mean[METRIC_MSE] >= v->best.mse));
  if (*improved) {
    v->best.step = step;
    v->best.mse = a->mean[METRIC_MSE];
  }
  say_scores(v, step, a);
  fprintf(v->table.file, "%llu", (unsigned long long)step);
  for (int k = 0; k <= METRIC_PSNR_255; k++)
    evaluate_print_cell(v->table.file, a, (metric)k);
  fprintf(v->table.file, ",%zu\n", a->count);
  return run_table_flush(&v->table);
}

status validation_run(validation *v, uint64_t step, bool *improved) {
  const cluster *c = v->cluster;
  averages scores[SHARES] = {0};
  status result = STATUS_OK;
  if (v->set != NULL)
    result = evaluate(&v->readers, v->set, &v->how, &v->network, 1, scores);
  if (result != STATUS_OK) status_add_context("validation");
  int better = 0;
  if (c->rank == 0 && result == STATUS_OK) {
    bool least;
    result = note(v, step, &scores[0], &least);
    better = least;
  }
  TRY(cluster_agree(c, result));
  MPI_Bcast(&better, 1, MPI_INT, 0, c->world);
  *improved = better != 0;
  return STATUS_OK;
}
