/* Packing a folder: against decoding and resizing by hand, with any number of
 * threads, killed again and again, with every kind of bad sample. */
#include <hdf5.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "base/random.h"
#include "data/data.h"
#include "tests/grey.h"
#include "tests/tap.h"

enum { SIZE = 48, PATH_ROOM = 512 };

/* ---- folders ---- */

/* Stays valid: one buffer a name. */
static const char *scratch(const char *name) {
  static char paths[64][PATH_ROOM];
  char path[PATH_ROOM];
  snprintf(path, sizeof path, "%s/%s", tap_scratch_folder(), name);
  int i = 0;
  while (paths[i][0] != '\0' && strcmp(paths[i], path) != 0) i++;
  INVARIANT(i < 63, "too many names");
  memcpy(paths[i], path, sizeof path);
  return paths[i];
}

static void must(status result) {
  if (result == STATUS_OK) return;
  printf("Bail out! %s\n", status_message());
  exit(1);
}

/* Smooth colours with noise; a mask is an ellipse with grey at its edge. */
static void write_image(const char *path, int width, int height, int channels,
                        uint32_t seed) {
  data_image image;
  must(data_image_create(width, height, channels, &image));
  random_stream stream = random_stream_make(1, RANDOM_TEST, seed, 0);
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++)
      for (int c = 0; c < channels; c++) {
        uint8_t *pixel = &image.pixels[(y * width + x) * channels + c];
        int dx = x - width / 2, dy = y - height / 2;
        int distance = dx * dx * 16 / width + dy * dy * 16 / height;
        *pixel = (uint8_t)((x * (c + 1) + y * 2 + (int)seed * 37) % 200 +
                           (int)random_below(&stream, 40));
        if (channels == 1)
          *pixel = distance < width / 2   ? 255
                   : distance < width + 5 ? (uint8_t)(x * 7)
                                          : 0;
      }
  must(data_image_write(path, &image, 90));
  data_image_free(&image);
}

static int width_of(int real) { return 60 + 13 * (real % 5); }
static int height_of(int real) { return 90 - 11 * (real % 4); }

