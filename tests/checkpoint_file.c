/* Checkpoint files: what is written is read; what is damaged is refused. */
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <hdf5.h>

#include "base/log.h"
#include "base/random.h"
#include "checkpoint/checkpoint.h"
#include "tests/tap.h"

#ifdef __SANITIZE_ADDRESS__
/* HDF5 itself loses some memory where a file is damaged. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void) { return "leak:libhdf5"; }
#endif

static char path[512], other[512];

static ckpt_array named(const char *name, ckpt_type type, int rank, uint64_t a,
                        uint64_t b, uint64_t c, uint64_t d) {
  ckpt_array array = {.type = type, .rank = rank, .shape = {a, b, c, d}};
  snprintf(array.name, sizeof array.name, "%s", name);
  return array;
}

enum { BIG = 70 * 64 * 11 * 13 }; /* 2.6 MB: several chunks, uneven */
static float big[BIG], back[BIG];

static void fill(uint64_t seed) {
  random_stream stream = random_stream_make(seed, RANDOM_TEST, 0, 0);
  for (int i = 0; i < BIG; i++) big[i] = (float)random_normal(&stream);
}

static const char long_text_character = 'x';

/* The same checkpoint each time, but for `text`. */
static status write_sample(const char *where, const char *text) {
  ckpt_writer *writer;
  TRY(ckpt_writer_open(where, &writer));
  static char long_text[CKPT_TEXT_SIZE];
  memset(long_text, long_text_character, sizeof long_text - 1);
  status s = ckpt_write_text(writer, "step", text);
  if (s == STATUS_OK) s = ckpt_write_text(writer, "long", long_text);
  if (s == STATUS_OK) s = ckpt_write_text(writer, "empty", "");
  char key[32];
  for (int i = 0; i < 60 && s == STATUS_OK; i++) {
    snprintf(key, sizeof key, "option %02d", i);
    s = ckpt_write_text(writer, key, key);
  }
  ckpt_array weights =
      named("G/model.model.0.weight", CKPT_FLOAT32, 4, 70, 64, 11, 13);
  if (s == STATUS_OK) s = ckpt_write_array(writer, &weights, big);
  double wide[3] = {M_PI, -INFINITY, 1e-300};
  ckpt_array moment =
      named("optimizer/exp_avg/G/a.b", CKPT_FLOAT64, 1, 3, 0, 0, 0);
  if (s == STATUS_OK) s = ckpt_write_array(writer, &moment, wide);
  int64_t tracked = INT64_C(1) << 60;
  ckpt_array scalar =
      named("G/bn.num_batches_tracked", CKPT_INT64, 0, 0, 0, 0, 0);
  if (s == STATUS_OK) s = ckpt_write_array(writer, &scalar, &tracked);
  ckpt_array empty = named("G/empty", CKPT_FLOAT32, 2, 0, 5, 0, 0);
  if (s == STATUS_OK) s = ckpt_write_array(writer, &empty, big);
  if (s != STATUS_OK) {
    ckpt_writer_abandon(&writer);
    return s;
  }
  return ckpt_writer_commit(&writer);
}

static size_t file_size(const char *where) {
  struct stat about;
  return stat(where, &about) == 0 ? (size_t)about.st_size : 0;
}

static unsigned char *slurp(const char *where, size_t *size) {
  *size = file_size(where);
  unsigned char *bytes = malloc(*size + 1);
  FILE *file = fopen(where, "rb");
  if (bytes == NULL || file == NULL || fread(bytes, 1, *size, file) != *size)
    exit(1);
  fclose(file);
  return bytes;
}

static void spill(const char *where, const unsigned char *bytes, size_t size) {
  FILE *file = fopen(where, "wb");
  if (file == NULL || fwrite(bytes, 1, size, file) != size || fclose(file) != 0)
    exit(1);
}

/* How many files in the scratch folder have ".tmp-" in their names. */
static int temporaries(void) {
  char command[600];
  snprintf(command, sizeof command, "ls '%s' | grep -c tmp-",
           tap_scratch_folder());
  FILE *pipe = popen(command, "r");
  int count = -1;
  if (pipe == NULL || fscanf(pipe, "%d", &count) != 1) count = -1;
  if (pipe != NULL) pclose(pipe);
  return count;
}

