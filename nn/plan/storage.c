/* Packing storages: largest first, each at the lowest place that is free for
 * its lifetime. */
#include "nn/plan/storage.h"

#include <string.h>

#include "base/memory.h"

status nn_storages_create(int capacity, nn_storages *out) {
  *out = (nn_storages){.capacity = capacity};
  return MEMORY_NEW((size_t)capacity, "plan", &out->items);
}

void nn_storages_free(nn_storages *storages) {
  memory_free(storages->items);
  *storages = (nn_storages){0};
}

int nn_storages_add(nn_storages *storages, size_t size, int birth, int death) {
  INVARIANT(storages->count < storages->capacity, "%d storages",
            storages->capacity);
  storages->items[storages->count] =
      (nn_storage){.size = nn_aligned(size), .birth = birth, .death = death};
  return storages->count++;
}

/* The lowest place beside those that are placed, which come by offset. */
static void find_place(const nn_storages *storages, const int *placed,
                       int placed_count, nn_storage *s) {
  s->offset = 0;
  for (int k = 0; k < placed_count; k++) {
    const nn_storage *o = &storages->items[placed[k]];
    if (o->death < s->birth || o->birth > s->death) continue;
    if (o->offset >= s->offset + s->size) break;
    if (o->offset + o->size > s->offset) s->offset = o->offset + o->size;
  }
}

/* The largest that is not done, the first of equals. */
static int find_largest(const nn_storages *storages, const bool *done) {
  int next = -1;
  for (int i = 0; i < storages->count; i++)
    if (!done[i] &&
        (next < 0 || storages->items[i].size > storages->items[next].size))
      next = i;
  return next;
}

status nn_storages_place(nn_storages *storages, size_t *size) {
  size_t count = (size_t)storages->count;
  int *placed; /* by offset */
  bool *done;
  *size = 0;
  TRY(MEMORY_NEW(count, "plan", &placed));
  status result = MEMORY_NEW(count, "plan", &done);
  for (int k = 0; result == STATUS_OK && k < storages->count; k++) {
    int next = find_largest(storages, done);
    nn_storage *s = &storages->items[next];
    done[next] = true;
    find_place(storages, placed, k, s);
    int at = k;
    for (; at > 0 && storages->items[placed[at - 1]].offset > s->offset; at--)
      placed[at] = placed[at - 1];
    placed[at] = next;
    if (s->offset + s->size > *size) *size = s->offset + s->size;
  }
  memory_free(done);
  memory_free(placed);
  return result;
}