static const char *in_folder(const char *folder, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
static const char *in_folder(const char *folder, const char *format, ...) {
  static char path[2 * PATH_ROOM];
  size_t used = (size_t)snprintf(path, sizeof path, "%s/", scratch(folder));
  va_list arguments;
  va_start(arguments, format);
  vsnprintf(path + used, sizeof path - used, format, arguments);
  va_end(arguments);
  return path;
}

/* `reals` images, each with two masks and three composites; every fourth image
 * is of the test list. */
static void make_folder(const char *name, int reals) {
  mkdir(scratch(name), 0777);
  mkdir(in_folder(name, "composite_images"), 0777);
  mkdir(in_folder(name, "masks"), 0777);
  mkdir(in_folder(name, "real_images"), 0777);
  FILE *lists[2] = {fopen(in_folder(name, "HCOCO_train.txt"), "w"),
                    fopen(in_folder(name, "HCOCO_test.txt"), "w")};
  for (int r = 0; r < reals; r++) {
    int w = width_of(r), h = height_of(r);
    uint32_t seed = (uint32_t)r * 10;
    write_image(in_folder(name, "real_images/c%d.jpg", r), w, h, 3, seed);
    for (int m = 0; m < 2; m++)
      write_image(in_folder(name, "masks/c%d_%d.png", r, m), w, h, 1, 0);
    for (int k = 0; k < 3; k++) {
      const char *file =
          in_folder(name, "composite_images/c%d_%d_%d.jpg", r, k / 2, k);
      write_image(file, w, h, 3, seed + 1 + (uint32_t)k);
      fprintf(lists[r % 4 == 3], "%s\n", strrchr(file, '/') + 1);
    }
  }
  fclose(lists[0]);
  fclose(lists[1]);
}

static data_pack_options pack_options(const char *folder, const char *out) {
  return (data_pack_options){.folder = folder,
                             .out = out,
                             .size = SIZE,
                             .filter = DATA_BILINEAR,
                             .binarize = DATA_THRESHOLD,
                             .compression = 4,
                             .threads = 2};
}

static bool same_bytes(const char *a, const char *b) {
  char command[3 * PATH_ROOM];
  snprintf(command, sizeof command, "cmp -s '%s' '%s'", a, b);
  return system(command) == 0;
}

static bool is_there(const char *path, const char *ending) {
  char full[2 * PATH_ROOM];
  snprintf(full, sizeof full, "%s%s", path, ending);
  return access(full, F_OK) == 0;
}

static void identity_of(const char *path, char identity[65]) {
  data_set *set;
  must(data_set_open(path, &set));
  memcpy(identity, data_set_describe(set)->identity, 65);
  data_set_close(&set);
}

/* ---- against the same work by hand ---- */

static bool is_resized(const char *path, data_filter filter,
                       const uint8_t *got) {
  data_image image, small;
  must(data_image_read(path, &image));
  must(data_resize(&image, SIZE, SIZE, filter, &small));
  bool same = memcmp(small.pixels, got, SIZE * SIZE * 3) == 0;
  data_image_free(&image);
  data_image_free(&small);
  return same;
}

static bool is_mask(const char *path, data_binarize how, const uint8_t *got) {
  data_image grey, binary, small;
  must(grey_read(path, &grey));
  must(data_mask_binarize(&grey, how, &binary));
  must(data_resize(&binary, SIZE, SIZE, DATA_NEAREST, &small));
  bool same = memcmp(small.pixels, got, SIZE * SIZE) == 0;
  data_image_free(&grey);
  data_image_free(&binary);
  data_image_free(&small);
  return same;
}

static int count_wrong(data_set *set, const char *name, data_filter filter,
                       data_binarize how) {
  static uint8_t composite[SIZE * SIZE * 3], real[SIZE * SIZE * 3];
  static uint8_t mask[SIZE * SIZE];
  data_folder folder;
  must(data_folder_open(scratch(name), &folder));
  int wrong = folder.count != data_set_describe(set)->count;
  for (size_t i = 0; i < folder.count && wrong == 0; i++) {
    const data_entry *entry = &folder.entries[i];
    must(data_set_read(set, i, composite, mask, real));
    wrong +=
        strcmp(data_set_name(set, i), strrchr(entry->composite, '/') + 1) != 0;
    wrong +=
        !is_resized(in_folder(name, "%s", entry->composite), filter, composite);
    wrong += !is_resized(in_folder(name, "%s", entry->real), filter, real);
    wrong += !is_mask(in_folder(name, "%s", entry->mask), how, mask);
  }
  data_folder_close(&folder);
  return wrong;
}

static void test_round_trip(void) {
  static const data_filter filters[] = {DATA_BILINEAR, DATA_BICUBIC,
                                        DATA_CV_LINEAR};
  make_folder("plain", 8);
  char identities[4][65];
  for (int i = 0; i < 4; i++) {
    char out[64];
    snprintf(out, sizeof out, "plain_%d.h5", i);
    data_pack_options options = pack_options(scratch("plain"), scratch(out));
    options.filter = filters[i % 3];
    options.binarize = i == 3 ? DATA_DITHER : DATA_THRESHOLD;
    status result = data_pack(&options);
    if (result != STATUS_OK) tap_note("%s", status_message());
    tap_ok(result == STATUS_OK, "packs (%d)", i);
    data_set *set;
    must(data_set_open(options.out, &set));
    tap_ok(count_wrong(set, "plain", options.filter, options.binarize) == 0,
           "names and pixels are those of decoding and resizing by hand");
    const data_set_info *info = data_set_describe(set);
    tap_ok(info->count == 24 && info->reals == 8 && info->masks == 16 &&
               info->split_count[DATA_TEST] == 6 && info->size == SIZE,
           "nothing is stored twice: %s", info->protocol);
    data_set_close(&set);
    tap_ok(!is_there(options.out, ".partial") &&
               !is_there(options.out, ".tmp") &&
               !is_there(options.out, ".skipped.txt"),
           "no working file is left");
    identity_of(options.out, identities[i]);
  }
  bool differ = true;
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < i; j++)
      differ = differ && strcmp(identities[i], identities[j]) != 0;
  tap_ok(differ, "other options, other identity");
}

static bool same_image(const char *path, const data_image *got) {
  data_image want;
  must(data_image_read(path, &want));
  size_t bytes = (size_t)want.width * (size_t)want.height * 3;
  bool same = want.width == got->width && want.height == got->height &&
              got->channels == 3 &&
              memcmp(want.pixels, got->pixels, bytes) == 0;
  data_image_free(&want);
  return same;
}

