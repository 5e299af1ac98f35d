/* harmonia import: a checkpoint of arrays that another program wrote or
 * changed. What a checkpoint has besides comes from the file itself or from
 * another checkpoint of the same network; nothing is guessed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/folders.h"
#include "base/log.h"
#include "base/memory.h"
#include "data/data.h"
#include "dist/cmd/command.h"
#include "dist/foretell/micro_batch.h"
#include "dist/state/snapshot.h"

/* Whose names the file has, where they are in no group. */
#define IMPORT_NETWORKS(X)                                                     \
  X(IMPORT_GENERATOR, "G")                                                     \
  X(IMPORT_EXTRACTOR, "E")                                                     \
  X(IMPORT_DISCRIMINATOR, "D")
CHOICE(import_network, IMPORT_NETWORKS);

typedef struct import_configuration {
  train_options train; /* first: its table's offsets hold */
  const char *like, *made, *part;
  import_network network;
  int64_t step;
  bool weights_only;
} import_configuration;

#define ROW(name, field) OPTION_ROW(import_configuration, name, field)
static const option options[] = {
    {ROW("out", made), .argument = "NEW.h5",
     .help = "the checkpoint to be made; a file that is there is written over "
             "only if it was imported, too"},
    {ROW("like", like), .argument = "C.h5",
     .help = "a checkpoint of the same network: its options and data set where "
             "FILE does not tell them, and whole networks (E, D) that FILE has "
             "nothing of. In its place --model and other options of train "
             "describe the network (--size is 256 unless --data tells it), and "
             "a network that FILE has nothing of is new. --data names the data "
             "set on which training is to go on"},
    {ROW("part", part), .argument = "NAME",
     .help = "of a PyTorch file with several dictionaries of weights the one "
             "under this key (keys with slashes between)"},
    {ROW("network", network), .preset = "G",
     .choices = CHOICES(IMPORT_NETWORKS),
     .help = "what names without a group are of: generator, BargainNet's code "
             "extractor, discriminator"},
    {ROW("step", step), .preset = "0", .max = 1e15, .argument = "N",
     .help = "steps done, instead of those that FILE tells (0 where it has no "
             "moments: Adam begins anew)"},
    {ROW("weights-only", weights_only),
     .help = "a third of the size: without the optimizer's moments, and of "
             "averaged weights the averages; for apply and eval, training "
             "cannot go on from it"},
};
#undef ROW
enum { OPTIONS = sizeof options / sizeof options[0], STEP_OPTION = 4 };

static const option_table table = {
    .command = "import",
    .synopsis = "FILE [--like C.h5 | --model M ...] --out NEW.h5",
    .description =
        "Makes a checkpoint of weights in PyTorch's files (.pth, .pt, also as "
        "they were before 1.6), safetensors or HDF5, under their state_dict "
        "names (\"model.model.0.weight\", of the generator unless they are in "
        "a group G, E or D; with or without \"module.\"), or of a checkpoint "
        "that another program has changed. What FILE is, its first bytes tell; "
        "no code in it is run. Numbers of any type are taken. Names that are "
        "missing or have no place in the network are listed, and then nothing "
        "is written.",
    .options = options,
    .count = OPTIONS,
    .size = sizeof(import_configuration),
    .positional_min = 1,
    .positional_max = 1,
    .also = &train_option_table,
};

typedef struct import {
  const char *path;
  ckpt_reader *arrays, *like; /* like: NULL if not given */
  ckpt_reader *about;  /* the one that tells the options; NULL: --model does */
  const char *network; /* of names without a group: "G" */
  bool fresh;          /* networks that the file has nothing of are new */
  char said[8];        /* which these are */
  train_options options;
  char *texts, identity[128], name[512];
  nn_system *system;
  nn_real *scratch;
  bool *used;             /* which of the arrays */
  bool moments, averages; /* whether the arrays have them */
  int missing, strangers;
  snapshot made;
} import;

/* ---- names ---- */

static const char moments_group[] = "optimizer/";

/* Where the names of a network may begin: as checkpoints have it, by PyTorch's
 * DataParallel, and without a group. */
static const char *const beginnings[] = {"%s", "%smodule.", "", "module."};
enum { BEGINNINGS = sizeof beginnings / sizeof beginnings[0] };

