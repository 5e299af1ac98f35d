/* Splits that share images. */
#include "data/folder/overlap.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/memory.h"
#include "data/data.h"

enum { EXAMPLES = 3, TEXT = 1024 };

/* ---- telling ---- */

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
