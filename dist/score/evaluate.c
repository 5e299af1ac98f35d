/* A split shared out over the ranks, and the means of its scores. */
#include "dist/score/evaluate.h"

#include <math.h>
#include <mpi.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/score/evaluator.h"

const char *const share_names[SHARES] = {"all", "0-5", "5-15", "15-100"};

/* This rank's samples: every ranks-th. Scores of others stay zero. Behind those
 * of the methods is the MSE of composites. `seconds` sums what each method
 * took. */
static status score_share(const cluster *c, evaluator *e, size_t first,
                          size_t count, const method *methods, int method_count,
                          data_scores *scores, double *seconds) {
  double start = clock_seconds();
  for (size_t i = (size_t)c->rank; i < count; i += (size_t)c->ranks) {
    TRY(evaluator_read(e, first + i));
    size_t values = 3 * (size_t)e->width * (size_t)e->height;
    for (size_t k = 0; k < values; k++) e->target[k] = e->real[k];
    for (size_t k = 0; k < values; k++) e->output[k] = e->composite[k];
    scores[(size_t)method_count * count + i].mse =
        data_mse(e->output, e->target, e->mask, e->width, e->height,
                 e->protocol->background);
    for (int m = 0; m < method_count; m++) {
      double begin = clock_seconds();
      TRY(evaluator_run(e, &methods[m], i));
      seconds[m] += clock_seconds() - begin;
      data_metrics(e->output, e->target, e->mask, e->width, e->height,
                   e->protocol->background, e->protocol->range, e->scratch,
                   &scores[(size_t)m * count + i]);
    }
    if (e->protocol->quiet) continue;
    bool last = i + (size_t)c->ranks >= count;
    if (log_is_terminal() || last)
      log_live(last, "evaluated %zu of %zu images, %.1f/s",
               last ? count : i + 1, count,
               (double)(i + 1) / (clock_seconds() - start));
  }
  return STATUS_OK;
}

static int bin_of(double share) {
  return share <= 0.05 ? 1 : share <= 0.15 ? 2 : 3;
}

static bool is_number(const data_scores *s) {
  return isfinite(s->mse) && isfinite(s->fmse) && isfinite(s->ssim) &&
         isfinite(s->fssim);
}

static void note_lack(averages *sum, lack why, size_t sample) {
  if (sum->lacking[why] < LACK_EXAMPLES)
    sum->examples[why][sum->lacking[why]] = sample;
  sum->lacking[why]++;
}

/* What keeps the sample out of some means. */
static void note_lacks(averages *sum, const data_scores *s, size_t sample) {
  if (!is_number(s)) {
    note_lack(sum, LACK_NUMBERS, sample);
    return;
  }
  if (s->mse == 0)
    note_lack(sum, LACK_ERROR, sample);
  else if (!isfinite(s->psnr))
    note_lack(sum, LACK_PEAK, sample);
  if (s->share == 0) note_lack(sum, LACK_FOREGROUND, sample);
}

static void add_score(averages *sum, metric which, double value) {
  if (!isfinite(value)) return;
  sum->mean[which] += value;
  sum->images[which]++;
}

static void add_scores(averages *sum, const data_scores *s, size_t sample) {
  sum->count++;
  note_lacks(sum, s, sample);
  if (!is_number(s)) return;
  add_score(sum, METRIC_MSE, s->mse);
  add_score(sum, METRIC_PSNR, s->psnr);
  add_score(sum, METRIC_PSNR_255, s->psnr_255);
  add_score(sum, METRIC_SSIM, s->ssim);
  if (s->share == 0) return;
  add_score(sum, METRIC_FMSE, s->fmse);
  add_score(sum, METRIC_FSSIM, s->fssim);
}

static void average(const data_scores *scores, const data_scores *composites,
                    size_t count, averages *bins) {
  memset(bins, 0, SHARES * sizeof *bins);
  for (size_t i = 0; i < count; i++) {
    averages *own = &bins[bin_of(scores[i].share)];
    bool worse = scores[i].mse > composites[i].mse;
    add_scores(&bins[0], &scores[i], i);
    add_scores(own, &scores[i], i);
    bins[0].worse += worse;
    own->worse += worse;
  }
  for (int b = 0; b < SHARES; b++)
    for (int k = 0; k < METRICS; k++)
      if (bins[b].images[k] > 0) bins[b].mean[k] /= (double)bins[b].images[k];
}

/* `order` has room for all samples. */
static void rank_samples(const data_scores *scores,
                         const data_scores *composites, size_t count,
                         standing_sample *order, method *m) {
  for (size_t i = 0; i < count; i++)
    order[i] = (standing_sample){scores[i].mse / composites[i].mse, i};
  m->ranked = standing_find(order, count, m->standing);
}

/* On rank 0, of what was collected. */
static void conclude(const data_scores *scores, const double *seconds,
                     size_t count, standing_sample *order, method *methods,
                     int method_count, averages *table) {
  const data_scores *composites = scores + (size_t)method_count * count;
  for (int m = 0; m < method_count; m++) {
    const data_scores *own = scores + (size_t)m * count;
    average(own, composites, count, table + m * SHARES);
    rank_samples(own, composites, count, order, &methods[m]);
    methods[m].seconds = seconds[m] / (double)count;
  }
}

/* What one rank computed is zero elsewhere: a sum collects. */
static void collect(const cluster *c, double *values, size_t count) {
  MPI_Reduce(c->rank == 0 ? MPI_IN_PLACE : (void *)values, values, (int)count,
             MPI_DOUBLE, MPI_SUM, 0, c->world);
}

size_t evaluate_count(const data_set *set, const protocol *how) {
  size_t count = data_set_describe(set)->split_count[how->split];
  return how->limit > 0 && how->limit < count ? how->limit : count;
}

status evaluate(const cluster *c, data_set *set, const protocol *how,
                method *methods, int method_count, averages *table) {
  size_t begin = data_set_describe(set)->split_begin[how->split];
  size_t count = evaluate_count(set, how);
  size_t score_count = count * ((size_t)method_count + 1);
  evaluator e;
  data_scores *scores = NULL;
  standing_sample *order = NULL;
  double *seconds = NULL;
  status own = evaluator_open(&e, set, how);
  if (own == STATUS_OK) own = MEMORY_NEW(score_count, "scores", &scores);
  if (own == STATUS_OK) own = MEMORY_NEW(count, "scores", &order);
  if (own == STATUS_OK)
    own = MEMORY_NEW((size_t)method_count, "seconds", &seconds);
  status result = cluster_agree(c, own);
  if (own == STATUS_OK && result == STATUS_OK) {
    result = score_share(c, &e, begin, count, methods, method_count, scores,
                         seconds);
    result = cluster_agree(c, result);
  }
  if (own == STATUS_OK && result == STATUS_OK) {
    collect(c, (double *)scores, score_count * sizeof *scores / sizeof(double));
    collect(c, seconds, (size_t)method_count);
    if (c->rank == 0)
      conclude(scores, seconds, count, order, methods, method_count, table);
  }
  memory_free(scores);
  memory_free(order);
  memory_free(seconds);
  evaluator_close(&e);
  return result;
}