static int open_descriptors(void) {
  int count = 0;
  for (int i = 0; i < 256; i++) count += fcntl(i, F_GETFD) >= 0;
  return count;
}

/* ---- whole files ---- */

static void test_texts(ckpt_reader *reader) {
  char text[CKPT_TEXT_SIZE], key[CKPT_NAME_SIZE];
  tap_ok(ckpt_text_count(reader) == 63, "all texts are there");
  tap_ok(ckpt_read_text(reader, "step", text, sizeof text) == STATUS_OK &&
             strcmp(text, "1200") == 0,
         "a text comes back");
  tap_ok(ckpt_read_text(reader, "long", text, sizeof text) == STATUS_OK &&
             strlen(text) == CKPT_TEXT_SIZE - 1,
         "the longest text comes back");
  tap_ok(ckpt_read_text(reader, "empty", text, sizeof text) == STATUS_OK &&
             text[0] == '\0',
         "an empty text comes back");
  tap_ok(ckpt_has_text(reader, "empty") && !ckpt_has_text(reader, "absent"),
         "texts are known by name");
  tap_ok(ckpt_read_text(reader, "absent", text, sizeof text) == STATUS_FORMAT &&
             strstr(status_message(), "absent") != NULL,
         "a missing text is named");
  tap_ok(ckpt_read_text(reader, "long", text, 10) == STATUS_FORMAT,
         "a text longer than the buffer is refused");
  bool sorted = true;
  char before[CKPT_NAME_SIZE] = "";
  for (size_t i = 0; i < ckpt_text_count(reader); i++) {
    sorted &= ckpt_text_key(reader, i, key, sizeof key) == STATUS_OK &&
              strcmp(before, key) < 0;
    strcpy(before, key);
  }
  tap_ok(sorted, "keys come in order");
}

static void test_arrays(ckpt_reader *reader) {
  tap_ok(ckpt_array_count(reader) == 4, "all arrays are there");
  tap_ok(strcmp(ckpt_array_at(reader, 0)->name, "G/bn.num_batches_tracked") ==
             0,
         "arrays come in order");
  const ckpt_array *weights = ckpt_array_find(reader, "G/model.model.0.weight");
  tap_ok(weights != NULL && weights->rank == 4 && weights->shape[0] == 70 &&
             weights->shape[3] == 13 && weights->type == CKPT_FLOAT32,
         "an array has its shape and type");
  tap_ok(ckpt_array_find(reader, "G/none") == NULL, "an absent array is NULL");
  memset(back, 0, sizeof back);
  tap_ok(ckpt_read_array(reader, weights, back) == STATUS_OK &&
             memcmp(back, big, sizeof big) == 0,
         "a float array comes back bit for bit");
  double wide[3];
  tap_ok(ckpt_read_array(reader,
                         ckpt_array_find(reader, "optimizer/exp_avg/G/a.b"),
                         wide) == STATUS_OK &&
             wide[0] == M_PI && wide[1] == -INFINITY && wide[2] == 1e-300,
         "a double array comes back");
  int64_t tracked = 0;
  ckpt_array scalar =
      named("G/bn.num_batches_tracked", CKPT_INT64, 0, 0, 0, 0, 0);
  tap_ok(ckpt_read_array(reader, &scalar, &tracked) == STATUS_OK &&
             tracked == INT64_C(1) << 60,
         "a scalar comes back");
  scalar.type = CKPT_FLOAT64;
  double number = 0;
  tap_ok(ckpt_read_array(reader, &scalar, &number) == STATUS_OK &&
             number == 0x1p60,
         "a scalar is converted");
  static double converted[BIG];
  if (weights == NULL) exit(1);
  ckpt_array as_double = *weights;
  as_double.type = CKPT_FLOAT64;
  bool equal = ckpt_read_array(reader, &as_double, converted) == STATUS_OK;
  for (int i = 0; i < BIG; i++) equal &= converted[i] == (double)big[i];
  tap_ok(equal, "floats are read as doubles");
  ckpt_array wrong = *weights;
  wrong.shape[1] = 65;
  tap_ok(ckpt_read_array(reader, &wrong, back) == STATUS_MISFIT &&
             strstr(status_message(), "[70,64,11,13]") != NULL &&
             strstr(status_message(), "[70,65,11,13]") != NULL,
         "another shape is refused, naming both");
  strcpy(wrong.name, "G/none");
  tap_ok(ckpt_read_array(reader, &wrong, back) == STATUS_MISFIT,
         "an absent array is refused");
}

