/* The machine of pickles: a stack, a memo, and one function an instruction. */
#include "checkpoint/foreign/pickle.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"

bool pickle_is(const pickle_text *text, const char *word) {
  return strlen(word) == text->length &&
         memcmp(text->at, word, text->length) == 0;
}

static status damaged(const pickle *p, const char *what) {
  return status_error(STATUS_FORMAT, "%s: its pickle is damaged: %s", p->path,
                      what);
}

static status refused(const pickle *p, const char *what, pickle_text name) {
  return status_error(STATUS_FORMAT,
                      "%s: its pickle holds %s%.*s, which is not read: only "
                      "tensors, dictionaries, lists, texts and numbers are, "
                      "and no code is run",
                      p->path, what, name.length > 80 ? 80 : (int)name.length,
                      name.at);
}

/* ---- values and the stack ---- */

static status grow(pickle *p, pickle_items *list, pickle_value *value) {
  if (list->count >= PICKLE_VALUES_MAX)
    return damaged(p, "it has more values than weights have");
  TRY(MEMORY_GROW(&list->at, list->count, &list->room, "a pickle"));
  list->at[list->count++] = value;
  return STATUS_OK;
}

status pickle_append(pickle_items *items, pickle_value *value) {
  TRY(MEMORY_GROW(&items->at, items->count, &items->room, "a pickle"));
  items->at[items->count++] = value;
  return STATUS_OK;
}

static status make(pickle *p, pickle_kind kind, pickle_value **out) {
  pickle_value *value;
  TRY(MEMORY_NEW(1, "a pickle", &value));
  value->kind = kind;
  *out = value;
  status result = grow(p, &p->values, value);
  if (result != STATUS_OK) memory_free(value);
  return result;
}

static status push_new(pickle *p, pickle_kind kind, pickle_value **out) {
  TRY(make(p, kind, out));
  return grow(p, &p->stack, *out);
}

/* The topmost value, which is no mark; it stays there. */
static status top(const pickle *p, pickle_value **out) {
  size_t count = p->stack.count;
  if (count == 0 || p->stack.at[count - 1]->kind == PICKLE_MARK)
    return damaged(p, "nothing is on its stack");
  *out = p->stack.at[count - 1];
  return STATUS_OK;
}

static status pop(pickle *p, pickle_value **out) {
  TRY(top(p, out));
  p->stack.count--;
  return STATUS_OK;
}

/* Where the values above the topmost mark begin; the mark goes. */
static status find_mark(const pickle *p, size_t *first) {
  for (size_t i = p->stack.count; i-- > 0;)
    if (p->stack.at[i]->kind == PICKLE_MARK) return *first = i + 1, STATUS_OK;
  return damaged(p, "no mark is on its stack");
}

/* ---- bytes ---- */

static status take(pickle *p, size_t count, const uint8_t **out) {
  if (count > p->size - p->at) return damaged(p, "it is cut off");
  *out = p->bytes + p->at;
  p->at += count;
  return STATUS_OK;
}

static status take_number(pickle *p, size_t size, uint64_t *out) {
  const uint8_t *bytes;
  TRY(take(p, size, &bytes));
  *out = 0;
  for (size_t i = 0; i < size; i++) *out |= (uint64_t)bytes[i] << 8 * i;
  return STATUS_OK;
}

/* Up to the end of a line. */
static status take_line(pickle *p, pickle_text *out) {
  const uint8_t *begin = p->bytes + p->at;
  const uint8_t *end = memchr(begin, '\n', p->size - p->at);
  if (end == NULL) return damaged(p, "it is cut off");
  *out = (pickle_text){(const char *)begin, (size_t)(end - begin)};
  p->at += out->length + 1;
  return STATUS_OK;
}

/* ---- simple values ---- */

static status push_whole(pickle *p, pickle_kind kind, int64_t whole) {
  pickle_value *value;
  TRY(push_new(p, kind, &value));
  value->whole = whole;
  return STATUS_OK;
}

static status do_none(pickle *p) { return push_whole(p, PICKLE_NONE, 0); }
static status do_true(pickle *p) { return push_whole(p, PICKLE_BOOL, 1); }
static status do_false(pickle *p) { return push_whole(p, PICKLE_BOOL, 0); }

static status do_int(pickle *p, size_t size) {
  uint64_t bits;
  TRY(take_number(p, size, &bits));
  return push_whole(p, PICKLE_INT,
                    size == 4 ? (int64_t)(int32_t)bits : (int64_t)bits);
}
static status do_binint(pickle *p) { return do_int(p, 4); }
static status do_binint1(pickle *p) { return do_int(p, 1); }
static status do_binint2(pickle *p) { return do_int(p, 2); }