/* A folder's files as a data set, and a packed set by the same function. */
static void test_files(void) {
  data_set *files, *packed;
  data_folder folder;
  data_image composite, mask, real, small, other, another;
  must(data_set_open_files(scratch("plain"), &files));
  must(data_set_open(scratch("plain_0.h5"), &packed));
  must(data_folder_open(scratch("plain"), &folder));
  const data_set_info *info = data_set_describe(files);
  tap_ok(info->size == 0 && info->count == 24 && info->identity[0] == '\0' &&
             info->split_count[DATA_TEST] == 6 &&
             info->split_begin[DATA_TEST] == 18,
         "files as a data set, without a size");
  int wrong = 0;
  for (size_t i = 0; i < folder.count; i++) {
    const data_entry *entry = &folder.entries[i];
    must(data_set_read_images(files, i, &composite, &mask, &real));
    must(data_set_read_images(packed, i, &small, &other, &another));
    wrong += strcmp(data_set_name(files, i), data_set_name(packed, i)) != 0;
    wrong +=
        !same_image(in_folder("plain", "%s", entry->composite), &composite);
    wrong += !same_image(in_folder("plain", "%s", entry->real), &real);
    wrong += mask.width != real.width || mask.channels != 1;
    wrong += !is_resized(in_folder("plain", "%s", entry->composite),
                         DATA_BILINEAR, small.pixels);
    wrong += !is_mask(in_folder("plain", "%s", entry->mask), DATA_THRESHOLD,
                      other.pixels);
    data_image *all[] = {&composite, &mask, &real, &small, &other, &another};
    for (int k = 0; k < 6; k++) data_image_free(all[k]);
  }
  tap_ok(wrong == 0, "have their names and pixels; so has a packed set");
  data_folder_close(&folder);
  data_set_close(&files);
  data_set_close(&packed);
}

static void test_identity(void) {
  char first[65], second[65];
  data_pack_options options =
      pack_options(scratch("plain"), scratch("threads_1.h5"));
  options.threads = 1;
  must(data_pack(&options));
  tap_ok(same_bytes(options.out, scratch("plain_0.h5")),
         "one thread and two: equal bytes");
  identity_of(options.out, first);
  options.out = scratch("level_9.h5");
  options.compression = 9;
  must(data_pack(&options));
  identity_of(options.out, second);
  tap_ok(strcmp(first, second) == 0 &&
             !same_bytes(options.out, scratch("plain_0.h5")),
         "the identity is not of the compression");
  make_folder("changed", 8);
  write_image(in_folder("changed", "composite_images/c5_0_1.jpg"), width_of(5),
              height_of(5), 3, 999);
  options = pack_options(scratch("changed"), scratch("changed.h5"));
  must(data_pack(&options));
  identity_of(options.out, second);
  tap_ok(strcmp(first, second) != 0, "but it is of every picture");
}

/* ---- a result that is there ---- */

static void check_refused(const data_pack_options *options, status code,
                          const char *first, const char *second,
                          const char *what) {
  status result = data_pack(options);
  bool told = result == code && strstr(status_message(), first) != NULL &&
              strstr(status_message(), second) != NULL;
  tap_ok(told, "refused: %s", what);
  if (!told)
    tap_note("status %d: %s", (int)result,
             result == STATUS_OK ? "" : status_message());
}

static void test_result_there(void) {
  const char *out = scratch("plain_0.h5"), *copy = scratch("copy.h5");
  char command[3 * PATH_ROOM];
  snprintf(command, sizeof command, "cp '%s' '%s'", out, copy);
  if (system(command) != 0) exit(1);
  data_pack_options options = pack_options(scratch("plain"), out);
  tap_ok(data_pack(&options) == STATUS_OK && !is_there(out, ".partial"),
         "packing again what is complete succeeds");
  options.size = SIZE + 1;
  check_refused(&options, STATUS_MISFIT, out, "size 49", "another size");
  options.size = SIZE;
  options.filter = DATA_BICUBIC;
  check_refused(&options, STATUS_MISFIT, out, "bicubic", "another filter");
  options.filter = DATA_BILINEAR;
  options.binarize = DATA_DITHER;
  check_refused(&options, STATUS_MISFIT, out, "dither", "another mask");
  options.binarize = DATA_THRESHOLD;
  options.compression = 5;
  check_refused(&options, STATUS_MISFIT, out, "compression 4",
                "another compression");
  options.compression = 4;
  make_folder("smaller", 4);
  options.folder = scratch("smaller");
  check_refused(&options, STATUS_MISFIT, out, "another folder",
                "another folder");
  tap_ok(same_bytes(out, copy), "the file is untouched by all that");
  FILE *file = fopen(copy, "w");
  fputs("precious", file);
  fclose(file);
  options.out = copy;
  check_refused(&options, STATUS_MISFIT, copy, "left alone", "a foreign file");
  options.out = scratch("no/such/folder/x.h5");
  check_refused(&options, STATUS_IO, "no/such/folder", "No such file",
                "no folder to write to");
  options.folder = scratch("nowhere");
  check_refused(&options, STATUS_IO, "nowhere", "no such folder",
                "no folder to read");
}

