/* harmonia apply: one picture of any size. */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "base/threads.h"
#include "dist/use/apply.h"
#include "dist/use/builtin.h"
#include "dist/cmd/command.h"
#include "dist/cmd/mask_options.h"

typedef struct apply_configuration {
  const char *checkpoint, *method, *data, *xue_model, *image, *mask, *output;
  int64_t threads, quality;
  bool invert;
  mask_options masks;
} apply_configuration;

#define ROW(name, field) OPTION_ROW(apply_configuration, name, field)
static const option options[] = {
    {ROW("checkpoint", checkpoint), .argument = "C.h5",
     .help = "the trained network; without it and --method the one in the box"},
    {ROW("method", method), .argument = "NAME",
     .help = "instead of a network: lalonde (Lalonde and Efros 2007), xue (Xue "
             "et al. 2012) or xue-zero (the same without a model)"},
    {ROW("data", data), .argument = "F.h5",
     .help = "xue: the packed data set whose model F.h5.xue it takes; fitted "
             "first if it is not there"},
    {ROW("xue-model", xue_model), .argument = "FILE",
     .help = "xue: the model, if it lies elsewhere"},
    {ROW("image", image), .argument = "FILE",
     .help = "the composite, PNG or JPEG, of any size"},
    {ROW("mask", mask), .argument = "FILE",
     .help = "its mask, of the same size: white where the pasted object is; "
             "greys blend"},
    MASK_OPTIONS(apply_configuration, masks, "greys blend",
                 " (of --mask, or without it of the image)"),
    {ROW("output", output), .argument = "FILE",
     .help = "where the harmonized picture goes, .png or .jpg; PNG keeps the "
             "background's pixels bit for bit"},
    {ROW("invert", invert),
     .help = "harmonize the background to the foreground"},
    {ROW("quality", quality), .preset = "95", .min = 1, .max = 100,
     .argument = "Q", .help = "of a JPEG"},
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "0: all cores"},
};
#undef ROW

static const option_table table = {
    .command = "apply",
    .synopsis =
        "[--checkpoint C.h5 | --method NAME] --image I --mask M --output O",
    .description =
        "Harmonizes one picture, by the network that comes with the program, "
        "another one or a method without a network. Networks look at a small "
        "copy; the change of colour they want is made inside the mask at the "
        "picture's own size, so that detail stays and the background is "
        "untouched.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(apply_configuration),
};

/* What makes the picture: a network or a classical method. */
typedef struct maker {
  harmonizer *network;
  const classical *classical;
  data_xue_model *model; /* for xue */
} maker;

static status check_method(const apply_configuration *conf) {
  const classical *method = classical_find(conf->method);
  if (method == NULL)
    return status_error(STATUS_USAGE, "option --method: '%s' is not one of %s",
                        conf->method, classical_names);
  if (method->needs_model && conf->data[0] == '\0' &&
      conf->xue_model[0] == '\0')
    return status_error(STATUS_USAGE,
                        "method xue needs a model: option --data or "
                        "--xue-model");
  return STATUS_OK;
}

static status check(const apply_configuration *conf) {
  if (conf->checkpoint[0] != '\0' && conf->method[0] != '\0')
    return status_error(STATUS_USAGE,
                        "options --checkpoint and --method: one of them");
  if (conf->method[0] != '\0') TRY(check_method(conf));
  const struct {
    const char *name, *value;
  } needed[] = {{"image", conf->image},
                {"mask", conf->masks.alpha ? conf->image : conf->mask},
                {"output", conf->output}};
  for (int i = 0; i < 3; i++)
    if (needed[i].value[0] == '\0')
      return status_error(STATUS_USAGE, "option --%s is missing",
                          needed[i].name);
  return STATUS_OK;
}

