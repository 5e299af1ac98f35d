/* A run's state into a checkpoint and back. */
#include "dist/state/snapshot.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/version.h"

static const char *const moment_groups[] = {"optimizer/exp_avg/",
                                            "optimizer/exp_avg_sq/"};

const char *snapshot_moments(int which) { return moment_groups[which]; }

size_t snapshot_scratch(const nn_layout *layout) {
  size_t most = 1;
  for (int i = 0; i < layout->entry_count; i++)
    if (layout->entries[i].count > most) most = layout->entries[i].count;
  return most;
}

static ckpt_array describe(const nn_entry *entry, const char *group) {
  ckpt_array array = {.type = CKPT_FLOAT32};
  snprintf(array.name, sizeof array.name, "%s%s", group, entry->name);
  array.rank = nn_entry_public_shape(entry, array.shape);
  return array;
}

/* A run cannot go on from a number that is none: such a state must not take the
 * place of an older, good one. */
static status check_finite(const ckpt_array *array, const nn_real *values,
                           size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return status_error(STATUS_NUMERIC, "%s is %g", array->name,
                          (double)values[i]);
  return STATUS_OK;
}

static status write_entry(ckpt_writer *writer, const nn_entry *entry,
                          const char *group, const nn_real *vector,
                          nn_real *scratch) {
  ckpt_array array = describe(entry, group);
  nn_entry_export(entry, vector, scratch);
  TRY(check_finite(&array, scratch, entry->count));
  if (array.rank == 0 && !entry->trainable) { /* num_batches_tracked */
    array.type = CKPT_INT64;
    int64_t whole = (int64_t)scratch[0];
    return ckpt_write_array(writer, &array, &whole);
  }
  return ckpt_write_array(writer, &array, scratch);
}

static status write_best(ckpt_writer *writer, const best_score *best) {
  char text[64];
  snprintf(text, sizeof text, "%" PRIu64, best->step);
  TRY(ckpt_write_text(writer, "validation.best_step", text));
  snprintf(text, sizeof text, "%.17g", best->mse);
  TRY(ckpt_write_text(writer, "validation.best_mse", text));
  return ckpt_write_text(writer, "validation.over", best->over);
}

static status write_time(ckpt_writer *writer, const snapshot *s) {
  char text[64];
  snprintf(text, sizeof text, "%.17g", s->trained);
  TRY(ckpt_write_text(writer, "time.trained", text));
  snprintf(text, sizeof text, "%.17g", s->lr_factor);
  return ckpt_write_text(writer, "time.lr_factor", text);
}

static status write_texts(ckpt_writer *writer, const snapshot *s) {
  char text[64];
  snprintf(text, sizeof text, "%" PRIu64, s->step);
  TRY(ckpt_write_text(writer, "step", text));
  TRY(ckpt_write_text(writer, "version", HARMONIA_VERSION));
  if (s->source == NULL)
    TRY(ckpt_write_text(writer, "blas.core", nn_blas_core()));
  else
    TRY(ckpt_write_text(writer, SNAPSHOT_SOURCE, s->source));
  TRY(ckpt_write_text(writer, "data.identity", s->data_identity));
  TRY(ckpt_write_text(writer, "data.name", s->data_name));
  if (s->best.step > 0) TRY(write_best(writer, &s->best));
  if (s->trained > 0) TRY(write_time(writer, s));
  return train_options_save(s->options, writer);
}

static status write_all(ckpt_writer *writer, const snapshot *s,
                        nn_real *scratch) {
  TRY(write_texts(writer, s));
  for (int i = 0; i < s->layout->entry_count; i++) {
    const nn_entry *entry = &s->layout->entries[i];
    TRY(write_entry(writer, entry, "", s->state, scratch));
    if (s->averaged != NULL)
      TRY(write_entry(writer, entry, SNAPSHOT_AVERAGES, s->averaged, scratch));
    for (int k = 0; k < 2 && entry->trainable; k++)
      if (s->moments[k] != NULL)
        TRY(write_entry(writer, entry, moment_groups[k], s->moments[k],
                        scratch));
  }
  return STATUS_OK;
}

