#include "dist/evaluate.h"

#include <mpi.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "dist/augment.h"

const char *const share_names[SHARES] = {"all", "0-5", "5-15", "15-100"};

/* What one rank works with. */
typedef struct evaluator {
  data_set *set;
  const protocol *protocol;
  int size;
  uint8_t *composite, *mask, *real;
  float *net_composite, *net_mask, *net_real;
  float *output, *target, *scratch; /* levels 0..255 */
} evaluator;

static status evaluator_allocate(evaluator *e) {
  size_t pixels = (size_t)e->size * (size_t)e->size;
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->composite));
  TRY(MEMORY_NEW(pixels, "a sample", &e->mask));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->real));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->net_composite));
  TRY(MEMORY_NEW(pixels, "a sample", &e->net_mask));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->net_real));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->output));
  TRY(MEMORY_NEW(3 * pixels, "a sample", &e->target));
  return MEMORY_NEW(data_metrics_scratch(e->size, e->size), "metrics",
                    &e->scratch);
}

static void evaluator_free(evaluator *e) {
  memory_free(e->composite);
  memory_free(e->mask);
  memory_free(e->real);
  memory_free(e->net_composite);
  memory_free(e->net_mask);
  memory_free(e->net_real);
  memory_free(e->output);
  memory_free(e->target);
  memory_free(e->scratch);
}

static float to_level(nn_real value, quantisation how) {
  switch (how) {
  case QUANTISE_TRUNCATE: return data_net_to_byte((float)value);
  case QUANTISE_ROUND: return data_net_to_byte_rounded((float)value);
  case QUANTISE_NONE: break;
  }
  float level = ((float)value + 1.0f) * 127.5f;
  return level < 0 ? 0 : level > 255 ? 255 : level;
}

static void take_levels(evaluator *e, const uint8_t *levels) {
  size_t values = 3 * (size_t)e->size * (size_t)e->size;
  for (size_t i = 0; i < values; i++) e->output[i] = levels[i];
}

static status run_classical(evaluator *e, const method *how) {
  const data_image composite = {e->size, e->size, 3, e->composite};
  const data_image mask = {e->size, e->size, 1, e->mask};
  data_image output;
  TRY(how->classical->run(how->model, &composite, &mask, &output));
  take_levels(e, output.pixels);
  data_image_free(&output);
  return STATUS_OK;
}

static void run_network(evaluator *e, harmonizer *network, size_t sample) {
  size_t values = 3 * (size_t)e->size * (size_t)e->size;
  augment_none(e->composite, e->mask, e->real, e->size, e->net_composite,
               e->net_mask, e->net_real);
  const nn_real *output =
      harmonizer_run(network, e->net_composite, e->net_mask,
                     e->protocol->code_of_real ? e->net_real : NULL, sample);
  for (size_t i = 0; i < values; i++)
    e->output[i] = to_level(output[i], e->protocol->quantise);
}

static status make_output(evaluator *e, const method *how, size_t sample) {
  if (how->classical != NULL) return run_classical(e, how);
  if (how->network != NULL)
    run_network(e, how->network, sample);
  else
    take_levels(e, e->composite);
  return STATUS_OK;
}

/* This rank's samples: every ranks-th. Scores of others stay zero. */
static status score_share(const cluster *c, evaluator *e, size_t first,
                          size_t count, const method *methods, int method_count,
                          data_scores *scores) {
  size_t values = 3 * (size_t)e->size * (size_t)e->size;
  double start = clock_seconds();
  for (size_t i = (size_t)c->rank; i < count; i += (size_t)c->ranks) {
    TRY(data_set_read(e->set, first + i, e->composite, e->mask, e->real));
    for (size_t k = 0; k < values; k++) e->target[k] = e->real[k];
    for (int m = 0; m < method_count; m++) {
      TRY(make_output(e, &methods[m], i));
      data_metrics(e->output, e->target, e->mask, e->size, e->size,
                   e->protocol->background, e->protocol->range, e->scratch,
                   &scores[(size_t)m * count + i]);
    }
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

static void add_scores(averages *sum, const data_scores *s) {
  sum->count++;
  sum->mse += s->mse;
  sum->psnr += s->psnr;
  sum->psnr_255 += s->psnr_255;
  sum->fmse += s->fmse;
  sum->ssim += s->ssim;
  sum->fssim += s->fssim;
}

static void average(const data_scores *scores, size_t count, averages *bins) {
  memset(bins, 0, SHARES * sizeof *bins);
  for (size_t i = 0; i < count; i++) {
    add_scores(&bins[0], &scores[i]);
    add_scores(&bins[bin_of(scores[i].share)], &scores[i]);
  }
  for (int b = 0; b < SHARES; b++) {
    double n = (double)bins[b].count;
    bins[b].mse /= n;
    bins[b].psnr /= n;
    bins[b].psnr_255 /= n;
    bins[b].fmse /= n;
    bins[b].ssim /= n;
    bins[b].fssim /= n;
  }
}

/* Every score is computed by one rank and zero elsewhere: a sum collects. */
static void collect(const cluster *c, data_scores *scores, size_t count) {
  size_t per_score = sizeof *scores / sizeof(double);
  MPI_Reduce(c->rank == 0 ? MPI_IN_PLACE : (void *)scores, scores,
             (int)(count * per_score), MPI_DOUBLE, MPI_SUM, 0, MPI_COMM_WORLD);
}

status evaluate(const cluster *c, data_set *set, const protocol *how,
                method *methods, int method_count, averages *table) {
  const data_set_info *info = data_set_describe(set);
  size_t count = info->split_count[how->split];
  if (how->limit > 0 && how->limit < count) count = how->limit;
  evaluator e = {.set = set, .protocol = how, .size = info->size};
  data_scores *scores = NULL;
  status own = evaluator_allocate(&e);
  if (own == STATUS_OK)
    own = MEMORY_NEW(count * (size_t)method_count, "scores", &scores);
  status result = cluster_agree(c, own);
  if (own == STATUS_OK && result == STATUS_OK) {
    result = score_share(c, &e, info->split_begin[how->split], count, methods,
                         method_count, scores);
    result = cluster_agree(c, result);
  }
  if (own == STATUS_OK && result == STATUS_OK) {
    collect(c, scores, count * (size_t)method_count);
    for (int m = 0; c->rank == 0 && m < method_count; m++)
      average(scores + (size_t)m * count, count, table + m * SHARES);
  }
  memory_free(scores);
  evaluator_free(&e);
  return result;
}