/* In two's complement, of the length that the first byte tells. */
static status do_long1(pickle *p) {
  uint64_t size, bits;
  TRY(take_number(p, 1, &size));
  if (size > 8) return damaged(p, "a number of more than 64 bits");
  TRY(take_number(p, size, &bits));
  bool negative = size > 0 && bits >> (8 * size - 1) & 1;
  if (negative && size < 8) bits |= ~(uint64_t)0 << 8 * size;
  return push_whole(p, PICKLE_INT, (int64_t)bits);
}

static status do_binfloat(pickle *p) {
  const uint8_t *bytes;
  pickle_value *value;
  TRY(take(p, 8, &bytes));
  TRY(push_new(p, PICKLE_REAL, &value));
  value->real = number_read(NUMBER_FLOAT64, true, bytes);
  return STATUS_OK;
}

/* A text whose length is in `size` bytes. */
static status do_text(pickle *p, size_t size) {
  uint64_t length;
  const uint8_t *bytes;
  pickle_value *value;
  TRY(take_number(p, size, &length));
  TRY(take(p, length, &bytes));
  TRY(push_new(p, PICKLE_TEXT, &value));
  value->text = (pickle_text){(const char *)bytes, length};
  return STATUS_OK;
}
static status do_text1(pickle *p) { return do_text(p, 1); }
static status do_text4(pickle *p) { return do_text(p, 4); }
static status do_text8(pickle *p) { return do_text(p, 8); }

/* ---- tuples, lists, dictionaries ---- */

static status push_empty(pickle *p, pickle_kind kind) {
  pickle_value *value;
  return push_new(p, kind, &value);
}
static status do_mark(pickle *p) { return push_empty(p, PICKLE_MARK); }
static status do_empty_tuple(pickle *p) { return push_empty(p, PICKLE_TUPLE); }
static status do_empty_list(pickle *p) { return push_empty(p, PICKLE_LIST); }
static status do_empty_dict(pickle *p) { return push_empty(p, PICKLE_DICT); }

/* The values from the stack's `first` on become a tuple. */
static status make_tuple(pickle *p, size_t first, pickle_value **out) {
  size_t count = p->stack.count - first;
  TRY(make(p, PICKLE_TUPLE, out));
  TRY(MEMORY_NEW(count, "a pickle", &(*out)->items.at));
  if (count > 0)
    memcpy((*out)->items.at, p->stack.at + first, count * sizeof(void *));
  (*out)->items.count = (*out)->items.room = count;
  return STATUS_OK;
}

static status do_tuple(pickle *p) {
  size_t first;
  pickle_value *tuple;
  TRY(find_mark(p, &first));
  TRY(make_tuple(p, first, &tuple));
  p->stack.count = first - 1;
  return grow(p, &p->stack, tuple);
}

static status do_small_tuple(pickle *p, size_t count) {
  pickle_value *tuple;
  for (size_t i = 1; i <= count; i++)
    if (i > p->stack.count ||
        p->stack.at[p->stack.count - i]->kind == PICKLE_MARK)
      return damaged(p, "nothing is on its stack");
  TRY(make_tuple(p, p->stack.count - count, &tuple));
  p->stack.count -= count;
  return grow(p, &p->stack, tuple);
}
static status do_tuple1(pickle *p) { return do_small_tuple(p, 1); }
static status do_tuple2(pickle *p) { return do_small_tuple(p, 2); }
static status do_tuple3(pickle *p) { return do_small_tuple(p, 3); }

/* The values from the stack's `first` on go to what is `below` them. */
static status add_to(pickle *p, size_t first, size_t below, pickle_kind kind) {
  if (first <= below || p->stack.at[first - below - 1]->kind != kind)
    return damaged(p, "an item of what is no list or dictionary");
  pickle_items *items = &p->stack.at[first - below - 1]->items;
  size_t count = p->stack.count - first;
  if (kind == PICKLE_DICT && count % 2 != 0)
    return damaged(p, "a key without a value");
  for (size_t i = 0; i < count; i++)
    TRY(pickle_append(items, p->stack.at[first + i]));
  p->stack.count = first - below;
  return STATUS_OK;
}

static status add_marked(pickle *p, pickle_kind kind) {
  size_t first;
  TRY(find_mark(p, &first));
  return add_to(p, first, 1, kind);
}
static status do_appends(pickle *p) { return add_marked(p, PICKLE_LIST); }
static status do_setitems(pickle *p) { return add_marked(p, PICKLE_DICT); }

