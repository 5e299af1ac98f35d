/* compose: a small folder of generated photographs, made whole, again, after an
 * interruption, on other threads, with other options, and from bad input. */
#include "data/folder/compose_internal.h"

#include <dirent.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/publish.h"
#include "base/read_file.h"
#include "base/publish.h"
#include "base/read_file.h"
#include "base/random.h"
#include "tests/grey.h"
#include "tests/tap.h"

enum { WIDTH = 48, HEIGHT = 40 };

/* name, split, category, scene */
static const char *const rows[][4] = {
    {"image_101", "train", "car", "s1"}, {"image_102", "train", "car", "s1"},
    {"image_103", "train", "car", "s2"}, {"image_104", "train", "dog", "s3"},
    {"image_105", "train", "cat", "s4"}, {"image_106", "train", "cat", "s4"},
    {"image_207", "test", "car", "s5"},  {"image_208", "test", "car", "s6"},
    {"image_209", "test", "tree", "s6"},
};
enum { PHOTOS = sizeof rows / sizeof rows[0] };

static void must(status result) {
  if (result == STATUS_OK) return;
  tap_ok(false, "unexpected: %s", status_message());
  exit(1);
}

static char *path_of(const char *format, const char *a, const char *b) {
  static char buffers[8][512];
  static int next;
  char *buffer = buffers[next++ % 8];
  snprintf(buffer, sizeof buffers[0], format, a, b);
  return buffer;
}

static char *inside(const char *folder, const char *name) {
  return path_of("%s/%s", folder, name);
}

/* ---- input ---- */

static void write_photo(const char *folder, int i) {
  data_image image, mask;
  must(data_image_create(WIDTH, HEIGHT, 3, &image));
  must(data_image_create(WIDTH, HEIGHT, 1, &mask));
  random_stream stream = random_stream_make(5, RANDOM_TEST, (uint64_t)i, 0);
  int base[3];
  for (int c = 0; c < 3; c++) base[c] = 60 + (int)random_below(&stream, 130);
  for (int y = 0; y < HEIGHT; y++)
    for (int x = 0; x < WIDTH; x++) {
      int at = y * WIDTH + x;
      for (int c = 0; c < 3; c++)
        image.pixels[3 * at + c] =
            (uint8_t)(base[c] + (x * (c + 1) + y * (3 - c)) % 40 +
                      (int)random_below(&stream, 12));
      bool inner = x > 8 && x < 30 && y > 10 && y < 34;
      mask.pixels[at] = inner ? 200 : 60; /* binarised at 128 */
    }
  char stem[400];
  snprintf(stem, sizeof stem, "%s/%s/%s", folder, rows[i][1], rows[i][0]);
  must(data_image_write(path_of("%s.%s", stem, "jpg"), &image, 90));
  must(data_image_write(path_of("%s.%s", stem, "png"), &mask, 0));
  data_image_free(&image);
  data_image_free(&mask);
}

static void write_text(const char *path, const char *text) {
  must(publish_bytes(path, text, strlen(text)));
}

/* Columns in another order, others among them, Windows line ends. */
static void write_index(const char *folder) {
  char text[4096] = "split\tfg_ratio\tname\tscene\tcategory\r\n", row[256];
  for (int i = 0; i < PHOTOS; i++) {
    snprintf(row, sizeof row, "%s\t0.3\t%s\t%s\t%s\r\n", rows[i][1], rows[i][0],
             rows[i][3], rows[i][2]);
    strcat(text, row);
  }
  write_text(inside(folder, "index.tsv"), text);
}

static char *make_photos(const char *name) {
  char *folder = malloc(512);
  snprintf(folder, 512, "%s/%s", tap_scratch_folder(), name);
  mkdir(folder, 0777);
  mkdir(inside(folder, "train"), 0777);
  mkdir(inside(folder, "test"), 0777);
  for (int i = 0; i < PHOTOS; i++) write_photo(folder, i);
  write_index(folder);
  return folder;
}

