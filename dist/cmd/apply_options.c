/* Options of harmonia apply, and what is asked of them before long work. */
#include "dist/cmd/apply_options.h"

#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/publish.h"
#include "dist/use/methods.h"

#define ROW(name, field) OPTION_ROW(apply_configuration, name, field)
static const option options[] = {
    {ROW("image", image), .argument = "FILE",
     .help = "the composite, PNG, JPEG or PPM, of any size (- is standard "
             "input); or a folder of them, each NAME with NAME_mask.png "
             "(PCT-Net's names), or one of HCOCO's"},
    {ROW("mask", mask), .argument = "FILE",
     .help = "its mask, of the same size: white where the pasted object is; "
             "greys blend"},
    {ROW("output", output), .argument = "FILE",
     .help = "where the harmonized picture goes, .png, .jpg or .ppm, or "
             "standard output (- as PNG, jpg:-, ppm:-); PNG and PPM keep the "
             "background's pixels bit for bit; of many a folder, where they "
             "have the names of their composites"},
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
    {ROW("cutout", cutout), .argument = "FILE",
     .help =
         "instead of --image: an object with alpha (or with --mask, then of "
         "its size), which is laid over --background; its alpha there is "
         "the mask"},
    {ROW("background", background), .argument = "FILE",
     .help = "what the cut-out is laid over; the output keeps its size, bits, "
             "profile and metadata"},
    {ROW("at", at), .preset = "0,0", .argument = "X,Y",
     .help =
         "where the cut-out's upper left corner comes to lie, in pixels; it "
         "may stick out"},
    {ROW("scale", scale), .preset = "1", .argument = "S",
     .help = "how many times as wide and high the cut-out becomes"},
    {ROW("list", list), .argument = "F.tsv",
     .help = "many pictures: a tab-separated list with the columns image, mask "
             "and output (or cutout, background, at, scale and output) in its "
             "header; paths begin in its folder"},
    MASK_OPTIONS(apply_configuration, masks, "greys blend",
                 " (of --mask, or without it of the image)"),
    {ROW("object", products[APPLY_OBJECT]), .argument = "F.png",
     .help =
         "the harmonized object alone, RGBA, whose alpha is the mask, to be "
         "laid over the untouched picture; of many a folder, as for the "
         "next three"},
    {ROW("difference", products[APPLY_DIFFERENCE]), .argument = "F.png",
     .help =
         "output less input, 16 bits: 32768 + half the difference in levels "
         "of 65535"},
    {ROW("lut", products[APPLY_LUT]), .argument = "F.cube",
     .help = "a network's change as a 3D table of colours, where it is one for "
             "the whole object (heads affine-image, affine-object, curves)"},
    {ROW("maps", products[APPLY_MAPS]), .argument = "F.h5",
     .help = "the numbers of a network's change, in HDF5"},
    {ROW("lut-size", lut_size), .preset = "33", .min = 2, .max = 256,
     .argument = "N", .help = "colours a side of --lut"},
    {ROW("force", force),
     .help = "many pictures: make those, too, whose outputs are there"},
    {ROW("invert", invert),
     .help = "harmonize the background, where the mask is black, to the "
             "foreground"},
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

const option_table apply_option_table = {
    .command = "apply",
    .synopsis =
        "--image I --mask M --output O [--checkpoint C.h5 | --method NAME]",
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

/* Classical methods blend by the mask themselves. */
static status check_method(const apply_configuration *conf) {
  const apply_product of_networks[] = {APPLY_OBJECT, APPLY_LUT, APPLY_MAPS};
  for (int i = 0; i < 3; i++)
    if (conf->products[of_networks[i]][0] != '\0')
      return status_error(STATUS_USAGE,
                          "option --%s is for networks, not for --method",
                          apply_product_names[of_networks[i]]);
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

/* ---- cut-outs ---- */

static bool is_folder(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 && S_ISDIR(about.st_mode);
}

bool apply_options_many(const apply_configuration *conf) {
  return conf->list[0] != '\0' ||
         (conf->cutout[0] == '\0' && is_folder(conf->image));
}

static status check_cutout(const apply_configuration *conf, const bool *given) {
  static const char *const with_it[] = {"background", "at", "scale"};
  data_placing at;
  if (conf->cutout[0] == '\0') {
    for (int i = 0; i < 3; i++)
      if (given[options_find(&apply_option_table, with_it[i])])
        return status_error(STATUS_USAGE, "option --%s is for a --cutout",
                            with_it[i]);
    return STATUS_OK;
  }
  bool list = conf->list[0] != '\0';
  if (conf->image[0] != '\0' || list)
    return status_error(STATUS_USAGE, "options --%s and --cutout: one of them",
                        list ? "list" : "image");
  if (conf->background[0] == '\0')
    return status_error(STATUS_USAGE,
                        "option --background is missing: what --cutout is laid "
                        "over");
  if (is_folder(conf->cutout))
    return status_error(STATUS_USAGE,
                        "option --cutout: %s is a folder; expected a file, or "
                        "many in a --list",
                        conf->cutout);
  return data_placing_read("option --", conf->at, conf->scale, &at);
}

/* ---- files ---- */

static bool is_standard(const char *path) {
  const char *colon = strchr(path, ':'); /* ppm:- */
  return strcmp(colon != NULL ? colon + 1 : path, "-") == 0;
}

static status read_twice(const char *one, const char *other) {
  return status_error(STATUS_USAGE,
                      "options --%s and --%s: standard input can be one of the "
                      "two",
                      one, other);
}

/* What is there would be taken for what is to be made. */
static status check_folder(const apply_configuration *conf) {
  struct stat from, to;
  if (!is_folder(conf->image) || !is_folder(conf->output) ||
      stat(conf->image, &from) != 0 || stat(conf->output, &to) != 0 ||
      from.st_dev != to.st_dev || from.st_ino != to.st_ino)
    return STATUS_OK;
  return status_error(STATUS_USAGE,
                      "option --output: %s is the folder of the pictures; "
                      "expected another",
                      conf->output);
}

/* Standard input can be read once, and output has one meaning. */
static status check_standard(const apply_configuration *conf) {
  const struct {
    const char *name, *path;
  } read[] = {{"image", conf->image},
              {"background", conf->background},
              {"cutout", conf->cutout},
              {"mask", conf->mask}};
  int first = -1;
  for (int i = 0; i < 4; i++) {
    if (strcmp(read[i].path, "-") != 0) continue;
    if (first >= 0) return read_twice(read[first].name, read[i].name);
    if (i == 0 && conf->masks.alpha) return read_twice("image", "mask-alpha");
    if (i == 2 && conf->masks.threshold > 0 && conf->mask[0] == '\0')
      return read_twice("cutout", "mask-threshold");
    first = i;
  }
  if (conf->json && (first >= 0 || is_standard(conf->output)))
    return status_error(STATUS_USAGE, "option --json: expected files, not -");
  return STATUS_OK;
}

static bool ends_in(const char *path, const char *ending) {
  size_t length = strlen(path), tail = strlen(ending);
  return length > tail && strcasecmp(path + length - tail, ending) == 0;
}

/* One picture's: asked before long work. */
static status check_product(const apply_configuration *conf, int i) {
  const char *path = conf->products[i], *name = apply_product_names[i];
  if (!ends_in(path, apply_product_endings[i]))
    return status_error(STATUS_USAGE,
                        "option --%s: '%s'; expected a file that ends in %s",
                        name, path, apply_product_endings[i]);
  if (strcmp(path, conf->output) == 0)
    return status_error(STATUS_USAGE,
                        "options --output and --%s are the same file", name);
  for (int j = 0; j < i; j++)
    if (strcmp(path, conf->products[j]) == 0)
      return status_error(STATUS_USAGE,
                          "options --%s and --%s are the same file",
                          apply_product_names[j], name);
  status result = publish_check(path);
  return result == STATUS_OK ? result
                             : status_context(result, "option --%s", name);
}

static status check_products(const apply_configuration *conf, const bool *given,
                             bool *any) {
  bool many = apply_options_many(conf);
  *any = false;
  for (int i = 0; i < APPLY_PRODUCTS; i++) {
    if (conf->products[i][0] == '\0') continue;
    *any = true;
    if (!many) TRY(check_product(conf, i));
  }
  if (conf->products[APPLY_LUT][0] == '\0' &&
      given[options_find(&apply_option_table, "lut-size")])
    return status_error(STATUS_USAGE, "option --lut-size is for --lut");
  return STATUS_OK;
}

/* ---- all of them ---- */

static status check_needed(const apply_configuration *conf, bool products) {
  bool list = conf->list[0] != '\0', many = apply_options_many(conf);
  bool cutout = conf->cutout[0] != '\0';
  const struct {
    const char *name;
    bool there;
  } needed[] = {
      {"image", list || cutout || conf->image[0] != '\0'},
      {"mask", many || cutout || conf->masks.alpha || conf->mask[0] != '\0'},
      {"output", list || (products && !many) || conf->output[0] != '\0'}};
  for (int i = 0; i < 3; i++)
    if (!needed[i].there)
      return status_error(STATUS_USAGE, "option --%s is missing",
                          needed[i].name);
  return STATUS_OK;
}

status apply_options_check(const apply_configuration *conf, const bool *given) {
  bool products;
  if (conf->checkpoint[0] != '\0' && conf->method[0] != '\0')
    return status_error(STATUS_USAGE,
                        "options --checkpoint and --method: one of them");
  if (conf->method[0] != '\0') TRY(check_method(conf));
  if (conf->list[0] != '\0' && conf->image[0] != '\0')
    return status_error(STATUS_USAGE,
                        "options --image and --list: one of them");
  TRY(check_cutout(conf, given));
  if (apply_options_many(conf) && conf->mask[0] != '\0')
    return status_error(STATUS_USAGE,
                        "option --mask: many pictures have masks of their own "
                        "(NAME_mask.png, or the list's)");
  TRY(check_standard(conf));
  TRY(check_folder(conf));
  TRY(check_products(conf, given, &products));
  return check_needed(conf, products);
}
