/* The packed data set: written by the writer, read back; every kind of wrong
 * file is refused with a message that says what is wrong. */
#include <hdf5.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "data/data.h"
#include "tests/tap.h"

enum { SIZE = 12, REALS = 3, MASKS = 4, COUNT = 6, TRAIN = 4 };
enum { IMAGE = SIZE * SIZE * 3, MASK = SIZE * SIZE };

static const size_t real_of[COUNT] = {0, 0, 1, 2, 2, 1};
static const size_t mask_of[COUNT] = {0, 0, 1, 2, 3, 1};
static const char *const protocol = "size 12, made by a test";

static const char *scratch(const char *name) {
  static char paths[4][512];
  static int next;
  char *path = paths[next++ % 4];
  snprintf(path, sizeof paths[0], "%s/%s", tap_scratch_folder(), name);
  return path;
}

/* Image `number` of a kind (0 real, 1 mask, 2 composite). */
static void draw(int kind, size_t number, uint8_t *out) {
  random_stream stream =
      random_stream_make(7, RANDOM_TEST, (uint64_t)kind, (uint32_t)number);
  for (int i = 0; i < (kind == 1 ? MASK : IMAGE); i++)
    out[i] = (uint8_t)(kind == 1 ? 255 * random_below(&stream, 2)
                                 : random_below(&stream, 256));
}

static status add(data_set_writer *writer, int kind, size_t i) {
  uint8_t pixels[IMAGE];
  data_chunk chunk;
  draw(kind, i, pixels);
  TRY(data_chunk_make(pixels, SIZE, kind == 1 ? 1 : 3, 6, &chunk));
  size_t number = i;
  char name[32];
  snprintf(name, sizeof name, "c%zu_%zu_%zu.jpg", real_of[i % COUNT],
           mask_of[i % COUNT], i);
  status result = kind == 0 ? data_set_writer_add_real(writer, &chunk, &number)
                  : kind == 1
                      ? data_set_writer_add_mask(writer, &chunk, &number)
                      : data_set_writer_add_composite(
                            writer, name, i < TRAIN ? DATA_TRAIN : DATA_TEST,
                            real_of[i], mask_of[i], &chunk);
  data_chunk_free(&chunk);
  INVARIANT(number == i, "numbered %zu", number);
  return result;
}

static status write_set(const char *path) {
  const data_set_attributes attributes = {.size = SIZE,
                                          .reals = REALS,
                                          .masks = MASKS,
                                          .count = COUNT,
                                          .compression = 6,
                                          .protocol = protocol,
                                          .source = "test"};
  data_set_writer *writer;
  TRY(data_set_writer_open(path, &attributes, &writer));
  const size_t counts[3] = {REALS, MASKS, COUNT};
  status result = STATUS_OK;
  for (int kind = 2; kind >= 0; kind--) /* composites first: also allowed */
    for (size_t i = 0; i < counts[kind] && result == STATUS_OK; i++)
      result = add(writer, kind, i);
  if (result == STATUS_OK) return data_set_writer_commit(&writer);
  data_set_writer_abort(&writer);
  return result;
}

static bool same_bytes(const char *a, const char *b) {
  char command[1200];
  snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
  return system(command) == 0;
}

/* ---- reading back ---- */

static void check_sample(data_set *set, size_t i, int *wrong) {
  uint8_t composite[IMAGE], mask[MASK], real[IMAGE], want[IMAGE];
  if (data_set_read(set, i, composite, mask, real) != STATUS_OK) {
    tap_note("%s", status_message());
    ++*wrong;
    return;
  }
  draw(2, i, want);
  *wrong += memcmp(composite, want, IMAGE) != 0;
  draw(1, mask_of[i], want);
  *wrong += memcmp(mask, want, MASK) != 0;
  draw(0, real_of[i], want);
  *wrong += memcmp(real, want, IMAGE) != 0;
}