static data_compose_options options_for(const char *photos, const char *out) {
  return (data_compose_options){.photos = photos,
                                .out = out,
                                .methods = "gct,gctrgb,hgm,idt",
                                .per_image = 3,
                                .seed = 4,
                                .quality = 92,
                                .threads = 2};
}

/* ---- looking at output ---- */

static bool same_bytes(const char *a, const char *b) {
  char *x = NULL, *y = NULL;
  size_t n = 0, m = 1;
  bool same = read_file(a, &x, &n) == STATUS_OK &&
              read_file(b, &y, &m) == STATUS_OK && n == m &&
              memcmp(x, y, n) == 0;
  memory_free(x);
  memory_free(y);
  return same;
}

/* Files of folder a that b does not have with the same bytes, and their
 * number. */
static int differing_files(const char *a, const char *b, int *count) {
  int differing = 0;
  DIR *folder = opendir(a);
  if (folder == NULL) return -1;
  for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
    if (entry->d_name[0] == '.') continue;
    char x[512], y[512];
    snprintf(x, sizeof x, "%s/%s", a, entry->d_name);
    snprintf(y, sizeof y, "%s/%s", b, entry->d_name);
    struct stat about;
    if (stat(x, &about) == 0 && S_ISDIR(about.st_mode)) {
      differing += differing_files(x, y, count);
    } else {
      differing += !same_bytes(x, y);
      ++*count;
    }
  }
  closedir(folder);
  return differing;
}

static void check_same_folder(const char *a, const char *b, const char *what) {
  int count = 0, other = 0;
  int differing = differing_files(a, b, &count);
  differing += differing_files(b, a, &other);
  tap_ok(differing == 0 && count == other &&
             count == 5 + 2 * PHOTOS + 3 * PHOTOS,
         "%s (%d files, %d differ)", what, count, differing);
}

static char *read_text(const char *path) {
  char *text = NULL;
  size_t length;
  must(read_file(path, &text, &length));
  return text;
}

static int row_of(const char *name) {
  for (int i = 0; i < PHOTOS; i++)
    if (strcmp(rows[i][0], name) == 0) return i;
  return -1;
}

/* ---- checks ---- */

static void check_real_and_masks(const char *photos, const char *out) {
  bool reals = true, masks = true;
  for (int i = 0; i < PHOTOS; i++) {
    char real[512], mask[512], source[512];
    snprintf(source, sizeof source, "%s/%s/%s.jpg", photos, rows[i][1],
             rows[i][0]);
    snprintf(real, sizeof real, "%s/real_images/c%s.jpg", out, rows[i][0] + 6);
    snprintf(mask, sizeof mask, "%s/masks/c%s_1.png", out, rows[i][0] + 6);
    reals = reals && same_bytes(source, real);
    data_image image;
    must(grey_read(mask, &image));
    for (int k = 0; k < WIDTH * HEIGHT; k++) {
      int x = k % WIDTH, y = k / WIDTH;
      bool inner = x > 8 && x < 30 && y > 10 && y < 34;
      masks = masks && image.pixels[k] == (inner ? 255 : 0);
    }
    data_image_free(&image);
  }
  tap_ok(reals, "real images are the photographs' own bytes");
  tap_ok(masks, "masks are 0 and 255");
}

/* The lists in full: order of the index, bare names. */
static void check_lists(const char *out) {
  for (int s = 0; s < DATA_SPLITS; s++) {
    const char *split = s == DATA_TRAIN ? "train" : "test";
    char want[4096] = "", line[64];
    for (int i = 0; i < PHOTOS; i++)
      for (int k = 1; k <= 3 && strcmp(rows[i][1], split) == 0; k++) {
        snprintf(line, sizeof line, "c%s_1_%d.jpg\n", rows[i][0] + 6, k);
        strcat(want, line);
      }
    char *got = read_text(path_of("%s/HCOCO_%s.txt", out, split));
    tap_ok(strcmp(got, want) == 0, "HCOCO_%s.txt", split);
    memory_free(got);
  }
}

