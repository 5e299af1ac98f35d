#include "dist/validation.h"

#include <mpi.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/evaluate.h"
#include "dist/run_table.h"

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
  bool automatic = strcmp(o->validate_split, "auto") == 0;
  if (automatic)
    *split =
        info->split_count[DATA_VALIDATION] > 0 ? DATA_VALIDATION : DATA_TEST;
  else
    data_split_find(o->validate_split, split);
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
  v->how = (protocol){.limit = (size_t)o->validate_samples, .quiet = true};
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

static status note(validation *v, uint64_t step, const averages *a,
                   bool *improved) {
  *improved = v->best.step == 0 || a->mse < v->best.mse;
  if (*improved) {
    v->best.step = step;
    v->best.mse = a->mse;
  }
  log_info("step %llu: validation mse %.2f, fmse %.2f, psnr %.2f; best: mse "
           "%.2f at step %llu",
           (unsigned long long)step, a->mse, a->fmse, a->psnr, v->best.mse,
           (unsigned long long)v->best.step);
  fprintf(v->table.file, "%llu,%.9g,%.9g,%.9g,%.9g,%.9g,%zu\n",
          (unsigned long long)step, a->mse, a->psnr, a->fmse, a->ssim,
          a->psnr_255, a->count);
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