static void test_round_trip(void) {
  const char *path = scratch("good.h5");
  bool written = write_set(path) == STATUS_OK;
  tap_ok(written, "a set is written");
  if (!written) tap_note("%s", status_message());
  tap_ok(access(scratch("good.h5.tmp"), F_OK) != 0, "no .tmp is left");
  data_set *set;
  status result = data_set_open(path, &set);
  tap_ok(result == STATUS_OK, "and opens");
  if (result != STATUS_OK) {
    tap_note("%s", status_message());
    return;
  }
  const data_set_info *info = data_set_describe(set);
  tap_ok(info->size == SIZE && info->count == COUNT && info->reals == REALS &&
             info->masks == MASKS && info->split_begin[DATA_TRAIN] == 0 &&
             info->split_count[DATA_TRAIN] == TRAIN &&
             info->split_begin[DATA_TEST] == TRAIN &&
             info->split_count[DATA_TEST] == COUNT - TRAIN &&
             strcmp(info->protocol, protocol) == 0 &&
             strlen(info->identity) == 64,
         "its description is what was written");
  int wrong = 0;
  for (size_t i = COUNT; i-- > 0;) check_sample(set, i, &wrong);
  tap_ok(wrong == 0, "all pixels come back");
  tap_ok(strcmp(data_set_name(set, 5), "c1_1_5.jpg") == 0, "names too");
  tap_ok(data_set_read(set, 0, NULL, NULL, NULL) == STATUS_OK,
         "any pointer may be NULL");
  data_set *second;
  tap_ok(data_set_open(path, &second) == STATUS_OK, "it opens twice");
  data_set_close(&second);
  data_set_close(&set);
  tap_ok(set == NULL, "and closes");
  write_set(scratch("again.h5"));
  tap_ok(same_bytes(path, scratch("again.h5")), "written twice: equal bytes");
}

/* ---- wrong files ---- */

/* Opening fails with a message that names the file and holds `word`. */
static void check_refused(const char *path, status code, const char *word,
                          const char *what) {
  data_set *set;
  status result = data_set_open(path, &set);
  bool told = result == code && strstr(status_message(), path) != NULL &&
              strstr(status_message(), word) != NULL;
  tap_ok(told && set == NULL, "refused: %s", what);
  if (!told)
    tap_note("status %d: %s", (int)result,
             result == STATUS_OK ? "" : status_message());
  data_set_close(&set);
}

static hid_t open_copy(const char *path) {
  write_set(path);
  return H5Fopen(path, H5F_ACC_RDWR, H5P_DEFAULT);
}

static void set_number(const char *path, const char *name, uint64_t value) {
  hid_t file = open_copy(path);
  hid_t attribute = H5Aopen(file, name, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_UINT64, &value);
  H5Aclose(attribute);
  H5Fclose(file);
}

/* Element `at` of an index array. */
static void set_element(const char *path, const char *name, hsize_t at,
                        uint32_t value) {
  hid_t file = open_copy(path);
  hid_t dataset = H5Dopen2(file, name, H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset);
  hsize_t one = 1;
  hid_t single = H5Screate_simple(1, &one, NULL);
  H5Sselect_elements(space, H5S_SELECT_SET, 1, &at);
  H5Dwrite(dataset, H5T_NATIVE_UINT32, single, space, H5P_DEFAULT, &value);
  H5Sclose(single);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
}

static void test_foreign_files(void) {
  const char *path = scratch("bad.h5");
  check_refused(path, STATUS_IO, "No such file", "no file");
  check_refused(tap_scratch_folder(), STATUS_FORMAT, "not a regular file",
                "a folder");
  FILE *file = fopen(path, "w");
  fclose(file);
  check_refused(path, STATUS_FORMAT, "not an HDF5 file", "an empty file");
  file = fopen(path, "w");
  for (int i = 0; i < 1000; i++) fprintf(file, "text\n");
  fclose(file);
  check_refused(path, STATUS_FORMAT, "not an HDF5 file", "a text file");
  H5Fclose(H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT));
  check_refused(path, STATUS_FORMAT, "not a data set", "another HDF5 file");
  write_set(path);
  struct stat about;
  stat(path, &about);
  for (int part = 1; part < 8; part++) {
    char what[64];
    write_set(path);
    if (truncate(path, about.st_size * part / 8) != 0) exit(1);
    snprintf(what, sizeof what, "a file cut at %d/8", part);
    check_refused(path, STATUS_FORMAT, "truncated", what);
  }
}

