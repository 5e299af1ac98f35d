/* The classical methods by name, and the model of xue. */
#include "dist/use/methods.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"

/* The clusters' first centres are the same in every run and for every image,
 * and so are the forests' draws. */
enum { SEED = 1 };

static status run_lalonde(const data_xue_model *model,
                          const data_image *composite, const data_image *mask,
                          data_image *out) {
  (void)model;
  return data_lalonde(composite, mask, SEED, out);
}

static status run_xue_zero(const data_xue_model *model,
                           const data_image *composite, const data_image *mask,
                           data_image *out) {
  (void)model;
  return data_xue_zero(composite, mask, out);
}

static const classical methods[] = {{"lalonde", false, run_lalonde},
                                    {"xue", true, data_xue},
                                    {"xue-zero", false, run_xue_zero}};

const char classical_names[] = "lalonde, xue, xue-zero";

const classical *classical_find(const char *name) {
  for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
    if (strcmp(name, methods[i].name) == 0) return &methods[i];
  return NULL;
}

status classical_model_path(const char *given, const char *data, char *path,
                            size_t size) {
  int length = given[0] != '\0' ? snprintf(path, size, "%s", given)
                                : snprintf(path, size, "%s.xue", data);
  if (length >= 0 && (size_t)length < size) return STATUS_OK;
  return status_error(STATUS_USAGE, "%s: too long a name",
                      given[0] != '\0' ? given : data);
}

status classical_model_provide(data_set *set, const char *path, int threads) {
  if (access(path, F_OK) == 0) return STATUS_OK;
  if (errno != ENOENT)
    return status_error(STATUS_IO, "%s: cannot open: %s", path,
                        strerror(errno));
  log_info("xue: fitting %s", path);
  double start = clock_seconds();
  char text[32];
  TRY(data_xue_model_fit(set, SEED, threads, path));
  log_info("xue: wrote %s after %s", path,
           format_duration(clock_seconds() - start, text));
  return STATUS_OK;
}
