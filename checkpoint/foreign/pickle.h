/* Pickles, of which only that is understood which weights of PyTorch need:
 * texts, numbers, tuples, lists, dictionaries, tensors and their storages. A
 * pickle is a program; every instruction and every name that is not on our
 * lists is refused by its name, and none of Python's code is run. */
#ifndef HARMONIA_FOREIGN_PICKLE_H
#define HARMONIA_FOREIGN_PICKLE_H

#include "checkpoint/foreign/numbers.h"

enum {
  PICKLE_BYTES_MAX = 16 << 20, /* of a pickle without its tensors' numbers */
  PICKLE_VALUES_MAX = 1 << 19  /* in it, and on its stack */
};

typedef enum pickle_kind {
  PICKLE_NONE,
  PICKLE_BOOL,
  PICKLE_INT,
  PICKLE_REAL,
  PICKLE_TEXT,
  PICKLE_TUPLE,
  PICKLE_LIST,
  PICKLE_DICT, /* and collections.OrderedDict */
  PICKLE_GLOBAL,
  PICKLE_STORAGE,
  PICKLE_TENSOR,
  PICKLE_MARK /* on the stack only */
} pickle_kind;

typedef struct pickle_value pickle_value;

typedef struct pickle_text {
  const char *at; /* in the pickle's bytes, without a zero behind */
  size_t length;
} pickle_text;

typedef struct pickle_items { /* of a dictionary: key, value, key, ... */
  pickle_value **at;
  size_t count, room;
} pickle_items;

/* Numbers that lie elsewhere in the file. */
typedef struct pickle_storage {
  number_type type;
  pickle_text key;
  uint64_t count; /* numbers, of the whole storage */
  uint64_t
      begin; /* of a part of it, as old files have them: its first number */
} pickle_storage;

typedef struct pickle_tensor {
  const pickle_storage *storage;
  int rank; /* may be above CKPT_MAX_RANK: then shape is not all */
  uint64_t shape[CKPT_MAX_RANK], stride[CKPT_MAX_RANK]; /* numbers */
  uint64_t first; /* number of the storage */
} pickle_tensor;

typedef struct pickle pickle;

/* What a name of Python's stands for here: something to call, or a class of
 * storages. */
typedef struct pickle_global {
  const char *module, *name;
  /* Makes `out`, which is new and NONE, of a tuple's items; NULL: not to be
   * called. */
  status (*call)(pickle *p, const pickle_items *arguments, pickle_value *out);
  number_type storage;
} pickle_global;

struct pickle_value {
  pickle_kind kind;
  bool seen; /* for who walks through: there may be circles */
  union {
    int64_t whole; /* BOOL, INT */
    double real;
    pickle_text text;
    pickle_items items; /* TUPLE, LIST, DICT */
    const pickle_global *global;
    pickle_storage storage;
    pickle_tensor tensor;
  };
};

struct pickle {
  const char *path; /* for messages */
  const uint8_t *bytes;
  size_t size, at;
  pickle_items values; /* all that were made */
  pickle_items storages;
  pickle_items stack, memo;
};

/* The bytes stay the caller's, and are needed as long as the values. */
void pickle_begin(pickle *p, const char *path, const uint8_t *bytes,
                  size_t size);
/* Reads the next pickle; the value lives until pickle_free. STATUS_FORMAT says
 * what is refused. */
status pickle_load(pickle *p, pickle_value **out);
void pickle_free(pickle *p);

bool pickle_is(const pickle_text *text, const char *word);
/* Puts key and value, or an item, at the end. */
status pickle_append(pickle_items *items, pickle_value *value);

/* ---- torch_objects.c ---- */

/* NULL where it is not on the list. */
const pickle_global *pickle_find_global(pickle_text module, pickle_text name);
/* What a persistent id of PyTorch's stands for. */
status pickle_find_persistent(pickle *p, const pickle_value *id,
                              pickle_value *out);

#endif
