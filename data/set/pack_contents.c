/* What `pack` has to do, found out from names alone. */
#include "data/set/pack_contents.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/folders.h"
#include "base/memory.h"
#include "data/folder/hcoco.h"
#include "base/name_set.h"
#include "base/sha256.h"

static void describe(const data_pack_options *options,
                     pack_contents *contents) {
  static const char *const filters[] = {
      [DATA_BILINEAR] = "bilinear",
      [DATA_BICUBIC] = "bicubic",
      [DATA_NEAREST] = "nearest",
      [DATA_CV_LINEAR] = "cv-linear",
  };
  char threshold[32] = "threshold";
  if (options->mask.threshold > 0)
    snprintf(threshold, sizeof threshold, "threshold %d",
             options->mask.threshold);
  snprintf(contents->protocol, sizeof contents->protocol,
           "size %d, images %s, masks %s%s then nearest", options->size,
           filters[options->filter], options->mask.alpha ? "of alpha " : "",
           options->binarize == DATA_DITHER ? "dither" : threshold);
  char real[PATH_MAX];
  const char *path = realpath(contents->folder.path, real);
  snprintf(contents->source, sizeof contents->source, "%.255s",
           file_name_of(path != NULL ? path : contents->folder.path));
}

static void fingerprint(pack_contents *contents) {
  sha256 hash;
  sha256_begin(&hash);
  for (size_t i = 0; i < contents->folder.count; i++) {
    sha256_add_text(&hash, file_name_of(contents->folder.entries[i].composite));
    sha256_add_number(&hash, contents->folder.entries[i].split);
  }
  sha256_end(&hash, contents->listing);
}

/* Holds scenes out: with a real image all its composites. Their entries move
 * behind the others. */
static status hold_out(double validation, data_folder *folder) {
  if (validation <= 0) return STATUS_OK;
  if (folder->split_count[DATA_VALIDATION] > 0)
    return status_error(STATUS_MISFIT,
                        "--validation %g: %s has a list of its own for "
                        "validation",
                        validation, folder->path);
  const char **scenes = NULL;
  bool *held_out = NULL;
  data_entry *sorted = NULL;
  status result;
  size_t count = folder->count, at = 0;
  TRY_OR(end, MEMORY_NEW(count, "scenes of a folder", &scenes));
  TRY_OR(end, MEMORY_NEW(count, "scenes of a folder", &held_out));
  TRY_OR(end, MEMORY_NEW(count, "entries of a folder", &sorted));
  for (size_t i = 0; i < count; i++)
    if (folder->entries[i].split == DATA_TRAIN)
      scenes[i] = file_name_of(folder->entries[i].real);
  TRY_OR(end, data_hold_out(scenes, count, validation, held_out));
  for (int last = 0; last <= 1; last++)
    for (size_t i = 0; i < count; i++)
      if (held_out[i] == last) sorted[at++] = folder->entries[i];
  for (size_t i = 0; i < count; i++)
    folder->split_count[DATA_VALIDATION] += held_out[i];
  folder->split_count[DATA_TRAIN] -= folder->split_count[DATA_VALIDATION];
  for (size_t i = count - folder->split_count[DATA_VALIDATION]; i < count; i++)
    sorted[i].split = DATA_VALIDATION;
  memory_free(folder->entries);
  folder->entries = sorted;
  sorted = NULL;
end:
  memory_free(scenes);
  memory_free(held_out);
  memory_free(sorted);
  return result;
}

/* Numbers the distinct names among path(entry i) in order of first use. */
static status number_names(const pack_contents *contents, bool masks,
                           size_t *numbers, size_t *distinct) {
  name_set names = {0};
  status result = STATUS_OK;
  for (size_t i = 0; i < contents->folder.count && result == STATUS_OK; i++) {
    const data_entry *entry = &contents->folder.entries[i];
    bool added;
    result = name_set_add(&names, masks ? entry->mask : entry->real,
                          names.count, &numbers[i], &added);
  }
  *distinct = names.count;
  name_set_free(&names);
  return result;
}

/* A counting sort of the entries by their real image. */
static void group_entries(pack_contents *contents) {
  size_t count = contents->folder.count, reals = contents->counts[SET_REAL];
  for (size_t i = 0; i < count; i++) contents->begin[contents->real[i] + 1]++;
  for (size_t g = 0; g < reals; g++)
    contents->begin[g + 1] += contents->begin[g];
  for (size_t i = count; i-- > 0;)
    contents->members[--contents->begin[contents->real[i] + 1]] = i;
  /* Each end has moved down to its group's begin: shift them back. */
  for (size_t g = 0; g < reals; g++)
    contents->begin[g] = contents->begin[g + 1];
  contents->begin[reals] = count;
}

status pack_contents_make(const data_pack_options *options,
                          pack_contents *contents) {
  *contents = (pack_contents){0};
  TRY(data_folder_scan(options->folder, options->skip_bad, &contents->folder));
  TRY(hold_out(options->validation, &contents->folder));
  size_t count = contents->folder.count;
  contents->counts[SET_COMPOSITE] = count;
  TRY(MEMORY_NEW(count, "list of what is packed", &contents->real));
  TRY(MEMORY_NEW(count, "list of what is packed", &contents->mask));
  TRY(MEMORY_NEW(count, "list of what is packed", &contents->members));
  TRY(number_names(contents, false, contents->real,
                   &contents->counts[SET_REAL]));
  TRY(number_names(contents, true, contents->mask,
                   &contents->counts[SET_MASK]));
  TRY(MEMORY_NEW(contents->counts[SET_REAL] + 1, "list of what is packed",
                 &contents->begin));
  group_entries(contents);
  describe(options, contents);
  fingerprint(contents);
  return STATUS_OK;
}

void pack_contents_free(pack_contents *contents) {
  data_folder_close(&contents->folder);
  memory_free(contents->real);
  memory_free(contents->mask);
  memory_free(contents->members);
  memory_free(contents->begin);
  *contents = (pack_contents){0};
}
