/* VGG16's weights from files in the forms of Keras and torchvision, made here
 * of known numbers, and from files that lack something. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hdf5.h>

#include "checkpoint/checkpoint.h"
#include "dist/state/vgg_weights.h"
#include "tests/tap.h"

enum { WIDTH = 2, LONGEST = 9 * 16 * 16 };

typedef enum form {
  KERAS,        /* /block1_conv1/block1_conv1_W_1:0, fixed strings */
  KERAS_NESTED, /* /block1_conv1/block1_conv1/kernel:0, variable strings */
  KERAS_MODEL,  /* the same in /model_weights */
  TORCHVISION,  /* features.0.weight */
  TORCHVISION_IN_GROUP
} form;

/* What is wrong with a file: at convolution `at`. */
typedef enum fault {
  WHOLE,
  NO_LAYER,
  NO_KERNEL,
  BAD_SHAPE,
  NOT_A_NUMBER,
  ONE_NAME,
  NAMES_NO_STRINGS
} fault;

static char path[512];

static float weight_of(int conv, int k, int in, int out) {
  return (float)(conv * 100 + k * 10 + in) + (float)out / 64;
}

static float bias_of(int conv, int out) {
  return (float)(-conv) - (float)out / 8;
}

static hid_t make_groups(hid_t file, const char *name) {
  hid_t link = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(link, 1);
  hid_t group = H5Gcreate2(file, name, link, H5P_DEFAULT, H5P_DEFAULT);
  H5Pclose(link);
  return group;
}

