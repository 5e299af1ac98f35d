/* A fair, recursive lock: threads are served in the order of asking. */
#include "base/hdf5_lock.h"

#include <pthread.h>
#include <stdint.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static uint64_t next_ticket, served; /* under the mutex */
static _Thread_local int depth;

void hdf5_lock(void) {
  if (depth++ > 0) return;
  pthread_mutex_lock(&mutex);
  uint64_t own = next_ticket++;
  while (served != own) pthread_cond_wait(&changed, &mutex);
  pthread_mutex_unlock(&mutex);
}

void hdf5_unlock(void) {
  if (--depth > 0) return;
  pthread_mutex_lock(&mutex);
  served++;
  pthread_cond_broadcast(&changed);
  pthread_mutex_unlock(&mutex);
}
