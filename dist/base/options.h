/* One table of options a command: it drives parsing, --help, the option
 * reference (dist/cmd/README.md) and the configuration stored in a checkpoint.
 * GNU conventions: --name value, --name=value, -h, "--" ends the options. */
#ifndef HARMONIA_OPTIONS_H
#define HARMONIA_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/status.h"

typedef enum option_kind {
  OPTION_FLAG,   /* bool: --name, --name=yes|no */
  OPTION_INT,    /* int64_t within [min, max], or the word for 0 */
  OPTION_REAL,   /* double within [min, max] */
  OPTION_TEXT,   /* const char *, points into argv or the table */
  OPTION_CHOICE, /* const char *, one of `choices` */
  OPTION_LIST    /* option_list: may be given many times */
} option_kind;

enum { OPTION_LIST_MAX = 64 };

typedef struct option_list {
  const char *values[OPTION_LIST_MAX];
  int count;
} option_list;

typedef struct option {
  const char *name; /* without "--" */
  option_kind kind;
  size_t offset;        /* of the field in the command's configuration */
  const char *preset;   /* the default, as text; NULL: "", 0, no */
  double min, max;      /* numbers only */
  const char *argument; /* what --help calls the value: "FILE", "N" */
  const char *choices;  /* "a|b|c"; of an INT: a word for the value 0, which
                           `min` allows, or NULL */
  const char *help;     /* one line or more, wrapped by the printer */
} option;

typedef struct option_table {
  const char *command;     /* "train" */
  const char *synopsis;    /* what follows the command in the usage line */
  const char *description; /* a sentence or two */
  const option *options;
  int count;
  int positional_min, positional_max;
  /* NULL, or the table of a command whose options this one takes too: their
   * offsets hold for this command's configuration, which begins with the
   * other's. They come behind this table's in the order of indices; --help
   * refers to them. */
  const struct option_table *also;
} option_table;

/* Options of the table, those it takes from another included. */
int options_count(const option_table *table);

/* Fills every field with its default. */
void options_defaults(const option_table *table, void *configuration);

/* Parses argv[0..argc-1] (after the command word). Positional arguments come
 * in `positional` (room for positional_max). `given`, when not NULL, has a
 * bool an option: whether the user set it. `*help` is set by -h or --help, and
 * then nothing else is checked. Failures are STATUS_USAGE. */
status options_parse(const option_table *table, void *configuration, int argc,
                     char **argv, const char **positional,
                     int *positional_count, bool *given, bool *help);

/* Sets one option from text; the text must outlive the configuration. */
status options_set(const option_table *table, void *configuration,
                   const char *name, const char *text);

/* The value of option i as text that options_set takes: 0 as its word, where it
 * has one. */
void options_format(const option_table *table, const void *configuration,
                    int index, char *text, size_t size);

/* Whether option i has the value 0, and a word for it. */
bool options_is_word(const option_table *table, const void *configuration,
                     int index);

/* Place of `text` among "a|b|c", from 0; -1 if it is none of them. */
int choice_index(const char *choices, const char *text);

/* Index of an option by name, or -1. */
int options_find(const option_table *table, const char *name);

void options_print_help(const option_table *table, FILE *file);

#endif