static void test_round_trip(void) {
  tap_ok(write_sample(path, "1200") == STATUS_OK, "a checkpoint is written");
  tap_ok(temporaries() == 0, "no temporary file is left");
  ckpt_reader *reader;
  tap_ok(ckpt_reader_open(path, &reader) == STATUS_OK, "and opens");
  if (reader == NULL) {
    tap_note("%s", status_message());
    return;
  }
  tap_ok(ckpt_verify(reader) == STATUS_OK, "and verifies");
  test_texts(reader);
  test_arrays(reader);
  ckpt_reader_close(&reader);
  ckpt_reader_close(&reader);
  tap_ok(reader == NULL, "a closed reader is NULL");
}

static void test_same_bytes(void) {
  sleep(1); /* a stored time would differ */
  tap_ok(write_sample(other, "1200") == STATUS_OK, "written again");
  size_t a_size, b_size;
  unsigned char *a = slurp(path, &a_size), *b = slurp(other, &b_size);
  tap_ok(a_size == b_size && memcmp(a, b, a_size) == 0,
         "equal contents are equal bytes");
  tap_ok(a_size < sizeof big + 200000, "and few more than the numbers");
  free(a), free(b);
}

/* ---- refusals ---- */

static void test_misuse(void) {
  ckpt_writer *writer;
  ckpt_array array = named("x", CKPT_FLOAT32, 1, 4, 0, 0, 0);
  tap_ok(ckpt_writer_open(other, &writer) == STATUS_OK, "a writer opens");
  tap_ok(ckpt_write_array(writer, &array, big) == STATUS_OK &&
             ckpt_write_array(writer, &array, big) == STATUS_MISFIT,
         "an array written twice is refused");
  tap_ok(ckpt_writer_commit(&writer) != STATUS_OK && writer == NULL,
         "and such a file cannot be committed");
  static const char *const bad[] = {"",  "/a",    "a/",    "a//b",
                                    ".", "a/./b", "state", "state/x"};
  bool refused = true;
  for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
    if (ckpt_writer_open(other, &writer) != STATUS_OK) refused = false;
    strcpy(array.name, bad[i]);
    refused &= ckpt_write_array(writer, &array, big) == STATUS_MISFIT;
    ckpt_writer_abandon(&writer);
  }
  tap_ok(refused, "names that are none are refused");
  tap_ok(ckpt_writer_open("/nonexistent/a.h5", &writer) == STATUS_IO &&
             writer == NULL &&
             strstr(status_message(), "/nonexistent/a.h5") != NULL,
         "a missing folder is named");
  ckpt_writer_abandon(&writer);
  tap_ok(temporaries() == 0, "no temporary file is left");
}

/* What opening and verifying the bytes gives. */
static status verdict(const unsigned char *bytes, size_t size) {
  char damaged[512];
  snprintf(damaged, sizeof damaged, "%s/damaged.h5", tap_scratch_folder());
  spill(damaged, bytes, size);
  ckpt_reader *reader;
  status result = ckpt_reader_open(damaged, &reader);
  if (result == STATUS_OK) result = ckpt_verify(reader);
  ckpt_reader_close(&reader);
  if (result != STATUS_OK && strstr(status_message(), "damaged.h5") == NULL)
    tap_ok(false, "the message names the file: %s", status_message());
  return result;
}

/* Where the first chunk of the large array lies. */
static bool first_chunk(haddr_t *at, hsize_t *length) {
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "G/model.model.0.weight", H5P_DEFAULT);
  hid_t space = H5Dget_space(set);
  bool good = H5Dget_chunk_info(set, space, 0, NULL, NULL, at, length) >= 0;
  H5Sclose(space), H5Dclose(set), H5Fclose(file);
  return good;
}

