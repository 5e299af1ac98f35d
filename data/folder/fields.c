/* Lines of tab-separated tables. */
#include "data/folder/fields.h"

#include <string.h>

#include "base/text_file.h"

static char *clean(char *field) {
  field = text_trim(field);
  size_t length = strlen(field);
  if (length < 2 || field[0] != '"' || field[length - 1] != '"') return field;
  field[length - 1] = '\0';
  return text_trim(field + 1);
}

int fields_cut(char *line, char *fields[FIELDS_MAX]) {
  int count = 0;
  for (char *rest = line; rest != NULL && count < FIELDS_MAX; count++)
    fields[count] = clean(strsep(&rest, "\t"));
  return count;
}

int fields_find(char *const *fields, int count, const char *name) {
  for (int i = count - 1; i >= 0; i--)
    if (strcmp(fields[i], name) == 0) return i;
  return -1;
}
