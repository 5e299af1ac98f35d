/* A hash table of names. */
#include "base/name_set.h"

#include <string.h>

#include "base/memory.h"
#include "base/random.h"

/* Linear probing; the table is at most half full, so a free slot ends every
 * search. */
static name_slot *locate(name_slot *slots, size_t room, const char *name) {
  size_t at = (size_t)random_hash(name) & (room - 1);
  while (slots[at].name != NULL && strcmp(slots[at].name, name) != 0)
    at = (at + 1) & (room - 1);
  return &slots[at];
}

static status grow(name_set *set) {
  size_t room = set->room == 0 ? 64 : set->room * 2;
  name_slot *slots;
  TRY(MEMORY_NEW(room, "table of names", &slots));
  for (size_t i = 0; i < set->room; i++)
    if (set->slots[i].name != NULL)
      *locate(slots, room, set->slots[i].name) = set->slots[i];
  memory_free(set->slots);
  set->slots = slots;
  set->room = room;
  return STATUS_OK;
}

status name_set_add(name_set *set, const char *name, size_t value,
                    size_t *there, bool *added) {
  if (2 * (set->count + 1) > set->room) TRY(grow(set));
  name_slot *slot = locate(set->slots, set->room, name);
  *added = slot->name == NULL;
  if (*added) {
    TRY(memory_copy_text(name, &slot->name));
    slot->value = value;
    set->count++;
  }
  *there = slot->value;
  return STATUS_OK;
}

size_t *name_set_find(const name_set *set, const char *name) {
  if (set->room == 0) return NULL;
  name_slot *slot = locate(set->slots, set->room, name);
  return slot->name != NULL ? &slot->value : NULL;
}

void name_set_free(name_set *set) {
  for (size_t i = 0; i < set->room; i++) memory_free(set->slots[i].name);
  memory_free(set->slots);
  *set = (name_set){0};
}