/* References by rule: another photograph of the split, of the same category and
 * another scene where there is one. */
static bool reference_is_right(int of, int from) {
  if (from < 0 || from == of || strcmp(rows[of][1], rows[from][1]) != 0)
    return false;
  if (strcmp(rows[of][0], "image_101") == 0) /* not 102: the same scene */
    return strcmp(rows[from][0], "image_103") == 0;
  if (strcmp(rows[of][0], "image_105") == 0) /* 106, though the same scene */
    return strcmp(rows[from][0], "image_106") == 0;
  if (strcmp(rows[of][0], "image_209") == 0) /* alone: another scene's */
    return strcmp(rows[from][0], "image_207") == 0;
  return strcmp(rows[of][2], "dog") == 0 ||
         strcmp(rows[of][2], rows[from][2]) == 0;
}

static double measured_fmse(const char *out, const char *composite,
                            const char *id) {
  data_image a, b, mask;
  char name[512];
  must(data_image_read(path_of("%s/composite_images/%s", out, composite), &a));
  snprintf(name, sizeof name, "%s/real_images/c%s.jpg", out, id);
  must(data_image_read(name, &b));
  snprintf(name, sizeof name, "%s/masks/c%s_1.png", out, id);
  must(grey_read(name, &mask));
  double sum = 0, count = 0;
  for (int i = 0; i < WIDTH * HEIGHT; i++)
    for (int c = 0; c < 3 && mask.pixels[i] != 0; c++, count++)
      sum += pow(a.pixels[3 * i + c] - b.pixels[3 * i + c], 2);
  data_image_free(&a);
  data_image_free(&b);
  data_image_free(&mask);
  return sum / count;
}

static void check_table(const char *out) {
  char *text = read_text(inside(out, "compose.tsv")), *rest = text;
  strsep(&rest, "\n");
  int lines = 0, methods[DATA_TRANSFER_METHODS] = {0};
  bool references = true, errors = true;
  for (char *line; (line = strsep(&rest, "\n")) != NULL && *line != '\0';) {
    char *composite = strsep(&line, "\t"), *source = strsep(&line, "\t");
    char *reference = strsep(&line, "\t"), *method = strsep(&line, "\t");
    references =
        references && reference_is_right(row_of(source), row_of(reference));
    for (int m = 0; m < DATA_TRANSFER_METHODS; m++)
      methods[m] +=
          strcmp(method, data_transfer_name((data_transfer_method)m)) == 0;
    double said = strtod(line, NULL);
    double is = measured_fmse(out, composite, source + 6);
    if (!(fabs(said - is) < 0.15 * is + 10)) {
      tap_note("%s: fmse %g, measured after JPEG %g", composite, said, is);
      errors = false;
    }
    lines++;
  }
  tap_ok(lines == 3 * PHOTOS, "compose.tsv has a line a composite");
  tap_ok(references, "references: split, category, scene");
  tap_ok(errors, "fmse is the composite's");
  tap_ok(methods[0] && methods[1] && methods[2] && methods[3],
         "all methods are drawn (%d %d %d %d)", methods[0], methods[1],
         methods[2], methods[3]);
  memory_free(text);
}

static void test_whole(const char *photos, const char *out) {
  data_compose_options options = options_for(photos, out);
  must(data_compose(&options));
  check_real_and_masks(photos, out);
  check_lists(out);
  check_table(out);
  data_folder folder;
  status opened = data_folder_open(out, &folder);
  tap_ok(opened == STATUS_OK && folder.count == 3 * PHOTOS,
         "the folder opens as HCOCO's%s%s", opened ? ": " : "",
         opened ? status_message() : "");
  if (opened == STATUS_OK) data_folder_close(&folder);
}

