/* Text that people and other programs write: lists, tables. Lines may end as on
 * Unix, Windows or an old Macintosh, the last one need not end; blank lines and
 * byte-order marks are nothing. */
#ifndef HARMONIA_TEXT_FILE_H
#define HARMONIA_TEXT_FILE_H

#include <stddef.h>

#include "base/status.h"

typedef struct text_file {
  size_t line; /* number of the line given last, from 1 */
  char *text, *rest;
} text_file;

/* Reads all of it. UTF-16, UTF-32 and bytes of zero are STATUS_FORMAT: names
 * are compared as UTF-8. On failure nothing is to be closed. */
status text_file_open(const char *path, text_file *out);
void text_file_close(text_file *file);

/* The next line that is not blank, without its end; NULL after the last. It may
 * be written into, and lives as long as the file is open. */
char *text_file_next(text_file *file);

/* The text without blanks and tabs around it; cut off in place. */
char *text_trim(char *text);

#endif
