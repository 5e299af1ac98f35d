/* Samples sorted by group. */
#include "dist/feed/sample_groups.h"

#include <string.h>

#include "base/memory.h"

static status allocate(uint32_t samples, uint32_t groups, sample_groups *g) {
  *g = (sample_groups){.samples = samples, .groups = groups};
  TRY(MEMORY_NEW(samples, "groups of samples", &g->group));
  TRY(MEMORY_NEW((size_t)groups + 1, "groups of samples", &g->first));
  TRY(MEMORY_NEW(samples, "groups of samples", &g->members));
  return MEMORY_NEW(samples, "groups of samples", &g->place);
}

/* Counting sort: members keep their order. */
static void sort(sample_groups *g) {
  for (uint32_t i = 0; i < g->samples; i++) {
    INVARIANT(g->group[i] < g->groups, "group %u of %u", g->group[i],
              g->groups);
    g->first[g->group[i] + 1]++;
  }
  for (uint32_t k = 0; k < g->groups; k++) g->first[k + 1] += g->first[k];
  for (uint32_t i = g->samples; i-- > 0;) {
    uint32_t at = --g->first[g->group[i] + 1];
    g->place[i] = at;
    g->members[at] = i;
  }
  /* every end has moved down to its group's beginning */
  for (uint32_t k = 0; k < g->groups; k++) g->first[k] = g->first[k + 1];
  g->first[g->groups] = g->samples;
}

status sample_groups_create(const uint32_t *group, uint32_t samples,
                            uint32_t groups, sample_groups *out) {
  status result = allocate(samples, group != NULL ? groups : 1, out);
  if (result != STATUS_OK) {
    sample_groups_destroy(out);
    return result;
  }
  if (group != NULL) memcpy(out->group, group, samples * sizeof *group);
  sort(out);
  return STATUS_OK;
}

void sample_groups_destroy(sample_groups *g) {
  memory_free(g->group);
  memory_free(g->first);
  memory_free(g->members);
  memory_free(g->place);
  *g = (sample_groups){0};
}

uint32_t sample_groups_other(const sample_groups *g, uint32_t sample,
                             random_stream *random) {
  uint32_t group = g->group[sample];
  uint32_t begin = g->first[group], count = g->first[group + 1] - begin;
  if (count < 2) {
    begin = 0;
    count = g->samples;
  }
  if (count < 2) return sample;
  uint32_t drawn = begin + random_below(random, count - 1);
  return g->members[drawn < g->place[sample] ? drawn : drawn + 1];
}
