/* One table of options a command: it drives parsing, --help, the option
 * reference (dist/cmd/README.md) and the configuration stored in a checkpoint.
 * A row points into the structure that the command's code uses.
 * GNU conventions: --name value, --name=value, -h, "--" ends the options. */
#ifndef HARMONIA_OPTIONS_H
#define HARMONIA_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/choice.h"
#include "base/status.h"

/* A row's kind follows from the type of its field. */
typedef enum option_kind {
  OPTION_FLAG,   /* bool: --name, --name=yes|no */
  OPTION_INT,    /* int within [min, max], or the word for 0 */
  OPTION_INT64,  /* int64_t, likewise */
  OPTION_REAL,   /* double within [min, max] */
  OPTION_TEXT,   /* const char *, points into argv or the table */
  OPTION_CHOICE, /* an enumeration (choice.h) */
  OPTION_LIST    /* option_list: may be given many times */
} option_kind;

/* What an option of a run is to a checkpoint of that run. */
typedef enum option_scope {
  OPTION_OF_RUN,     /* defines the run: stored, and the same on resuming */
  OPTION_CHANGEABLE, /* stored; a run may go on with another value */
  OPTION_LOCAL       /* of the machine or the invocation: not stored */
} option_scope;

enum { OPTION_LIST_MAX = 64 };

typedef struct option_list {
  const char *values[OPTION_LIST_MAX];
  int count;
} option_list;

typedef struct option {
  const char *name; /* without "--" */
  option_kind kind;
  size_t offset;      /* of the field in the command's configuration */
  const char *preset; /* the default, as text; NULL: "", 0, no, first choice */
  double min, max;    /* numbers only */
  const char *argument;       /* what --help calls the value: "FILE", "N" */
  const char *const *choices; /* names of an enumeration's values, then NULL */
  const char *word; /* of a whole number: stands for 0, which `min` allows */
  const char *help; /* one line or more, wrapped by the printer */
  option_scope scope;
  /* What runs did before there was the option, as text: its value in a
   * checkpoint that lacks it. NULL: it is as old as checkpoints are. */
  const char *before;
} option;

/* Name, kind and place of a row: {OPTION_ROW(configuration, "name", field),
 * .preset = ...}. `field` may be that of a struct within: "network.ngf". */
#define OPTION_ROW(configuration, text, field)                                 \
  .name = (text), .kind = OPTION_KIND(((configuration *)0)->field),            \
  .offset = offsetof(configuration, field)
#define OPTION_KIND(field)                                                     \
  _Generic((field),                                                            \
      bool: OPTION_FLAG,                                                       \
      int: OPTION_INT,                                                         \
      int64_t: OPTION_INT64,                                                   \
      double: OPTION_REAL,                                                     \
      const char *: OPTION_TEXT,                                               \
      unsigned: OPTION_CHOICE,                                                 \
      option_list: OPTION_LIST)

typedef struct option_table {
  const char *command;     /* "train" */
  const char *synopsis;    /* what follows the command in the usage line */
  const char *description; /* a sentence or two */
  const option *options;
  int count;
  size_t size; /* of the configuration */
  int positional_min, positional_max;
  /* NULL, or the table of a command whose options this one takes too: their
   * offsets hold for this command's configuration, which begins with the
   * other's. They come behind this table's in the order of indices; --help
   * refers to them. */
  const struct option_table *also;
} option_table;

/* Options of the table, those it takes from another included. */
int options_count(const option_table *table);

/* Fills the configuration: every field of an option with its default, all else
 * with zeros. */
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

/* Index of an option by name, or -1. */
int options_find(const option_table *table, const char *name);

void options_print_help(const option_table *table, FILE *file);

#endif