/* What HDF5 itself finds in order: only the digest tells. */
static void test_tampering(void) {
  size_t size;
  unsigned char *bytes = slurp(path, &size);
  spill(other, bytes, size);
  hid_t file = H5Fopen(other, H5F_ACC_RDWR, H5P_DEFAULT);
  H5Adelete_by_name(file, "state", "step", H5P_DEFAULT);
  hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
  H5Tset_size(type, 5);
  hid_t key = H5Acreate_by_name(file, "state", "step", type, space, H5P_DEFAULT,
                                H5P_DEFAULT, H5P_DEFAULT);
  herr_t wrote = H5Awrite(key, type, "1300");
  H5Tclose(type), H5Sclose(space), H5Aclose(key), H5Fclose(file);
  ckpt_reader *reader;
  tap_ok(wrote >= 0 && ckpt_reader_open(other, &reader) == STATUS_FORMAT,
         "a changed text is refused");
  spill(other, bytes, size);
  file = H5Fopen(other, H5F_ACC_RDWR, H5P_DEFAULT);
  wrote = H5Ldelete(file, "G/bn.num_batches_tracked", H5P_DEFAULT);
  H5Fclose(file);
  tap_ok(wrote >= 0 && ckpt_reader_open(other, &reader) == STATUS_FORMAT,
         "a missing array is refused");
  free(bytes);
}

static void test_damage(void) {
  size_t size;
  unsigned char *bytes = slurp(path, &size);
  tap_ok(verdict(bytes, size) == STATUS_OK, "a copy verifies");
  bool refused = true;
  for (int i = 0; i < 40; i++)
    refused &= verdict(bytes, size * (size_t)i / 40) == STATUS_FORMAT;
  refused &= verdict(bytes, size - 1) == STATUS_FORMAT;
  tap_ok(refused, "a truncated file is refused");

  size_t middle = size / 2;
  unsigned char saved = bytes[middle];
  bytes[middle] ^= 0x10;
  tap_ok(verdict(bytes, size) == STATUS_FORMAT &&
             strstr(status_message(), "G/model.model.0.weight") != NULL,
         "one changed bit in an array is refused, naming it");
  bytes[middle] = saved;

  unsigned char *zeroed = malloc(size);
  if (zeroed == NULL) exit(1);
  refused = true;
  for (size_t at = 0; at + 4096 <= size; at += 4096 * 37) {
    memcpy(zeroed, bytes, size);
    memset(zeroed + at, 0, 4096);
    if (memcmp(zeroed, bytes, size) == 0) continue; /* was zero before */
    refused &= verdict(zeroed, size) == STATUS_FORMAT;
  }
  tap_ok(refused, "a zeroed page is refused");
  /* A whole chunk with its Fletcher sum: Fletcher32 alone is content. */
  haddr_t at;
  hsize_t length;
  bool chunk = first_chunk(&at, &length);
  memcpy(zeroed, bytes, size);
  if (chunk) memset(zeroed + at, 0, length);
  tap_ok(chunk && verdict(zeroed, size) == STATUS_FORMAT,
         "a zeroed chunk with its checksum is refused");
  free(zeroed), free(bytes);
}

/* Random bytes anywhere, mostly in the metadata: refused or, where nothing
 * uses the place, read right; never a crash. */
static void test_fuzz(void) {
  size_t size;
  unsigned char *bytes = slurp(path, &size), *copy = malloc(size);
  if (copy == NULL || size == 0) exit(1);
  /* The arrays' numbers are one long run; the rest is metadata. */
  unsigned char *numbers = memmem(bytes, size, big, 64);
  size_t head = numbers == NULL ? size : (size_t)(numbers - bytes);
  random_stream stream = random_stream_make(7, RANDOM_TEST, 1, 0);
  int refused = 0, rounds = 300, odd = 0;
  for (int i = 0; i < rounds; i++) {
    memcpy(copy, bytes, size);
    int hits = 1 + (int)random_below(&stream, 4);
    for (int k = 0; k < hits; k++) {
      size_t at = random_below(&stream, (uint32_t)(i % 3 ? head : size));
      if (i % 3 == 1) at = size - 1 - at % (size - head - sizeof big + 1);
      copy[at] = (unsigned char)random_u32(&stream);
    }
    status s = verdict(copy, size);
    refused += s == STATUS_FORMAT;
    odd += s != STATUS_FORMAT && s != STATUS_OK && s != STATUS_IO;
  }
  tap_note("%d of %d refused, metadata before the numbers: %zu bytes", refused,
           rounds, head);
  tap_ok(odd == 0 && refused > rounds / 4,
         "random damage is refused without a crash");
  free(copy), free(bytes);
}