static status add_last(pickle *p, size_t count, pickle_kind kind) {
  for (size_t i = 1; i <= count; i++)
    if (i > p->stack.count ||
        p->stack.at[p->stack.count - i]->kind == PICKLE_MARK)
      return damaged(p, "nothing is on its stack");
  return add_to(p, p->stack.count - count, 0, kind);
}
static status do_append(pickle *p) { return add_last(p, 1, PICKLE_LIST); }
static status do_setitem(pickle *p) { return add_last(p, 2, PICKLE_DICT); }

/* ---- the memo ---- */

static status put(pickle *p, uint64_t index) {
  pickle_value *value;
  TRY(top(p, &value));
  if (index >= PICKLE_VALUES_MAX) return damaged(p, "its memo is too large");
  while (p->memo.count <= index) TRY(grow(p, &p->memo, NULL));
  p->memo.at[index] = value;
  return STATUS_OK;
}

static status do_put(pickle *p, size_t size) {
  uint64_t index;
  TRY(take_number(p, size, &index));
  return put(p, index);
}
static status do_binput(pickle *p) { return do_put(p, 1); }
static status do_long_binput(pickle *p) { return do_put(p, 4); }
static status do_memoize(pickle *p) { return put(p, p->memo.count); }

static status do_get(pickle *p, size_t size) {
  uint64_t index;
  TRY(take_number(p, size, &index));
  if (index >= p->memo.count || p->memo.at[index] == NULL)
    return damaged(p, "nothing has that place in its memo");
  return grow(p, &p->stack, p->memo.at[index]);
}
static status do_binget(pickle *p) { return do_get(p, 1); }
static status do_long_binget(pickle *p) { return do_get(p, 4); }

/* ---- names and what they make ---- */

static status push_global(pickle *p, pickle_text module, pickle_text name) {
  pickle_value *value;
  const pickle_global *global = pickle_find_global(module, name);
  char full[96];
  snprintf(full, sizeof full, "%.*s.%.*s",
           module.length > 40 ? 40 : (int)module.length, module.at,
           name.length > 40 ? 40 : (int)name.length, name.at);
  if (global == NULL)
    return refused(p, "the name ", (pickle_text){full, strlen(full)});
  TRY(push_new(p, PICKLE_GLOBAL, &value));
  value->global = global;
  return STATUS_OK;
}

static status do_global(pickle *p) {
  pickle_text module, name;
  TRY(take_line(p, &module));
  TRY(take_line(p, &name));
  return push_global(p, module, name);
}

static status do_stack_global(pickle *p) {
  pickle_value *module, *name;
  TRY(pop(p, &name));
  TRY(pop(p, &module));
  if (module->kind != PICKLE_TEXT || name->kind != PICKLE_TEXT)
    return damaged(p, "a name that is no text");
  return push_global(p, module->text, name->text);
}

static status do_reduce(pickle *p) {
  pickle_value *called, *arguments, *made;
  TRY(pop(p, &arguments));
  TRY(pop(p, &called));
  if (called->kind != PICKLE_GLOBAL || called->global->call == NULL ||
      arguments->kind != PICKLE_TUPLE)
    return damaged(p, "it calls what cannot be called");
  TRY(push_new(p, PICKLE_NONE, &made));
  return called->global->call(p, &arguments->items, made);
}

/* The attributes of a dictionary of weights (_metadata) are passed over. */
static status do_build(pickle *p) {
  pickle_value *state, *object;
  TRY(pop(p, &state));
  TRY(top(p, &object));
  if (object->kind == PICKLE_DICT && state->kind == PICKLE_DICT)
    return STATUS_OK;
  return damaged(p, "attributes of what is no dictionary");
}

static status do_binpersid(pickle *p) {
  pickle_value *id, *made;
  TRY(pop(p, &id));
  TRY(push_new(p, PICKLE_NONE, &made));
  TRY(pickle_find_persistent(p, id, made));
  return grow(p, &p->storages, made);
}

/* ---- the program ---- */

static status do_proto(pickle *p) {
  uint64_t version;
  TRY(take_number(p, 1, &version));
  return version >= 2 && version <= 5 ? STATUS_OK
                                      : damaged(p, "an unknown version");
}

/* The length of a piece, which is known already. */
static status do_frame(pickle *p) {
  uint64_t length;
  return take_number(p, 8, &length);
}