static void test_wrong_contents(void) {
  const char *path = scratch("bad.h5");
  set_number(path, "complete", 0);
  check_refused(path, STATUS_FORMAT, "unfinished", "an unfinished set");
  set_number(path, "version", 2);
  check_refused(path, STATUS_FORMAT, "version 2", "a later version");
  set_number(path, "size", SIZE + 1);
  check_refused(path, STATUS_FORMAT, "/reals is not of bytes", "another size");
  set_number(path, "size", 0);
  check_refused(path, STATUS_FORMAT, "attribute size", "size zero");
  set_number(path, "count", 4000000000u);
  check_refused(path, STATUS_FORMAT, "count", "a count of four milliards");
  set_number(path, "train_count", COUNT + 1);
  check_refused(path, STATUS_FORMAT, "train_count", "too many for train");
  set_number(path, "reals", REALS + 1);
  check_refused(path, STATUS_FORMAT, "/reals", "another number of reals");
  set_element(path, "/index/real", 4, REALS);
  check_refused(path, STATUS_FORMAT, "sample 4: real image 3", "a real beyond");
  set_element(path, "/index/mask", 2, 77);
  check_refused(path, STATUS_FORMAT, "sample 2: mask 77", "a mask beyond");
  set_element(path, "/index/split", 5, 0);
  check_refused(path, STATUS_FORMAT, "sample 5: split", "train after test");
  set_element(path, "/index/real", 0, 1);
  check_refused(path, STATUS_FORMAT, "index is damaged", "another real image");
  set_element(path, "/index/mask_crc32", 1, 1);
  check_refused(path, STATUS_FORMAT, "index is damaged", "another checksum");
  hid_t file = open_copy(path);
  H5Ldelete(file, "/masks", H5P_DEFAULT);
  H5Fclose(file);
  check_refused(path, STATUS_FORMAT, "/masks is missing", "no masks");
  file = open_copy(path);
  H5Adelete(file, "identity");
  H5Fclose(file);
  check_refused(path, STATUS_FORMAT, "identity is missing", "no identity");
}

/* What HDF5 would read, but no set has. */
static void test_wrong_storage(void) {
  const char *path = scratch("bad.h5");
  hid_t file = open_copy(path);
  hsize_t dims[3] = {MASKS, SIZE, SIZE}, half[3] = {1, SIZE / 2, SIZE};
  hid_t space = H5Screate_simple(3, dims, NULL);
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 3, half);
  H5Ldelete(file, "/masks", H5P_DEFAULT);
  H5Dclose(H5Dcreate2(file, "/masks", H5T_STD_U8LE, space, H5P_DEFAULT,
                      creation, H5P_DEFAULT));
  H5Fclose(file);
  check_refused(path, STATUS_FORMAT, "an image a chunk", "half an image each");
  file = open_copy(path);
  H5Pset_chunk(creation, 3, (hsize_t[3]){1, SIZE, SIZE});
  H5Pset_scaleoffset(creation, H5Z_SO_INT, H5Z_SO_INT_MINBITS_DEFAULT);
  H5Ldelete(file, "/masks", H5P_DEFAULT);
  H5Dclose(H5Dcreate2(file, "/masks", H5T_STD_U8LE, space, H5P_DEFAULT,
                      creation, H5P_DEFAULT));
  H5Fclose(file);
  H5Pclose(creation);
  H5Sclose(space);
  check_refused(path, STATUS_FORMAT, "/masks is not", "an unknown filter");
}

