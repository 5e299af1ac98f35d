/* Reading the files of Keras and torchvision. */
#include "dist/state/vgg_weights.h"

#include <math.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "checkpoint/checkpoint.h"

/* Number of each convolution among torchvision's `features`. */
static const int torchvision_index[NN_VGG_CONVS] = {0,  2,  5,  7,  10, 12, 14,
                                                    17, 19, 21, 24, 26, 28};

typedef struct vgg_file {
  const char *path;
  ckpt_reader *reader;
  nn_vgg_weights *weights;
  char prefix[CKPT_NAME_SIZE]; /* groups above the layers, with a slash */
} vgg_file;

/* ---- one convolution ---- */

static status check_finite(const vgg_file *f, const char *name,
                           const nn_real *values, size_t count) {
  for (size_t i = 0; i < count; i++)
    if (!isfinite(values[i]))
      return status_error(STATUS_FORMAT, "%s: array '%s' holds %g", f->path,
                          name, (double)values[i]);
  return STATUS_OK;
}

/* An array of the given shape as nn_reals; the message names `layer`. */
static status read_values(const vgg_file *f, const char *layer,
                          const ckpt_array *array, nn_real *values) {
  if (ckpt_array_find(f->reader, array->name) == NULL)
    return status_error(STATUS_FORMAT, "%s: layer %s lacks the array '%s'",
                        f->path, layer, array->name);
  status result = ckpt_read_array(f->reader, array, values);
  if (result != STATUS_OK) return status_context(result, "layer %s", layer);
  size_t count = 1;
  for (int i = 0; i < array->rank; i++) count *= (size_t)array->shape[i];
  return check_finite(f, array->name, values, count);
}

static status read_bias(const vgg_file *f, int i, const char *layer,
                        ckpt_array *array) {
  array->type = CKPT_FLOAT32;
  array->rank = 1;
  array->shape[0] = (uint64_t)nn_vgg_conv_at(f->weights->width, i).out;
  return read_values(f, layer, array, f->weights->bias[i]);
}

/* ---- Keras ---- */

enum { KERAS_NAMES = 8 };

static void keras_layer(int i, char layer[32]) {
  nn_vgg_conv c = nn_vgg_conv_at(1, i);
  snprintf(layer, 32, "block%d_conv%d", c.block, c.number);
}

static status keras_names(const vgg_file *f, const char *prefix, int i,
                          char names[KERAS_NAMES][CKPT_NAME_SIZE],
                          size_t *count) {
  char layer[32], group[CKPT_NAME_SIZE + 32];
  keras_layer(i, layer);
  snprintf(group, sizeof group, "%s%s", prefix, layer);
  return ckpt_read_names(f->reader, group, "weight_names", KERAS_NAMES, names,
                         count);
}

/* Whether any layer has its group; where the groups are. */
static status find_keras(vgg_file *f, bool *found) {
  static const char *const prefixes[] = {"", "model_weights/"};
  char names[KERAS_NAMES][CKPT_NAME_SIZE];
  *found = false;
  for (int p = 0; p < 2; p++)
    for (int i = 0; i < f->weights->convs && !*found; i++) {
      size_t count;
      TRY(keras_names(f, prefixes[p], i, names, &count));
      *found = count > 0;
      if (*found) snprintf(f->prefix, sizeof f->prefix, "%s", prefixes[p]);
    }
  return STATUS_OK;
}

/* "block1_conv1/" and the path below it. */
static status keras_path(const vgg_file *f, const char *layer, const char *name,
                         ckpt_array *array) {
  int length = snprintf(array->name, sizeof array->name, "%s%s/%s", f->prefix,
                        layer, name);
  if (length < (int)sizeof array->name) return STATUS_OK;
  return status_error(STATUS_FORMAT, "%s: layer %s has a name of %d characters",
                      f->path, layer, length);
}

static status read_keras(const vgg_file *f, int i) {
  char layer[32], names[KERAS_NAMES][CKPT_NAME_SIZE];
  size_t count;
  keras_layer(i, layer);
  TRY(keras_names(f, f->prefix, i, names, &count));
  if (count == 0)
    return status_error(STATUS_FORMAT,
                        "%s: layer %s is missing (no group of that name with "
                        "weight_names)",
                        f->path, layer);
  if (count != 2)
    return status_error(STATUS_FORMAT,
                        "%s: layer %s has %zu weights, expected kernel and "
                        "bias",
                        f->path, layer, count);
  nn_vgg_conv c = nn_vgg_conv_at(f->weights->width, i);
  ckpt_array kernel = {.type = CKPT_FLOAT32,
                       .rank = 4,
                       .shape = {3, 3, (uint64_t)c.in, (uint64_t)c.out}};
  ckpt_array bias = {0};
  TRY(keras_path(f, layer, names[0], &kernel));
  TRY(keras_path(f, layer, names[1], &bias));
  TRY(read_values(f, layer, &kernel, f->weights->weight[i]));
  return read_bias(f, i, layer, &bias);
}

