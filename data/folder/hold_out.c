/* Which scenes are held out of the training split. */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "base/random.h"
#include "data/data.h"

static int by_value(const void *a, const void *b) {
  uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
  return (x > y) - (x < y);
}

/* FNV's high bits change little with a name's last letters: mixed (Steele et
 * al. 2014, splitmix64's end). */
static uint64_t hash_of(const char *scene) {
  uint64_t z = random_hash(scene);
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return z ^ z >> 31;
}

/* The hashes of all scenes, sorted, each once. */
static size_t list_hashes(const char *const *scenes, size_t count,
                          uint64_t *hashes) {
  size_t listed = 0, distinct = 0;
  for (size_t i = 0; i < count; i++)
    if (scenes[i] != NULL) hashes[listed++] = hash_of(scenes[i]);
  if (listed > 1) qsort(hashes, listed, sizeof *hashes, by_value);
  for (size_t i = 0; i < listed; i++)
    if (i == 0 || hashes[i] != hashes[i - 1]) hashes[distinct++] = hashes[i];
  return distinct;
}

status data_hold_out(const char *const *scenes, size_t count, double validation,
                     bool *held_out) {
  for (size_t i = 0; i < count; i++) held_out[i] = false;
  if (validation <= 0) return STATUS_OK;
  uint64_t *hashes;
  TRY(MEMORY_NEW(count, "hashes of scenes", &hashes));
  size_t distinct = list_hashes(scenes, count, hashes);
  double wanted =
      validation < 1 ? ceil(validation * (double)distinct) : floor(validation);
  status result = STATUS_OK;
  if (wanted >= (double)distinct)
    result = status_error(STATUS_MISFIT,
                          "--validation %g: the training split has %zu scenes, "
                          "and some must be left to train on",
                          validation, distinct);
  for (size_t i = 0; i < count && result == STATUS_OK; i++)
    held_out[i] =
        scenes[i] != NULL && hash_of(scenes[i]) <= hashes[(size_t)wanted - 1];
  memory_free(hashes);
  return result;
}