/* The array of an entry, by one of these. */
static const ckpt_array *find_by(const import *im, const ckpt_reader *reader,
                                 int beginning, const char *group,
                                 const nn_entry *entry) {
  char network[8], start[32], name[CKPT_NAME_SIZE];
  const char *local = strchr(entry->name, '/') + 1;
  snprintf(network, sizeof network, "%.*s", (int)(local - entry->name),
           entry->name);
  bool grouped = beginnings[beginning][0] == '%';
  if (!grouped && network[0] != im->network[0]) return NULL;
  snprintf(start, sizeof start, "%s%s", grouped ? network : "",
           beginnings[beginning] + (grouped ? 2 : 0));
  snprintf(name, sizeof name, "%s%s%s", group, start, local);
  return ckpt_array_find(reader, name);
}

static bool same_network(const nn_entry *a, const nn_entry *b) {
  return strncmp(a->name, b->name, strcspn(a->name, "/") + 1) == 0;
}

/* How the names of the entry's network begin in the file; -1: it has none. */
static status find_beginning(const import *im, const nn_entry *like, int *out) {
  const nn_layout *layout = im->made.layout;
  *out = -1;
  for (int b = 0; b < BEGINNINGS; b++)
    for (int i = 0; i < layout->entry_count; i++) {
      const nn_entry *entry = &layout->entries[i];
      const ckpt_array *found = same_network(like, entry)
                                    ? find_by(im, im->arrays, b, "", entry)
                                    : NULL;
      if (found == NULL) continue;
      if (*out >= 0)
        return status_error(STATUS_MISFIT,
                            "%s: network %.*s is there twice: array '%s' has "
                            "another beginning than those before",
                            im->path, (int)strcspn(like->name, "/"), like->name,
                            found->name);
      *out = b;
      break;
    }
  return STATUS_OK;
}

/* ---- arrays ---- */

static bool is_single(const ckpt_array *array) {
  for (int i = 0; i < array->rank; i++)
    if (array->shape[i] != 1) return false;
  return true;
}

/* One array, in the shape that the network has; [1] does for a scalar. */
static status take(import *im, ckpt_reader *reader, const ckpt_array *found,
                   const nn_entry *entry, nn_real *vector) {
  ckpt_array wanted = *found, public = {0};
  public.rank = nn_entry_public_shape(entry, public.shape);
  if (!is_single(found) || !is_single(&public)) {
    wanted.rank = public.rank;
    memcpy(wanted.shape, public.shape, sizeof wanted.shape);
  }
  wanted.type = sizeof(nn_real) == sizeof(float) ? CKPT_FLOAT32 : CKPT_FLOAT64;
  TRY(ckpt_read_array(reader, &wanted, im->scratch));
  nn_entry_import(entry, im->scratch, vector);
  for (size_t i = 0; reader == im->arrays && i < ckpt_array_count(reader); i++)
    if (ckpt_array_at(reader, i) == found) im->used[i] = true;
  return STATUS_OK;
}

static status take_or_list(import *im, ckpt_reader *reader, int beginning,
                           const char *group, const nn_entry *entry,
                           nn_real *vector) {
  const ckpt_array *found = find_by(im, reader, beginning, group, entry);
  if (found == NULL && group[0] != '\0')
    found = find_by(im, reader, 0, group, entry);
  if (found != NULL) return take(im, reader, found, entry, vector);
  log_info("missing: %s%s", group, entry->name);
  im->missing++;
  return STATUS_OK;
}

/* A network of which the file has nothing stays as training begins it. */
static void say_new(import *im, const nn_entry *entry) {
  size_t count = strlen(im->said);
  if (strchr(im->said, entry->name[0]) != NULL || count + 1 >= sizeof im->said)
    return;
  im->said[count] = entry->name[0];
  log_warning("%s has nothing of network %c: it is new, of --seed %lld",
              im->path, entry->name[0], (long long)im->options.seed);
}

static status take_entry(import *im, const nn_entry *entry) {
  int beginning;
  ckpt_reader *reader = im->arrays;
  TRY(find_beginning(im, entry, &beginning));
  if (beginning < 0 && im->fresh) return say_new(im, entry), STATUS_OK;
  if (beginning < 0 && im->like != NULL) reader = im->like;
  if (beginning < 0) beginning = 0;
  TRY(take_or_list(im, reader, beginning, "", entry, im->made.state));
  for (int k = 0; k < 2 && im->moments && entry->trainable; k++)
    TRY(take_or_list(im, reader, beginning, snapshot_moments(k), entry,
                     im->made.moments[k]));
  if (im->averages)
    TRY(take_or_list(im, reader, beginning, SNAPSHOT_AVERAGES, entry,
                     im->made.averaged));
  return STATUS_OK;
}

