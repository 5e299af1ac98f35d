/* Parsing, formatting and --help of a table of options. */
#include "base/options.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static void *field(const option *opt, void *configuration) {
  return (char *)configuration + opt->offset;
}

int options_count(const option_table *table) {
  return table->count + (table->also != NULL ? table->also->count : 0);
}

static const option *option_at(const option_table *table, int index) {
  return index < table->count ? &table->options[index]
                              : &table->also->options[index - table->count];
}

int options_find(const option_table *table, const char *name) {
  for (int i = 0; i < options_count(table); i++)
    if (strcmp(option_at(table, i)->name, name) == 0) return i;
  return -1;
}

int choice_index(const char *const *names, const char *name) {
  for (int i = 0; names[i] != NULL; i++)
    if (strcmp(names[i], name) == 0) return i;
  return -1;
}

static bool is_whole(const option *opt) {
  return opt->kind == OPTION_INT || opt->kind == OPTION_INT64;
}

static int64_t whole_at(const option *opt, const void *source) {
  return opt->kind == OPTION_INT ? *(const int *)source
                                 : *(const int64_t *)source;
}

/* What the value may be, for people: "N", "a|b|c", "word|N". */
static void describe_value(const option *opt, char *text, size_t size) {
  if (opt->kind == OPTION_CHOICE) {
    size_t used = 0;
    for (int i = 0; opt->choices[i] != NULL && used < size; i++)
      used += (size_t)snprintf(text + used, size - used, "%s%s",
                               i > 0 ? "|" : "", opt->choices[i]);
  } else {
    snprintf(text, size, "%s%s%s", opt->word != NULL ? opt->word : "",
             opt->word != NULL ? "|" : "", opt->argument);
  }
}

static status set_number(const option *opt, void *target, const char *text) {
  if (opt->word != NULL && strcmp(text, opt->word) == 0) text = "0";
  char *end = NULL;
  errno = 0;
  long long whole = 0;
  double value;
  if (is_whole(opt)) {
    whole = strtoll(text, &end, 10);
    value = (double)whole;
  } else {
    value = strtod(text, &end);
  }
  if (errno != 0 || end == text || *end != '\0' || !isfinite(value) ||
      value < opt->min || value > opt->max)
    return status_error(
        STATUS_USAGE, "option --%s: '%s' is not %s%s%s from %.10g to %.10g",
        opt->name, text, opt->word != NULL ? opt->word : "",
        opt->word != NULL ? " or " : "",
        is_whole(opt) ? "a whole number" : "a number", opt->min, opt->max);
  if (opt->kind == OPTION_INT)
    *(int *)target = (int)whole;
  else if (opt->kind == OPTION_INT64)
    *(int64_t *)target = whole;
  else
    *(double *)target = value;
  return STATUS_OK;
}

static status set_choice(const option *opt, unsigned *target,
                         const char *text) {
  int index = choice_index(opt->choices, text);
  if (index < 0) {
    char names[256];
    describe_value(opt, names, sizeof names);
    return status_error(STATUS_USAGE, "option --%s: '%s' is not one of %s",
                        opt->name, text, names);
  }
  *target = (unsigned)index;
  return STATUS_OK;
}

static status set_value(const option *opt, void *configuration,
                        const char *text) {
  void *target = field(opt, configuration);
  switch (opt->kind) {
  case OPTION_FLAG:
    if (strcmp(text, "yes") == 0 || strcmp(text, "no") == 0) {
      *(bool *)target = text[0] == 'y';
      return STATUS_OK;
    }
    return status_error(STATUS_USAGE, "option --%s: '%s' is neither yes nor no",
                        opt->name, text);
  case OPTION_INT:
  case OPTION_INT64:
  case OPTION_REAL: return set_number(opt, target, text);
  case OPTION_CHOICE: return set_choice(opt, target, text);
  case OPTION_TEXT: *(const char **)target = text; return STATUS_OK;
  case OPTION_LIST: {
    option_list *list = target;
    if (list->count == OPTION_LIST_MAX)
      return status_error(STATUS_USAGE, "option --%s: more than %d of them",
                          opt->name, OPTION_LIST_MAX);
    list->values[list->count++] = text;
    return STATUS_OK;
  }
  }
  return STATUS_OK;
}

