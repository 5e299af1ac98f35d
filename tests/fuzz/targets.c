/* The readers, each as what it makes of a file: mostly all that its public
 * interface offers. */
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <hdf5.h>

#include "base/memory.h"
#include "checkpoint/checkpoint.h"
#include "data/data.h"
#include "dist/draw/csv.h"
#include "dist/state/train_options.h"
#include "dist/state/vgg_weights.h"
#include "tests/fuzz/fuzz.h"

/* Larger ones take time and show nothing new. */
enum { ELEMENTS_MAX = 1 << 20, SIDE_MAX = 512, TEXT_SIZE = 512 };

/* ---- data sets ---- */

static bool read_samples(data_set *set) {
  const data_set_info *info = data_set_describe(set);
  size_t pixels = (size_t)info->size * (size_t)info->size;
  if (info->size > SIDE_MAX) return false;
  uint8_t *bytes = memory_new(7, pixels, "a sample");
  bool good = bytes != NULL;
  for (size_t i = 0; i < info->count && bytes != NULL && i < 8; i++)
    if (data_set_read(set, i, bytes, bytes + 3 * pixels, bytes + 4 * pixels) !=
        STATUS_OK)
      good = false;
  memory_free(bytes);
  return good;
}

static bool read_set(const char *path) {
  data_set *set;
  bool good = data_set_open(path, &set) == STATUS_OK && read_samples(set);
  data_set_close(&set);
  return good;
}

/* ---- checkpoints ---- */

static void read_texts(ckpt_reader *reader) {
  char key[CKPT_NAME_SIZE], text[CKPT_TEXT_SIZE], *texts = NULL;
  for (size_t i = 0; i < ckpt_text_count(reader); i++)
    if (ckpt_text_key(reader, i, key, sizeof key) == STATUS_OK)
      ckpt_read_text(reader, key, text, sizeof text);
  train_options options;
  options_defaults(&train_option_table, &options);
  train_options_load(&options, NULL, reader, &texts);
  memory_free(texts);
}

static void read_arrays(ckpt_reader *reader) {
  for (size_t i = 0; i < ckpt_array_count(reader); i++) {
    ckpt_array array = *ckpt_array_at(reader, i);
    size_t count = 1;
    for (int k = 0; k < array.rank; k++) count *= array.shape[k];
    double *values;
    if (count > ELEMENTS_MAX ||
        MEMORY_NEW(count, "values", &values) != STATUS_OK)
      continue;
    array.type = (ckpt_type)(i % 3);
    ckpt_read_array(reader, &array, values);
    memory_free(values);
  }
}

static bool read_checkpoint(const char *path) {
  ckpt_reader *reader;
  bool good = false;
  if (ckpt_reader_open(path, &reader) == STATUS_OK) {
    good = ckpt_verify(reader) == STATUS_OK;
    read_texts(reader);
    read_arrays(reader);
    ckpt_reader_close(&reader);
  }
  /* the same without the digest, which few changes leave right */
  if (ckpt_reader_open_weights(path, "", &reader) != STATUS_OK) return false;
  read_texts(reader);
  read_arrays(reader);
  ckpt_reader_close(&reader);
  return good;
}

static bool read_vgg(const char *path) {
  nn_vgg_weights *weights;
  if (vgg_weights_load(path, 2, 3, &weights) != STATUS_OK) return false;
  nn_vgg_weights_destroy(&weights);
  return true;
}

/* ---- what the program writes beside ---- */

static bool read_table(const char *path) {
  csv_reader *reader;
  if (csv_open(path, &reader) != STATUS_OK) return false;
  int columns = csv_columns(reader);
  double *values;
  if (MEMORY_NEW((size_t)columns, "a row", &values) == STATUS_OK)
    while (csv_next(reader, values)) {
    }
  for (int i = 0; i < columns; i++) csv_find(reader, csv_heading(reader, i));
  memory_free(values);
  csv_close(&reader);
  return true;
}

/* A picture whose object is its left half, so that forests are walked. */
static void use_model(const data_xue_model *model) {
  enum { SIDE = 24 };
  data_image image, mask, out;
  if (data_image_create(SIDE, SIDE, 3, &image) != STATUS_OK) return;
  if (data_image_create(SIDE, SIDE, 1, &mask) == STATUS_OK) {
    for (int i = 0; i < SIDE * SIDE; i++) {
      mask.pixels[i] = i % SIDE < SIDE / 2 ? 255 : 0;
      for (int c = 0; c < 3; c++)
        image.pixels[3 * i + c] = (uint8_t)(7 * i * (c + 1));
    }
    if (data_xue(model, &image, &mask, &out) == STATUS_OK)
      data_image_free(&out);
    data_image_free(&mask);
  }
  data_image_free(&image);
}

