/* HCOCO folders: lists of both forms, names, and every kind of bad list. No
 * image is opened, so empty files do. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "data/data.h"
#include "tests/tap.h"

enum { PATH_ROOM = 512 };

static char root[PATH_ROOM]; /* of the case at hand */

static void put(const char *name, const char *text) {
  char path[2 * PATH_ROOM];
  snprintf(path, sizeof path, "%s/%s", root, name);
  for (char *slash = path + strlen(root) + 1;
       (slash = strchr(slash, '/')) != NULL; *slash++ = '/') {
    *slash = '\0';
    mkdir(path, 0777);
  }
  FILE *file = fopen(path, "w");
  if (file == NULL) {
    perror(path);
    exit(1);
  }
  fputs(text, file);
  fclose(file);
}

/* A new root with HCOCO/ that holds three images, four masks and six
 * composites of them, but no list. */
static const char *fresh(const char *name) {
  snprintf(root, sizeof root, "%s/%s", tap_scratch_folder(), name);
  mkdir(root, 0777);
  static const char *const files[] = {
      "real_images/c1.jpg",
      "real_images/c2.jpeg",
      "real_images/d90-5_x.png",
      "masks/c1_10.png",
      "masks/c1_11.jpg",
      "masks/c2_20.jpeg",
      "masks/d90-5_x_30.png",
      "composite_images/c1_10_1.jpg",
      "composite_images/c1_10_2.jpg",
      "composite_images/c1_11_1.jpg",
      "composite_images/c2_20_1.jpg",
      "composite_images/d90-5_x_30_1.jpg",
      "composite_images/c3_1_1.jpg",
      "composite_images/README",
  };
  char path[PATH_ROOM];
  for (size_t i = 0; i < sizeof files / sizeof files[0]; i++) {
    snprintf(path, sizeof path, "HCOCO/%s", files[i]);
    put(path, "");
  }
  return root;
}

static const char *below(const char *name) {
  static char path[2 * PATH_ROOM];
  snprintf(path, sizeof path, "%s/%s", root, name);
  return path;
}

static bool is_entry(const data_folder *folder, size_t i, data_split split,
                     const char *composite, const char *mask,
                     const char *real) {
  if (i >= folder->count) return false;
  const data_entry *entry = &folder->entries[i];
  return entry->split == split && strcmp(entry->composite, composite) == 0 &&
         strcmp(entry->mask, mask) == 0 && strcmp(entry->real, real) == 0;
}

static void check_three(const char *path, const char *what) {
  data_folder folder;
  status result = data_folder_open(path, &folder);
  tap_ok(result == STATUS_OK, "%s: opens", what);
  if (result != STATUS_OK) {
    tap_note("%s", status_message());
    return;
  }
  tap_ok(folder.count == 3 && folder.split_count[DATA_TRAIN] == 2 &&
             folder.split_count[DATA_TEST] == 1,
         "%s: two to train on, one to test", what);
  tap_ok(is_entry(&folder, 0, DATA_TRAIN, "composite_images/c1_11_1.jpg",
                  "masks/c1_11.jpg", "real_images/c1.jpg") &&
             is_entry(&folder, 1, DATA_TRAIN, "composite_images/c2_20_1.jpg",
                      "masks/c2_20.jpeg", "real_images/c2.jpeg"),
         "%s: train in the order of its list, endings as on disk", what);
  tap_ok(is_entry(&folder, 2, DATA_TEST, "composite_images/d90-5_x_30_1.jpg",
                  "masks/d90-5_x_30.png", "real_images/d90-5_x.png"),
         "%s: an image's name may hold underscores and dashes", what);
  size_t length = strlen(folder.path);
  tap_ok(length > 6 && strcmp(folder.path + length - 6, "/HCOCO") == 0,
         "%s: the folder is HCOCO itself", what);
  data_folder_close(&folder);
  tap_ok(folder.count == 0 && folder.entries == NULL, "%s: closes", what);
}

