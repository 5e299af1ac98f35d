/* Real images that are in several splits, by their names and by their pixels.
 */
#include "data/set/pack_overlap.h"

#include <stdlib.h>
#include <string.h>

#include "base/folders.h"
#include "base/memory.h"
#include "data/folder/overlap.h"

/* ---- a folder that is packed ---- */

static const char *name_of(const data_entry *entry) {
  return file_name_of(entry->real);
}

/* The real images, each in its splits. */
static status reals_of(const pack_contents *contents, overlap *out) {
  TRY(overlap_create(contents->counts[SET_REAL], out));
  for (size_t i = 0; i < contents->folder.count; i++) {
    const data_entry *entry = &contents->folder.entries[i];
    size_t real = contents->real[i];
    out->in[real] |= 1u << entry->split;
    if (out->names[real] == NULL)
      TRY(memory_copy_text(name_of(entry), &out->names[real]));
  }
  return STATUS_OK;
}

status overlap_of_names(const pack_contents *contents, bool strict) {
  overlap o;
  status result = reals_of(contents, &o);
  if (result == STATUS_OK) {
    memcpy(o.also, o.in, o.count * sizeof *o.in);
    result = overlap_tell(contents->folder.path, "real images", &o, strict);
  }
  overlap_free(&o);
  return result;
}

/* ---- the same pixels ---- */

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

status overlap_of_pixels(const pack_contents *contents, const journal *j,
                         bool strict) {
  overlap o;
  stored *sorted = NULL;
  size_t count = 0;
  status result = reals_of(contents, &o);
  if (result == STATUS_OK) result = sort_stored(j, o.count, &sorted, &count);
  for (size_t i = 0, end; i < count; i = end) {
    for (end = i + 1; end < count && sorted[end].pixels == sorted[i].pixels;)
      end++;
    join_equal(&o, sorted + i, end - i);
  }
  if (result == STATUS_OK)
    result = overlap_tell(contents->folder.path,
                          "real images, under other names but with the same "
                          "pixels,",
                          &o, strict);
  memory_free(sorted);
  overlap_free(&o);
  return result;
}
