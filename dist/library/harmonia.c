/* The functions of harmonia.h: what a call says is kept for its thread, and
 * calls that run side by side on one network have a plan each. */
#include "dist/library/harmonia.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "base/version.h"
#include "dist/library/view.h"
#include "dist/use/apply.h"
#include "dist/use/builtin.h"
#include "dist/use/pool.h"

enum { MAX_THREADS = 256, TEXT_SIZE = 1024 };

#define SAME(ours, public)                                                     \
  _Static_assert((int)(ours) == (int)(public), "harmonia.h has the statuses")
SAME(STATUS_OK, HARMONIA_OK);
SAME(STATUS_USAGE, HARMONIA_USAGE);
SAME(STATUS_IO, HARMONIA_IO);
SAME(STATUS_FORMAT, HARMONIA_FORMAT);
SAME(STATUS_MISFIT, HARMONIA_MISFIT);
SAME(STATUS_MEMORY, HARMONIA_MEMORY);
SAME(STATUS_NUMERIC, HARMONIA_NUMERIC);

/* ---- what a call says ---- */

static _Thread_local char error[TEXT_SIZE], warnings[TEXT_SIZE];

static void begin(void) {
  error[0] = '\0';
  log_keep(warnings, sizeof warnings);
}

static harmonia_status end(status result) {
  log_keep(NULL, 0);
  if (result != STATUS_OK)
    snprintf(error, sizeof error, "%s", status_message());
  return (harmonia_status)result;
}

const char *harmonia_error(void) { return error; }

const char *harmonia_warnings(void) { return warnings; }

const char *harmonia_version(void) { return HARMONIA_VERSION; }

/* ---- networks ---- */

struct harmonia {
  harmonizer_pool *pool;
  int threads;
  bool scores;
};

static status open_harmonizer(const char *checkpoint, int threads, bool scores,
                              harmonizer **out) {
  char path[PATH_MAX];
  if (checkpoint == NULL) {
    TRY(builtin_network(path, sizeof path));
    checkpoint = path;
  }
  if (scores) return harmonizer_open_score(checkpoint, threads, out);
  return harmonizer_open(checkpoint, threads, false, out);
}

static status open_network(const char *checkpoint, int threads, bool scores,
                           harmonia **out) {
  if (out == NULL)
    return status_error(STATUS_USAGE, "out is NULL; expected where the network "
                                      "is to go");
  *out = NULL;
  if (threads < 0 || threads > MAX_THREADS)
    return status_error(STATUS_USAGE, "%d threads; expected 0 to %d", threads,
                        MAX_THREADS);
  harmonia *network;
  TRY(MEMORY_NEW(1, "a network", &network));
  network->threads = threads > 0 ? threads : threads_available();
  network->scores = scores;
  harmonizer *first;
  status result = open_harmonizer(checkpoint, network->threads, scores, &first);
  if (result == STATUS_OK)
    result = harmonizer_pool_create(&first, network->threads, &network->pool);
  if (result == STATUS_OK)
    *out = network;
  else
    harmonia_close(network);
  return result;
}

harmonia_status harmonia_open(const char *checkpoint, int threads,
                              harmonia **out) {
  begin();
  return end(open_network(checkpoint, threads, false, out));
}

harmonia_status harmonia_open_score(const char *checkpoint, int threads,
                                    harmonia **out) {
  begin();
  return end(open_network(checkpoint, threads, true, out));
}

void harmonia_close(harmonia *network) {
  if (network == NULL) return;
  harmonizer_pool_destroy(&network->pool);
  memory_free(network);
}

const char *harmonia_model(const harmonia *network) {
  return harmonizer_model(harmonizer_pool_network(network->pool));
}

int harmonia_size(const harmonia *network) {
  return harmonizer_size(harmonizer_pool_network(network->pool));
}

size_t harmonia_parameter_count(const harmonia *network) {
  const harmonizer *first = harmonizer_pool_network(network->pool);
  return network->scores ? 0
                         : nn_change_number_count(harmonizer_head(first),
                                                  harmonizer_size(first));
}

/* ---- pictures ---- */

static status check_network(const harmonia *network, bool scores) {
  if (network == NULL)
    return status_error(STATUS_USAGE, "the network is NULL; expected one of "
                                      "harmonia_open");
  if (network->scores == scores) return STATUS_OK;
  return status_error(STATUS_USAGE, "the network was opened by %s; expected %s",
                      scores ? "harmonia_open" : "harmonia_open_score",
                      scores ? "harmonia_open_score" : "harmonia_open");
}

/* A call's copies of what it is given, and its plan. */
typedef struct work {
  data_picture picture;
  data_image mask;
  harmonizer *plan;
} work;

static status begin_work(harmonia *network, bool scores,
                         const harmonia_view *image, const harmonia_view *mask,
                         work *w) {
  TRY(check_network(network, scores));
  TRY(view_read_image(image, &w->picture));
  TRY(view_read_mask(mask, image, &w->mask));
  return harmonizer_pool_take(network->pool, &w->plan);
}

static void end_work(harmonia *network, work *w) {
  if (network != NULL) harmonizer_pool_give(network->pool, w->plan);
  data_image_free(&w->mask);
  data_picture_free(&w->picture);
}

static status apply(harmonia *network, work *w, float *parameters) {
  TRY(apply_network(w->plan, network->threads, NULL, &w->picture, &w->mask,
                    &w->mask));
  nn_colour_change change;
  if (parameters != NULL && harmonizer_change(w->plan, &change))
    nn_change_numbers(&change, parameters);
  return STATUS_OK;
}

harmonia_status harmonia_apply(harmonia *network, const harmonia_view *image,
                               const harmonia_view *mask, float *parameters) {
  begin();
  work w = {.plan = NULL};
  status result = begin_work(network, false, image, mask, &w);
  if (result == STATUS_OK) result = apply(network, &w, parameters);
  if (result == STATUS_OK) view_write_image(&w.picture, image);
  end_work(network, &w);
  return end(result);
}

harmonia_status harmonia_score(harmonia *network, const harmonia_view *image,
                               const harmonia_view *mask, double *score) {
  begin();
  work w = {.plan = NULL};
  status result = begin_work(network, true, image, mask, &w);
  if (result == STATUS_OK)
    result = apply_score(w.plan, NULL, &w.picture, &w.mask, score);
  if (result == STATUS_OK && !isfinite(*score))
    result =
        status_error(STATUS_NUMERIC, "the score is no number (%g)", *score);
  end_work(network, &w);
  return end(result);
}
