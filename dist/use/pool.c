/* Plans of one network that wait for the next call. */
#include "dist/use/pool.h"

#include <pthread.h>

#include "base/memory.h"

/* A plan, and room for it where it waits. */
typedef struct seat {
  harmonizer *plan;
  bool taken;
  struct seat *next;
} seat;

struct harmonizer_pool {
  harmonizer *first; /* whose parameters all plans use */
  int threads;
  pthread_mutex_t mutex; /* of the next */
  seat *seats;
};

static status add_seat(harmonizer_pool *pool, harmonizer *plan, bool taken) {
  seat *made;
  TRY(MEMORY_NEW(1, "a network", &made));
  *made = (seat){.plan = plan, .taken = taken};
  pthread_mutex_lock(&pool->mutex);
  made->next = pool->seats;
  pool->seats = made;
  pthread_mutex_unlock(&pool->mutex);
  return STATUS_OK;
}

status harmonizer_pool_create(harmonizer **network, int threads,
                              harmonizer_pool **out) {
  status result = MEMORY_NEW(1, "a network", out);
  if (result != STATUS_OK) {
    harmonizer_destroy(network);
    return result;
  }
  (*out)->first = *network;
  (*out)->threads = threads;
  *network = NULL;
  pthread_mutex_init(&(*out)->mutex, NULL);
  result = add_seat(*out, (*out)->first, false);
  if (result != STATUS_OK) harmonizer_pool_destroy(out);
  return result;
}

void harmonizer_pool_destroy(harmonizer_pool **pool) {
  harmonizer_pool *p = *pool;
  if (p == NULL) return;
  for (seat *s = p->seats, *next; s != NULL; s = next) {
    next = s->next;
    if (s->plan != p->first) harmonizer_destroy(&s->plan);
    memory_free(s);
  }
  harmonizer_destroy(&p->first);
  pthread_mutex_destroy(&p->mutex);
  memory_free(p);
  *pool = NULL;
}

status harmonizer_pool_take(harmonizer_pool *pool, harmonizer **out) {
  *out = NULL;
  pthread_mutex_lock(&pool->mutex);
  seat *s = pool->seats;
  while (s != NULL && s->taken) s = s->next;
  if (s != NULL) {
    s->taken = true;
    *out = s->plan;
  }
  pthread_mutex_unlock(&pool->mutex);
  if (*out != NULL) return STATUS_OK;
  TRY(harmonizer_twin(pool->first, pool->threads, out));
  status result = add_seat(pool, *out, true);
  if (result != STATUS_OK) harmonizer_destroy(out);
  return result;
}

void harmonizer_pool_give(harmonizer_pool *pool, harmonizer *plan) {
  if (plan == NULL) return;
  pthread_mutex_lock(&pool->mutex);
  for (seat *s = pool->seats; s != NULL; s = s->next)
    if (s->plan == plan) s->taken = false;
  pthread_mutex_unlock(&pool->mutex);
}

const harmonizer *harmonizer_pool_network(const harmonizer_pool *pool) {
  return pool->first;
}