/* ---- interruptions ---- */

static void quiet(void) {
  if (freopen("/dev/null", "w", stderr) == NULL) _exit(9);
}

/* In a child that is killed after `microseconds`. True if it had finished. */
static bool pack_killed(const data_pack_options *options,
                        useconds_t microseconds) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    quiet();
    _exit(data_pack(options) == STATUS_OK ? 0 : 1);
  }
  usleep(microseconds);
  kill(child, SIGKILL);
  int how;
  waitpid(child, &how, 0);
  return WIFEXITED(how) && WEXITSTATUS(how) == 0;
}

static off_t length_of(const char *path, const char *ending) {
  char full[2 * PATH_ROOM];
  struct stat about;
  snprintf(full, sizeof full, "%s%s", path, ending);
  return stat(full, &about) == 0 ? about.st_size : 0;
}

static void test_kills(void) {
  enum { ROUNDS = 6, MOST = 400 };
  make_folder("long", 60);
  data_pack_options options =
      pack_options(scratch("long"), scratch("long_whole.h5"));
  double before = clock_seconds();
  must(data_pack(&options));
  double seconds = clock_seconds() - before;
  random_stream stream =
      random_stream_make((uint64_t)getpid(), RANDOM_TEST, 1, 1);
  int kills = 0, kept = 0, finished = 0, equal = 0;
  for (int round = 0; round < ROUNDS; round++) {
    options.out = scratch("long_killed.h5");
    unlink(options.out);
    off_t length = 0;
    bool done = false;
    for (int i = 0; i < MOST && !done; i++) {
      double wait = random_uniform(&stream) * seconds * 0.4;
      done = pack_killed(&options, (useconds_t)(wait * 1e6));
      if (done) break;
      kills++;
      /* Cut at its torn end and grown again, it may lose one record. */
      off_t now = length_of(options.out, ".partial");
      kept += now + SIZE * SIZE * 4 >= length || is_there(options.out, "");
      length = now;
    }
    finished += done;
    equal += same_bytes(options.out, scratch("long_whole.h5"));
  }
  tap_note("killed %d times, an undisturbed run takes %.3f s", kills, seconds);
  tap_ok(kills >= ROUNDS, "packing is killed at random moments");
  tap_ok(finished == ROUNDS, "it finishes all the same");
  tap_ok(kept == kills, "the work done is kept each time");
  tap_ok(equal == ROUNDS, "equal bytes to those of an undisturbed run");
}

/* A journal in which the first run, stopped by a bad mask, left most. */
static void leave_journal(const data_pack_options *options) {
  for (int i = 0; i < 100 && length_of(options->out, ".partial") < 100000; i++)
    if (pack_killed(options, 30000)) unlink(options->out);
}

static void test_torn_journal(void) {
  data_pack_options options = pack_options(scratch("long"), scratch("torn.h5"));
  char journal[2 * PATH_ROOM];
  snprintf(journal, sizeof journal, "%s.partial", options.out);
  static const char *const what[] = {"cut in a record", "with bytes behind",
                                     "damaged in the middle",
                                     "cut in its header", "empty"};
  for (int i = 0; i < 5; i++) {
    leave_journal(&options);
    off_t length = length_of(options.out, ".partial");
    FILE *file = fopen(journal, "r+b");
    fseek(file, i == 1 ? 0 : (long)length / 2, i == 1 ? SEEK_END : SEEK_SET);
    if (i == 1 || i == 2) fwrite(options.out, 1, 40, file);
    fclose(file);
    off_t cut[] = {length - 11, length + 40, length, 100, 0};
    if (truncate(journal, cut[i]) != 0) exit(1);
    status result = data_pack(&options);
    if (result != STATUS_OK) tap_note("%s", status_message());
    tap_ok(length > 1000 && result == STATUS_OK &&
               same_bytes(options.out, scratch("long_whole.h5")) &&
               !is_there(options.out, ".partial"),
           "a working file %s: the same result", what[i]);
    unlink(options.out);
  }
  leave_journal(&options);
  off_t length = length_of(options.out, ".partial");
  options.filter = DATA_BICUBIC;
  check_refused(&options, STATUS_MISFIT, ".partial", "bilinear",
                "a working file of other options");
  tap_ok(length_of(options.out, ".partial") == length, "... which is kept");
  FILE *file = fopen(journal, "w");
  fputs("a letter", file);
  fclose(file);
  check_refused(&options, STATUS_MISFIT, ".partial", "a letter",
                "a foreign working file");
  tap_ok(length_of(options.out, ".partial") == 8, "... which is kept");
}