static void test_threads_and_seed(const char *photos, const char *out) {
  char *other = strdup(path_of("%s-%s", out, "one-thread"));
  data_compose_options options = options_for(photos, other);
  options.threads = 1;
  must(data_compose(&options));
  check_same_folder(out, other, "one thread makes the same bytes");
  free(other);
  other = strdup(path_of("%s-%s", out, "seed"));
  options = options_for(photos, other);
  options.seed++;
  must(data_compose(&options));
  tap_ok(!same_bytes(inside(out, "compose.tsv"), inside(other, "compose.tsv")),
         "another seed draws others");
  free(other);
}

static ino_t file_number(const char *path) {
  struct stat about;
  return stat(path, &about) == 0 ? about.st_ino : 0;
}

/* As a killed run leaves it: no lists, a journal cut short, a file cut short.
 */
static void test_interrupted(const char *photos, const char *out) {
  char *other = strdup(path_of("%s-%s", out, "killed"));
  data_compose_options options = options_for(photos, other);
  must(data_compose(&options));
  char *table = read_text(inside(other, "compose.tsv"));
  table[strlen(table) * 3 / 4] = '\0';
  write_text(inside(other, "compose.part"), table);
  memory_free(table);
  unlink(inside(other, "compose.tsv"));
  unlink(inside(other, "HCOCO_test.txt"));
  unlink(inside(other, "HCOCO_train.txt"));
  char *kept = inside(other, "composite_images/c101_1_1.jpg");
  char *cut = inside(other, "composite_images/c102_1_2.jpg");
  char *gone = inside(other, "masks/c103_1.png");
  ino_t before = file_number(kept);
  tap_ok(truncate(cut, 700) == 0 && unlink(gone) == 0 && before != 0,
         "a run is cut short");
  must(data_compose(&options));
  check_same_folder(out, other, "it is completed to the same bytes");
  tap_ok(file_number(inside(other, "composite_images/c101_1_1.jpg")) == before,
         "what was whole is kept");
  must(data_compose(&options));
  check_same_folder(out, other, "a run more changes nothing");
  free(other);
}

static void check_error(const data_compose_options *options, status code,
                        const char *word, const char *what) {
  status result = data_compose(options);
  bool named = result != STATUS_OK && strstr(status_message(), word) != NULL;
  tap_ok(result == code && named, "%s", what);
  if (result != code || !named)
    tap_note("status %d: %s", (int)result, result ? status_message() : "-");
}

static void test_refusals(const char *photos, const char *out) {
  data_compose_options options = options_for(photos, out);
  options.seed = 99;
  check_error(&options, STATUS_MISFIT, "seed 4", "other options are refused");
  options = options_for(photos, out);
  options.methods = "gct,lut";
  check_error(&options, STATUS_USAGE, "'lut'", "an unknown method is refused");
  options = options_for(photos, out);
  options.methods = "gct,";
  check_error(&options, STATUS_USAGE, "''", "and an empty one");
  options = options_for(photos, inside(tap_scratch_folder(), "foreign"));
  mkdir(options.out, 0777);
  mkdir(inside(options.out, "real_images"), 0777);
  check_error(&options, STATUS_MISFIT, "real_images",
              "a folder that compose did not make is left alone");
}

/* Says of a JPEG that it lies upside down, and has a profile. */
static void turn_photo(const char *path) {
  static const char exif[] = "\xff\xe1\0\042"
                             "Exif\0\0MM\0*\0\0\0\10\0\1"
                             "\1\022\0\3\0\0\0\1\0\3\0\0\0\0\0\0";
  char icc[146] = "\xff\xe2\0\x90ICC_PROFILE\0\1\1"; /* a header's 128 bytes */
  strcpy(icc + 18 + 16, "RGB ");
  char *bytes, *out, *at;
  size_t length, more = sizeof exif - 1 + sizeof icc;
  must(read_file(path, &bytes, &length));
  must(MEMORY_NEW(length + more, "a turned photograph", &out));
  at = mempcpy(out, bytes, 2);
  at = mempcpy(at, exif, sizeof exif - 1);
  at = mempcpy(at, icc, sizeof icc);
  memcpy(at, bytes + 2, length - 2);
  must(publish_bytes(path, out, length + more));
  memory_free(bytes);
  memory_free(out);
}