static void list_strangers(import *im) {
  for (size_t i = 0; i < ckpt_array_count(im->arrays); i++) {
    if (im->used[i]) continue;
    log_info("without a place: %s", ckpt_array_at(im->arrays, i)->name);
    im->strangers++;
  }
}

static status take_arrays(import *im) {
  const nn_layout *layout = im->made.layout;
  size_t count = ckpt_array_count(im->arrays);
  TRY(MEMORY_NEW(count, "list of arrays", &im->used));
  for (size_t i = 0; i < count; i++)
    im->moments |= strncmp(ckpt_array_at(im->arrays, i)->name, moments_group,
                           strlen(moments_group)) == 0;
  im->averages = im->made.averaged != NULL && snapshot_has_average(im->arrays);
  for (int i = 0; i < layout->entry_count; i++)
    TRY(take_entry(im, &layout->entries[i]));
  if (im->made.averaged != NULL && !im->averages)
    memcpy(im->made.averaged, im->made.state,
           layout->state_size * sizeof(nn_real));
  list_strangers(im);
  if (im->missing + im->strangers == 0) return STATUS_OK;
  return status_error(STATUS_MISFIT,
                      "%s: %d arrays of the network are missing, %d have no "
                      "place in it: nothing is written",
                      im->path, im->missing, im->strangers);
}

/* ---- the network ---- */

static status open_files(import *im, const import_configuration *conf,
                         bool model_given) {
  TRY(ckpt_reader_open_weights(im->path, conf->part, &im->arrays));
  if (ckpt_array_count(im->arrays) == 0)
    return status_error(STATUS_FORMAT, "%s: holds no arrays of numbers",
                        im->path);
  if (conf->like[0] != '\0') TRY(ckpt_reader_open(conf->like, &im->like));
  im->about = ckpt_has_text(im->arrays, "option.model") ? im->arrays : im->like;
  im->fresh = im->like == NULL && model_given;
  if (im->about != NULL || im->fresh) return STATUS_OK;
  return status_error(STATUS_USAGE,
                      "%s does not tell the network's options: expected --like "
                      "with a checkpoint of the same network, or --model and "
                      "other options of train",
                      im->path);
}

/* That of --data, where it is given: *images are its pixels a side. */
static status take_data(import *im, int *images) {
  const char *path = im->options.data;
  data_set *set;
  *images = 0;
  if (path[0] == '\0') return STATUS_OK;
  TRY(data_set_open(path, &set));
  const data_set_info *info = data_set_describe(set);
  snprintf(im->identity, sizeof im->identity, "%s", info->identity);
  snprintf(im->name, sizeof im->name, "%s", file_name_of(path));
  *images = info->size;
  data_set_close(&set);
  return STATUS_OK;
}

/* What training would have with these options. */
static status describe_new(import *im, const bool *given) {
  train_options *o = &im->options;
  int images;
  train_options_preset(o, given);
  TRY(train_options_check(o));
  TRY(take_data(im, &images));
  if (o->network.size == 0 && images == 0) o->network.size = 256;
  TRY(train_options_fit(o, images));
  TRY(micro_batch_check(o));
  run_memory ignored;
  memory_places where = {
      .first_ranks = (int[]){0, 1}, .nodes = 1, .threads = 1};
  return micro_batch_settle(o, &where, &ignored);
}

static status read_texts(import *im, const import_configuration *conf,
                         const bool *given) {
  int images;
  im->options = conf->train;
  if (im->about == NULL) return describe_new(im, given);
  status result =
      train_options_load(&im->options, given, im->about, &im->texts);
  if (result == STATUS_USAGE) result = STATUS_FORMAT;
  TRY(result);
  TRY(ckpt_read_text(im->about, "data.identity", im->identity,
                     sizeof im->identity));
  TRY(ckpt_read_text(im->about, "data.name", im->name, sizeof im->name));
  TRY(take_data(im, &images));
  return images == 0 ? STATUS_OK : train_options_fit(&im->options, images);
}