static void test_forms(void) {
  fresh("own_lists");
  put("HCOCO/HCOCO_train.txt", "c1_11_1.jpg\nc2_20_1.jpg\n");
  put("HCOCO/HCOCO_test.txt", "d90-5_x_30_1.jpg");
  check_three(below("HCOCO"), "own lists");
  check_three(below("HCOCO///"), "own lists, slashes behind");
  check_three(root, "own lists, opened by the parent");

  fresh("with_crlf");
  put("HCOCO/HCOCO_train.txt",
      "\xef\xbb\xbf"
      "c1_11_1.jpg\r\n\r\n  \t\n c2_20_1.jpg \t\r\n\r\n");
  put("HCOCO/HCOCO_test.txt", "\n\n\ncomposite_images/d90-5_x_30_1.jpg\n");
  check_three(root, "CRLF, blank lines, a byte-order mark");

  static const char train[] = "HCOCO/composite_images/c1_11_1.jpg\n"
                              "HFlickr/composite_images/f1_1_1.jpg\n"
                              "HCOCO/composite_images/c2_20_1.jpg\n";
  static const char test[] = "HAdobe5k/composite_images/a1_1_1.jpg\n"
                             "HCOCO/composite_images/d90-5_x_30_1.jpg\n";
  fresh("merged_beside");
  put("IHD_train.txt", train);
  put("IHD_test.txt", test);
  check_three(root, "merged lists beside, opened by the parent");
  check_three(below("HCOCO"), "merged lists beside, opened itself");
  fresh("merged_inside");
  put("HCOCO/IHD_train.txt", train);
  put("HCOCO/IHD_test.txt", test);
  check_three(below("HCOCO"), "merged lists inside");
  fresh("mixed");
  put("HCOCO/other_name_train.txt", "c1_11_1.jpg\nc2_20_1.jpg\n");
  put("IHD_train.txt", "HCOCO/composite_images/c1_10_1.jpg\n");
  put("IHD_test.txt", test);
  check_three(root, "own list before the merged one; one own list of any name");

  char here[PATH_ROOM];
  if (getcwd(here, sizeof here) == NULL || chdir(below("HCOCO")) != 0) exit(1);
  data_folder folder;
  tap_ok(data_folder_open(".", &folder) == STATUS_OK && folder.count == 3,
         "the working folder opens as '.'");
  data_folder_close(&folder);
  if (chdir(here) != 0) exit(1);
}

static void test_one_list(void) {
  fresh("only_test");
  put("HCOCO/HCOCO_test.txt", "c1_10_1.jpg\nc1_10_2.jpg\n");
  data_folder folder;
  tap_ok(data_folder_open(root, &folder) == STATUS_OK &&
             folder.split_count[DATA_TRAIN] == 0 &&
             folder.split_count[DATA_TEST] == 2,
         "a test list alone is enough");
  data_folder_close(&folder);
}

/* Opening fails, and the message holds every one of the NULL-ended words. */
static void check_refused(status code, const char *what, ...) {
  data_folder folder;
  status result = data_folder_open(root, &folder);
  bool told = result == code;
  va_list words;
  va_start(words, what);
  for (const char *word; (word = va_arg(words, const char *)) != NULL;)
    told = told && strstr(status_message(), word) != NULL;
  va_end(words);
  tap_ok(told, "refused: %s", what);
  if (!told)
    tap_note("status %d: %s", (int)result,
             result == STATUS_OK ? "" : status_message());
  tap_ok(folder.entries == NULL && folder.path == NULL, "... and left empty");
  data_folder_close(&folder);
}