static bool file_holds(const char *path, const char *text) {
  char *bytes;
  size_t length;
  must(read_file(path, &bytes, &length));
  bool found = memmem(bytes, length, text, strlen(text)) != NULL;
  memory_free(bytes);
  return found;
}

/* The largest mean difference of two images outside of the masks' box. */
static double background_difference(const char *a_path, const char *b_path) {
  data_image a, b;
  must(data_image_read(a_path, &a));
  must(data_image_read(b_path, &b));
  double sum = 0;
  int count = 0;
  for (int i = 0; i < 3 * WIDTH * HEIGHT; i++) {
    int x = i / 3 % WIDTH, y = i / 3 / WIDTH;
    if (x > 4 && x < 36 && y > 6 && y < 40) continue; /* JPEG's blocks */
    sum += abs(a.pixels[i] - b.pixels[i]);
    count++;
  }
  data_image_free(&a);
  data_image_free(&b);
  return sum / count;
}

/* Photographs that lie upside down are turned for real and composite alike. */
static void test_turned(void) {
  char *photos = make_photos("turned");
  char *out = strdup(inside(tap_scratch_folder(), "out-turned"));
  char source[512], real[512], composite[512];
  for (int i = 0; i < PHOTOS; i++) {
    snprintf(source, sizeof source, "%s/%s/%s.jpg", photos, rows[i][1],
             rows[i][0]);
    turn_photo(source);
  }
  data_compose_options options = options_for(photos, out);
  must(data_compose(&options));
  double from_source = 0, from_real = 0;
  bool right = true;
  for (int i = 0; i < PHOTOS; i++) {
    snprintf(source, sizeof source, "%s/%s/%s.jpg", photos, rows[i][1],
             rows[i][0]);
    snprintf(real, sizeof real, "%s/real_images/c%s.jpg", out, rows[i][0] + 6);
    snprintf(composite, sizeof composite, "%s/composite_images/c%s_1_1.jpg",
             out, rows[i][0] + 6);
    right = right && !file_holds(real, "Exif") &&
            file_holds(real, "ICC_PROFILE") &&
            file_holds(composite, "ICC_PROFILE");
    from_source = fmax(from_source, background_difference(source, real));
    from_real = fmax(from_real, background_difference(real, composite));
  }
  tap_ok(right && from_source < 4 && from_real < 2,
         "turned photographs: real images off by %.2f, composites by %.2f",
         from_source, from_real);
  free(photos);
  free(out);
}

static void test_max_fmse(const char *photos, const char *out) {
  char *other = strdup(path_of("%s-%s", out, "limited"));
  data_compose_options options = options_for(photos, other);
  options.max_fmse = 300;
  must(data_compose(&options));
  double sums[2] = {0};
  for (int i = 0; i < 2; i++) {
    char *text = read_text(inside(i == 0 ? out : other, "compose.tsv"));
    char *rest = text, *line;
    strsep(&rest, "\n");
    while ((line = strsep(&rest, "\n")) != NULL && *line != '\0')
      sums[i] += strtod(strrchr(line, '\t'), NULL) / (3 * PHOTOS);
    memory_free(text);
  }
  tap_ok(sums[1] < 0.9 * sums[0], "a limit lowers the mean fMSE (%.0f to %.0f)",
         sums[0], sums[1]);
  free(other);
}