/* ---- full disk ---- */

static int pack_limited(const data_pack_options *options, rlim_t bytes) {
  quiet();
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit limit = {bytes, bytes};
  setrlimit(RLIMIT_FSIZE, &limit);
  status result = data_pack(options);
  if (result == STATUS_OK) return 0;
  return result == STATUS_IO &&
                 strstr(status_message(), "File too large") != NULL &&
                 !is_there(options->out, "") && !is_there(options->out, ".tmp")
             ? 1
             : 2;
}

static void test_full_disk(void) {
  data_pack_options options = pack_options(scratch("long"), scratch("full.h5"));
  off_t whole = length_of(scratch("long_whole.h5"), "");
  int failed = 0, other = 0;
  for (int percent = 5; percent <= 105; percent += 10) {
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
      _exit(pack_limited(&options, (rlim_t)(whole * percent / 100)));
    int how;
    waitpid(child, &how, 0);
    failed += WIFEXITED(how) && WEXITSTATUS(how) == 1;
    other += !WIFEXITED(how) || WEXITSTATUS(how) > 1;
  }
  tap_ok(failed >= 8 && other == 0, "%d full disks are told of", failed);
  tap_ok(data_pack(&options) == STATUS_OK &&
             same_bytes(options.out, scratch("long_whole.h5")),
         "with room again: the same result");
}

/* ---- bad samples ---- */

static void cut_in_half(const char *path) {
  if (truncate(path, length_of(path, "") / 2) != 0) exit(1);
}

static void write_black(const char *path, int width, int height, int dot) {
  data_image mask;
  must(data_image_create(width, height, 1, &mask));
  memset(mask.pixels, 0, (size_t)width * (size_t)height);
  mask.pixels[0] = (uint8_t)dot;
  must(data_image_write(path, &mask, 90));
  data_image_free(&mask);
}

static void break_mask(void) { unlink(in_folder("bad", "masks/c1_0.png")); }
static void break_mask_size(void) {
  write_image(in_folder("bad", "masks/c1_0.png"), 31, 32, 1, 0);
}
static void break_mask_empty(void) {
  write_black(in_folder("bad", "masks/c1_0.png"), width_of(1), height_of(1),
              127);
}
static void break_mask_thin(void) {
  write_image(in_folder("bad", "real_images/c1.jpg"), 200, 200, 3, 1);
  for (int k = 0; k < 3; k++)
    write_image(in_folder("bad", "composite_images/c1_%d_%d.jpg", k / 2, k),
                200, 200, 3, 1);
  write_image(in_folder("bad", "masks/c1_1.png"), 200, 200, 1, 0);
  write_black(in_folder("bad", "masks/c1_0.png"), 200, 200, 255);
}
static void break_composite(void) {
  unlink(in_folder("bad", "composite_images/c1_0_1.jpg"));
}
static void break_composite_size(void) {
  write_image(in_folder("bad", "composite_images/c1_0_1.jpg"), 33, 34, 3, 0);
}
static void break_composite_half(void) {
  cut_in_half(in_folder("bad", "composite_images/c1_0_1.jpg"));
}
static void break_real(void) { unlink(in_folder("bad", "real_images/c1.jpg")); }
static void break_real_foreign(void) {
  FILE *file = fopen(in_folder("bad", "real_images/c1.jpg"), "w");
  fputs("no picture", file);
  fclose(file);
}