/* Every byte of one stored chunk, turned over in turn: never wrong pixels. */
static void test_damaged_pixels(void) {
  const char *path = scratch("bad.h5");
  hid_t file = open_copy(path);
  hid_t dataset = H5Dopen2(file, "/composites", H5P_DEFAULT);
  hsize_t offset[4] = {3, 0, 0, 0}, bytes = 0;
  uint32_t filters;
  H5Dget_chunk_storage_size(dataset, offset, &bytes);
  uint8_t *chunk = malloc(bytes), pixels[IMAGE], mask[MASK];
  H5Dread_chunk(dataset, H5P_DEFAULT, offset, &filters, chunk);
  H5Dclose(dataset);
  H5Fclose(file);
  FILE *raw = fopen(path, "r+b");
  fseek(raw, 0, SEEK_END);
  size_t length = (size_t)ftell(raw);
  uint8_t *all = malloc(length);
  rewind(raw);
  if (fread(all, 1, length, raw) != length) exit(1);
  uint8_t *at = memmem(all, length, chunk, bytes);
  INVARIANT(at != NULL, "the chunk is not in the file");
  size_t noticed = 0, others = 0;
  for (size_t i = 0; i < bytes; i += 7) {
    uint8_t turned = (uint8_t)~at[i];
    fseek(raw, at + i - all, SEEK_SET);
    fwrite(&turned, 1, 1, raw);
    fflush(raw);
    data_set *set;
    if (data_set_open(path, &set) == STATUS_OK) {
      noticed += data_set_read(set, 3, pixels, mask, NULL) == STATUS_FORMAT &&
                 strstr(status_message(), path) != NULL &&
                 strstr(status_message(), "sample 3 (c2_2_3.jpg)") != NULL &&
                 strstr(status_message(), "composite is damaged") != NULL;
      others += data_set_read(set, 2, pixels, mask, pixels) == STATUS_OK;
    }
    data_set_close(&set);
    fseek(raw, at + i - all, SEEK_SET);
    fwrite(at + i, 1, 1, raw);
    fflush(raw);
  }
  size_t tried = (bytes + 6) / 7;
  tap_ok(noticed == tried, "%zu of %zu turned bytes are noticed", noticed,
         tried);
  tap_ok(others == tried, "... and do not harm other samples");
  fclose(raw);
  free(all);
  free(chunk);
}

/* An image that another program wrote over: HDF5 finds nothing wrong. */
static void test_replaced_pixels(void) {
  const char *path = scratch("bad.h5");
  hid_t file = open_copy(path);
  hid_t dataset = H5Dopen2(file, "/reals", H5P_DEFAULT);
  hid_t space = H5Dget_space(dataset);
  hsize_t start[4] = {1, 0, 0, 0}, extent[4] = {1, SIZE, SIZE, 3};
  hid_t image = H5Screate_simple(4, extent, NULL);
  uint8_t pixels[IMAGE];
  draw(0, 2, pixels);
  H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL);
  H5Dwrite(dataset, H5T_NATIVE_UINT8, image, space, H5P_DEFAULT, pixels);
  H5Sclose(image);
  H5Sclose(space);
  H5Dclose(dataset);
  H5Fclose(file);
  data_set *set;
  bool opened = data_set_open(path, &set) == STATUS_OK;
  tap_ok(opened && data_set_read(set, 2, NULL, NULL, pixels) == STATUS_FORMAT &&
             strstr(status_message(), "sample 2 (c1_1_2.jpg)") != NULL &&
             strstr(status_message(), "real image is damaged") != NULL,
         "an image written over is noticed");
  tap_ok(opened && data_set_read(set, 3, NULL, NULL, pixels) == STATUS_OK,
         "... and does not harm others");
  data_set_close(&set);
}

/* ---- chunks ---- */

