/* Weights in the files of other programs: those of fuzz/corpus/weights, which
 * PyTorch and fuzz/make_weights.py made, and some that are made here. */
#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "checkpoint/checkpoint.h"
#include "tests/tap.h"

enum { NUMBERS_MAX = 64 };

static char folder[400], made[512];

static const char *corpus(const char *name) {
  static char path[800];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  return path;
}

static bool begins_with(const char *text, const char *with) {
  return strncmp(text, with, strlen(with)) == 0;
}

/* ---- what is read ---- */

/* Whether the array has this shape and these numbers. */
static bool holds(ckpt_reader *reader, const char *name, int rank,
                  const uint64_t *shape, const double *numbers) {
  const ckpt_array *found = ckpt_array_find(reader, name);
  double got[NUMBERS_MAX];
  size_t count = 1;
  if (found == NULL || found->rank != rank) return false;
  for (int i = 0; i < rank; i++) {
    if (found->shape[i] != shape[i]) return false;
    count *= shape[i];
  }
  ckpt_array wanted = *found;
  wanted.type = CKPT_FLOAT64;
  if (ckpt_read_array(reader, &wanted, got) != STATUS_OK) return false;
  for (size_t i = 0; i < count; i++)
    if (got[i] != numbers[i] || signbit(got[i]) != signbit(numbers[i]))
      return false;
  return true;
}

static ckpt_reader *opened(const char *path, const char *part) {
  ckpt_reader *reader;
  if (ckpt_reader_open_weights(path, part, &reader) == STATUS_OK) return reader;
  tap_note("%s", status_message());
  return NULL;
}

static bool has_type(ckpt_reader *reader, const char *name, ckpt_type type) {
  const ckpt_array *found = ckpt_array_find(reader, name);
  return found != NULL && found->type == type;
}

/* Each type of numbers, as `small` of make_weights.py makes them. */
static void test_small(const char *file) {
  static const char *const signs[] = {"f32", "f64", "f16", "bf16",
                                      "i64", "i32", "i16", "i8"};
  const uint64_t shape[] = {2, 3}, none[] = {0, 3};
  const double numbers[] = {-2, -1, 0, 1, 2, 3}, bytes[] = {0, 1, 2, 3, 4, 5},
               truths[] = {0, 1, 0, 1, 0, 1};
  ckpt_reader *reader = opened(corpus(file), "");
  bool good = reader != NULL && ckpt_array_count(reader) == 12;
  for (size_t i = 0; good && i < sizeof signs / sizeof signs[0]; i++) {
    good = holds(reader, signs[i], 2, shape, numbers);
    if (!good) tap_note("%s", signs[i]);
  }
  good = good && holds(reader, "u8", 2, shape, bytes) &&
         holds(reader, "bool", 2, shape, truths) &&
         holds(reader, "scalar", 0, NULL, numbers) &&
         holds(reader, "empty", 2, none, NULL);
  tap_ok(good, "%s: numbers of ten types, a scalar, an empty tensor", file);
  good = good && has_type(reader, "bf16", CKPT_FLOAT32) &&
         has_type(reader, "f64", CKPT_FLOAT64) &&
         has_type(reader, "bool", CKPT_INT64);
  tap_ok(good, "%s: what a checkpoint would keep them as", file);
  ckpt_reader_close(&reader);
}

