/* harmonia apply: pictures of any size, one or many. */
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "base/folders.h"
#include "base/log.h"
#include "dist/use/apply_files.h"
#include "dist/use/builtin.h"
#include "dist/cmd/command.h"
#include "dist/cmd/mask_options.h"

typedef struct apply_configuration {
  const char *checkpoint, *method, *data, *xue_model, *image, *mask, *output,
      *list;
  int64_t threads, quality, grow, feather;
  double strength;
  bool invert, force, json;
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
     .help = "the composite, PNG, JPEG or PPM, of any size (- is standard "
             "input); or a folder of them, each NAME with NAME_mask.png "
             "(PCT-Net's names), or one of HCOCO's"},
    {ROW("mask", mask), .argument = "FILE",
     .help = "its mask, of the same size: white where the pasted object is; "
             "greys blend"},
    {ROW("list", list), .argument = "F.tsv",
     .help = "many pictures: a tab-separated list with the columns image, mask "
             "and output in its header; paths begin in its folder"},
    MASK_OPTIONS(apply_configuration, masks, "greys blend",
                 " (of --mask, or without it of the image)"),
    {ROW("output", output), .argument = "FILE",
     .help = "where the harmonized picture goes, .png, .jpg or .ppm, or "
             "standard output (- as PNG, jpg:-, ppm:-); PNG and PPM keep the "
             "background's pixels bit for bit; of many a folder, where they "
             "have the names of their composites"},
    {ROW("force", force),
     .help = "many pictures: make those, too, whose outputs are there"},
    {ROW("invert", invert),
     .help = "harmonize the background to the foreground"},
    {ROW("strength", strength), .preset = "1", .max = 1, .argument = "S",
     .help = "how much of a network's change is made: 0 none, 1 all"},
    {ROW("mask-grow", grow), .preset = "0", .max = 1000, .argument = "N",
     .help = "let the mask grow by N pixels, against a rim of old colours"},
    {ROW("feather", feather), .preset = "0", .max = 1000, .argument = "N",
     .help =
         "let a network's change fade out over N pixels on both sides of the "
         "mask's edge"},
    {ROW("quality", quality), .preset = "95", .min = 1, .max = 100,
     .argument = "Q", .help = "of a JPEG"},
    {ROW("json", json),
     .help = "print a line of JSON a picture: files, SHA-256 of the inputs, "
             "mean change of the object in levels of 255, harmony before and "
             "after (of systems with a code extractor: bargainnet), "
             "milliseconds"},
    {ROW("threads", threads), .preset = "0", .max = 256, .argument = "T",
     .help = "0: all cores"},
};
#undef ROW

static const option_table table = {
    .command = "apply",
    .synopsis =
        "[--checkpoint C.h5 | --method NAME] --image I --mask M --output O",
    .description =
        "Harmonizes a picture, or many in one go (also under mpirun), by the "
        "network that comes with the program, another one or a method without "
        "a network. Networks look at a small "
        "copy; the change of colour they want is made inside the mask at the "
        "picture's own size, so that detail stays and the background is "
        "untouched.",
    .options = options,
    .count = sizeof options / sizeof options[0],
    .size = sizeof(apply_configuration),
};

/* What makes the picture: a network or a classical method. */
typedef struct maker {
  harmonizer_pool *networks;
  harmonizer_pool *scores; /* for --json, where the system has a score */
  const classical *classical;
  data_xue_model *model; /* for xue */
} maker;