static bool read_model(const char *path) {
  data_xue_model *model;
  bool good = data_xue_model_open(path, NULL, &model) == STATUS_OK;
  if (good) use_model(model);
  data_xue_model_free(&model);
  return good;
}

/* ---- options ---- */

/* A line an argument; they stay in `text`. */
static int split_lines(char *text, char **lines, int room) {
  int count = 0;
  for (char *rest = text; rest != NULL && *rest != '\0' && count < room;)
    lines[count++] = strsep(&rest, "\n");
  return count;
}

static bool parse_arguments(char *text) {
  char *arguments[64], value[TEXT_SIZE];
  const char *positional[8];
  int count = split_lines(text, arguments, 64), found = 0;
  bool given[128] = {false}, help;
  train_options options;
  options_defaults(&train_option_table, &options);
  if (options_parse(&train_option_table, &options, count, arguments, positional,
                    &found, given, &help) != STATUS_OK)
    return false;
  if (help) return true;
  train_options_preset(&options, given);
  for (int i = 0; i < options_count(&train_option_table); i++) {
    options_format(&train_option_table, &options, i, value, sizeof value);
    options_set(&train_option_table, &options,
                train_option_table.options[i].name, value);
  }
  return true;
}

static bool read_options(const char *path) {
  static char text[FUZZ_BYTES_MAX + 1];
  FILE *file = fopen(path, "rb");
  if (file == NULL) fuzz_fail("%s cannot be opened", path);
  size_t size = fread(text, 1, FUZZ_BYTES_MAX, file);
  fclose(file);
  text[size] = '\0';
  return parse_arguments(text);
}

/* ---- the fuzzer itself ---- */

/* HDF5 calls it. */
static herr_t crash_within(unsigned depth, const H5E_error2_t *error,
                           void *unused) {
  (void)depth, (void)error, (void)unused;
  abort();
}

/* Does what readers must not do where the input asks for it. */
static bool misbehave(const char *path) {
  static void *volatile lost; /* the compiler must not see through it */
  char word[8] = "";
  FILE *file = fopen(path, "rb");
  if (file == NULL || fread(word, 1, sizeof word - 1, file) == 0)
    fuzz_fail("%s cannot be read", path);
  if (strncmp(word, "open", 4) != 0) fclose(file);
  if (strncmp(word, "crash", 5) == 0) abort();
  if (strncmp(word, "object", 6) == 0) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1024, false);
    H5Fcreate("left open", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    H5Pclose(access);
  }
  if (strncmp(word, "hdf5", 4) == 0) H5Fis_hdf5((const char *)1);
  if (strncmp(word, "calls", 5) == 0) {
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    H5Fis_hdf5("none");
    H5Ewalk2(H5E_DEFAULT, H5E_WALK_UPWARD, crash_within, NULL);
  }
  if (strncmp(word, "leak", 4) == 0) {
    lost = malloc(100);
    if (lost != NULL) lost = NULL;
  }
  return strncmp(word, "refuse", 6) != 0;
}

/* ---- the table ---- */

static const char *const list_words[] = {"\xef\xbb\xbf",
                                         "\r\n",
                                         "\n",
                                         "c1_1_1.jpg",
                                         "a_b_2_3.JPG",
                                         "_",
                                         "HCOCO/composite_images/",
                                         "composite_images/",
                                         "/",
                                         "\\",
                                         ".",
                                         NULL};
static const char *const index_words[] = {"\xef\xbb\xbf",
                                          "\r\n",
                                          "\n",
                                          "\t",
                                          "name",
                                          "split",
                                          "category",
                                          "scene",
                                          "train",
                                          "test",
                                          "validation",
                                          "a\ttrain\tcat\ts\n",
                                          "1234567890123456789",
                                          NULL};
static const char *const hosts_words[] = {"\n",
                                          "\r\n",
                                          "\xef\xbb\xbf",
                                          "#",
                                          " slots=",
                                          "slots=2",
                                          "slots = 0x10",
                                          "slots=08",
                                          "slots=99999999999999999999",
                                          "$(touch canary)",
                                          "`touch canary`",
                                          ";touch canary;",
                                          "|touch canary",
                                          "&touch canary&",
                                          ">canary",
                                          "-oProxyCommand=x",
                                          "../../canary",
                                          "localhost",
                                          "*",
                                          "'",
                                          "\"",
                                          "\\",
                                          "here slots=1\n",
                                          NULL};
static const char *const table_words[] = {",",     "\n", "\r\n", "nan", "-inf",
                                          "1e999", "\"", "step", NULL};
static const char *const option_words[] = {"--lr=",
                                           "--steps",
                                           "\n",
                                           "1e308",
                                           "-1",
                                           "--model\ndovenet\n",
                                           "--resume\n",
                                           "--resume=no\n",
                                           "9223372036854775808",
                                           "nan",
                                           "inf",
                                           "0x1p3",
                                           "--",
                                           "-h",
                                           "auto",
                                           "--batch=",
                                           NULL};

