/* The samples of the training split by what they show: who may lend colours to
 * whom. */
#ifndef HARMONIA_SAMPLE_GROUPS_H
#define HARMONIA_SAMPLE_GROUPS_H

#include <stdint.h>

#include "base/random.h"
#include "base/status.h"

typedef struct sample_groups {
  uint32_t samples, groups;
  uint32_t *group;   /* of a sample */
  uint32_t *first;   /* of a group among the members; groups + 1 */
  uint32_t *members; /* samples, group after group */
  uint32_t *place;   /* of a sample among the members */
} sample_groups;

/* `group`: of each of the samples, below `groups`; NULL: one group. */
status sample_groups_create(const uint32_t *group, uint32_t samples,
                            uint32_t groups, sample_groups *out);
void sample_groups_destroy(sample_groups *g); /* accepts zeros */

/* Another sample of the same group at random; of any, where it is alone in its
 * group; itself where there is no other. */
uint32_t sample_groups_other(const sample_groups *g, uint32_t sample,
                             random_stream *random);

#endif