/* Classical methods blend by the mask themselves. */
static status check_method(const apply_configuration *conf) {
  if (conf->strength < 1 || conf->feather > 0)
    return status_error(STATUS_USAGE,
                        "options --strength and --feather are for networks, "
                        "not for --method");
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

/* Standard input can be read once, and output has one meaning. */
static status check_standard(const apply_configuration *conf) {
  bool in = strcmp(conf->image, "-") == 0, mask = strcmp(conf->mask, "-") == 0;
  const char *colon = strchr(conf->output, ':'); /* ppm:- */
  bool out = strcmp(colon != NULL ? colon + 1 : conf->output, "-") == 0;
  if (in && (mask || conf->masks.alpha))
    return status_error(STATUS_USAGE,
                        "options --image and %s: standard input "
                        "can be one of the two",
                        mask ? "--mask" : "--mask-alpha");
  if (conf->json && (in || mask || out))
    return status_error(STATUS_USAGE, "option --json: expected files, not -");
  return STATUS_OK;
}

static status check(const apply_configuration *conf, bool many) {
  if (conf->checkpoint[0] != '\0' && conf->method[0] != '\0')
    return status_error(STATUS_USAGE,
                        "options --checkpoint and --method: one of them");
  if (conf->method[0] != '\0') TRY(check_method(conf));
  bool list = conf->list[0] != '\0', named = many || conf->masks.alpha;
  if (list && conf->image[0] != '\0')
    return status_error(STATUS_USAGE,
                        "options --image and --list: one of them");
  if (many && conf->mask[0] != '\0')
    return status_error(STATUS_USAGE,
                        "option --mask: many pictures have masks of their own "
                        "(NAME_mask.png, or the list's)");
  TRY(check_standard(conf));
  const struct {
    const char *name;
    bool there;
  } needed[] = {{"image", list || conf->image[0] != '\0'},
                {"mask", named || conf->mask[0] != '\0'},
                {"output", list || conf->output[0] != '\0'}};
  for (int i = 0; i < 3; i++)
    if (!needed[i].there)
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

static status open_network(const apply_configuration *conf, int threads,
                           harmonizer_pool **out) {
  char path[PATH_MAX];
  const char *checkpoint = conf->checkpoint;
  if (checkpoint[0] == '\0') {
    TRY(builtin_network(path, sizeof path));
    log_info("by the network in the box, %s", path);
    checkpoint = path;
  }
  harmonizer *network;
  TRY(harmonizer_open(checkpoint, threads, false, &network));
  return harmonizer_pool_create(&network, threads, out);
}

/* Of a system without a code extractor there is none. */
static status open_scores(const apply_configuration *conf, int threads,
                          harmonizer_pool **out) {
  harmonizer *network;
  if (!conf->json || conf->checkpoint[0] == '\0') return STATUS_OK;
  status result = harmonizer_open_score(conf->checkpoint, threads, &network);
  if (result == STATUS_MISFIT) return STATUS_OK;
  if (result != STATUS_OK) return result;
  return harmonizer_pool_create(&network, threads, out);
}

static status open_maker(const apply_configuration *conf, int threads,
                         maker *out) {
  if (conf->method[0] == '\0') {
    TRY(open_scores(conf, threads, &out->scores));
    return open_network(conf, threads, &out->networks);
  }
  out->classical = classical_find(conf->method);
  if (!out->classical->needs_model) return STATUS_OK;
  return open_model(conf, threads, &out->model);
}

static void close_maker(maker *by) {
  harmonizer_pool_destroy(&by->networks);
  harmonizer_pool_destroy(&by->scores);
  data_xue_model_free(&by->model);
}

static apply_how how_of(const apply_configuration *conf, const maker *by,
                        int threads) {
  return (apply_how){.networks = by->networks,
                     .classical = by->classical,
                     .model = by->model,
                     .threads = threads,
                     .mask = mask_options_of(&conf->masks, true),
                     .invert = conf->invert,
                     .grow = (int)conf->grow,
                     .feather = (int)conf->feather,
                     .strength = conf->strength,
                     .json = conf->json,
                     .scores = by->scores,
                     .quality = (int)conf->quality};
}

/* ---- one picture ---- */

static status apply_one(const cluster *c, const apply_configuration *conf) {
  if (c->rank > 0) return STATUS_OK;
  int threads = cluster_threads(c, conf->threads);
  maker by = {0};
  status result = open_maker(conf, threads, &by);
  apply_how how = how_of(conf, &by, threads);
  apply_record record =
      apply_record_begin(conf->image, conf->mask, conf->output);
  if (result == STATUS_OK)
    result = apply_file(&how, conf->image, conf->mask, conf->output,
                        conf->json ? &record : NULL);
  if (conf->json && record.outcome != NULL) apply_record_print(&record, stdout);
  close_maker(&by);
  return result;
}

/* ---- many ---- */

static bool is_folder(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

static status list_pairs(const apply_configuration *conf, data_pairs *pairs) {
  if (conf->output[0] != '\0') TRY(make_folders(conf->output));
  if (conf->list[0] != '\0')
    return data_pairs_of_list(conf->list, conf->output, pairs);
  return data_pairs_of_folder(conf->image, conf->output, pairs);
}

/* Rank 0 first: a model that is not there yet is fitted once. */
static status open_makers(const cluster *c, const apply_configuration *conf,
                          int threads, maker *by) {
  status result = c->rank == 0 ? open_maker(conf, threads, by) : STATUS_OK;
  TRY(cluster_agree(c, result));
  if (c->rank > 0) result = open_maker(conf, threads, by);
  return cluster_agree(c, result);
}

/* Pictures side by side; where there are fewer than threads, more at each. */
static status apply_many(const cluster *c, const apply_configuration *conf) {
  data_pairs pairs = {0};
  maker by = {0};
  int threads = cluster_threads(c, conf->threads);
  status result = cluster_agree(c, list_pairs(conf, &pairs));
  size_t own = pairs.count / (size_t)c->ranks + 1;
  int workers = own < (size_t)threads ? (int)own : threads;
  if (result == STATUS_OK)
    result = open_makers(c, conf, threads / workers, &by);
  apply_how how = how_of(conf, &by, threads / workers);
  if (result == STATUS_OK)
    result = apply_files(c, &how, &pairs, workers, conf->force);
  close_maker(&by);
  data_pairs_free(&pairs);
  return result;
}

static status run(const cluster *c, void *configuration, const bool *given,
                  const char **positional, int positional_count) {
  (void)given, (void)positional, (void)positional_count;
  const apply_configuration *conf = configuration;
  bool many = conf->list[0] != '\0' || is_folder(conf->image);
  status result = check(conf, many);
  if (result == STATUS_OK)
    result = many ? apply_many(c, conf) : apply_one(c, conf);
  return cluster_agree(c, result);
}

const command command_apply = {
    .summary = "harmonize pictures of any size",
    .table = &table,
    .multiplies = true,
    .run_collective = run,
    .often_alone = true,
};