static void write_array(hid_t file, const char *name, int rank,
                        const hsize_t *shape, const float *values) {
  hid_t link = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(link, 1);
  hid_t space = H5Screate_simple(rank, shape, NULL);
  hid_t set = H5Dcreate2(file, name, H5T_IEEE_F32LE, space, link, H5P_DEFAULT,
                         H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(set);
  H5Sclose(space);
  H5Pclose(link);
}

static void write_names(hid_t group, const char names[2][64], int count,
                        bool variable, bool strings) {
  hsize_t extent = (hsize_t)count;
  hid_t space = H5Screate_simple(1, &extent, NULL), type = H5Tcopy(H5T_C_S1);
  /* as numpy makes them: exactly as long as the longest, no terminator */
  size_t longest =
      strlen(names[0]) > strlen(names[1]) ? strlen(names[0]) : strlen(names[1]);
  H5Tset_size(type, variable ? H5T_VARIABLE : longest);
  H5Tset_strpad(type, variable ? H5T_STR_NULLTERM : H5T_STR_NULLPAD);
  hid_t attribute =
      H5Acreate2(group, "weight_names", strings ? type : H5T_NATIVE_INT, space,
                 H5P_DEFAULT, H5P_DEFAULT);
  char fixed[2 * 64] = "";
  for (int i = 0; i < count; i++)
    memcpy(fixed + (size_t)i * longest, names[i], strlen(names[i]));
  const char *pointers[2] = {names[0], names[1]};
  const int numbers[2] = {1, 2};
  if (!strings)
    H5Awrite(attribute, H5T_NATIVE_INT, numbers);
  else
    H5Awrite(attribute, type, variable ? (const void *)pointers : fixed);
  H5Aclose(attribute);
  H5Tclose(type);
  H5Sclose(space);
}

/* Kernel values in the form's order of axes. The same logical convolution
 * in each: Keras' first one takes BGR, torchvision's RGB. */
static void fill_kernel(form kind, int conv, nn_vgg_conv c, float *values) {
  for (int k = 0; k < 9; k++)
    for (int i = 0; i < c.in; i++)
      for (int o = 0; o < c.out; o++) {
        int colour = conv == 0 ? 2 - i : i;
        if (kind <= KERAS_MODEL)
          values[(k * c.in + i) * c.out + o] = weight_of(conv, k, colour, o);
        else
          values[(o * c.in + i) * 9 + k] = weight_of(conv, k, i, o);
      }
}

static void write_keras(hid_t file, form kind, int conv, fault wrong,
                        const hsize_t *shape, const float *kernel,
                        const float *bias) {
  nn_vgg_conv c = nn_vgg_conv_at(WIDTH, conv);
  char layer[32], group[64], names[2][64], name[160];
  snprintf(layer, sizeof layer, "block%d_conv%d", c.block, c.number);
  snprintf(group, sizeof group, "%s%s",
           kind == KERAS_MODEL ? "model_weights/" : "", layer);
  snprintf(names[0], sizeof names[0],
           kind == KERAS ? "%s_W_1:0" : "%s/kernel:0", layer);
  snprintf(names[1], sizeof names[1], kind == KERAS ? "%s_b_1:0" : "%s/bias:0",
           layer);
  hid_t at = make_groups(file, group);
  write_names(at, (const char(*)[64])names, wrong == ONE_NAME ? 1 : 2,
              kind != KERAS, wrong != NAMES_NO_STRINGS);
  H5Gclose(at);
  snprintf(name, sizeof name, "%s/%s", group, names[0]);
  if (wrong != NO_KERNEL) write_array(file, name, 4, shape, kernel);
  snprintf(name, sizeof name, "%s/%s", group, names[1]);
  hsize_t out = (hsize_t)c.out;
  write_array(file, name, 1, &out, bias);
}

static void write_torchvision(hid_t file, form kind, int conv, fault wrong,
                              const hsize_t *shape, const float *kernel,
                              const float *bias) {
  static const int index[NN_VGG_CONVS] = {0,  2,  5,  7,  10, 12, 14,
                                          17, 19, 21, 24, 26, 28};
  const char *group = kind == TORCHVISION ? "" : "state_dict/";
  char name[64];
  snprintf(name, sizeof name, "%sfeatures.%d.weight", group, index[conv]);
  if (wrong != NO_KERNEL) write_array(file, name, 4, shape, kernel);
  snprintf(name, sizeof name, "%sfeatures.%d.bias", group, index[conv]);
  hsize_t out = (hsize_t)nn_vgg_conv_at(WIDTH, conv).out;
  write_array(file, name, 1, &out, bias);
}

static void write_file(form kind, int convs, fault wrong, int at) {
  static float kernel[LONGEST], bias[64];
  hid_t file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  for (int conv = 0; conv < convs; conv++) {
    fault here = conv == at ? wrong : WHOLE;
    if (here == NO_LAYER) continue;
    nn_vgg_conv c = nn_vgg_conv_at(WIDTH, conv);
    fill_kernel(kind, conv, c, kernel);
    for (int o = 0; o < c.out; o++) bias[o] = bias_of(conv, o);
    if (here == NOT_A_NUMBER) kernel[5] = NAN;
    hsize_t in = (hsize_t)c.in, out = (hsize_t)c.out;
    const hsize_t hwio[4] = {3, 3, in, out}, oihw[4] = {out, in, 3, 3};
    bool keras = (kind <= KERAS_MODEL) != (here == BAD_SHAPE);
    if (kind <= KERAS_MODEL)
      write_keras(file, kind, conv, here, keras ? hwio : oihw, kernel, bias);
    else
      write_torchvision(file, kind, conv, here, keras ? hwio : oihw, kernel,
                        bias);
  }
  H5Fclose(file);
}

static bool has_known_numbers(const nn_vgg_weights *w) {
  for (int conv = 0; conv < w->convs; conv++) {
    nn_vgg_conv c = nn_vgg_conv_at(WIDTH, conv);
    for (int o = 0; o < c.out; o++) {
      if (w->bias[conv][o] != bias_of(conv, o)) return false;
      for (int k = 0; k < 9; k++)
        for (int i = 0; i < c.in; i++)
          if (w->weight[conv][(k * c.in + i) * c.out + o] !=
              weight_of(conv, k, i, o))
            return false;
    }
  }
  return true;
}

static void check_forms(void) {
  static const char *const names[] = {"Keras", "Keras, nested",
                                      "Keras, a whole model", "torchvision",
                                      "torchvision in a group"};
  for (form kind = KERAS; kind <= TORCHVISION_IN_GROUP; kind++)
    for (int convs = 10; convs <= NN_VGG_CONVS; convs += 3) {
      write_file(kind, NN_VGG_CONVS, WHOLE, -1);
      nn_vgg_weights *w = NULL;
      bool good = vgg_weights_load(path, WIDTH, convs, &w) == STATUS_OK;
      tap_ok(good && has_known_numbers(w), "%s: the numbers of %d convolutions",
             names[kind], convs);
      if (!good) tap_note("%s", status_message());
      float red = kind <= KERAS_MODEL ? 127.5F - 123.68F : 0.015F / 0.229F;
      tap_ok(good && fabsf((float)w->shift[0] - red) < 1e-4F,
             "%s: its input is that of %s", names[kind],
             kind <= KERAS_MODEL ? "Caffe" : "torchvision");
      nn_vgg_weights_destroy(&w);
    }
}

/* torchvision's names in another program's format. */
static void check_safetensors(void) {
#ifdef HAVE_JANSSON
  ckpt_export arrays[2 * NN_VGG_CONVS];
  size_t count = 0;
  ckpt_reader *reader;
  nn_vgg_weights *w = NULL;
  char other[600];
  snprintf(other, sizeof other, "%s.safetensors", path);
  write_file(TORCHVISION, NN_VGG_CONVS, WHOLE, -1);
  bool good = ckpt_reader_open_weights(path, "", &reader) == STATUS_OK;
  for (; good && count < ckpt_array_count(reader); count++) {
    const ckpt_array *array = ckpt_array_at(reader, count);
    arrays[count] = (ckpt_export){array, array->name};
  }
  good = good && ckpt_export_safetensors(reader, arrays, count, NULL, 0,
                                         other) == STATUS_OK;
  ckpt_reader_close(&reader);
  good = good && vgg_weights_load(other, WIDTH, 10, &w) == STATUS_OK;
  tap_ok(good && has_known_numbers(w), "torchvision's names in safetensors");
  if (!good) tap_note("%s", status_message());
  nn_vgg_weights_destroy(&w);
#else
  tap_skip("built without jansson");
#endif
}

/* The failure's message names the file and `what`. */
static void check_refused(status expected, const char *what,
                          const char *title) {
  nn_vgg_weights *w = NULL;
  status got = vgg_weights_load(path, WIDTH, 10, &w);
  const char *message = got == STATUS_OK ? "" : status_message();
  bool good = got == expected && w == NULL && strstr(message, what) != NULL &&
              strstr(message, path) != NULL;
  tap_ok(good, "%s: refused", title);
  tap_note("%s", message);
  nn_vgg_weights_destroy(&w);
}

static void check_faults(void) {
  static const struct {
    form kind;
    fault wrong;
    int at;
    status expected;
    const char *what, *title;
  } cases[] = {
      {KERAS, NO_LAYER, 4, STATUS_FORMAT, "layer block3_conv1 is missing",
       "Keras without a layer"},
      {KERAS, NO_LAYER, 0, STATUS_FORMAT, "layer block1_conv1 is missing",
       "Keras without the first layer"},
      {KERAS_NESTED, NO_KERNEL, 9, STATUS_FORMAT, "block4_conv3/kernel:0",
       "a name without its array"},
      {KERAS, BAD_SHAPE, 2, STATUS_MISFIT, "layer block2_conv1",
       "Keras in Theano's order"},
      {KERAS, NOT_A_NUMBER, 1, STATUS_FORMAT, "nan", "a NaN"},
      {KERAS_MODEL, ONE_NAME, 3, STATUS_FORMAT, "layer block2_conv2 has 1",
       "a layer without bias"},
      {KERAS, NAMES_NO_STRINGS, 0, STATUS_FORMAT, "weight_names",
       "names that are numbers"},
      {TORCHVISION, NO_LAYER, 9, STATUS_FORMAT, "features.21",
       "torchvision without a layer"},
      {TORCHVISION, NO_LAYER, 0, STATUS_FORMAT, "features.0",
       "torchvision without the first layer"},
      {TORCHVISION, BAD_SHAPE, 5, STATUS_MISFIT, "layer features.12",
       "torchvision of another shape"},
      {TORCHVISION, NOT_A_NUMBER, 8, STATUS_FORMAT, "features.19.weight",
       "a NaN in torchvision's"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
    write_file(cases[i].kind, NN_VGG_CONVS, cases[i].wrong, cases[i].at);
    check_refused(cases[i].expected, cases[i].what, cases[i].title);
  }
  write_file(KERAS, 7, WHOLE, -1);
  check_refused(STATUS_FORMAT, "layer block4_conv1 is missing",
                "Keras of three blocks");
  write_file(KERAS, 0, WHOLE, -1);
  check_refused(STATUS_FORMAT, "block1_conv1", "an empty file");
}

static void check_other_files(void) {
  FILE *file = fopen(path, "w");
  if (file != NULL) {
    fputs("no HDF5\n", file);
    fclose(file);
  }
  check_refused(STATUS_FORMAT, "HDF5", "a text file");
  remove(path);
  check_refused(STATUS_IO, "No such file", "no file");
}

static void check_random(void) {
  nn_vgg_weights *a = NULL, *b = NULL;
  bool good = vgg_weights_load(NULL, WIDTH, 10, &a) == STATUS_OK &&
              vgg_weights_load("", WIDTH, 10, &b) == STATUS_OK;
  tap_ok(good && a->weight[9][3] == b->weight[9][3] && a->weight[9][3] != 0,
         "without a file: the fixed random network");
  nn_vgg_weights_destroy(&a);
  nn_vgg_weights_destroy(&b);
}

int main(void) {
  snprintf(path, sizeof path, "%s/vgg.h5", tap_scratch_folder());
  check_forms();
  check_safetensors();
  check_faults();
  check_other_files();
  check_random();
  return tap_done();
}