static void test_bad_lists(void) {
  fresh("no_list");
  check_refused(STATUS_FORMAT, "no list", "HCOCO_train.txt", "IHD_train.txt",
                NULL);
  fresh("empty_list");
  put("HCOCO/HCOCO_train.txt", " \n\r\n");
  check_refused(STATUS_FORMAT, "an empty list", "HCOCO_train.txt", "empty",
                NULL);
  fresh("foreign_merged");
  put("IHD_train.txt", "HFlickr/composite_images/f1_1_1.jpg\n");
  check_refused(STATUS_FORMAT, "merged lists without this folder", "IHD_train",
                NULL);
  fresh("missing_file");
  put("HCOCO/HCOCO_train.txt", "c1_10_1.jpg\n\nc9_9_9.jpg\n");
  check_refused(STATUS_FORMAT, "a composite that is not there",
                "HCOCO_train.txt:3", "composite_images/c9_9_9.jpg", NULL);
  fresh("missing_mask");
  put("HCOCO/HCOCO_train.txt", "c3_1_1.jpg\n");
  check_refused(STATUS_FORMAT, "a mask that is not there", "HCOCO_train.txt:1",
                "mask", "masks/c3_1.png", NULL);
  put("HCOCO/masks/c3_1.png", "");
  check_refused(STATUS_FORMAT, "a real image that is not there",
                "HCOCO_train.txt:1", "real image", "real_images/c3.jpg", NULL);
  fresh("repeated");
  put("HCOCO/HCOCO_train.txt", "c1_10_1.jpg\nc1_10_2.jpg\nc1_10_1.jpg\n");
  check_refused(STATUS_FORMAT, "a name twice in a list", "HCOCO_train.txt:3",
                "HCOCO_train.txt:1", "c1_10_1.jpg", NULL);
  fresh("in_both");
  put("HCOCO/HCOCO_train.txt", "c1_10_1.jpg\nc1_10_2.jpg\n");
  put("HCOCO/HCOCO_test.txt", "c1_10_2.jpg\n");
  check_refused(STATUS_FORMAT, "a name in both lists", "HCOCO_test.txt:1",
                "HCOCO_train.txt:2", NULL);
}

static void test_bad_names(void) {
  static const char *const names[] = {
      "c1.jpg",         "c1_10.jpg",      "_10_1.jpg",
      "c1__1.jpg",      "c1_10_.jpg",     "c1_10_1.txt",
      "c1_10_1",        "../c1_10_1.jpg", "masks/c1_10_1.jpg",
      "c1_10_1.jpg 0.5"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
    char name[64], text[128];
    snprintf(name, sizeof name, "bad_name_%zu", i);
    fresh(name);
    snprintf(text, sizeof text, "c1_10_1.jpg\n%s\n", names[i]);
    put("HCOCO/HCOCO_train.txt", text);
    check_refused(STATUS_FORMAT, names[i], "HCOCO_train.txt:2",
                  "<image>_<object>_<k>.jpg", NULL);
  }
  fresh("merged_bare");
  put("IHD_train.txt", "c1_10_1.jpg\n");
  check_refused(STATUS_FORMAT, "a bare name in a merged list",
                "IHD_train.txt:1", "SUBSET/composite_images/", NULL);
  fresh("long_name");
  char *text = malloc(300000);
  memset(text, 'x', 300000);
  memcpy(text + 299990, "_1_1.jpg\n", 10);
  put("HCOCO/HCOCO_train.txt", text);
  free(text);
  check_refused(STATUS_FORMAT, "a name of 300 kB", "HCOCO_train.txt:1", NULL);
}

static void test_bad_folders(void) {
  fresh("two_lists");
  put("HCOCO/a_train.txt", "c1_10_1.jpg\n");
  put("HCOCO/b_train.txt", "c1_10_1.jpg\n");
  check_refused(STATUS_FORMAT, "two own lists of other names", "a_train.txt",
                "b_train.txt", NULL);
  fresh("list_is_folder");
  put("HCOCO/HCOCO_train.txt/x", "");
  check_refused(STATUS_IO, "a list that is a folder", "HCOCO_train.txt", NULL);
  snprintf(root, sizeof root, "%s/not_there", tap_scratch_folder());
  check_refused(STATUS_IO, "a folder that is not there", "not_there", NULL);
  mkdir(root, 0777);
  check_refused(STATUS_IO, "a folder without composite_images",
                "composite_images", NULL);
  put("HCOCO/composite_images/x", "");
  check_refused(STATUS_IO, "a folder without masks", "HCOCO/masks", NULL);
}