const fuzz_target fuzz_targets[] = {
    {"png", NULL, NULL, fuzz_read_picture, fuzz_mend_png, NULL},
    {"jpeg", NULL, NULL, fuzz_read_picture, NULL, NULL},
    {"ppm", NULL, NULL, fuzz_read_picture, NULL, NULL},
    {"list", fuzz_prepare_list, "HCOCO/HCOCO_train.txt", fuzz_read_list, NULL,
     list_words},
    {"index", NULL, "index.tsv", fuzz_read_index, NULL, index_words},
    {"hosts", fuzz_prepare_hosts, "hosts", fuzz_read_hosts, NULL, hosts_words},
    {"set", NULL, NULL, read_set, fuzz_mend_hdf5, NULL},
    {"checkpoint", NULL, NULL, read_checkpoint, fuzz_mend_checkpoint, NULL},
    {"vgg", NULL, NULL, read_vgg, fuzz_mend_hdf5, NULL},
#if defined HAVE_MINIZIP && defined HAVE_JANSSON
    {"weights", NULL, NULL, fuzz_read_weights, fuzz_mend_zip,
     fuzz_weight_words},
#endif
    {"csv", NULL, NULL, read_table, NULL, table_words},
    {"xue", NULL, NULL, read_model, fuzz_mend_xue, NULL},
    {"options", NULL, NULL, read_options, NULL, option_words},
};
const size_t fuzz_target_count = sizeof fuzz_targets / sizeof fuzz_targets[0];

/* Not among the readers: tests/fuzz.sh looks whether faults are found. */
static const fuzz_target itself = {"itself", NULL, NULL, misbehave, NULL, NULL};

const fuzz_target *fuzz_find(const char *name) {
  for (size_t i = 0; i < fuzz_target_count; i++)
    if (strcmp(fuzz_targets[i].name, name) == 0) return &fuzz_targets[i];
  return strcmp(name, itself.name) == 0 ? &itself : NULL;
}

/* ---- the sanitizers ---- */

const char *__asan_default_options(void);
const char *__ubsan_default_options(void);
const char *__lsan_default_options(void);
const char *__lsan_default_suppressions(void);

/* A size that a file claims may be more than there is: then malloc fails. */
const char *__asan_default_options(void) {
  return "allocator_may_return_null=1:max_allocation_size_mb=512:"
         "handle_abort=1";
}

const char *__lsan_default_options(void) { return "print_suppressions=0"; }

const char *__ubsan_default_options(void) { return "print_stacktrace=1"; }

/* What HDF5 1.10 loses of a damaged file's metadata; objects of it that are
 * left open are counted instead. */
const char *__lsan_default_suppressions(void) { return "leak:libhdf5\n"; }

/* ---- one input ---- */

static struct {
  const fuzz_target *target;
  char folder[FUZZ_PATH_MAX], path[2 * FUZZ_PATH_MAX];
  int file;
} now = {.file = -1};

void fuzz_fail(const char *format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fputs("fuzz: ", stderr);
  vfprintf(stderr, format, arguments);
  va_end(arguments);
  fputc('\n', stderr);
  abort();
}

/* ---- what is open ---- */

/* The number that the next one would get. */
static int next_file(void) {
  int file = dup(now.file);
  close(file);
  return file;
}

void fuzz_open(const fuzz_target *target) {
  const char *base = getenv("TMPDIR");
  now.target = target;
  snprintf(now.folder, sizeof now.folder, "%s/harmonia-fuzz-XXXXXX",
           base != NULL ? base : "/tmp");
  if (mkdtemp(now.folder) == NULL) fuzz_fail("%s: no folder", now.folder);
  if (target->prepare != NULL) target->prepare(now.folder);
  snprintf(now.path, sizeof now.path, "%s/%s", now.folder,
           target->file != NULL ? target->file : "input");
  now.file = open(now.path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (now.file < 0 || chdir(now.folder) != 0)
    fuzz_fail("%s: no file", now.path);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
}

/* The file has a name, because HDF5 asks for the real one. Cutting it after
 * writing keeps file systems from writing it to the disk at once. */
bool fuzz_try(const uint8_t *bytes, size_t size) {
  if (pwrite(now.file, bytes, size, 0) != (ssize_t)size ||
      ftruncate(now.file, (off_t)size) != 0)
    fuzz_fail("%s cannot be written", now.path);
  int before = next_file();
  bool good = now.target->read(now.path);
  if (next_file() != before) fuzz_fail("a file was left open");
  ssize_t objects = H5Fget_obj_count(H5F_OBJ_ALL, H5F_OBJ_ALL);
  if (objects != 0) fuzz_fail("%zd HDF5 objects were left open", objects);
  return good;
}
