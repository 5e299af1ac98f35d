/* Text as Windows, spreadsheets and people leave it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/text_file.h"
#include "tests/tap.h"

#define MARK "\xef\xbb\xbf"

static void put(const char *bytes, size_t length) {
  FILE *file = fopen("text", "wb");
  if (file == NULL || fwrite(bytes, 1, length, file) != length ||
      fclose(file) != 0) {
    perror("text");
    exit(1);
  }
}

/* Lines and their numbers, as "1:first|3:third|". */
static void check_lines(const char *bytes, const char *wanted,
                        const char *what) {
  text_file file;
  char found[256] = "", *line;
  put(bytes, strlen(bytes));
  status result = text_file_open("text", &file);
  while (result == STATUS_OK && (line = text_file_next(&file)) != NULL) {
    size_t used = strlen(found);
    snprintf(found + used, sizeof found - used, "%zu:%s|", file.line, line);
  }
  text_file_close(&file);
  tap_ok(result == STATUS_OK && strcmp(found, wanted) == 0, "%s: %s", what,
         found);
}

static void test_lines(void) {
  check_lines("a\nb\n", "1:a|2:b|", "as Unix writes it");
  check_lines("a\nb", "1:a|2:b|", "no end of the last line");
  check_lines("a\r\nb\r\n", "1:a|2:b|", "as Windows writes it");
  check_lines("a\rb\r", "1:a|2:b|", "as an old Macintosh wrote it");
  check_lines("a\r\rb\n\r\nc", "1:a|3:b|5:c|", "ends of every kind");
  check_lines(MARK "a\nb", "1:a|2:b|", "a byte-order mark");
  check_lines(MARK "a\n" MARK "b\n", "1:a|2:b|", "two files put together");
  check_lines("\n \t \n\r\na\n \n", "4:a|", "blank lines");
  check_lines(" a b\t\n", "1: a b\t|", "blanks in a line stay");
  check_lines("", "", "nothing");
  check_lines(MARK, "", "a mark and nothing else");
}

static void check_refused(const char *bytes, size_t length, const char *word,
                          const char *what) {
  text_file file;
  put(bytes, length);
  status result = text_file_open("text", &file);
  tap_ok(result == STATUS_FORMAT && file.text == NULL &&
             strstr(status_message(), word) != NULL,
         "%s: %s", what, status_message());
}

static void test_refused(void) {
#define BYTES(text) text, sizeof text - 1
  check_refused(BYTES("\xff\xfe"
                      "a\0\n\0"),
                "is UTF-16 text; expected UTF-8", "UTF-16 with its mark");
  check_refused(BYTES("\xfe\xff\0a\0\n"), "UTF-16", "the other order");
  check_refused(BYTES("a\0\n\0"), "UTF-16", "without a mark");
  check_refused(BYTES("\0a\0\n"), "UTF-16", "the other order, without one");
  check_refused(BYTES("\xff\xfe\0\0a\0\0\0"), "UTF-32", "UTF-32");
  check_refused(BYTES("abc\nd\0e\n"), "text:2: not a text file",
                "a byte of zero");
  text_file file;
  tap_ok(text_file_open("none", &file) == STATUS_IO, "no file: %s",
         status_message());
  mkdir("folder", 0777);
  tap_ok(text_file_open("folder", &file) == STATUS_IO, "a folder: %s",
         status_message());
}

static void test_long_line(void) {
  enum { LONG = 5000000 };
  char *text = malloc(LONG + 4), *line;
  text_file file;
  memset(text, 'x', LONG);
  memcpy(text + LONG, "\r\nb", 4);
  put(text, LONG + 3);
  bool good = text_file_open("text", &file) == STATUS_OK &&
              (line = text_file_next(&file)) != NULL && strlen(line) == LONG &&
              (line = text_file_next(&file)) != NULL && strcmp(line, "b") == 0;
  tap_ok(good, "a line of 5 MB");
  text_file_close(&file);
  free(text);
}

int main(void) {
  if (chdir(tap_scratch_folder()) != 0) return 1;
  test_lines();
  test_refused();
  test_long_line();
  char words[] = "\t a b \t ", blank[] = "  ";
  tap_ok(strcmp(text_trim(words), "a b") == 0 && *text_trim(blank) == '\0',
         "blanks are cut off");
  return tap_done();
}