/* A folder of one sample with the given names, and a list of one line. */
static void check_spelling(const char *composite, const char *mask,
                           const char *real, const char *line,
                           const char *what) {
  static int number;
  data_folder folder;
  char name[64];
  snprintf(name, sizeof name, "spelling_%d", number++);
  fresh(name);
  put(composite, "");
  put(mask, "");
  put(real, "");
  put("HCOCO/HCOCO_test.txt", line);
  size_t above = strlen("HCOCO/");
  status result = data_folder_open(root, &folder);
  tap_ok(result == STATUS_OK && folder.count == 1 &&
             is_entry(&folder, 0, DATA_TEST, composite + above, mask + above,
                      real + above),
         "%s%s%s", what, result == STATUS_OK ? "" : ": ",
         result == STATUS_OK ? "" : status_message());
  data_folder_close(&folder);
}

#define FILES(composite, mask, real)                                           \
  "HCOCO/composite_images/" composite, "HCOCO/masks/" mask,                    \
      "HCOCO/real_images/" real

static void test_spelling(void) {
  check_spelling(FILES("u1_1_1.JPG", "u1_1.PNG", "u1.JPEG"), "u1_1_1.jpg",
                 "endings in capitals");
  check_spelling(FILES("u1_1_1.jpg", "u1_1.png", "u1.jpg"), "u1_1_1.JPG",
                 "a list's endings in capitals");
  check_spelling(FILES("u1_1_1.Jpeg", "u1_1.jPg", "u1.Png"), "u1_1_1.jpeg",
                 "endings in any case");
  check_spelling(FILES("u1_1_1.JPEG", "u1_1.png", "u1.jpg"), "u1_1_1.jpg",
                 "a composite of another ending than the list's");
  check_spelling(FILES("u1_1_1.png", "u1_1.png", "u1.png"), "u1_1_1.jpg",
                 "a folder of PNG under a list of JPEG");
  check_spelling(
      FILES("cafe\u0301_1_1.jpg", "cafe\u0301_1.png", "cafe\u0301.jpg"),
      "caf\u00e9_1_1.jpg", "the folder's name in NFD");
  check_spelling(
      FILES("caf\u00e9_1_1.jpg", "caf\u00e9_1.png", "cafe\u0301.JPG"),
      "cafe\u0301_1_1.jpg", "the list's name in NFD");
  check_spelling(
      FILES("\u1ec7_1_1.jpg", "e\u0323\u0302_1.png", "\u00ea\u0323.jpg"),
      "\u1eb9\u0302_1_1.jpg", "Vietnamese, four ways");
  check_spelling(FILES("\u304c\u30d7\ud55c\u0439_1_1.jpg",
                       "\u304b\u3099\u30d5\u309a\u1112\u1161\u11ab\u0438"
                       "\u0306_1.png",
                       "\u304c\u30d7\ud55c\u0439.jpg"),
                 "\u304c\u30d5\u309a\u1112\u1161\u11ab\u0439_1_1.jpg",
                 "kana, Hangul, Cyrillic");
  check_spelling(FILES("\xe9t\xe9_1_1.jpg", "\xe9t\xe9_1.png", "\xe9t\xe9.jpg"),
                 "\xe9t\xe9_1_1.JPG", "names that are no UTF-8");
  check_spelling(FILES("\xe9\xf0\x9f\x98\x80_1_1.jpg",
                       "\xe9\xf0\x9f\x98\x80_1.png",
                       "\xe9\xf0\x9f\x98\x80.jpg"),
                 "\xe9\xf0\x9f\x98\x80_1_1.JPG", "and what follows them");
}