static void test_bad_input(void) {
  char *photos = make_photos("bad");
  char *out = strdup(inside(tap_scratch_folder(), "bad-out"));
  data_compose_options options = options_for(photos, out);
  const char *mask = "train/image_103.png";
  data_image image;
  must(data_image_create(WIDTH, HEIGHT, 1, &image));
  must(data_image_write(inside(photos, mask), &image, 0));
  check_error(&options, STATUS_FORMAT, mask, "an empty mask is named");
  data_image_free(&image);
  must(data_image_create(WIDTH, HEIGHT + 1, 1, &image));
  memset(image.pixels, 255, WIDTH * (HEIGHT + 1));
  must(data_image_write(inside(photos, mask), &image, 0));
  check_error(&options, STATUS_MISFIT, mask, "a mask of another size is named");
  data_image_free(&image);
  unlink(inside(photos, mask));
  check_error(&options, STATUS_IO, mask, "a missing mask is named");
  tap_ok(access(inside(out, "HCOCO_train.txt"), F_OK) != 0,
         "no list without its images");
  write_photo(photos, 2);
  must(data_compose(&options));
  tap_ok(true, "put right, the run completes");
  free(photos);
  free(out);
}

static void test_bad_index(void) {
  char *photos = make_photos("index");
  char *out = strdup(inside(tap_scratch_folder(), "index-out"));
  char *index = strdup(inside(photos, "index.tsv"));
  data_compose_options options = options_for(photos, out);
  write_text(index, "name\tsplit\nimage_101\ttrain\n");
  check_error(&options, STATUS_FORMAT, "category", "a missing column is named");
  write_text(index, "name\tsplit\tcategory\nimage_101\tval\tcar\n");
  check_error(&options, STATUS_FORMAT, "line 2", "an unknown split, its line");
  write_text(index, "name\tsplit\tcategory\nimage_101\n");
  check_error(&options, STATUS_FORMAT, "line 2", "a short line");
  write_text(index, "name\tsplit\tcategory\n../x\ttrain\tcar\n");
  check_error(&options, STATUS_FORMAT, "../x", "a name that is a path");
  write_text(index, "name\tsplit\tcategory\na1\ttrain\tx\na1\ttest\tx\n");
  check_error(&options, STATUS_FORMAT, "a1", "a name that is there twice");
  write_text(index, "name\tsplit\tcategory\n");
  check_error(&options, STATUS_FORMAT, "no photographs", "an empty index");
  write_text(index, "");
  check_error(&options, STATUS_FORMAT, "line 1", "an empty file");
  write_text(index, "name\tsplit\tcategory\nimage_101\ttrain\tcar\n");
  check_error(&options, STATUS_MISFIT, "image_101",
              "a split of one photograph");
  unlink(index);
  check_error(&options, STATUS_IO, "index.tsv", "no index");
  free(index);
  free(photos);
  free(out);
}

static void test_ids(void) {
  char *folder = strdup(tap_scratch_folder());
  photo_index index;
  const char *path = inside(folder, "index.tsv");
  write_text(path,
             "name\tsplit\tcategory\nroad_007b\ttrain\tx\n12_a\ttest\tx\n");
  must(photo_index_read(folder, &index));
  tap_ok(index.ids_from_names && index.photos[0].id == 7 &&
             index.photos[1].id == 12,
         "ids are the names' last digits");
  photo_index_free(&index);
  path = inside(folder, "index.tsv");
  write_text(path, "name\tsplit\tcategory\na_7\ttrain\tx\nb_07\ttest\tx");
  must(photo_index_read(folder, &index));
  tap_ok(!index.ids_from_names && index.photos[0].id == 1 &&
             index.photos[1].id == 2,
         "or row numbers where those clash");
  photo_index_free(&index);
  free(folder);
}

int main(void) {
  char *photos = make_photos("photos");
  char *out = strdup(inside(tap_scratch_folder(), "out"));
  test_whole(photos, out);
  test_threads_and_seed(photos, out);
  test_interrupted(photos, out);
  test_refusals(photos, out);
  test_max_fmse(photos, out);
  test_turned();
  test_bad_input();
  test_bad_index();
  test_ids();
  free(photos);
  free(out);
  return tap_done();
}