static void test_not_hdf5(void) {
  tap_ok(verdict((const unsigned char *)"", 0) == STATUS_FORMAT,
         "an empty file is refused");
  tap_ok(verdict((const unsigned char *)"a photograph", 12) == STATUS_FORMAT,
         "a text file is refused");
  ckpt_reader *reader;
  tap_ok(ckpt_reader_open("/nonexistent.h5", &reader) == STATUS_IO &&
             strstr(status_message(), "/nonexistent.h5") != NULL,
         "a missing file is STATUS_IO, named");
  tap_ok(ckpt_reader_open(tap_scratch_folder(), &reader) == STATUS_FORMAT,
         "a folder is refused");
}

/* ---- foreign files ---- */

static void put_dataset(hid_t file, const char *name, hid_t type, int rank,
                        const hsize_t *shape, const void *values) {
  hid_t links = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(links, 1);
  hid_t space =
      rank == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(rank, shape, NULL);
  hid_t set =
      H5Dcreate2(file, name, type, space, links, H5P_DEFAULT, H5P_DEFAULT);
  if (values != NULL)
    H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(set), H5Sclose(space), H5Pclose(links);
}

static void test_foreign(void) {
  hid_t file = H5Fcreate(other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hsize_t shape[6] = {2, 3, 1, 1, 1, 1};
  int values[6] = {1, 2, 3, 4, 5, 6};
  put_dataset(file, "model.0.weight", H5T_IEEE_F32BE, 2, shape, values);
  put_dataset(file, "a/b/c/d/bias", H5T_STD_I16LE, 1, shape + 1, values);
  put_dataset(file, "a/steps", H5T_STD_I32LE, 0, NULL, values);
  put_dataset(file, "rank6", H5T_IEEE_F32LE, 6, shape, NULL);
  put_dataset(file, "text", H5T_C_S1, 1, shape, NULL);
  H5Lcreate_soft("/model.0.weight", file, "soft", H5P_DEFAULT, H5P_DEFAULT);
  H5Lcreate_hard(file, "/", file, "a/loop", H5P_DEFAULT, H5P_DEFAULT);
  H5Fclose(file);

  ckpt_reader *reader;
  tap_ok(ckpt_reader_open(other, &reader) == STATUS_FORMAT &&
             strstr(status_message(), "no checkpoint") != NULL,
         "an HDF5 file of something else is refused");
  ckpt_reader_close(&reader);
  tap_ok(ckpt_reader_open_weights(other, "", &reader) == STATUS_OK,
         "and opens as foreign");
  tap_ok(ckpt_array_count(reader) == 3,
         "with its arrays at any depth, and only those");
  for (size_t i = 0; i < ckpt_array_count(reader); i++)
    tap_note("%s", ckpt_array_at(reader, i)->name);
  float got[6] = {0};
  ckpt_array weight = named("model.0.weight", CKPT_FLOAT32, 2, 2, 3, 0, 0);
  tap_ok(ckpt_read_array(reader, &weight, got) == STATUS_OK && got[0] == 1 &&
             got[5] == 6,
         "big-endian floats are read");
  ckpt_array bias = named("a/b/c/d/bias", CKPT_FLOAT32, 1, 3, 0, 0, 0);
  tap_ok(ckpt_read_array(reader, &bias, got) == STATUS_OK && got[2] == 3,
         "small integers are read as floats");
  tap_ok(ckpt_verify(reader) == STATUS_OK && ckpt_text_count(reader) == 0,
         "and verifies, with no texts");
  ckpt_reader_close(&reader);
  tap_ok(ckpt_reader_open_weights(path, "", &reader) == STATUS_OK &&
             ckpt_array_count(reader) == 4 && ckpt_text_count(reader) == 63,
         "a checkpoint opens as foreign too");
  ckpt_reader_close(&reader);
}

/* One array whose creation says something unusual. */
static void put_unusual(const char *name, hid_t creation) {
  hid_t file = H5Fcreate(other, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  hsize_t shape[1] = {6};
  int values[6] = {1, 2, 3, 4, 5, 6};
  hid_t space = H5Screate_simple(1, shape, NULL);
  hid_t set = H5Dcreate2(file, name, H5T_STD_I32LE, space, H5P_DEFAULT,
                         creation, H5P_DEFAULT);
  H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
  H5Dclose(set), H5Sclose(space), H5Pclose(creation), H5Fclose(file);
}

static status read_unusual(const char *name, float got[6]) {
  ckpt_reader *reader;
  if (ckpt_reader_open_weights(other, "", &reader) != STATUS_OK)
    return STATUS_IO;
  ckpt_array array = named(name, CKPT_FLOAT32, 1, 6, 0, 0, 0);
  status result = ckpt_read_array(reader, &array, got);
  ckpt_reader_close(&reader);
  return result;
}

static bool is_refused(const char *name) {
  float got[6];
  return read_unusual(name, got) == STATUS_FORMAT &&
         strstr(status_message(), name) != NULL &&
         strstr(status_message(), "stored in a way") != NULL;
}

static hid_t chunked(hsize_t side) {
  hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_chunk(creation, 1, &side);
  return creation;
}

static void test_storage(void) {
  float got[6] = {0};
  char outside[600];
  snprintf(outside, sizeof outside, "%s/outside", tap_scratch_folder());
  hid_t creation = chunked(4);
  H5Pset_shuffle(creation);
  H5Pset_deflate(creation, 9);
  H5Pset_fletcher32(creation);
  put_unusual("packed", creation);
  tap_ok(read_unusual("packed", got) == STATUS_OK && got[5] == 6,
         "shuffled, deflated and checked chunks are read");
  creation = chunked(4);
  H5Pset_scaleoffset(creation, H5Z_SO_INT, H5Z_SO_INT_MINBITS_DEFAULT);
  put_unusual("scaled", creation);
  tap_ok(is_refused("scaled"), "another filter is refused");
  creation = H5Pcreate(H5P_DATASET_CREATE);
  H5Pset_external(creation, outside, 0, 24);
  put_unusual("elsewhere", creation);
  tap_ok(is_refused("elsewhere"), "values in another file are refused");
}

/* A chunk that unpacks to less than it should, which HDF5 itself writes when it
 * is told so. */
static void test_short_chunk(void) {
  static const unsigned char packed[] = {0x78, 0x9c, 0x63, 0x60, 0x60,
                                         0x60, 0x00, 0x00, 0x00, 0x04,
                                         0x00, 0x01}; /* four zeros */
  hid_t creation = chunked(6);
  H5Pset_deflate(creation, 9);
  put_unusual("short", creation);
  hid_t file = H5Fopen(other, H5F_ACC_RDWR, H5P_DEFAULT);
  hid_t set = H5Dopen2(file, "short", H5P_DEFAULT);
  hsize_t at[1] = {0};
  H5Dwrite_chunk(set, H5P_DEFAULT, 0, at, sizeof packed, packed);
  H5Dclose(set), H5Fclose(file);
  tap_ok(is_refused("short"), "a chunk that holds too little is refused");
  file = H5Fopen(other, H5F_ACC_RDWR, H5P_DEFAULT);
  set = H5Dopen2(file, "short", H5P_DEFAULT);
  H5Dwrite_chunk(set, H5P_DEFAULT, 1, at, sizeof packed, packed);
  H5Dclose(set), H5Fclose(file);
  tap_ok(is_refused("short"), "as well where it says it is not packed");
}

/* ---- a full disk ---- */

/* In a child: files may have at most `limit` bytes. Exits with 0 if writing
 * failed as it should. */
static int write_limited(size_t limit) {
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit most = {limit, limit};
  if (setrlimit(RLIMIT_FSIZE, &most) != 0) return 9;
  int before = open_descriptors();
  status result = write_sample(path, "1300");
  if (result == STATUS_OK) return 1;
  if (result != STATUS_IO) return 2;
  if (strstr(status_message(), path) == NULL) return 3;
  if (open_descriptors() != before) return 4;
  return 0;
}

static void test_full_disk(void) {
  tap_ok(write_sample(path, "1200") == STATUS_OK, "an older checkpoint");
  size_t size, after_size;
  unsigned char *before = slurp(path, &size);
  static const int parts[] = {0, 1, 10, 50, 90, 99};
  for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
    size_t limit = size / 100 * (size_t)parts[i];
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) _exit(write_limited(limit));
    int how = 0;
    waitpid(child, &how, 0);
    unsigned char *after = slurp(path, &after_size);
    tap_ok(WIFEXITED(how) && WEXITSTATUS(how) == 0 && temporaries() == 0 &&
               size == after_size && memcmp(before, after, size) == 0,
           "disk full at %d %%: STATUS_IO, no trace, nothing lost (%d)",
           parts[i], how);
    free(after);
  }
  free(before);
}