static status make_network(import *im) {
  const train_options *o = &im->options;
  nn_model_options model =
      train_model_options(o, (int)o->micro_batch, NN_FOR_TRAINING, true);
  nn_plan_options plan = train_plan_options(o, 1, 0, 1);
  plan.no_arena = true;
  TRY(nn_system_create(&model, &plan, &im->system));
  const nn_layout *layout = &im->system->layout;
  im->made = (snapshot){.options = o,
                        .data_identity = im->identity,
                        .data_name = im->name,
                        .layout = layout,
                        .source = im->path};
  TRY(MEMORY_NEW(snapshot_scratch(layout), "a parameter", &im->scratch));
  for (int k = 0; k < 2; k++)
    TRY(MEMORY_NEW(layout->parameter_size, "moments", &im->made.moments[k]));
  if (o->ema > 0)
    TRY(MEMORY_NEW(layout->state_size, "averages", &im->made.averaged));
  TRY(MEMORY_NEW(layout->state_size, "parameters", &im->made.state));
  if (im->fresh)
    nn_layout_initialise(layout, (uint64_t)o->seed, im->made.state);
  return STATUS_OK;
}

/* Adam divides by what the steps so far have summed up: without its moments it
 * must begin at step 0. */
static status find_step(import *im, bool given, int64_t step) {
  im->made.step = (uint64_t)step;
  if (given) return STATUS_OK;
  if (!im->moments) {
    log_info("%s: no moments of the optimizer: they are zero, and training "
             "would begin at step 0",
             im->path);
    return STATUS_OK;
  }
  if (!ckpt_has_text(im->arrays, "step"))
    return status_error(STATUS_USAGE,
                        "%s has moments, but not the number of steps: expected "
                        "--step",
                        im->path);
  return snapshot_step(im->arrays, &im->made.step);
}

static void keep_weights(import *im) {
  snapshot *made = &im->made;
  if (made->averaged != NULL)
    memcpy(made->state, made->averaged,
           made->layout->state_size * sizeof(nn_real));
  memory_free(made->averaged);
  made->averaged = NULL;
  for (int k = 0; k < 2; k++) {
    memory_free(made->moments[k]);
    made->moments[k] = NULL;
  }
}

/* ---- the command ---- */

static status check_out(const char *path) {
  if (path[0] == '\0')
    return status_error(STATUS_USAGE, "option --out is missing");
  if (access(path, F_OK) != 0) return STATUS_OK;
  ckpt_reader *there;
  bool own = ckpt_reader_open(path, &there) == STATUS_OK &&
             ckpt_has_text(there, SNAPSHOT_SOURCE);
  ckpt_reader_close(&there);
  if (own) return STATUS_OK;
  return status_error(STATUS_USAGE,
                      "option --out: %s is there, and import did not make it",
                      path);
}

static status make(import *im, const import_configuration *conf,
                   const bool *given) {
  const bool *train_given = given + OPTIONS;
  int model = options_find(&train_option_table, "model");
  im->network = CHOICES(IMPORT_NETWORKS)[conf->network];
  TRY(open_files(im, conf, train_given[model]));
  TRY(read_texts(im, conf, train_given));
  TRY(make_network(im));
  TRY(take_arrays(im));
  TRY(find_step(im, given[STEP_OPTION], conf->step));
  if (conf->weights_only) keep_weights(im);
  status written = snapshot_write(conf->made, &im->made, im->scratch);
  if (written == STATUS_NUMERIC) status_add_context("%s", im->path);
  TRY(written);
  log_info("%s: %s of %s, step %" PRIu64, conf->made,
           train_model_name(im->options.model), im->path, im->made.step);
  if (!conf->weights_only && im->identity[0] != '\0')
    log_info("to train on from it, it goes to RUN/checkpoints/step-%08" PRIu64
             ".h5",
             im->made.step);
  return STATUS_OK;
}

static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)positional_count;
  const import_configuration *conf = configuration;
import im = {.path = positional[0] };
  TRY(check_out(conf->made));
  status result = make(&im, conf, given);
  memory_free(im.made.state);
  memory_free(im.made.averaged);
  for (int k = 0; k < 2; k++) memory_free(im.made.moments[k]);
  memory_free(im.scratch);
  memory_free(im.used);
  nn_system_destroy(&im.system);
  memory_free(im.texts);
  ckpt_reader_close(&im.like);
  ckpt_reader_close(&im.arrays);
  return result;
}

const command command_import = {
    .summary = "make a checkpoint of another program's arrays",
    .table = &table,
    .run = run,
};