static void test_chunks(void) {
  uint8_t pixels[IMAGE] = {0};
  data_chunk chunk;
  pixels[3] = 255, pixels[5] = 255;
  tap_ok(data_chunk_make(pixels, SIZE, 1, 9, &chunk) == STATUS_OK &&
             chunk.foreground == 2,
         "the foreground of a mask is counted");
  data_chunk_free(&chunk);
  pixels[7] = 254;
  tap_ok(data_chunk_make(pixels, SIZE, 1, 9, &chunk) == STATUS_FORMAT &&
             chunk.bytes == NULL,
         "a mask of other values is refused");
}

/* ---- full disk ---- */

/* In a child: writes with files limited to `bytes`; 0 if it fails as it should,
 * with nothing left behind. */
static int write_limited(const char *path, rlim_t bytes) {
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = {bytes, bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
  if (write_set(path) != STATUS_IO) return 1;
  if (strstr(status_message(), "File too large") == NULL) return 2;
  char temporary[600];
  snprintf(temporary, sizeof temporary, "%s.tmp", path);
  return access(path, F_OK) == 0 || access(temporary, F_OK) == 0 ? 3 : 0;
}

static void test_full_disk(void) {
  const char *path = scratch("full.h5");
  struct stat about;
  stat(scratch("good.h5"), &about);
  int bad = 0;
  for (int part = 0; part < 24; part++) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
      _exit(write_limited(path, (rlim_t)(about.st_size * part / 24)));
    int how = 0;
    waitpid(child, &how, 0);
    if (how == 0) continue;
    bad++;
    tap_note("at %d/24: %s %d", part, WIFSIGNALED(how) ? "signal" : "exit",
             WIFSIGNALED(how) ? WTERMSIG(how) : WEXITSTATUS(how));
  }
  tap_ok(bad == 0, "a disk that fills at 24 places: told, nothing left behind");
}

/* ---- size ---- */

static status write_many(const char *path, size_t count) {
  const data_set_attributes attributes = {.size = 4,
                                          .reals = count,
                                          .masks = count,
                                          .count = count,
                                          .protocol = "many",
                                          .source = "test"};
  uint8_t pixels[48] = {0};
  data_set_writer *writer;
  data_chunk image, mask;
  TRY(data_set_writer_open(path, &attributes, &writer));
  TRY(data_chunk_make(pixels, 4, 3, 1, &image));
  TRY(data_chunk_make(pixels, 4, 1, 1, &mask));
  for (size_t i = 0; i < count; i++) {
    char name[32];
    snprintf(name, sizeof name, "c%zu_1_1.jpg", i);
    TRY(data_set_writer_add_real(writer, &image, NULL));
    TRY(data_set_writer_add_mask(writer, &mask, NULL));
    TRY(data_set_writer_add_composite(writer, name, DATA_TRAIN, i, i, &image));
  }
  data_chunk_free(&image);
  data_chunk_free(&mask);
  return data_set_writer_commit(&writer);
}

static void test_many(void) {
  enum { MANY = 42828 };
  const char *path = scratch("many.h5");
  double before = clock_seconds();
  bool written = write_many(path, MANY) == STATUS_OK;
  tap_ok(written, "%d samples are written in %.2f s", MANY,
         clock_seconds() - before);
  data_set *set;
  uint8_t pixels[48], mask[16];
  clock_t start = clock(); /* of the CPU: the machine may have other work */
  status result = data_set_open(path, &set);
  double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
  tap_ok(result == STATUS_OK && seconds < 0.5, "... and open in %.3f s",
         seconds);
  tap_ok(result == STATUS_OK &&
             data_set_read(set, MANY - 1, pixels, mask, pixels) == STATUS_OK,
         "... and the last of them is read");
  data_set_close(&set);
}

int main(void) {
  test_round_trip();
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  test_chunks();
  test_foreign_files();
  test_wrong_contents();
  test_wrong_storage();
  test_damaged_pixels();
  test_replaced_pixels();
  test_full_disk();
  test_many();
  return tap_done();
}