/* The disk fills up, to the last byte, before an array or before the end. */
static void test_filled(const char *file, const char *folder, bool at_end) {
  char command[1200];
  ckpt_writer *writer;
  status result = ckpt_writer_open(file, &writer);
  ckpt_array array = named("x", CKPT_FLOAT32, 1, 100000, 0, 0, 0);
  if (result == STATUS_OK && at_end)
    result = ckpt_write_array(writer, &array, big);
  /* Texts wait in memory for the end. */
  char key[32], text[2000] = {0};
  memset(text, 'x', sizeof text - 1);
  for (int i = 0; i < 60 && result == STATUS_OK; i++) {
    snprintf(key, sizeof key, "text %d", i);
    result = ckpt_write_text(writer, key, text);
  }
  tap_ok(result == STATUS_OK, "a writer on a disk with room");
  snprintf(command, sizeof command, "cat /dev/zero >'%s/ballast' 2>/dev/null",
           folder);
  tap_ok(system(command) != 0, "the disk is filled");
  if (!at_end) result = ckpt_write_array(writer, &array, big);
  if (at_end)
    result = ckpt_writer_commit(&writer);
  else
    ckpt_writer_abandon(&writer);
  tap_ok(result == STATUS_IO &&
             strstr(status_message(), "No space left") != NULL &&
             H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0,
         "%s fails and leaves nothing open in HDF5 (%s)",
         at_end ? "the commit" : "an array",
         result == STATUS_OK ? "written" : status_message());
  snprintf(command, sizeof command, "rm '%s/ballast'", folder);
  tap_ok(system(command) == 0, "room again");
}