static const char *preset_of(const option *opt) {
  if (opt->preset != NULL) return opt->preset;
  switch (opt->kind) {
  case OPTION_FLAG: return "no";
  case OPTION_CHOICE: return opt->choices[0];
  case OPTION_TEXT: return "";
  default: return "0";
  }
}

void options_defaults(const option_table *table, void *configuration) {
  memset(configuration, 0, table->size);
  for (int i = 0; i < options_count(table); i++) {
    const option *opt = option_at(table, i);
    if (opt->kind == OPTION_LIST) continue;
    status result = set_value(opt, configuration, preset_of(opt));
    INVARIANT(result == STATUS_OK, "default of --%s: %s", opt->name,
              status_message());
  }
}

status options_set(const option_table *table, void *configuration,
                   const char *name, const char *text) {
  int index = options_find(table, name);
  if (index < 0)
    return status_error(STATUS_USAGE, "'%s' has no option --%s", table->command,
                        name);
  return set_value(option_at(table, index), configuration, text);
}

/* --name, --name=value or --name value at argv[*at]; moves *at on. */
static status parse_long(const option_table *table, void *configuration,
                         int argc, char **argv, int *at, bool *given) {
  const char *text = argv[*at] + 2;
  const char *equals = strchr(text, '=');
  char name[64];
  size_t length = equals != NULL ? (size_t)(equals - text) : strlen(text);
  snprintf(name, sizeof name, "%.*s", (int)(length < 63 ? length : 63), text);
  int index = options_find(table, name);
  if (index < 0)
    return status_error(STATUS_USAGE,
                        "'%s' has no option --%s (see harmonia %s --help)",
                        table->command, name, table->command);
  const option *opt = option_at(table, index);
  const char *value = equals != NULL ? equals + 1 : NULL;
  if (value == NULL && opt->kind == OPTION_FLAG) value = "yes";
  if (value == NULL) {
    if (*at + 1 >= argc) {
      char expected[128];
      describe_value(opt, expected, sizeof expected);
      return status_error(STATUS_USAGE, "option --%s needs a value (%s)", name,
                          expected);
    }
    value = argv[++*at];
  }
  if (given != NULL) given[index] = true;
  return set_value(opt, configuration, value);
}

status options_parse(const option_table *table, void *configuration, int argc,
                     char **argv, const char **positional,
                     int *positional_count, bool *given, bool *help) {
  int found = 0;
  bool options_ended = false;
  *help = false;
  for (int i = 0; i < argc; i++)
    if (strcmp(argv[i], "-h") == 0 || strcmp(argv[i], "--help") == 0) {
      *help = true;
      return STATUS_OK;
    } else if (strcmp(argv[i], "--") == 0) {
      break;
    }
  for (int i = 0; i < argc; i++) {
    const char *text = argv[i];
    if (!options_ended && strcmp(text, "--") == 0) {
      options_ended = true;
    } else if (!options_ended && strncmp(text, "--", 2) == 0) {
      TRY(parse_long(table, configuration, argc, argv, &i, given));
    } else if (!options_ended && text[0] == '-' && text[1] != '\0') {
      return status_error(STATUS_USAGE,
                          "'%s' is not an option (see harmonia %s --help)",
                          text, table->command);
    } else {
      if (found == table->positional_max)
        return status_error(STATUS_USAGE,
                            "'%s' is one argument too many: harmonia %s %s",
                            text, table->command, table->synopsis);
      positional[found++] = text;
    }
  }
  if (found < table->positional_min)
    return status_error(STATUS_USAGE, "too few arguments: harmonia %s %s",
                        table->command, table->synopsis);
  *positional_count = found;
  return STATUS_OK;
}