static const struct {
  void (*apply)(void);
  const char *what, *first, *second;
  int lost, reals_lost, masks_lost;
} breaks[] = {
    {break_mask, "a mask is missing", "HCOCO_train.txt:4", "masks/c1_0.png", 2,
     0, 1},
    {break_mask_size, "a mask of another size", "masks/c1_0.png: 31 x 32",
     "real_images/c1.jpg has 73 x 79", 2, 0, 1},
    {break_mask_empty, "a mask without foreground", "masks/c1_0.png",
     "no foreground pixel", 2, 0, 1},
    {break_mask_thin, "a mask that resizing empties", "masks/c1_0.png",
     "left after resizing", 2, 0, 1},
    {break_composite, "a composite is missing", "HCOCO_train.txt:5",
     "composite_images/c1_0_1.jpg", 1, 0, 0},
    {break_composite_size, "a composite of another size",
     "composite_images/c1_0_1.jpg is 33 x 34", "real_images/c1.jpg is 73 x 79",
     1, 0, 0},
    {break_composite_half, "a composite cut in half",
     "composite_images/c1_0_1.jpg", "", 1, 0, 0},
    {break_real, "a real image is missing", "HCOCO_train.txt:4",
     "real_images/c1.jpg", 3, 1, 2},
    {break_real_foreign, "a real image that is text", "real_images/c1.jpg", "",
     3, 1, 2},
};

static int count_lines(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL) return -1;
  int lines = 0;
  for (int c; (c = getc(file)) != EOF;) lines += c == '\n';
  fclose(file);
  return lines;
}

static int skipped_attribute(const char *path) {
  uint64_t value = 0;
  hid_t file = H5Fopen(path, H5F_ACC_RDONLY, H5P_DEFAULT);
  hid_t attribute = H5Aopen(file, "skipped", H5P_DEFAULT);
  H5Aread(attribute, H5T_NATIVE_UINT64, &value);
  H5Aclose(attribute);
  H5Fclose(file);
  return (int)value;
}

static void test_break(size_t i) {
  char list[2 * PATH_ROOM], command[PATH_ROOM + 16];
  snprintf(command, sizeof command, "rm -rf '%s'*", scratch("bad"));
  if (system(command) != 0) exit(1);
  make_folder("bad", 4);
  breaks[i].apply();
  data_pack_options options = pack_options(scratch("bad"), scratch("bad.h5"));
  status code = strstr(breaks[i].what, "another size") != NULL ? STATUS_MISFIT
                                                               : STATUS_FORMAT;
  check_refused(&options, code, breaks[i].first, breaks[i].second,
                breaks[i].what);
  tap_ok(!is_there(options.out, ""), "... and no file appears");
  options.skip_bad = true;
  status result = data_pack(&options);
  if (result != STATUS_OK) tap_note("%s", status_message());
  tap_ok(result == STATUS_OK, "--skip-bad passes over it");
  data_set *set;
  must(data_set_open(options.out, &set));
  const data_set_info *info = data_set_describe(set);
  tap_ok((int)info->count == 12 - breaks[i].lost &&
             (int)info->reals == 4 - breaks[i].reals_lost &&
             (int)info->masks == 8 - breaks[i].masks_lost,
         "%d samples, %d reals and %d masks less", breaks[i].lost,
         breaks[i].reals_lost, breaks[i].masks_lost);
  static uint8_t composite[SIZE * SIZE * 3], mask[SIZE * SIZE];
  bool good = true;
  for (size_t s = 0; s < info->count; s++)
    good = good && data_set_read(set, s, composite, mask, NULL) == STATUS_OK &&
           is_resized(
               in_folder("bad", "composite_images/%s", data_set_name(set, s)),
               DATA_BILINEAR, composite);
  tap_ok(good, "the others are themselves");
  data_set_close(&set);
  snprintf(list, sizeof list, "%s.skipped.txt", options.out);
  tap_ok(count_lines(list) == breaks[i].lost &&
             skipped_attribute(options.out) == breaks[i].lost,
         "they are listed and counted");
  tap_ok(data_pack(&options) == STATUS_OK, "packing again: complete");
  options.skip_bad = false;
  if (strstr(breaks[i].first, ".txt") == NULL)
    check_refused(&options, STATUS_MISFIT, options.out, "left out",
                  "the same without --skip-bad");
}

static void test_bad_samples(void) {
  for (size_t i = 0; i < sizeof breaks / sizeof breaks[0]; i++) test_break(i);
  make_folder("all_bad", 4);
  for (int r = 0; r < 4; r++)
    unlink(in_folder("all_bad", "real_images/c%d.jpg", r));
  data_pack_options options =
      pack_options(scratch("all_bad"), scratch("all_bad.h5"));
  options.skip_bad = true;
  check_refused(&options, STATUS_FORMAT, "all_bad", "none of its 12 samples",
                "a folder without one good sample");
}

int main(void) {
  test_round_trip();
  test_files();
  test_identity();
  test_result_there();
  test_kills();
  test_torn_journal();
  test_full_disk();
  test_bad_samples();
  return tap_done();
}