status snapshot_write(const char *path, const snapshot *s, nn_real *scratch) {
  ckpt_writer *writer;
  TRY(ckpt_writer_open(path, &writer));
  status result = write_all(writer, s, scratch);
  if (result != STATUS_OK) {
    if (result == STATUS_NUMERIC)
      status_add_context("step %" PRIu64 " is not saved", s->step);
    ckpt_writer_abandon(&writer);
    return result;
  }
  return ckpt_writer_commit(&writer);
}

static status read_entry(ckpt_reader *reader, const nn_entry *entry,
                         const char *group, nn_real *vector, nn_real *scratch) {
  ckpt_array array = describe(entry, group);
  TRY(ckpt_read_array(reader, &array, scratch));
  nn_entry_import(entry, scratch, vector);
  return STATUS_OK;
}

/* Whether the layout has entries of the network ("D/") that `name` is of. */
static bool has_network(const nn_layout *layout, const char *name) {
  size_t length = strcspn(name, "/") + 1;
  for (int i = 0; i < layout->entry_count; i++)
    if (strncmp(layout->entries[i].name, name, length) == 0) return true;
  return false;
}

bool snapshot_is_average(const char *name) {
  return strncmp(name, SNAPSHOT_AVERAGES, strlen(SNAPSHOT_AVERAGES)) == 0;
}

bool snapshot_has_average(const ckpt_reader *reader) {
  for (size_t i = 0; i < ckpt_array_count(reader); i++)
    if (snapshot_is_average(ckpt_array_at(reader, i)->name)) return true;
  return false;
}

/* An array that the network has no place for would silently be lost. */
static status check_no_strangers(ckpt_reader *reader, const snapshot *s) {
  for (size_t i = 0; i < ckpt_array_count(reader); i++) {
    const char *name = ckpt_array_at(reader, i)->name;
    if (strncmp(name, "optimizer/", 10) == 0 || snapshot_is_average(name))
      continue;
    if (nn_layout_find(s->layout, name) != NULL) continue;
    if (!s->partial || has_network(s->layout, name))
      return status_error(
          STATUS_MISFIT, "the file holds %s, which this network has not", name);
  }
  return STATUS_OK;
}

status snapshot_read(ckpt_reader *reader, snapshot *s, nn_real *scratch) {
  TRY(check_no_strangers(reader, s));
  for (int i = 0; i < s->layout->entry_count; i++) {
    const nn_entry *entry = &s->layout->entries[i];
    TRY(read_entry(reader, entry, "", s->state, scratch));
    if (s->averaged != NULL)
      TRY(read_entry(reader, entry, SNAPSHOT_AVERAGES, s->averaged, scratch));
    for (int k = 0; k < 2 && entry->trainable; k++)
      if (s->moments[k] != NULL)
        TRY(read_entry(reader, entry, moment_groups[k], s->moments[k],
                       scratch));
  }
  return STATUS_OK;
}

status snapshot_step(ckpt_reader *reader, uint64_t *step) {
  char text[64];
  TRY(ckpt_read_text(reader, "step", text, sizeof text));
  *step = strtoull(text, NULL, 10);
  return STATUS_OK;
}

status snapshot_core(ckpt_reader *reader, char *text, size_t size) {
  snprintf(text, size, "%s", nn_blas_core());
  if (!ckpt_has_text(reader, "blas.core")) return STATUS_OK;
  return ckpt_read_text(reader, "blas.core", text, size);
}

status snapshot_trained(ckpt_reader *reader, double *seconds) {
  char text[64];
  *seconds = 0;
  if (!ckpt_has_text(reader, "time.trained")) return STATUS_OK;
  TRY(ckpt_read_text(reader, "time.trained", text, sizeof text));
  *seconds = strtod(text, NULL);
  return STATUS_OK;
}

status snapshot_best(ckpt_reader *reader, best_score *best) {
  char text[64];
  *best = (best_score){0};
  if (!ckpt_has_text(reader, "validation.best_step")) return STATUS_OK;
  TRY(ckpt_read_text(reader, "validation.best_step", text, sizeof text));
  best->step = strtoull(text, NULL, 10);
  TRY(ckpt_read_text(reader, "validation.best_mse", text, sizeof text));
  best->mse = strtod(text, NULL);
  return ckpt_read_text(reader, "validation.over", best->over,
                        sizeof best->over);
}