bool options_is_word(const option_table *table, const void *configuration,
                     int index) {
  const option *opt = option_at(table, index);
  const void *source = (const char *)configuration + opt->offset;
  return opt->word != NULL && whole_at(opt, source) == 0;
}

void options_format(const option_table *table, const void *configuration,
                    int index, char *text, size_t size) {
  const option *opt = option_at(table, index);
  const void *source = (const char *)configuration + opt->offset;
  switch (opt->kind) {
  case OPTION_FLAG:
    snprintf(text, size, "%s", *(const bool *)source ? "yes" : "no");
    break;
  case OPTION_INT:
  case OPTION_INT64:
    if (options_is_word(table, configuration, index))
      snprintf(text, size, "%s", opt->word);
    else
      snprintf(text, size, "%lld", (long long)whole_at(opt, source));
    break;
  case OPTION_REAL:
    /* 17 digits bring the same double back; fewer where they suffice */
    for (int digits = 6; digits <= 17; digits++) {
      snprintf(text, size, "%.*g", digits, *(const double *)source);
      if (strtod(text, NULL) == *(const double *)source) break;
    }
    break;
  case OPTION_TEXT:
    snprintf(text, size, "%s", *(const char *const *)source);
    break;
  case OPTION_CHOICE:
    snprintf(text, size, "%s", opt->choices[*(const unsigned *)source]);
    break;
  case OPTION_LIST: {
    const option_list *list = source;
    size_t used = 0;
    if (size > 0) text[0] = '\0';
    for (int i = 0; i < list->count && used < size; i++) {
      int wrote = snprintf(text + used, size - used, "%s%s", i > 0 ? "," : "",
                           list->values[i]);
      used += wrote > 0 ? (size_t)wrote : 0;
    }
    break;
  }
  }
}

/* Prints `text` wrapped to 79 columns, every line but the first indented. */
static void print_wrapped(FILE *file, const char *text, int column,
                          int indent) {
  bool space = false; /* one is due before the next word of the line */
  while (*text != '\0') {
    int word = (int)strcspn(text, " ");
    if (column + space + word > 79 && column > indent) {
      fprintf(file, "\n%*s", indent, "");
      column = indent;
      space = false;
    }
    column += fprintf(file, "%s%.*s", space ? " " : "", word, text);
    text += word;
    space = *text == ' ';
    while (*text == ' ') text++;
  }
  fputc('\n', file);
}

void options_print_help(const option_table *table, FILE *file) {
  fprintf(file, "Usage: harmonia %s %s\n\n", table->command, table->synopsis);
  print_wrapped(file, table->description, 0, 0);
  fprintf(file, "\nOptions:\n");
  enum { INDENT = 27 };
  for (int i = 0; i < table->count; i++) {
    const option *opt = &table->options[i];
    char value[128] = "";
    if (opt->kind != OPTION_FLAG) describe_value(opt, value, sizeof value);
    int used = fprintf(file, "  --%s%s%s", opt->name,
                       value[0] != '\0' ? " " : "", value);
    if (used >= INDENT - 1) {
      fprintf(file, "\n%*s", INDENT, "");
    } else {
      fprintf(file, "%*s", INDENT - used, "");
    }
    char help[4096];
    bool shows_preset = opt->preset != NULL && opt->preset[0] != '\0' &&
                        opt->kind != OPTION_FLAG;
    int length = snprintf(
        help, sizeof help, "%s%s%s%s", opt->help, shows_preset ? " [" : "",
        shows_preset ? opt->preset : "", shows_preset ? "]" : "");
    INVARIANT(length < (int)sizeof help, "help of --%s", opt->name);
    print_wrapped(file, help, INDENT, INDENT);
  }
  fprintf(file, "  -h, --help               this text\n");
  if (table->also != NULL)
    fprintf(file, "\nAnd every option of 'harmonia %s'.\n",
            table->also->command);
}
