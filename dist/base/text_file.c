/* Lines of text files, whoever wrote them. */
#include "base/text_file.h"

#include <stdbool.h>
#include <string.h>

#include "base/memory.h"
#include "base/read_file.h"

#define BYTE_ORDER_MARK "\xef\xbb\xbf"

/* The name of an encoding of wider units, or NULL: by its mark, or because
 * one of the first two bytes is zero and the other is not. */
static const char *wide_encoding(const char *text, size_t length) {
  if (length < 2) return NULL;
  if (length >= 4 && (memcmp(text, "\xff\xfe\0\0", 4) == 0 ||
                      memcmp(text, "\0\0\xfe\xff", 4) == 0))
    return "UTF-32";
  if (memcmp(text, "\xff\xfe", 2) == 0 || memcmp(text, "\xfe\xff", 2) == 0 ||
      (text[0] == '\0') != (text[1] == '\0'))
    return "UTF-16";
  return NULL;
}

static size_t lines_before(const char *text, const char *end) {
  size_t lines = 0;
  for (; text < end; text++) lines += *text == '\n';
  return lines;
}

static status check_text(const char *path, const char *text, size_t length) {
  const char *wide = wide_encoding(text, length);
  if (wide != NULL)
    return status_error(STATUS_FORMAT, "%s: is %s text; expected UTF-8", path,
                        wide);
  const char *zero = memchr(text, '\0', length);
  if (zero == NULL) return STATUS_OK;
  return status_error(STATUS_FORMAT,
                      "%s:%zu: not a text file: it holds a byte of zero", path,
                      lines_before(text, zero) + 1);
}

status text_file_open(const char *path, text_file *out) {
  size_t length;
  *out = (text_file){0};
  TRY(read_file(path, &out->text, &length));
  out->rest = out->text;
  status result = check_text(path, out->text, length);
  if (result != STATUS_OK) text_file_close(out);
  return result;
}

void text_file_close(text_file *file) {
  memory_free(file->text);
  *file = (text_file){0};
}

/* Cuts a line off, without its end and a mark, of which files that were put
 * together have several. */
static char *cut_line(text_file *file) {
  char *line = file->rest;
  if (*line == '\0') return NULL;
  char *end = line + strcspn(line, "\r\n");
  file->rest = end;
  if (*end != '\0') file->rest += end[0] == '\r' && end[1] == '\n' ? 2 : 1;
  *end = '\0';
  file->line++;
  while (strncmp(line, BYTE_ORDER_MARK, 3) == 0) line += 3;
  return line;
}

static bool is_blank(const char *line) {
  return line[strspn(line, " \t")] == '\0';
}

char *text_file_next(text_file *file) {
  char *line;
  while ((line = cut_line(file)) != NULL && is_blank(line)) continue;
  return line;
}

char *text_trim(char *text) {
  text += strspn(text, " \t");
  size_t length = strlen(text);
  while (length > 0 && strchr(" \t", text[length - 1]) != NULL) length--;
  text[length] = '\0';
  return text;
}