/* By --xue-model alone any model is taken; by --data that of the set. */
static status open_model(const apply_configuration *conf, int threads,
                         data_xue_model **out) {
  char path[PATH_MAX];
  TRY(classical_model_path(conf->xue_model, conf->data, path, sizeof path));
  if (conf->data[0] == '\0') return data_xue_model_open(path, NULL, out);
  data_set *set;
  TRY(data_set_open(conf->data, &set));
  status result = classical_model_provide(set, path, threads);
  if (result == STATUS_OK)
    result = data_xue_model_open(path, data_set_describe(set)->identity, out);
  data_set_close(&set);
  return result;
}

static status open_builtin(int threads, harmonizer **out) {
  char path[PATH_MAX];
  TRY(builtin_network(path, sizeof path));
  log_info("by the network in the box, %s", path);
  return harmonizer_open(path, threads, false, out);
}

static status open_maker(const apply_configuration *conf, int threads,
                         maker *out) {
  if (conf->checkpoint[0] != '\0')
    return harmonizer_open(conf->checkpoint, threads, false, &out->network);
  if (conf->method[0] == '\0') return open_builtin(threads, &out->network);
  out->classical = classical_find(conf->method);
  if (!out->classical->needs_model) return STATUS_OK;
  return open_model(conf, threads, &out->model);
}

static void close_maker(maker *how) {
  harmonizer_destroy(&how->network);
  data_xue_model_free(&how->model);
}

/* A picture on its way. */
typedef struct work {
  data_picture picture;
  data_profile *profile;
  data_image mask;
} work;

static void free_work(work *w) {
  data_picture_free(&w->picture);
  data_profile_close(&w->profile);
  data_image_free(&w->mask);
}

typedef struct reading {
  const apply_configuration *conf;
  work *w;
} reading;

/* The picture, or its mask. */
static status read_one(void *context, size_t item) {
  const reading *r = context;
  const apply_configuration *conf = r->conf;
  if (item == 0) return apply_read(conf->image, &r->w->picture, &r->w->profile);
  data_picture like = {0};
  TRY(data_image_read_size(conf->image, &like.width, &like.height));
  return mask_options_read(&conf->masks, conf->mask, conf->image, &like,
                           &r->w->mask);
}

/* Both at once: large ones take a while. */
static status read_pictures(const apply_configuration *conf, int threads,
                            work *w) {
  reading both = {conf, w};
  TRY(threads_for(2, threads, read_one, &both));
  size_t pixels = (size_t)w->mask.width * (size_t)w->mask.height;
  for (size_t i = 0; conf->invert && i < pixels; i++)
    w->mask.pixels[i] = (uint8_t)(255 - w->mask.pixels[i]);
  return STATUS_OK;
}

static status harmonize(const maker *how, int threads, work *w) {
  if (how->network != NULL)
    return apply_network(how->network, threads, w->profile, &w->picture,
                         &w->mask);
  return apply_classical(how->classical, how->model, w->profile, &w->picture,
                         &w->mask);
}

static status write_picture(const apply_configuration *conf,
                            const data_picture *picture) {
  char dropped[DATA_DROPPED_BYTES];
  TRY(data_picture_write(conf->output, picture, (int)conf->quality, dropped));
  if (dropped[0] != '\0')
    log_warning("%s does not have what %s had: %s", conf->output, conf->image,
                dropped);
  log_info("wrote %s (%d x %d pixels)", conf->output, picture->width,
           picture->height);
  return STATUS_OK;
}

/* Nothing is held longer than it is needed: pictures may be large. */
static status run(void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional, (void)positional_count;
  const apply_configuration *conf = configuration;
  TRY(check(conf));
  int threads = conf->threads > 0 ? (int)conf->threads : threads_available();
  maker how = {0};
  work w = {.profile = NULL};
  status result = read_pictures(conf, threads, &w);
  if (result == STATUS_OK) result = open_maker(conf, threads, &how);
  if (result == STATUS_OK) result = harmonize(&how, threads, &w);
  close_maker(&how);
  data_image_free(&w.mask);
  if (result == STATUS_OK) result = write_picture(conf, &w.picture);
  free_work(&w);
  return result;
}

const command command_apply = {
    .summary = "harmonize one picture of any size",
    .table = &table,
    .multiplies = true,
    .run = run,
};