static const struct {
  const char *name;
  status (*run)(pickle *p); /* NULL: refused */
} instructions[256] = {
    [0x80] = {"PROTO", do_proto},
    [0x95] = {"FRAME", do_frame},
    ['N'] = {"NONE", do_none},
    [0x88] = {"NEWTRUE", do_true},
    [0x89] = {"NEWFALSE", do_false},
    ['J'] = {"BININT", do_binint},
    ['K'] = {"BININT1", do_binint1},
    ['M'] = {"BININT2", do_binint2},
    [0x8a] = {"LONG1", do_long1},
    ['G'] = {"BINFLOAT", do_binfloat},
    ['U'] = {"SHORT_BINSTRING", do_text1},
    ['T'] = {"BINSTRING", do_text4},
    [0x8c] = {"SHORT_BINUNICODE", do_text1},
    ['X'] = {"BINUNICODE", do_text4},
    [0x8d] = {"BINUNICODE8", do_text8},
    ['('] = {"MARK", do_mark},
    [')'] = {"EMPTY_TUPLE", do_empty_tuple},
    ['t'] = {"TUPLE", do_tuple},
    [0x85] = {"TUPLE1", do_tuple1},
    [0x86] = {"TUPLE2", do_tuple2},
    [0x87] = {"TUPLE3", do_tuple3},
    [']'] = {"EMPTY_LIST", do_empty_list},
    ['a'] = {"APPEND", do_append},
    ['e'] = {"APPENDS", do_appends},
    ['}'] = {"EMPTY_DICT", do_empty_dict},
    ['s'] = {"SETITEM", do_setitem},
    ['u'] = {"SETITEMS", do_setitems},
    ['q'] = {"BINPUT", do_binput},
    ['r'] = {"LONG_BINPUT", do_long_binput},
    [0x94] = {"MEMOIZE", do_memoize},
    ['h'] = {"BINGET", do_binget},
    ['j'] = {"LONG_BINGET", do_long_binget},
    ['c'] = {"GLOBAL", do_global},
    [0x93] = {"STACK_GLOBAL", do_stack_global},
    ['R'] = {"REDUCE", do_reduce},
    ['b'] = {"BUILD", do_build},
    ['Q'] = {"BINPERSID", do_binpersid},
    /* Known, and not for weights. */
    ['I'] = {"INT", NULL},
    ['L'] = {"LONG", NULL},
    [0x8b] = {"LONG4", NULL},
    ['F'] = {"FLOAT", NULL},
    ['S'] = {"STRING", NULL},
    ['V'] = {"UNICODE", NULL},
    ['B'] = {"BINBYTES", NULL},
    ['C'] = {"SHORT_BINBYTES", NULL},
    [0x8e] = {"BINBYTES8", NULL},
    [0x96] = {"BYTEARRAY8", NULL},
    [0x97] = {"NEXT_BUFFER", NULL},
    [0x98] = {"READONLY_BUFFER", NULL},
    ['l'] = {"LIST", NULL},
    ['d'] = {"DICT", NULL},
    [0x8f] = {"EMPTY_SET", NULL},
    [0x90] = {"ADDITEMS", NULL},
    [0x91] = {"FROZENSET", NULL},
    ['0'] = {"POP", NULL},
    ['1'] = {"POP_MARK", NULL},
    ['2'] = {"DUP", NULL},
    ['g'] = {"GET", NULL},
    ['p'] = {"PUT", NULL},
    [0x82] = {"EXT1", NULL},
    [0x83] = {"EXT2", NULL},
    [0x84] = {"EXT4", NULL},
    ['i'] = {"INST", NULL},
    ['o'] = {"OBJ", NULL},
    [0x81] = {"NEWOBJ", NULL},
    [0x92] = {"NEWOBJ_EX", NULL},
    ['P'] = {"PERSID", NULL},
};
enum { STOP = '.' };

static status run_one(pickle *p, uint8_t code) {
  if (instructions[code].run != NULL) return instructions[code].run(p);
  const char *name = instructions[code].name;
  if (name == NULL) return damaged(p, "a byte that is no instruction");
  return refused(p, "the instruction ", (pickle_text){name, strlen(name)});
}

void pickle_begin(pickle *p, const char *path, const uint8_t *bytes,
                  size_t size) {
  *p = (pickle){.path = path, .bytes = bytes, .size = size};
}

status pickle_load(pickle *p, pickle_value **out) {
  const uint8_t *code;
  p->stack.count = p->memo.count = 0;
  for (;;) {
    TRY(take(p, 1, &code));
    if (*code == STOP) return pop(p, out);
    TRY(run_one(p, *code));
  }
}

void pickle_free(pickle *p) {
  for (size_t i = 0; i < p->values.count; i++) {
    pickle_value *value = p->values.at[i];
    if (value->kind == PICKLE_TUPLE || value->kind == PICKLE_LIST ||
        value->kind == PICKLE_DICT)
      memory_free(value->items.at);
    memory_free(value);
  }
  memory_free(p->values.at);
  memory_free(p->storages.at);
  memory_free(p->stack.at);
  memory_free(p->memo.at);
}