/* What is one file, and what is not. */
static void test_alike(void) {
  fresh("case_differs");
  put("HCOCO/HCOCO_train.txt", "C1_10_1.jpg\n");
  check_refused(STATUS_FORMAT, "the case of the name itself counts",
                "composite_images/C1_10_1.jpg", NULL);
  fresh("two_spellings");
  put("HCOCO/HCOCO_train.txt", "c1_10_1.jpg\nc1_10_1.JPG\n");
  check_refused(STATUS_FORMAT, "one file in two spellings", "second time",
                "HCOCO_train.txt:2", NULL);
  fresh("both_there");
  put("HCOCO/composite_images/c1_10_1.JPG", "");
  put("HCOCO/HCOCO_train.txt", "c1_10_1.jpg\nc1_10_1.JPG\n");
  data_folder folder;
  tap_ok(data_folder_open(root, &folder) == STATUS_OK && folder.count == 2,
         "but two files are two");
  data_folder_close(&folder);
}

static void test_notes(void) {
  fresh("notes");
  put("HCOCO/composite_images/._c1_10_1.jpg", "");
  put("HCOCO/._HCOCO_train.txt", "\1\2");
  put("HCOCO/._mine_test.txt", "\1\2");
  put("HCOCO/.hidden_train.txt", "c1_11_1.jpg\n");
  put("HCOCO/mine_train.txt", "._c1_10_1.jpg\nc1_10_1.jpg\n");
  data_folder folder;
  status result = data_folder_open(root, &folder);
  tap_ok(result == STATUS_OK && folder.count == 1 &&
             folder.split_count[DATA_TRAIN] == 1,
         "dot files are nobody's lists, ._ files nobody's composites%s",
         result == STATUS_OK ? "" : status_message());
  data_folder_close(&folder);
  fresh("dot_file");
  put("HCOCO/composite_images/.c1_10_1.jpg", "");
  put("HCOCO/HCOCO_train.txt", ".c1_10_1.jpg\n");
  check_refused(STATUS_FORMAT, "other dot files are told of",
                "HCOCO_train.txt:1", NULL);
}

static void test_backslash(void) {
  static const char *const lines[] = {"composite_images\\c1_10_1.jpg",
                                      "HCOCO\\composite_images\\c1_10_1.jpg",
                                      "c1\\c1_10_1.jpg"};
  for (size_t i = 0; i < 3; i++) {
    char name[64], text[128];
    snprintf(name, sizeof name, "backslash_%zu", i);
    fresh(name);
    snprintf(text, sizeof text, "c1_10_2.jpg\r\n%s\r\n", lines[i]);
    put("HCOCO/HCOCO_train.txt", text);
    check_refused(STATUS_FORMAT, lines[i], "HCOCO_train.txt:2", "backslash",
                  "expected /", NULL);
  }
}

/* The full HCOCO's number of names, in a folder of it. */
static void test_many(void) {
  enum { MANY = 42828 };
  fresh("many");
  FILE *list = fopen(below("HCOCO/HCOCO_train.txt"), "w");
  for (int i = 0; i < MANY; i++) {
    char name[64];
    snprintf(name, sizeof name, "HCOCO/composite_images/c%d_%d_1.jpg", i / 2,
             i);
    put(name, "");
    fprintf(list, "%s\n", strrchr(name, '/') + 1);
    snprintf(name, sizeof name, "HCOCO/masks/c%d_%d.png", i / 2, i);
    put(name, "");
    snprintf(name, sizeof name, "HCOCO/real_images/c%d.jpg", i / 2);
    if (i % 2 == 0) put(name, "");
  }
  fclose(list);
  data_folder folder;
  double before = clock_seconds();
  status result = data_folder_open(root, &folder);
  double seconds = clock_seconds() - before;
  tap_ok(result == STATUS_OK && folder.count == MANY, "%d composites open",
         MANY);
  tap_ok(seconds < 20, "... in %.3f s, not in minutes", seconds);
  data_folder_close(&folder);
}

int main(void) {
  tap_ok(strcmp(data_split_name(DATA_TRAIN), "train") == 0 &&
             strcmp(data_split_name(DATA_TEST), "test") == 0,
         "names of the splits");
  test_forms();
  test_one_list();
  test_bad_lists();
  test_bad_names();
  test_bad_folders();
  test_spelling();
  test_alike();
  test_notes();
  test_backslash();
  test_many();
  return tap_done();
}