/* ---- torchvision ---- */

/* Whether `name` is that of an array, with groups in front or not. */
static bool ends_with(const char *name, const char *end) {
  size_t length = strlen(name), wanted = strlen(end);
  if (length < wanted || strcmp(name + length - wanted, end) != 0) return false;
  return length == wanted || name[length - wanted - 1] == '/';
}

static bool find_torchvision(vgg_file *f) {
  for (int i = 0; i < f->weights->convs; i++) {
    char end[32];
    snprintf(end, sizeof end, "features.%d.weight", torchvision_index[i]);
    for (size_t k = 0; k < ckpt_array_count(f->reader); k++) {
      const char *name = ckpt_array_at(f->reader, k)->name;
      if (!ends_with(name, end)) continue;
      snprintf(f->prefix, sizeof f->prefix, "%.*s",
               (int)(strlen(name) - strlen(end)), name);
      return true;
    }
  }
  return false;
}

/* [out,in,3,3] to [3,3,in,out] */
static void transpose(const nn_real *from, nn_vgg_conv c, nn_real *to) {
  size_t in = (size_t)c.in, out = (size_t)c.out;
  for (size_t o = 0; o < out; o++)
    for (size_t i = 0; i < in; i++)
      for (size_t k = 0; k < 9; k++)
        to[(k * in + i) * out + o] = from[(o * in + i) * 9 + k];
}

static status read_torchvision(const vgg_file *f, int i) {
  char layer[32];
  snprintf(layer, sizeof layer, "features.%d", torchvision_index[i]);
  nn_vgg_conv c = nn_vgg_conv_at(f->weights->width, i);
  ckpt_array kernel = {.type = CKPT_FLOAT32,
                       .rank = 4,
                       .shape = {(uint64_t)c.out, (uint64_t)c.in, 3, 3}};
  ckpt_array bias = {0};
  snprintf(kernel.name, sizeof kernel.name, "%.200s%s.weight", f->prefix,
           layer);
  snprintf(bias.name, sizeof bias.name, "%.200s%s.bias", f->prefix, layer);
  nn_real *values;
  TRY(MEMORY_NEW(9 * (size_t)c.in * (size_t)c.out, layer, &values));
  status result = read_values(f, layer, &kernel, values);
  if (result == STATUS_OK) transpose(values, c, f->weights->weight[i]);
  memory_free(values);
  TRY(result);
  return read_bias(f, i, layer, &bias);
}

/* ---- a file ---- */

static status read_file(vgg_file *f) {
  bool keras;
  TRY(find_keras(f, &keras));
  if (!keras && !find_torchvision(f))
    return status_error(STATUS_FORMAT,
                        "%s: no weights of VGG16 (expected Keras' groups "
                        "block1_conv1, ... with weight_names, or torchvision's "
                        "arrays features.0.weight, ...)",
                        f->path);
  for (int i = 0; i < f->weights->convs; i++)
    TRY(keras ? read_keras(f, i) : read_torchvision(f, i));
  if (keras)
    nn_vgg_input_caffe(f->weights);
  else
    nn_vgg_input_torchvision(f->weights);
  log_info("VGG16 weights: %s (%s)", f->path, keras ? "Keras" : "torchvision");
  return STATUS_OK;
}

status vgg_weights_load(const char *path, int width, int convs,
                        nn_vgg_weights **out) {
  TRY(nn_vgg_weights_create(width, convs, out));
  if (path == NULL || path[0] == '\0') {
    log_info("no --vgg-weights: a fixed random VGG16 of seed %d stands in",
             NN_VGG_SEED);
    nn_vgg_weights_random(*out, NN_VGG_SEED);
    return STATUS_OK;
  }
  vgg_file f = {.path = path, .weights = *out};
  status result = ckpt_reader_open_weights(path, "", &f.reader);
  if (result == STATUS_OK) {
    result = read_file(&f);
    ckpt_reader_close(&f.reader);
  }
  if (result != STATUS_OK) nn_vgg_weights_destroy(out);
  return result;
}