static void test_views(const char *file) {
  const double all[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
               behind[] = {4, 5, 6, 7},
               turned[] = {0, 4, 8, 1, 5, 9, 2, 6, 10, 3, 7, 11},
               every[] = {1, 4, 7, 10}, same[] = {5, 5, 5, 5, 5, 5},
               parameter[] = {0, 3, 6, 9, 1, 4, 7, 10, 2, 5, 8, 11};
  ckpt_reader *reader = opened(corpus(file), "");
  tap_ok(reader != NULL && holds(reader, "whole", 1, (uint64_t[]){12}, all) &&
             holds(reader, "behind", 1, (uint64_t[]){4}, behind) &&
             holds(reader, "turned", 2, (uint64_t[]){4, 3}, turned) &&
             holds(reader, "every", 1, (uint64_t[]){4}, every) &&
             holds(reader, "same", 2, (uint64_t[]){3, 2}, same) &&
             holds(reader, "parameter", 3, (uint64_t[]){3, 2, 2}, parameter),
         "%s: offsets, strides, a parameter, all over one storage", file);
  ckpt_reader_close(&reader);
}

static void test_halves(void) {
  const double halves[] = {0,       -0.0,    1,           -65504,
                           0x1p-24, 0x1p-14, 1 + 0x1p-10, 0x1.554p-2};
  ckpt_reader *reader = opened(corpus("halves.pt"), "");
  tap_ok(reader != NULL && holds(reader, "half", 1, (uint64_t[]){8}, halves),
         "half precision: zeros, the largest, the smallest, the denser ones");
  ckpt_reader_close(&reader);
}

static void test_parts(void) {
  ckpt_reader *reader = opened(corpus("nested.pth"), "");
  tap_ok(reader != NULL && ckpt_array_count(reader) == 2 &&
             holds(reader, "module.weight", 2, (uint64_t[]){1, 2},
                   (double[]){1, 2}),
         "of model and optimizer the model is found");
  ckpt_reader_close(&reader);
  tap_ok(ckpt_reader_open_weights(corpus("parts.pth"), "", &reader) ==
                 STATUS_USAGE &&
             strstr(status_message(), "netG (1 tensors), netD (2 tensors)"),
         "of two models neither, and both are named");
  ckpt_reader_close(&reader);
  reader = opened(corpus("parts.pth"), "netD");
  tap_ok(reader != NULL && ckpt_array_count(reader) == 2 &&
             ckpt_array_find(reader, "c") != NULL,
         "a part by its name");
  ckpt_reader_close(&reader);
  tap_ok(ckpt_reader_open_weights(corpus("parts.pth"), "net", &reader) ==
                 STATUS_USAGE &&
             strstr(status_message(), "has no 'net', but netG"),
         "a part that is not there");
  ckpt_reader_close(&reader);
  tap_ok(ckpt_reader_open_weights(corpus("small.safetensors"), "a", &reader) ==
             STATUS_USAGE,
         "safetensors have no parts");
  ckpt_reader_close(&reader);
}

static void test_texts(void) {
  char text[32] = "";
  ckpt_reader *reader = opened(corpus("small.safetensors"), "");
  tap_ok(reader != NULL && ckpt_text_count(reader) == 2 &&
             ckpt_read_text(reader, "option.model", text, sizeof text) ==
                 STATUS_OK &&
             strcmp(text, "unet") == 0,
         "metadata are texts");
  tap_ok(reader != NULL &&
             ckpt_read_array(
                 reader, &(ckpt_array){.name = "f32", .rank = 1, .shape = {6}},
                 NULL) == STATUS_MISFIT &&
             strstr(status_message(), "[2,3], expected [6]"),
         "another shape is refused");
  ckpt_reader_close(&reader);
}

/* ---- what is refused ---- */

/* By opening it or by reading what it lists. */
static status read_all(const char *path) {
  ckpt_reader *reader;
  TRY(ckpt_reader_open_weights(path, "", &reader));
  status result = ckpt_verify(reader);
  ckpt_reader_close(&reader);
  return result;
}

static bool says(const char *file, const char *what) {
  status got = read_all(corpus(file));
  if (got == STATUS_FORMAT && strstr(status_message(), what)) return true;
  tap_note("%s: %d, %s", file, got, status_message());
  return false;
}

static void test_messages(void) {
  static const char *const cases[][2] = {
      {"bad-os-system-2.pth", "the name posix.system"},
      {"bad-os-system-2-legacy.pth", "the name posix.system"},
      {"bad-os-system-4.pth", "the name posix.system"},
      {"bad-eval-4-legacy.pth", "the name builtins.eval"},
      {"bad-class-2.pth", "the name __main__.Plain"},
      {"bad-inst.pth", "the instruction INST"},
      {"bad-obj.pth", "the name os.system"},
      {"bad-ext.pth", "the instruction EXT1"},
      {"bad-kind.pth", "torch.ComplexFloatStorage"},
      {"bad-call.pth", "calls what cannot be called"},
      {"bad-negated.pth", "negates"},
      {"bad-circle.pth", "no dictionary of tensors"},
      {"bad-deep.pth", "no dictionary of tensors"},
      {"bad-storage.pth", "16 bytes, expected 5 F32"},
      {"bad-outside.pth", "larger than its storage"},
      {"bad-stride-huge.pth", "larger than its storage"},
      {"bad-rank.pth", "5 dimensions"},
      {"bad-twice.pth", "'a' is there twice"},
      {"bad-none.pth", "no entry 'archive/data/0'"},
      {"bad-checksum.pth", "checksum"},
      {"bad-lie.pth", "does not describe"},
      {"bad-beyond.pth", "the file does not hold"},
      {"bad-overlap.pth", "overlap"},
      {"bad-same-name.pth", "two entries"},
      {"bad-bomb.pth", "unpacks to 4194304"},
      {"bad-bomb-pickle.pth", "unpacks to"},
      {"bad-cut.pth", "cut off"},
      {"bad-legacy-cut.pth", "cut off"},
      {"bad-legacy-huge.pth", "cut off"},
      {"bad-cut.safetensors", "cut off"},
      {"bad-overlap.safetensors", "another tensor's"},
      {"bad-outside.safetensors", "does not hold it"},
      {"bad-duplicate.safetensors", "duplicate"},
      {"bad-type.safetensors", "F8_E4M3"},
      {"bad-deep.safetensors", "depth"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
    tap_ok(says(cases[i][0], cases[i][1]), "%s: %s", cases[i][0], cases[i][1]);
}

/* Every file of the corpus: what is bad is refused by a message that names it,
 * all else is read. */
static void test_corpus(void) {
  int bad = 0, good = 0, wrong = 0;
  DIR *list = opendir(folder);
  const struct dirent *entry;
  while (list != NULL && (entry = readdir(list)) != NULL) {
    if (entry->d_name[0] == '.' || begins_with(entry->d_name, "parts."))
      continue;
    status got = read_all(corpus(entry->d_name));
    bool refused =
        got == STATUS_FORMAT && strstr(status_message(), entry->d_name) != NULL;
    bool must = begins_with(entry->d_name, "bad-");
    if (must ? !refused : got != STATUS_OK) {
      tap_note("%s: %d, %s", entry->d_name, got, status_message());
      wrong++;
    }
    must ? bad++ : good++;
  }
  if (list != NULL) closedir(list);
  tap_ok(wrong == 0 && bad > 80 && good > 8, "%d files are read, %d refused",
         good, bad);
}

static void write_made(const void *bytes, size_t size) {
  FILE *file = fopen(made, "wb");
  if (file == NULL || fwrite(bytes, 1, size, file) != size)
    tap_ok(false, "%s is written", made);
  if (file != NULL) fclose(file);
}

/* A pickle may ask for any number of values. */
static void test_many_values(void) {
  enum { MANY = 3 << 20 };
  static const char begin[] = "\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8"
                              "\x50\x19.\x80\x02M\xe9\x03.\x80\x02N.\x80\x02";
  char *bytes = malloc(MANY);
  if (bytes == NULL) return;
  memset(bytes, ']', MANY);
  memcpy(bytes, begin, sizeof begin - 1);
  write_made(bytes, MANY);
  free(bytes);
  tap_ok(read_all(made) == STATUS_FORMAT &&
             strstr(status_message(), "more values than weights have"),
         "three million values are refused");
}

/* All beginnings of a file, but the whole one. */
static void test_cut(const char *name) {
  static char bytes[1 << 16];
  FILE *file = fopen(corpus(name), "rb");
  size_t size = file != NULL ? fread(bytes, 1, sizeof bytes, file) : 0;
  int taken = 0;
  if (file != NULL) fclose(file);
  for (size_t cut = 0; cut < size; cut += 1 + size / 700) {
    write_made(bytes, cut);
    if (read_all(made) != STATUS_FORMAT) taken++;
  }
  tap_ok(size > 0 && taken == 0, "%s: no beginning of it is taken", name);
}

static void test_system(void) {
  ckpt_reader *reader;
  tap_ok(ckpt_reader_open_weights("/nowhere/a.pth", "", &reader) == STATUS_IO,
         "a file that is not there");
  tap_ok(ckpt_reader_open_weights("/", "", &reader) == STATUS_IO, "a folder");
}

/* ---- what is written ---- */

static void test_export(void) {
  char first[600];
  snprintf(first, sizeof first, "%s.first", made);
  ckpt_reader *reader = opened(corpus("small.pth"), "");
  if (reader == NULL) return;
  ckpt_export arrays[] = {{ckpt_array_find(reader, "f32"), "a \"name\""},
                          {ckpt_array_find(reader, "i8"), "whole"},
                          {ckpt_array_find(reader, "scalar"), "scalar"},
                          {ckpt_array_find(reader, "f64"), "wide"},
                          {ckpt_array_find(reader, "empty"), "empty"}};
  ckpt_export_text texts[] = {{"key", "a \\ text"}};
  bool good =
      ckpt_export_safetensors(reader, arrays, 5, texts, 1, made) == STATUS_OK &&
      ckpt_export_safetensors(reader, arrays, 5, texts, 1, first) == STATUS_OK;
  tap_ok(good, "safetensors are written");
  texts[0].text = "\xff";
  tap_ok(ckpt_export_safetensors(reader, arrays, 5, texts, 1, first) ==
             STATUS_FORMAT,
         "a text that is no UTF-8 is refused");
  ckpt_reader_close(&reader);
  const double numbers[] = {-2, -1, 0, 1, 2, 3};
  char text[32] = "";
  reader = opened(made, "");
  const uint64_t shape[] = {2, 3};
  tap_ok(reader != NULL && ckpt_array_count(reader) == 5 &&
             holds(reader, "a \"name\"", 2, shape, numbers) &&
             holds(reader, "whole", 2, shape, numbers) &&
             holds(reader, "wide", 2, shape, numbers) &&
             holds(reader, "scalar", 0, NULL, numbers) &&
             ckpt_read_text(reader, "key", text, sizeof text) == STATUS_OK &&
             strcmp(text, "a \\ text") == 0,
         "and read again: names, numbers, texts");
  ckpt_reader_close(&reader);
}

int main(void) {
  const char *source = getenv("HARMONIA_SOURCE");
  static char log[1 << 16];
  snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/weights",
           source != NULL ? source : ".");
  snprintf(made, sizeof made, "%s/made", tap_scratch_folder());
  log_keep(log, sizeof log);
#if !defined HAVE_MINIZIP || !defined HAVE_JANSSON
  tap_skip("built without minizip or jansson");
  return tap_done();
#endif
  test_small("small.pth");
  test_small("small-legacy.pth");
  test_small("small-protocol4.pth");
  test_small("small-big-endian.pth");
  test_small("small.safetensors");
  test_views("views.pth");
  test_views("views-legacy.pth");
  test_halves();
  test_parts();
  test_texts();
  test_messages();
  test_corpus();
  test_many_values();
  test_cut("small.pth");
  test_cut("small-legacy.pth");
  test_cut("small.safetensors");
  test_system();
  test_export();
  return tap_done();
}
