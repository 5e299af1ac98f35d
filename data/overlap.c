/* Splits that share images. */
#include "data/overlap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"

enum { EXAMPLES = 3, TEXT = 1024 };

/* ---- telling --------------------------------------------------------------
 */

typedef struct shared {
  size_t count, of; /* items of both splits, and of the later one */
  char examples[TEXT];
} shared;

static void add_example(shared *s, const char *name) {
  size_t used = strlen(s->examples);
  if (s->count < EXAMPLES)
    snprintf(s->examples + used, TEXT - used, "%s%.300s",
             s->count > 0 ? ", " : "", name);
  else if (s->count == EXAMPLES)
    snprintf(s->examples + used, TEXT - used, ", ...");
}

static shared find_shared(const overlap *o, int first, int later) {
  shared s = {0};
  for (size_t i = 0; i < o->count; i++) {
    if ((o->in[i] >> later & 1) == 0) continue;
    s.of++;
    if ((o->also[i] >> first & 1) == 0) continue;
    add_example(&s, o->names[i]);
    s.count++;
  }
  return s;
}

status overlap_tell(const char *where, const char *what, const overlap *o,
                    bool strict) {
  for (int first = 0; first < DATA_SPLITS; first++)
    for (int later = first + 1; later < DATA_SPLITS; later++) {
      shared s = find_shared(o, first, later);
      if (s.count == 0) continue;
      char text[TEXT + 512];
      snprintf(text, sizeof text,
               "%.200s: the %s split shares %zu of its %zu %s with the %s "
               "split: %s",
               where, data_split_name((data_split)later), s.count, s.of, what,
               data_split_name((data_split)first), s.examples);
      if (strict) return status_error(STATUS_MISFIT, "%s (--strict)", text);
      log_warning("%s", text);
    }
  return STATUS_OK;
}

status overlap_create(size_t count, overlap *out) {
  *out = (overlap){.count = count};
  TRY(MEMORY_NEW(count, "splits of images", &out->names));
  TRY(MEMORY_NEW(count, "splits of images", &out->in));
  return MEMORY_NEW(count, "splits of images", &out->also);
}

void overlap_free(overlap *o) {
  for (size_t i = 0; o->names != NULL && i < o->count; i++)
    memory_free(o->names[i]);
  memory_free(o->names);
  memory_free(o->in);
  memory_free(o->also);
}

/* ---- a folder that is packed ----------------------------------------------
 */

static const char *name_of(const data_entry *entry) {
  return strrchr(entry->real, '/') + 1;
}

/* The real images, each in its splits. */
static status reals_of(const pack_plan *plan, overlap *out) {
  TRY(overlap_create(plan->counts[SET_REAL], out));
  for (size_t i = 0; i < plan->folder.count; i++) {
    const data_entry *entry = &plan->folder.entries[i];
    size_t real = plan->real[i];
    out->in[real] |= 1u << entry->split;
    if (out->names[real] == NULL)
      TRY(memory_copy_text(name_of(entry), &out->names[real]));
  }
  return STATUS_OK;
}

status overlap_of_names(const pack_plan *plan, bool strict) {
  overlap o;
  status result = reals_of(plan, &o);
  if (result == STATUS_OK) {
    memcpy(o.also, o.in, o.count * sizeof *o.in);
    result = overlap_tell(plan->folder.path, "real images", &o, strict);
  }
  overlap_free(&o);
  return result;
}

/* ---- the same pixels ------------------------------------------------------
 */

typedef struct stored {
  uint64_t pixels; /* a fingerprint */
  size_t number;
} stored;

static int by_pixels(const void *a, const void *b) {
  const stored *x = a, *y = b;
  if (x->pixels != y->pixels) return x->pixels < y->pixels ? -1 : 1;
  return (x->number > y->number) - (x->number < y->number);
}

static status sort_stored(const journal *j, size_t count, stored **out,
                          size_t *there) {
  TRY(MEMORY_NEW(count, "fingerprints of images", out));
  *there = 0;
  for (size_t i = 0; i < count; i++)
    if (journal_has(j, SET_REAL, i))
      (*out)[(*there)++] =
          (stored){.pixels = journal_fingerprint(j, SET_REAL, i), .number = i};
  if (*there > 1) qsort(*out, *there, sizeof **out, by_pixels);
  return STATUS_OK;
}

/* Of `count` images that are equal: each is also where the others are. */
static void join_equal(overlap *o, const stored *equal, size_t count) {
  for (size_t i = 0; i < count; i++)
    for (size_t k = 0; k < count; k++)
      if (k != i) o->also[equal[i].number] |= o->in[equal[k].number];
}

status overlap_of_pixels(const pack_plan *plan, const journal *j, bool strict) {
  overlap o;
  stored *sorted = NULL;
  size_t count = 0;
  status result = reals_of(plan, &o);
  if (result == STATUS_OK) result = sort_stored(j, o.count, &sorted, &count);
  for (size_t i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && sorted[end].pixels == sorted[i].pixels;)
      end++;
    join_equal(&o, sorted + i, end - i);
  }
  if (result == STATUS_OK)
    result = overlap_tell(plan->folder.path,
                          "real images, under other names but with the same "
                          "pixels,",
                          &o, strict);
  memory_free(sorted);
  overlap_free(&o);
  return result;
}