/* A real full file system, where one may be mounted. */
static void test_full_tmpfs(void) {
  char folder[512], command[1200], file[600];
  snprintf(folder, sizeof folder, "%s/full", tap_scratch_folder());
  snprintf(command, sizeof command,
           "mkdir '%s' && mount -t tmpfs -o size=1536k none '%s' 2>/dev/null",
           folder, folder);
  if (system(command) != 0) {
    tap_skip("no tmpfs can be mounted here");
    return;
  }
  snprintf(file, sizeof file, "%s/a.h5", folder);
  int before = open_descriptors();
  status result = write_sample(file, "1");
  tap_ok(result == STATUS_IO && strstr(status_message(), "a.h5") != NULL &&
             strstr(status_message(), "No space left") != NULL,
         "a full file system is STATUS_IO with the reason (%s)",
         result == STATUS_OK ? "written" : status_message());
  tap_ok(open_descriptors() == before &&
             H5Fget_obj_count((hid_t)H5F_OBJ_ALL, H5F_OBJ_ALL) == 0,
         "no descriptor is left, and HDF5 has nothing open");
  test_filled(file, folder, false);
  test_filled(file, folder, true);
  snprintf(command, sizeof command, "test -z \"$(ls -A '%s')\" && umount '%s'",
           folder, folder);
  tap_ok(system(command) == 0, "no file is left, none is in use");
}

int main(void) {
  log_set_rank(0);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  snprintf(path, sizeof path, "%s/a.h5", tap_scratch_folder());
  snprintf(other, sizeof other, "%s/b.h5", tap_scratch_folder());
  fill(1);
  test_round_trip();
  test_same_bytes();
  test_misuse();
  test_damage();
  test_tampering();
  test_fuzz();
  test_not_hdf5();
  test_foreign();
  test_storage();
  test_short_chunk();
  test_full_disk();
  test_full_tmpfs();
  return tap_done();
}
